"""The commands that think fast: no TensorFlow, an answer in 0.3 s."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dojo import files, layout
from dojo.check import scoreboard
from dojo.check.untouched import static_verdict
from dojo.content import catalogue, stubs
from dojo.record import archive
from dojo.record.database import History
from dojo.results import Outcome


def list_katas(names: Sequence[str], tree: Path) -> int:
    """Prints the katas with level, minutes, and what the last check of each said."""
    katas = catalogue.select(names)
    with History() as history:
        last = history.last_outcomes()
    table = Table.grid(padding=(0, 2), pad_edge=False)
    track = ""
    for kata in katas:
        if kata.track != track:
            track = kata.track
            table.add_row(Text(track, "bold"))
        outcome = _outcome(kata.path, tree, last)
        mark, style = scoreboard.STYLES[outcome] if outcome else (" ", "dim")
        label = Text(f"  {mark} {outcome or 'not checked yet'}", style)
        table.add_row(label, kata.name, Text(kata.level, "dim"), Text(f"{kata.minutes} min", "dim"))
    Console(highlight=False).print(table)
    return 0


def _outcome(kata: str, tree: Path, last: dict[str, str]) -> Outcome | None:
    """What is known without running anything; None for a touched, unchecked file."""
    verdict = static_verdict(kata, tree)
    if verdict is not None:
        return verdict.outcome
    return Outcome(last[kata]) if kata in last else None


def hint(name: str) -> int:
    """Prints one hint for a kata; each call gives the next, and the last again."""
    kata = catalogue.one(name)
    with History() as history:
        number = history.next_hint(kata.path, len(kata.hints))
    print(f"{kata.path}: hint {number} of {len(kata.hints)}\n")
    Console(highlight=False, width=min(80, Console().width)).print(
        _markdown(kata.hints[number - 1])
    )
    if number == len(kata.hints):
        print(f"\nThat was the last. `python -m dojo show {kata.name} --give-up` shows an answer.")
    return 0


def _markdown(text: str):  # type: ignore[no-untyped-def]
    from rich.markdown import Markdown

    return Markdown(text)


def show(name: str, give_up: bool) -> int:
    """Prints the model answer, to those who have solved the kata or give up."""
    kata = catalogue.one(name)
    with History() as history:
        solved = history.was_solved(kata.path)
    if not (solved or give_up):
        print(
            f"{kata.path} is not solved yet. `nox -s check -- {kata.name}` checks it, "
            f"`python -m dojo hint {kata.name}` helps, --give-up shows the answer all the same.",
            file=sys.stderr,
        )
        return 1
    print(layout.source_file(kata.path, layout.REFERENCE).read_text(encoding="utf-8"), end="")
    return 0


def reset(name: str, tree: Path) -> int:
    """Restores the empty stub; what stood there is kept."""
    kata = catalogue.one(name)
    copy = archive.reset(kata.path, tree)
    with History() as history:
        history.forget_hints(kata.path)
    path = layout.shown(layout.source_file(kata.path, tree))
    print(f"{path} is the empty stub again.")
    if copy is not None:
        print(f"Your answer is kept: {layout.shown(copy)}")
        print(f"`python -m dojo restore {kata.name}` brings it back.")
    return 0


def restore(name: str, when: str, tree: Path) -> int:
    """Brings a kept answer back; what stood there is kept in turn."""
    kata = catalogue.one(name)
    chosen, present = archive.restore(kata.path, when, tree)
    print(f"{layout.shown(layout.source_file(kata.path, tree))} is your answer of {chosen.stem}.")
    if present is not None:
        print(f"What stood there is kept: {layout.shown(present)}")
    return 0


def make_stub(name: str) -> int:
    """Writes katas/TRACK/NAME.py from the question and the model answer."""
    path = name.removesuffix(".py")
    parts = path.split("/")
    if len(parts) != 2 or parts[0] not in layout.TRACKS:
        raise catalogue.UnknownKata(f"a new kata is named TRACK/NAME. Received: {name}")
    try:
        text = stubs.pristine(path)
    except FileNotFoundError as error:
        raise catalogue.UnknownKata(f"{error.filename} is missing") from None
    target = layout.source_file(path, layout.KATAS)
    copy = archive.keep(path) if target.exists() else None
    target.parent.mkdir(parents=True, exist_ok=True)
    files.write_whole(target, text.encode())
    print(f"{layout.shown(target)} written" + (f"; before: {layout.shown(copy)}" if copy else ""))
    return 0
