"""The record as a round of debugging needs it: its own table, and the family's review."""

import dataclasses
import datetime
import os

from dojo.content.mistakes import Mistake
from dojo.record.attempts import Entry
from dojo.record.database import Database, DatabaseError
from dojo.record.deck import family_card
from dojo.record.rounds import REPAIR, Round, Rounds
from dojo.results import Result
from dojo.sitting import ratings
from dojo.sitting.book import Book


class RoundBook(Book):
    """Writes attempts as rounds; a check of a broken file is no check of the learner's own."""

    def __init__(self, database: Database, kind: str = "debug", box: float | None = None) -> None:
        super().__init__(database, kind, box)
        self.rounds = Rounds(database)
        self.mistake: Mistake | None = None
        self.round_kind = REPAIR
        self.named: bool | None = None

    def open(self, mistake: Mistake, kind: str = REPAIR) -> None:
        """From now on what is written is a round about this mistake."""
        self.mistake, self.round_kind, self.named = mistake, kind, None

    def write(self, entry: Entry) -> Entry:
        if not entry.session:
            entry = dataclasses.replace(entry, session=self.sitting())
        return self.rounds.write(self._round(dataclasses.replace(entry, pid=os.getpid()))).entry

    def keep_check(self, result: Result) -> None:
        return

    def plan(self, entry: Entry) -> tuple[datetime.datetime | None, str]:
        """It is planned once the mistake is named."""
        return None, ""

    def conclude(self, entry: Entry, named: bool) -> tuple[datetime.datetime | None, str]:
        """Writes whether the mistake was named, and plans when its family comes back."""
        self.named = named
        done = self._round(entry)
        try:
            self.rounds.write(done)
            rating = ratings.of_round(entry, named)
            card, session = family_card(done.family), entry.session or None
            due = self.deck.rate(card, rating, seconds=entry.seconds, session=session)
        except DatabaseError as error:
            return None, f"not recorded: {error}"
        return due, ""

    def _round(self, entry: Entry) -> Round:
        assert self.mistake is not None
        family = self.mistake.family
        return Round(entry, self.mistake.name, family, self.round_kind, self.named)
