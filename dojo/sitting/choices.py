"""Which katas there are to practise, what is known about each, and which is the next sensible."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from dojo.content.document import Document, Kata
from dojo.content.order import katas_in_order
from dojo.record import attempts
from dojo.record.attempts import Entry
from dojo.record.deck import kata_card, utc_now
from dojo.sitting.agenda import Agenda
from dojo.sitting.attempt import resumable
from dojo.sitting.book import Book
from dojo.words import from_now

Proposal = tuple["Choice", str]


@dataclasses.dataclass(frozen=True)
class Choice:
    """One kata as the list shows it.

    Attributes:
        kata: Its entry in the catalogue.
        best: Seconds of the fastest solution; None without one.
        last: How the newest attempt or check ended, or "".
        due: "", "due", or "in 3 days".
        solved: Whether it ever was.
        unfinished: Whether an attempt broke off that can go on.
    """

    kata: Kata
    best: float | None
    last: str
    due: str
    solved: bool
    unfinished: bool


def choices(document: Document, book: Book, tree: Path) -> list[Choice]:
    """Returns all katas in study order with what is known about each."""
    entries, times = book.attempts.all(), book.deck.due_times()
    checked, now = book.database.last_outcomes(), utc_now()
    found = []
    for kata in document.katas:
        mine = [entry for entry in entries if entry.kata == kata.path]
        solved = [entry.seconds for entry in mine if entry.outcome == attempts.SOLVED]
        due = times.get(kata_card(kata.path))
        found.append(
            Choice(
                kata=kata,
                best=min(solved, default=None),
                last=_last(mine, checked.get(kata.path, "")),
                due="" if due is None else "due" if due <= now else from_now(due - now),
                solved=bool(solved) or book.database.was_solved(kata.path),
                unfinished=resumable(kata, book, tree) is not None,
            )
        )
    return found


def propose(found: Sequence[Choice], book: Book, planned: Agenda | None = None) -> Proposal | None:
    """Returns the next sensible kata and why: unfinished, planned, due, unsolved, or soonest due.

    Args:
        found: All katas.
        book: The record.
        planned: Today by the plan, if there is one.
    """
    by_path = {choice.kata.path: choice for choice in found}
    by_card = {kata_card(choice.kata.path): choice for choice in found}
    due, _ = book.deck.in_order(by_card, utc_now())
    level = planned.goal.level if planned else ""
    ordered = [by_path[kata.path] for kata in katas_in_order([c.kata for c in found], level)]
    later = [by_card[card] for card in book.deck.due_times() if card in by_card]
    steps = [
        ([choice for choice in found if choice.unfinished], "it broke off"),
        ([by_path[kata] for kata in planned.katas] if planned else [], "planned for today"),
        ([by_card[card] for card in due], "due for review"),
        ([choice for choice in ordered if not choice.solved], "not solved yet"),
        (later or found, "all are solved; this one comes back first"),
    ]
    return next(((fitting[0], why) for fitting, why in steps if fitting), None)


def _last(mine: Sequence[Entry], checked: str) -> str:
    if not mine:
        return checked
    return "broken off" if mine[-1].broken_off else mine[-1].outcome
