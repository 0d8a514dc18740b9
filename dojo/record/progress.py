"""Both decks at a glance, and what comes due in the days ahead."""

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dojo import layout
from dojo.content.document import read_document
from dojo.record.database import Database
from dojo.record.deck import Deck, kata_card, question_card, utc_now

DAYS = 14


def show() -> int:
    """Prints the decks by track, and the forecast."""
    document = read_document()
    with Database() as database:
        times = Deck(database).due_times()
        solved = {kata.path for kata in document.katas if database.was_solved(kata.path)}
    now = utc_now()
    decks = {
        "questions": [(question_card(q.id), q.track) for q in document.questions],
        "katas": [(kata_card(kata.path), kata.track) for kata in document.katas],
    }
    console = Console(highlight=False)
    console.print(table(decks, times, now))
    console.print(f"\n{len(solved)} of {len(document.katas)} katas solved\n")
    cards = {card for deck in decks.values() for card, _ in deck}
    console.print(forecast({c: at for c, at in times.items() if c in cards}, now))
    return 0


def table(
    decks: Mapping[str, Sequence[tuple[str, str]]],
    times: Mapping[str, datetime.datetime],
    now: datetime.datetime,
) -> Table:
    """Returns one row a track and deck: how many are new, due, and known for later."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2))
    for heading in ("deck", "track"):
        grid.add_column(heading)
    for heading in ("new", "due", "later"):
        grid.add_column(heading, justify="right")
    for deck, cards in decks.items():
        for track in layout.TRACKS:
            mine = [card for card, of in cards if of == track]
            due = sum(card in times and times[card] <= now for card in mine)
            later = sum(card in times and times[card] > now for card in mine)
            new = len(mine) - due - later
            grid.add_row(deck, track, str(new), Text(str(due), "bold" if due else ""), str(later))
    return grid


def forecast(times: Mapping[str, datetime.datetime], now: datetime.datetime) -> Table:
    """Returns a bar a day: the cards that come due in the next two weeks."""
    today = now.astimezone().date()
    days = Counter(max(today, at.astimezone().date()) - today for at in times.values())
    grid = Table.grid(padding=(0, 2))
    for ahead in range(DAYS):
        count = days[datetime.timedelta(days=ahead)]
        date = today + datetime.timedelta(days=ahead)
        label = "today" if ahead == 0 else f"{date:%a %d %b}"
        grid.add_row(label, f"{count:>3}", Text("█" * min(count, 50), "cyan"))
    return grid
