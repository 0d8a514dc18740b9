"""What was done last, and when: by kata, by question, by day. Quick on a record of any length."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence

from dojo.record.attempts import Entry, entry_of
from dojo.record.database import Database
from dojo.record.deck import Deck, kata_card, question_card
from dojo.record.goal import day_of

# A kata that was begun so often without an end says all that it will.
MOST_BEGINNINGS = 50
# Spoken answers that tell how quickly the learner speaks now.
LAST_ANSWERS = 200


@dataclasses.dataclass(frozen=True)
class Log:
    """The last day of each thing that was done.

    Attributes:
        solved: Kata to the day it was last found solved.
        begun: Kata to the day of its last attempt, or check of what was written.
        asked: Question to the day it was last rated.
        rounds: Kata to the day of its last round of debugging that was ended.
        mock: Day of the last mock interview that was ended, if there was any.
        katas_due, questions_due: To the day it comes back.
    """

    solved: Mapping[str, datetime.date]
    begun: Mapping[str, datetime.date]
    asked: Mapping[str, datetime.date]
    rounds: Mapping[str, datetime.date]
    mock: datetime.date | None
    katas_due: Mapping[str, datetime.date]
    questions_due: Mapping[str, datetime.date]


@dataclasses.dataclass(frozen=True)
class Answer:
    """How long a spoken answer took.

    Attributes:
        question: Its id.
        seconds: Key points and follow-ups read, too.
        first: Whether it was the first time.
    """

    question: str
    seconds: float
    first: bool


def read_log(database: Database) -> Log:
    """Returns what the record says."""
    solved = _newest(
        database,
        "SELECT kata, MAX(at) FROM checks WHERE outcome = 'solved' GROUP BY kata",
        "SELECT kata, MAX(started) FROM attempts WHERE outcome = 'solved' GROUP BY kata",
    )
    begun = _newest(
        database,
        "SELECT kata, MAX(at) FROM checks WHERE outcome != 'not started' GROUP BY kata",
        "SELECT kata, MAX(started) FROM attempts WHERE outcome != 'running' GROUP BY kata",
    )
    rounds = _newest(
        database,
        "SELECT kata, MAX(started) FROM rounds"
        " WHERE outcome NOT IN ('running', 'left') GROUP BY kata",
    )
    reviewed = _newest(database, "SELECT card, MAX(at) FROM reviews GROUP BY card")
    asked = _of_cards(reviewed, question_card(""))
    mocks = "SELECT MAX(started) FROM sessions WHERE kind = 'interview' AND ended IS NOT NULL"
    (mock,) = database.db.execute(mocks).fetchone()
    due = {card: day_of(at.timestamp()) for card, at in Deck(database).due_times().items()}
    return Log(
        solved=solved,
        begun=begun,
        asked=asked,
        rounds=rounds,
        mock=None if mock is None else day_of(mock),
        katas_due=_of_cards(due, kata_card("")),
        questions_due=_of_cards(due, question_card("")),
    )


def beginnings(database: Database, katas: Sequence[str]) -> list[Entry]:
    """Returns the first attempts at each kata, oldest first: what tells a learner's pace."""
    query = "SELECT * FROM attempts WHERE kata = ? ORDER BY started, id LIMIT ?"
    rows = [row for kata in katas for row in database.db.execute(query, (kata, MOST_BEGINNINGS))]
    return sorted((entry_of(dict(row)) for row in rows), key=lambda entry: entry.started)


def last_answers(database: Database) -> list[Answer]:
    """Returns the newest spoken answers."""
    query = (
        "SELECT card, seconds, id = (SELECT MIN(id) FROM reviews WHERE card = r.card) AS first"
        " FROM reviews AS r WHERE card LIKE ? AND seconds > 0 ORDER BY id DESC LIMIT ?"
    )
    prefix = question_card("")
    rows = database.db.execute(query, (f"{prefix}%", LAST_ANSWERS))
    return [
        Answer(row["card"].removeprefix(prefix), row["seconds"], bool(row["first"])) for row in rows
    ]


def _newest(database: Database, *queries: str) -> dict[str, datetime.date]:
    found: dict[str, float] = {}
    for query in queries:
        for name, at in database.db.execute(query):
            found[name] = max(at, found.get(name, at))
    return {name: day_of(at) for name, at in found.items()}


def _of_cards(days: Mapping[str, datetime.date], prefix: str) -> dict[str, datetime.date]:
    return {card.removeprefix(prefix): day for card, day in days.items() if card.startswith(prefix)}
