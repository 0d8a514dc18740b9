"""Rounds of debugging, as rows of the record."""

import dataclasses
from collections.abc import Sequence

from dojo.record.attempts import RUNNING, Entry, entry_of, save
from dojo.record.database import Database

REPAIR, REVIEW = "repair", "review"


@dataclasses.dataclass(frozen=True)
class Round:
    """One round.

    Attributes:
        entry: Time, checks and outcome, as of an attempt.
        mistake: Name of the mistake that was to be found.
        family: One of `mistakes.FAMILIES`.
        kind: REPAIR or REVIEW.
        named: Whether the learner said which it was; None before they were asked.
    """

    entry: Entry
    mistake: str
    family: str
    kind: str = REPAIR
    named: bool | None = None

    @property
    def id(self) -> str:
        """The mistake's id."""
        return f"{self.entry.kata}: {self.mistake}"


class Rounds:
    """The rounds in one learner's record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, found: Round) -> Round:
        """Inserts or updates the row, and returns the round with its number.

        Raises:
            DatabaseError: If it cannot be written, for example on a full disk.
        """
        more = {
            "mistake": found.mistake,
            "family": found.family,
            "kind": found.kind,
            "named": None if found.named is None else int(found.named),
        }
        number = save(self._database, "rounds", found.entry, more)
        return dataclasses.replace(found, entry=dataclasses.replace(found.entry, id=number))

    def all(self) -> list[Round]:
        """Returns every round, oldest first."""
        rows = self._database.db.execute("SELECT * FROM rounds ORDER BY started, id")
        return [
            Round(
                entry_of(row),
                row["mistake"],
                row["family"],
                row["kind"],
                None if row["named"] is None else bool(row["named"]),
            )
            for row in map(dict, rows)
        ]

    def broken_off(self) -> Sequence[Round]:
        """Returns the rounds whose process is gone, oldest first."""
        return [
            found
            for found in self.all()
            if found.entry.outcome == RUNNING and found.entry.broken_off
        ]

    def close(self, rounds: Sequence[Round]) -> None:
        """Ends rounds whose process is gone."""
        for found in rounds:
            self.write(dataclasses.replace(found, entry=found.entry.closed()))
