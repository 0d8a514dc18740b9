"""Follow-ups that interviews asked, as rows of the record."""

import time
from collections import Counter

from dojo.record.database import Database

# By the learner's own judgement, once the answer was shown.
ANSWERED = {0: "no", 1: "partly", 2: "answered"}


class FollowUps:
    """The follow-ups in one learner's record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, question: str, text: str, answered: int, session: int | None) -> None:
        """Records one at once.

        Args:
            question: Of the question before it, such as "G01".
            text: What was asked.
            answered: One of `ANSWERED`.
            session: Of the sessions table.

        Raises:
            DatabaseError: If it cannot be written.
        """
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO follow_ups (session, question, text, at, answered)"
                " VALUES (?, ?, ?, ?, ?)",
                (session, question, text, time.time(), answered),
            )

    def asked(self, question: str) -> Counter[str]:
        """Returns how often each follow-up of a question was asked."""
        query = "SELECT text, COUNT(*) AS times FROM follow_ups WHERE question = ? GROUP BY text"
        rows = self._database.db.execute(query, (question,))
        return Counter({row["text"]: row["times"] for row in rows})
