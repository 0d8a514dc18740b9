"""Saves: the texts of a kata as they were checked, one after the other."""

import dataclasses
import datetime
import sqlite3

from rich.text import Text

from dojo.record.attempts import Entry
from dojo.record.database import Database
from dojo.results import MARKS, Outcome
from dojo.words import counted, visible


@dataclasses.dataclass(frozen=True)
class Save:
    """One text, and what its checks in a row have found.

    Attributes:
        text: The hash of it; `texts.read` gives the text. "" where it is not known.
        at, last: Seconds since 1970: its first check, and its last.
        outcome: By its last check, as are the others.
        passed, total: Clauses; tests, where a check is of before clauses were counted.
        unit: "clause" or "test".
        shown: The test whose failure was shown, or "".
        said: The mistake that was proved, or why no test was reached, or "".
        checks: How often it was checked.
        spent: Seconds on the clock of an attempt, at its first check; None outside of one.
    """

    text: str
    at: float
    last: float
    outcome: Outcome
    passed: int
    total: int
    unit: str
    shown: str
    said: str
    checks: int = 1
    spent: float | None = None

    @property
    def stamp(self) -> str:
        """What `restore` finds it by."""
        return stamp(self.at)

    @property
    def progress(self) -> str:
        """How far it got: "2 of 5 clauses", or "no test ran"."""
        if not self.total:
            return "no test ran"
        return f"{self.passed} of {counted(self.total, self.unit)}"

    def verdict(self) -> Text:
        """Returns "✗ wrong"."""
        mark, style = MARKS[self.outcome]
        return Text(f"{mark} {self.outcome}", style)

    def reason(self) -> str:
        """Returns the test that fails, and the mistake that it proves, as far as known."""
        return visible(": ".join(filter(None, [self.shown, self.said])))


def stamp(at: float) -> str:
    """Returns "2026-01-31 09:15:00", by the learner's own clock."""
    return f"{datetime.datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S}"


_KEPT = """
    SELECT * FROM checks
    WHERE kata = ? AND text IN (SELECT text FROM saves WHERE kata = ?) ORDER BY at, id
"""


def of_kata(database: Database, kata: str) -> tuple[list[Save], int]:
    """Returns the saves of a kata, oldest first, and how many checks are left out.

    These are the checks whose text is not kept: it was never known, or it is neither new nor the
    last of its day. Checks in a row of the same text are one save.
    """
    db, found = database.db, list[Save]()
    total = db.execute("SELECT COUNT(*) FROM checks WHERE kata = ?", (kata,)).fetchone()[0]
    for row in db.execute(_KEPT, (kata, kata)):
        _put(found, save_of(row))
    return found, total - sum(save.checks for save in found)


def of_attempt(database: Database, entry: Entry) -> list[Save]:
    """Returns the saves of one attempt, oldest first, also those whose text is not kept."""
    query = """
        SELECT * FROM checks WHERE kata = :kata AND at >= :started AND spent IS NOT NULL AND at < (
            SELECT COALESCE(MIN(started), 1e12) FROM attempts
            WHERE kata = :kata AND started > :started
        ) ORDER BY at, id
    """
    found: list[Save] = []
    which = {"kata": entry.kata, "started": entry.started}
    for row in database.db.execute(query, which):
        _put(found, save_of(row))
    return found


def save_of(row: sqlite3.Row) -> Save:
    """Returns what a row of `checks` says."""
    counts = ("passed", "total", "test")
    if row["clauses"] is not None:
        counts = ("clauses_passed", "clauses", "clause")
    return Save(
        text=row["text"] or "",
        at=row["at"],
        last=row["at"],
        outcome=Outcome(row["outcome"]),
        passed=row[counts[0]],
        total=row[counts[1]],
        unit=counts[2],
        shown=row["shown"],
        said=row["said"],
        spent=row["spent"],
    )


def _put(found: list[Save], new: Save) -> None:
    """Adds a save; one of the text before it is that one checked again."""
    if found and found[-1].text == new.text != "":
        first = found.pop()
        new = dataclasses.replace(new, at=first.at, checks=first.checks + 1, spent=first.spent)
    found.append(new)
