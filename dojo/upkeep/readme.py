"""Writes what is made from other things: README's table and transcripts, QUESTIONS' contents.

Each part stands between `<!-- NAME: made by python -m dojo readme -->` and `<!-- end -->`.
"""

import io
import itertools
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from dojo import layout
from dojo.check import scoreboard
from dojo.check.runner import Runner
from dojo.content.asked import asked
from dojo.content.document import Kata, read_document
from dojo.content.traps import read_traps
from dojo.results import Result
from dojo.upkeep.contents import contents
from dojo.upkeep.paths import paths
from dojo.words import counted

README = layout.ROOT / "README.md"
SHOWN = "losses/focal_loss"
MISTAKE = "alpha on both classes"

_PART = re.compile(r"(<!-- (\w+): made by python -m dojo readme -->\n).*?(<!-- end -->)", re.DOTALL)


def rewrite() -> int:
    """Brings README.md and QUESTIONS.md up to date."""
    for file in (README, layout.QUESTIONS):
        file.write_text(updated(file.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def updated(text: str) -> str:
    """Returns the text of either file with every made part made anew."""
    parts: dict[str, Callable[[], str]] = {
        "table": lambda: table(read_document().katas),
        "failing": lambda: transcript(wrong_answer()),
        "passing": lambda: transcript(_source(layout.REFERENCE)),
        "paths": paths,
        "contents": lambda: contents(read_document(), text),
    }
    return _PART.sub(lambda found: f"{found[1]}{parts[found[2]]()}\n{found[3]}", text)


def table(katas: Sequence[Kata]) -> str:
    """Returns the katas as Markdown: a table a track, folded, under what is often asked of it."""
    tracks = itertools.groupby(katas, key=lambda kata: kata.track)
    return "\n\n".join(_folded(track, list(group)) for track, group in tracks)


def _folded(track: str, katas: Sequence[Kata]) -> str:
    often = ", ".join(kata.name for kata in katas if kata.asked == "often")
    told = f"{counted(len(katas), 'kata')}; asked often: {often or 'none'}"
    rows = ["| kata | level | minutes | asked | question |", "|---|---|---:|---|---|"]
    for kata in katas:
        link = f"[{kata.name}](katas/{kata.path}.py)"
        cells = [link, kata.level, str(kata.minutes), kata.asked, asked(kata.path).title]
        rows.append(f"| {' | '.join(cells)} |")
    summary = f"<details>\n<summary><b>{track}</b>: {told}</summary>"
    # Between the blank lines a page that folds reads Markdown.
    return "\n".join([summary, "", *rows, "", "</details>"])


def wrong_answer() -> str:
    """Returns the model answer with one mistake that people really make."""
    traps = read_traps(SHOWN)
    return next(trap.source() for trap in traps if trap.name == MISTAKE)


def transcript(source: str) -> str:
    """Returns what `nox -s check -- focal_loss` shows for an answer."""
    with tempfile.TemporaryDirectory() as folder:
        file = layout.source_file(SHOWN, Path(folder))
        file.parent.mkdir(parents=True)
        file.write_text(source, encoding="utf-8")
        found = Runner(Path(folder)).results([SHOWN])
        return "\n".join(["```text", "$ nox -s check -- focal_loss", _screen(found), "```"])


def _screen(found: Sequence[Result]) -> str:
    screen = io.StringIO()
    console = Console(file=screen, width=80, highlight=False)
    katas = [kata for kata in read_document().katas if kata.path == SHOWN]
    scoreboard.report(console, katas, found, layout.KATAS)
    return "\n".join(line.rstrip() for line in screen.getvalue().rstrip().splitlines())


def _source(tree: Path) -> str:
    return layout.source_file(SHOWN, tree).read_text(encoding="utf-8")
