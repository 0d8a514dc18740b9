"""Ratings for spaced repetition, 1 again to 4 easy: of an attempt, a round, and a spoken answer."""

from dojo.record import attempts
from dojo.record.attempts import Entry
from dojo.words import counted


def of_attempt(entry: Entry) -> int:
    """Returns fsrs' rating of an attempt that has ended."""
    if entry.outcome != attempts.SOLVED or entry.hints >= 3 or entry.seconds > 2 * entry.box:
        return 1
    if entry.hints or not entry.in_time:
        return 2
    return 4 if entry.seconds <= entry.box / 2 else 3


def of_round(entry: Entry, named: bool) -> int:
    """Returns fsrs' rating of a round of debugging that has ended."""
    if entry.outcome != attempts.SOLVED:
        return 1
    if not named or not entry.in_time:
        return 2
    return 4 if entry.checks <= 1 and entry.seconds <= entry.box / 2 else 3


def reason(entry: Entry) -> str:
    """Returns why the attempt is rated so, in a few words."""
    if entry.outcome != attempts.SOLVED:
        return "not solved"
    hints = f"solved with {counted(entry.hints, 'hint')}"
    if entry.hints:
        return hints if entry.in_time else f"{hints}, over time"
    if not entry.in_time:
        return "solved over time"
    half = of_attempt(entry) == 4
    return "solved unaided in half the time" if half else "solved unaided in time"


def of_answer(ticked: int, points: int) -> int:
    """Returns the rating that the share of key points said suggests."""
    share = ticked / points
    if share == 1:
        return 4
    return 3 if share >= 2 / 3 else 2 if share >= 1 / 3 else 1
