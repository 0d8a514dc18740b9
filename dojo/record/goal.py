"""The day of the interview, and the days' plans as they were last laid: rows of the record."""

import dataclasses
import datetime
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from dojo import layout
from dojo.errors import UsageError
from dojo.record.database import Database

# As Python counts a week's days.
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# In days: nothing that is planned for later than this would come true.
FARTHEST = 366
# Who studies at one in the morning has not begun a new day.
DAY_BEGINS = datetime.timedelta(hours=4)


class NoGoal(UsageError):
    """No interview is on record, or none that is still to come; the message says what to type."""


@dataclasses.dataclass(frozen=True)
class Goal:
    """What is prepared for.

    Attributes:
        date: Day of the interview.
        minutes: For a day.
        level: The level aimed at, one of `layout.LEVELS`.
        track: The only track to prepare, or "" for all.
        off: Days without work: names of weekdays, "sat", and dates, "2026-12-03".
        begun: The day on which this interview was first planned for; None before that.
        id: Number of the row; 0 for one not written yet.
    """

    date: datetime.date
    minutes: float = 60.0
    level: str = "mid"
    track: str = ""
    off: Sequence[str] = ()
    begun: datetime.date | None = None
    id: int = 0

    def is_off(self, day: datetime.date) -> bool:
        """Whether nothing is to be done on that day; on the interview's there is."""
        named = {WEEKDAYS[day.weekday()], day.isoformat()}
        return day != self.date and not named.isdisjoint(self.off)


def day_of(at: float) -> datetime.date:
    """Returns the day that an instant belongs to where this machine is; it begins at four.

    Args:
        at: Seconds since 1970.
    """
    # Wall-clock time: on the day that summer time ends, four o'clock is still four o'clock.
    return (datetime.datetime.fromtimestamp(at) - DAY_BEGINS).date()


class Goals:
    """The goals in one learner's record: the newest row counts, one without a date forgets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self) -> Goal | None:
        """Returns what is prepared for now; None also where that cannot be read any more."""
        query = (
            "SELECT *, (SELECT MIN(made) FROM goals WHERE date = g.date) AS begun"
            " FROM goals AS g ORDER BY made DESC LIMIT 1"
        )
        row = self._database.db.execute(query).fetchone()
        return _goal_if_any(dict(row)) if row is not None and row["date"] else None

    def set(self, goal: Goal, at: float | None = None) -> Goal:
        """Writes what is prepared for from now on, and returns it with its number.

        Args:
            goal: What for.
            at: When; None for now. Seconds since 1970.

        Raises:
            DatabaseError: If it cannot be written.
        """
        made = time.time() if at is None else at
        return dataclasses.replace(goal, id=self._add(made, goal.date.isoformat(), goal))

    def forget(self) -> None:
        """From now on nothing is prepared for; what was done stays on record.

        Raises:
            DatabaseError: If it cannot be written.
        """
        self._add(time.time(), "", Goal(datetime.date.min))

    def _add(self, made: float, date: str, goal: Goal) -> int:
        row = (date, goal.minutes, goal.level, goal.track, json.dumps(list(goal.off)))
        with self._database.transaction() as db:
            (newest,) = db.execute("SELECT MAX(made) FROM goals").fetchone()
            # Also after the clock was set back the goal that is set last is the newest.
            made = made if newest is None else max(made, newest + 0.001)
            cursor = db.execute(
                "INSERT INTO goals (made, date, minutes, level, track, off)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (made, *row),
            )
        return cursor.lastrowid or 0


@dataclasses.dataclass(frozen=True)
class Laid:
    """What was planned for a day.

    Attributes:
        day: That day.
        on: The day on which it was planned.
        items: What to do, as JSON.
    """

    day: datetime.date
    on: datetime.date
    items: Sequence[Any]


class Agendas:
    """What was planned for each day of a goal, as it was last laid."""

    def __init__(self, database: Database, goal: Goal) -> None:
        self._database = database
        self._goal = goal

    def all(self) -> list[Laid]:
        """Returns what was planned, by day."""
        query = "SELECT day, laid, items FROM agendas WHERE goal = ? ORDER BY day"
        return [
            Laid(_date(row["day"]), _date(row["laid"]), json.loads(row["items"]))
            for row in self._database.db.execute(query, (self._goal.id,))
        ]

    def lay(self, days: Mapping[datetime.date, Sequence[Any]], today: datetime.date) -> None:
        """Replaces what was planned from today on.

        Raises:
            DatabaseError: If it cannot be written.
        """
        rows = [
            (self._goal.id, day.isoformat(), today.isoformat(), json.dumps(items))
            for day, items in days.items()
        ]
        with self._database.transaction() as db:
            mine = (self._goal.id, today.isoformat())
            db.execute("DELETE FROM agendas WHERE goal = ? AND day >= ?", mine)
            db.executemany("INSERT INTO agendas (goal, day, laid, items) VALUES (?, ?, ?, ?)", rows)

    def forget(self) -> None:
        """Nothing was planned for any day.

        Raises:
            DatabaseError: If that cannot be written.
        """
        with self._database.transaction() as db:
            db.execute("DELETE FROM agendas WHERE goal = ?", (self._goal.id,))


def _date(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def _goal_if_any(row: Mapping[str, Any]) -> Goal | None:
    """The goal of a row; None for one that was damaged, or names what there is no longer."""
    try:
        goal = _goal(row)
    except (ValueError, TypeError):
        return None
    there_is = goal.level in layout.LEVELS and goal.track in ("", *layout.TRACKS)
    return goal if there_is else None


def _goal(row: Mapping[str, Any]) -> Goal:
    off = tuple(json.loads(row["off"]))
    return Goal(
        _date(row["date"]),
        row["minutes"],
        row["level"],
        row["track"],
        off,
        day_of(row["begun"]),
        row["id"],
    )
