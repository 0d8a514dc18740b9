"""The learner's record as one sitting needs it."""

import dataclasses
import datetime
import os
from collections.abc import Sequence

from dojo.record import saves
from dojo.record.attempts import Attempts, Entry
from dojo.record.database import Database, DatabaseError
from dojo.record.deck import Deck, kata_card
from dojo.record.saves import Save
from dojo.results import Result
from dojo.sitting import ratings


class Book:
    """Attempts, checks and reviews, written under the number of one sitting."""

    def __init__(
        self, database: Database, kind: str = "practice", box: float | None = None
    ) -> None:
        """
        Args:
            database: Where all of it is written.
            kind: Of the sitting: "practice" or "interview".
            box: Minutes of the whole sitting, if there is a limit.
        """
        self.database = database
        self.attempts = Attempts(database)
        self.deck = Deck(database)
        self.kind = kind
        self.box = box
        self.session = 0

    def write(self, entry: Entry) -> Entry:
        """Writes an attempt, under this sitting.

        Raises:
            DatabaseError: If it cannot be written.
        """
        if not entry.session:
            entry = dataclasses.replace(entry, session=self.sitting())
        return self.attempts.write(dataclasses.replace(entry, pid=os.getpid()))

    def sitting(self) -> int:
        """Returns the number of this sitting, which is written when it is first needed."""
        self.session = self.session or self.database.start_session(self.kind, self.box)
        return self.session

    def keep_check(self, result: Result, spent: float) -> str:
        """Records a verdict and keeps its text; returns why the text could not be kept.

        Where nothing can be written the attempt itself says so.

        Args:
            result: The verdict.
            spent: Seconds on the clock of the attempt.
        """
        try:
            return self.database.add_check(result, spent=spent)
        except DatabaseError:
            return ""

    def saves(self, entry: Entry) -> Sequence[Save]:
        """Returns what an attempt has saved so far, oldest first."""
        return saves.of_attempt(self.database, entry)

    def plan(self, entry: Entry) -> tuple[datetime.datetime | None, str]:
        """Rates the kata, and returns when it comes back, and what went wrong."""
        card, rating = kata_card(entry.kata), ratings.of_attempt(entry)
        try:
            session = entry.session or None
            due = self.deck.rate(card, rating, seconds=entry.seconds, session=session)
        except DatabaseError as error:
            return None, f"not recorded: {error}"
        return due, ""

    def close(self) -> str:
        """Ends the sitting, and returns what went wrong."""
        try:
            if self.session:
                self.database.end_session(self.session)
        except DatabaseError as error:
            return f"not recorded: {error}"
        return ""
