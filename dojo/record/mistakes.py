"""The mistakes command: kinds of mistakes, how often made and found, and which come back."""

import datetime
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dojo.content.mistakes import FAMILIES
from dojo.content.traps import read_traps
from dojo.record.attempts import SOLVED, Attempts, Entry
from dojo.record.database import Database
from dojo.record.deck import Deck, family_card, utc_now
from dojo.record.rounds import Round, Rounds
from dojo.words import from_now


def show() -> int:
    """Prints a row a family."""
    with Database() as database:
        times = Deck(database).due_times()
        made_so_far = Counter(made(Attempts(database).all()))
        rounds = Rounds(database).all()
    console = Console(highlight=False)
    console.print(table(made_so_far, rounds, times, utc_now()))
    if not (rounds or made_so_far):
        console.print("\nNothing yet. nox -s debug   finds mistakes in others' answers")
    return 0


def made(entries: Sequence[Entry]) -> list[str]:
    """Returns the family of each mistake that was proved in an attempt, once an attempt."""
    with_causes = [entry for entry in entries if entry.causes]
    traps = {
        kata: [trap for trap in read_traps(kata) if trap.cause and trap.family]
        for kata in {entry.kata for entry in with_causes}
    }
    found: list[str] = []
    for entry in with_causes:
        for cause in entry.causes:
            found += [trap.family for trap in traps[entry.kata] if trap.cause in cause][:1]
    return found


def table(
    made_so_far: Counter[str],
    rounds: Sequence[Round],
    times: dict[str, datetime.datetime],
    now: datetime.datetime,
) -> Table:
    """Returns one row a family; it fits into 80 characters."""
    grid = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column("family", min_width=10, no_wrap=True)
    grid.add_column("what it is about", no_wrap=True)
    for heading in ("made", "rounds", "found", "named"):
        grid.add_column(heading, min_width=len(heading), justify="right", no_wrap=True)
    grid.add_column("back", min_width=10, no_wrap=True)
    for family, about in FAMILIES.items():
        mine = [found for found in rounds if found.family == family]
        solved = sum(found.entry.outcome == SOLVED for found in mine)
        counts = (made_so_far[family], len(mine), solved, sum(bool(r.named) for r in mine))
        shown = [str(count) if count else "·" for count in counts]
        grid.add_row(family, Text(about, "dim"), *shown, _due(times.get(family_card(family)), now))
    return grid


def _due(at: datetime.datetime | None, now: datetime.datetime) -> Text:
    if at is None:
        return Text("")
    return Text("due", "bold yellow") if at <= now else Text(from_now(at - now), "dim")
