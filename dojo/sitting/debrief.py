"""What there is to say after an attempt: how it went, when it comes back, what is asked next."""

import dataclasses
import datetime
import itertools
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from dojo import layout
from dojo.content.document import Document, FollowUp
from dojo.proofs import mistake
from dojo.record import attempts
from dojo.record.attempts import Entry
from dojo.record.deck import RATINGS, utc_now
from dojo.record.saves import Save
from dojo.sitting import ratings
from dojo.words import counted, from_now, minutes_and_seconds

STYLES = {
    attempts.SOLVED: "green",
    attempts.TIME_UP: "red",
    attempts.GIVEN_UP: "yellow",
    attempts.LEFT: "dim",
    attempts.RUNNING: "dim",
}

# Lines of where the time went.
MOST_STRETCHES = 8


def headline(entry: Entry) -> str:
    """Returns "solved in 12:31 of 25:00", or how else it ended."""
    spent, box = minutes_and_seconds(entry.seconds), minutes_and_seconds(entry.box)
    if entry.outcome == attempts.SOLVED:
        over = (
            "" if entry.in_time else f", {minutes_and_seconds(entry.seconds - entry.box)} over time"
        )
        return f"solved in {spent} of {box}{over}"
    return f"{entry.outcome} after {spent} of {box}"


def effort(entry: Entry) -> str:
    """Returns "4 checks, 1 hint"."""
    return f"{counted(entry.checks, 'check')}, {counted(entry.hints, 'hint')}"


def review(entry: Entry, due: datetime.datetime | None) -> str:
    """Returns when the kata comes back, and why then."""
    if due is None:
        return ""
    return (
        f"It comes back for review {from_now(due - utc_now())}: "
        f"{RATINGS[ratings.of_attempt(entry)]}, {ratings.reason(entry)}."
    )


def summary(entry: Entry, due: datetime.datetime | None, saved: Sequence[Save] = ()) -> Text:
    """Returns the figures of the attempt, where the time went, and the traps it met."""
    text = Text()
    text.append(f"{entry.kata}  ", "bold").append(headline(entry), STYLES[entry.outcome])
    text.append(f"\n{effort(entry)}")
    if lines := time_spent(saved, entry):
        text.append("\n\nWhere the time went", "bold")
        for line in lines:
            text.append(f"\n{line}")
    if entry.causes:
        text.append("\n\nTraps met", "bold")
        for cause in entry.causes:
            text.append(f"\n  {mistake(cause)}", "yellow")
    if line := review(entry, due):
        text.append(f"\n\n{line}")
    if entry.outcome == attempts.SOLVED and layout.cost_file(entry.kata).is_file():
        name = entry.kata.partition("/")[2]
        text.append(f"\n\npython -m dojo cost {name}", "bold").append("   what yours costs")
    return text


@dataclasses.dataclass(frozen=True)
class _Stretch:
    """Some seconds, the saves they led to, and how far the last of these got."""

    seconds: float
    saves: int
    reached: str


def time_spent(saved: Sequence[Save], entry: Entry) -> list[str]:
    """Returns a line a save: the time it took, by the attempt's own clock, and how far it got.

    Where these are too many, the shortest are told together.

    Args:
        saved: The saves of the attempt, oldest first.
        entry: The attempt; what it took after the last save has a line, too.
    """
    stretches, before = [], 0.0
    for save in saved:
        spent = save.spent or before
        stretches.append(_Stretch(spent - before, 1, save.progress))
        before = spent
    while len(stretches) > MOST_STRETCHES:
        stretches = _joined(stretches)
    lines = [_told(stretch, first=not index) for index, stretch in enumerate(stretches)]
    rest = entry.seconds - before
    if lines and entry.outcome != attempts.SOLVED and rest >= 1:
        lines.append(f"{minutes_and_seconds(rest):>7}  after the last")
    return lines


def _joined(stretches: Sequence[_Stretch]) -> list[_Stretch]:
    """Makes one of the two neighbours that took the shortest time together."""
    pairs = [a.seconds + b.seconds for a, b in itertools.pairwise(stretches)]
    at = pairs.index(min(pairs))
    one, two = stretches[at : at + 2]
    both = _Stretch(pairs[at], one.saves + two.saves, two.reached)
    return [*stretches[:at], both, *stretches[at + 2 :]]


def _told(stretch: _Stretch, first: bool) -> str:
    what = "the first save" if first else "the next"
    if stretch.saves > 1:
        what = counted(stretch.saves, "save") if first else f"{stretch.saves} more"
    return f"{minutes_and_seconds(stretch.seconds):>7}  to {what}: {stretch.reached}"


def follow_ups(document: Document, kata: str) -> Sequence[FollowUp]:
    """Returns the spoken questions of the kata, each before its own follow-ups."""
    found: list[FollowUp] = []
    for question in document.questions:
        if question.kata == kata:
            points = "\n".join(f"- {point}" for point in question.points)
            parts = [points, question.essence, f"**Trap.** {question.trap}"]
            found.append(FollowUp(question.text, "\n\n".join(filter(None, parts))))
            found += question.follow_ups
    return found


def own_answer(kata: str, tree: Path) -> str:
    """Returns the learner's file, or "" where it cannot be read."""
    try:
        return layout.source_file(kata, tree).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""
