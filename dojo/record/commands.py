"""Hints, model answers, and answers put away or brought back: what needs no check."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from dojo import layout
from dojo.content import catalogue
from dojo.content.document import Kata
from dojo.record import archive, kept, saves, texts
from dojo.record.database import Database, DatabaseError
from dojo.record.kept import Kept
from dojo.record.saves import Save, stamp


def hint(name: str) -> int:
    """Prints one hint for a kata; each call gives the next, and the last again."""
    kata = catalogue.one(name)
    with Database() as database:
        number = database.next_hint(kata.path, len(kata.hints))
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
    with Database() as database:
        solved = database.was_solved(kata.path)
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
    with Database() as database:
        database.forget_hints(kata.path)
    path = layout.shown(layout.source_file(kata.path, tree))
    print(f"{path} is the empty stub again.")
    if copy is not None:
        print(f"Your answer is kept: {layout.shown(copy)}")
        print(f"`python -m dojo restore {kata.name}` brings it back.")
    return 0


def restore(name: str, when: str, listing: bool, tree: Path) -> int:
    """Brings a kept answer back, or lists what there is; what stood there is kept in turn."""
    kata = catalogue.one(name)
    found = kept.all_of(kata.path, _saved(kata.path))
    chosen = None if listing else kept.choose(found, when)
    if chosen is None:
        if not listing:
            print(f"dojo: {_nothing_fits(kata.path, when, bool(found))}", file=sys.stderr)
        _list(kata, found if listing else found[:_FEW], len(found), tree)
        return 0 if listing else 1
    present = archive.restore(kata.path, chosen.read(), tree)
    verdict = f", {chosen.save.verdict()}" if chosen.save is not None else ""
    file = layout.shown(layout.source_file(kata.path, tree))
    print(f"{file} is your answer of {stamp(chosen.newest)}{verdict}.")
    if present is not None:
        print(f"What stood there is kept: {layout.shown(present)}")
    return 0


# Lines that a refusal lists.
_FEW = 10


def _saved(kata: str) -> Sequence[Save]:
    """The saves of a kata. Without the record, what was put away can still be brought back."""
    try:
        with Database() as database:
            return saves.of_kata(database, kata)[0]
    except DatabaseError as error:
        print(f"dojo: {error}", file=sys.stderr)
        return []


def _nothing_fits(kata: str, when: str, any_kept: bool) -> str:
    if not any_kept:
        return f"no answer of {kata} is kept yet; each check of one keeps it"
    if not when:
        return f"no answer of {kata} has been put away; say which of the checked ones you mean"
    return f"no kept answer of {kata} fits {when!r}"


def _list(kata: Kata, found: Sequence[Kept], total: int, tree: Path) -> None:
    """Prints what is kept, newest first, and how to bring one of it back."""
    if not found:
        return
    console = Console(highlight=False)
    present = layout.source_file(kata.path, tree)
    content = present.read_bytes() if present.is_file() else None
    console.print(kept.table(found, content, console.width))
    here = texts.digest_of(content) if content is not None else ""
    ways = [stamp(text.newest) for text in found if text.digest != here][:1]
    ways += ["solved"] if kept.choose(found, "solved") else []
    ways += ["--list"] if total > len(found) else []
    for way in ways:
        console.print(f"python -m dojo restore {kata.name} {way}", soft_wrap=True)
