"""Attempts at katas, as rows of the record: written while they run, read for the tables."""

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

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
    def ended(self) -> bool:
        """Whether it came to an end, after which the model answer is shown."""
        return self.outcome not in (LEFT, RUNNING)

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
        return dataclasses.replace(entry, id=save(self._database, "attempts", entry, {}))

    def all(self) -> list[Entry]:
        """Returns every attempt, oldest first."""
        rows = self._database.db.execute("SELECT * FROM attempts ORDER BY started, id")
        return [entry_of(dict(row)) for row in rows]

    def of(self, kata: str) -> Iterator[Entry]:
        """Yields the attempts at one kata, oldest first, each as it is read."""
        query = "SELECT * FROM attempts WHERE kata = ? ORDER BY started, id"
        return (entry_of(dict(row)) for row in self._database.db.execute(query, (kata,)))

    def last_ended(self, kata: str) -> Entry | None:
        """Returns the newest attempt at a kata that came to an end."""
        query = (
            "SELECT * FROM attempts WHERE kata = ? AND outcome NOT IN (?, ?)"
            " ORDER BY started DESC, id DESC LIMIT 1"
        )
        row = self._database.db.execute(query, (kata, LEFT, RUNNING)).fetchone()
        return None if row is None else entry_of(dict(row))

    def running(self) -> list[Entry]:
        """Returns the attempts that nobody has ended, oldest first."""
        query = "SELECT * FROM attempts WHERE outcome = ? ORDER BY started, id"
        return [entry_of(dict(row)) for row in self._database.db.execute(query, (RUNNING,))]

    def close(self, entries: Sequence[Entry]) -> None:
        """Ends attempts whose process is gone."""
        for entry in entries:
            self.write(entry.closed())


def save(database: Database, table: str, entry: Entry, more: Mapping[str, Any]) -> int:
    """Inserts or updates an entry's row, and returns its number.

    Args:
        database: The record.
        table: One that has an entry's columns.
        entry: What to write; its `id` says which row, 0 a new one.
        more: The table's further columns.

    Raises:
        DatabaseError: If it cannot be written.
    """
    values = dataclasses.asdict(entry) | dict(more)
    number = values.pop("id")
    values |= {"causes": json.dumps(list(entry.causes), ensure_ascii=False), "beat": time.time()}
    with database.transaction() as db:
        if number:
            fields = ", ".join(f"{name} = :{name}" for name in values)
            db.execute(f"UPDATE {table} SET {fields} WHERE id = {number:d}", values)
            return int(number)
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        cursor = db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
    return cursor.lastrowid or 0


def entry_of(row: Mapping[str, Any]) -> Entry:
    """Returns the entry in a row of such a table."""
    fields = {field.name: row[field.name] for field in dataclasses.fields(Entry)}
    return Entry(**{**fields, "causes": json.loads(fields["causes"])})


def _exists(pid: int) -> bool:
    if os.name == "nt":  # os.kill would end the process; its last word has to do
        return True
    with contextlib.suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True
