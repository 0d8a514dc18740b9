"""The record as a round of debugging needs it: its own table, and the family's review."""

import dataclasses
import datetime
import os

from dojo.content.mistakes import Mistake
from dojo.record.attempts import Entry
from dojo.record.database import Database, DatabaseError
from dojo.record.deck import family_card, kata_card, utc_now
from dojo.record.rounds import REPAIR, Round, Rounds
from dojo.results import Result
from dojo.sitting import ratings, round_report
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

    def keep_check(self, result: Result, spent: float) -> str:
        return ""

    def plan(self, entry: Entry) -> tuple[datetime.datetime | None, str]:
        """It is planned once the mistake is named."""
        return None, ""

    def conclude(
        self, entry: Entry, named: bool, evidence: Result | None
    ) -> tuple[datetime.datetime | None, str]:
        """Writes how it ended, and plans when the mistake's family comes back.

        A kata that is due has come back by this: repaired, not typed again.

        Args:
            entry: The attempt.
            named: Whether the mistake was named.
            evidence: What the tests said of the broken file, if they got so far.

        Returns:
            When, and what went wrong.
        """
        self.named = named
        failure = round_report.proof(evidence)
        causes = (failure.cause,) if failure is not None and failure.cause else ()
        done = self._round(dataclasses.replace(entry, causes=causes))
        try:
            self.rounds.write(done)
            rating = ratings.of_round(entry, named)
            card, session = family_card(done.family), entry.session or None
            due = self.deck.rate(card, rating, seconds=entry.seconds, session=session)
            if self._is_due(entry.kata):
                self.deck.rate(kata_card(entry.kata), rating, seconds=0.0, session=session)
        except DatabaseError as error:
            return None, f"not recorded: {error}"
        return due, ""

    def _is_due(self, kata: str) -> bool:
        due = self.deck.due_times().get(kata_card(kata))
        return due is not None and due <= utc_now()

    def _round(self, entry: Entry) -> Round:
        assert self.mistake is not None
        family = self.mistake.family
        return Round(entry, self.mistake.name, family, self.round_kind, self.named)
