"""The list command: every kata, and what is known of it without running anything."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dojo.check.untouched import static_verdict
from dojo.columns import fitting
from dojo.content import catalogue
from dojo.record.database import Database
from dojo.results import MARKS, Outcome


def list_katas(names: Sequence[str], tree: Path) -> int:
    """Prints the katas: level, minutes, how often asked, and what the last check of each said."""
    katas = catalogue.select(names)
    with Database() as database:
        last = database.last_outcomes()
    rows: list[Sequence[Text]] = []
    track = ""
    for kata in katas:
        if kata.track != track:
            track = kata.track
            rows.append([Text(track, "bold")])
        outcome = _outcome(kata.path, tree, last)
        mark, style = MARKS[outcome] if outcome else (" ", "dim")
        label = Text(f"  {mark} {outcome or 'not checked yet'}", style)
        facts = (kata.level, f"{kata.minutes} min", f"asked {kata.asked}")
        rows.append([label, Text(kata.name), *(Text(fact, "dim") for fact in facts)])
    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2), pad_edge=False)
    columns = fitting(rows, console.width, least=(4, 3, 2))
    for row in rows:
        table.add_row(*(row[column] for column in columns if column < len(row)))
    console.print(table)
    if katas[0].track != katas[-1].track:
        # The end of a long list is what a small terminal shows.
        one = f"python -m dojo list {katas[0].track}/"
        console.print(f"{len(katas)} katas; `{one}` lists one track")
    return 0


def _outcome(kata: str, tree: Path, last: dict[str, str]) -> Outcome | None:
    """What is known without running anything; None for a touched, unchecked file."""
    verdict = static_verdict(kata, tree)
    if verdict is not None:
        return verdict.outcome
    return Outcome(last[kata]) if kata in last else None
