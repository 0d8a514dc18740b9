"""Attempts at katas, as rows of the record: written while they run, read for the tables."""

import contextlib
import dataclasses
import json
import os
import sqlite3
import time
from collections.abc import Sequence

from dojo.errors import DojoError
from dojo.record.database import Database

RUNNING, SOLVED, TIME_UP, GIVEN_UP, LEFT = "running", "solved", "time up", "given up", "left"

# A living attempt writes every few seconds.
SILENCE = 60.0


class Refused(DojoError):
    """An attempt cannot begin; the message says why."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One attempt.

    Attributes:
        id: Number of the row; 0 for one not written yet.
        session: Number of the sitting it belongs to.
        kata: Path, such as "losses/focal_loss".
        started: Seconds since 1970.
        minutes: The time box.
        seconds: Spent so far, pauses left out.
        outcome: RUNNING, SOLVED, TIME_UP, GIVEN_UP or LEFT.
        checks, hints: How many.
        causes: Proved mistakes met, in order.
        pid, beat: The process that runs it, and when that last wrote.
    """

    kata: str
    minutes: float
    session: int
    started: float
    id: int = 0
    seconds: float = 0.0
    outcome: str = RUNNING
    checks: int = 0
    hints: int = 0
    causes: Sequence[str] = ()
    pid: int | None = None
    beat: float | None = None

    @property
    def box(self) -> float:
        """The time box in seconds."""
        return self.minutes * 60

    @property
    def in_time(self) -> bool:
        return self.outcome == SOLVED and self.seconds <= self.box

    @property
    def broken_off(self) -> bool:
        """Whether it runs by its row, but its process is gone."""
        return self.outcome == RUNNING and not self._alive()

    @property
    def elsewhere(self) -> bool:
        """Whether another process runs it now."""
        return self.outcome == RUNNING and self.pid != os.getpid() and self._alive()

    def closed(self) -> "Entry":
        """Returns it with the outcome of an attempt that nobody ended."""
        over = self.seconds >= self.box
        return dataclasses.replace(self, outcome=TIME_UP if over else LEFT)

    def _alive(self) -> bool:
        silent = self.beat is None or abs(time.time() - self.beat) > SILENCE
        return not silent and self.pid is not None and _exists(self.pid)


class Attempts:
    """The attempts in one learner's record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, entry: Entry) -> Entry:
        """Inserts or updates the row, and returns the entry with its number.

        Raises:
            DatabaseError: If it cannot be written, for example on a full disk.
        """
        values = {
            "session": entry.session,
            "kata": entry.kata,
            "started": entry.started,
            "minutes": entry.minutes,
            "seconds": entry.seconds,
            "outcome": entry.outcome,
            "checks": entry.checks,
            "hints": entry.hints,
            "causes": json.dumps(list(entry.causes), ensure_ascii=False),
            "pid": entry.pid,
            "beat": time.time(),
        }
        with self._database.transaction() as db:
            if entry.id:
                fields = ", ".join(f"{name} = :{name}" for name in values)
                db.execute(f"UPDATE attempts SET {fields} WHERE id = {entry.id:d}", values)
                return entry
            names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
            row = db.execute(f"INSERT INTO attempts ({names}) VALUES ({marks})", values).lastrowid
        return dataclasses.replace(entry, id=row or 0)

    def all(self) -> list[Entry]:
        """Returns every attempt, oldest first."""
        rows = self._database.db.execute("SELECT * FROM attempts ORDER BY started, id")
        return [_entry(row) for row in rows]

    def running(self) -> list[Entry]:
        """Returns the attempts that nobody has ended, oldest first."""
        query = "SELECT * FROM attempts WHERE outcome = ? ORDER BY started, id"
        return [_entry(row) for row in self._database.db.execute(query, (RUNNING,))]

    def close(self, entries: Sequence[Entry]) -> None:
        """Ends attempts whose process is gone."""
        for entry in entries:
            self.write(entry.closed())


def _entry(row: sqlite3.Row) -> Entry:
    values = dict(row)
    return Entry(**{**values, "causes": json.loads(values["causes"])})


def _exists(pid: int) -> bool:
    if os.name == "nt":  # os.kill would end the process; its last word has to do
        return True
    with contextlib.suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True
