"""What was done last, and when: by kata, by question, by day. Quick on a record of any length."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence

from dojo.record.database import Database
from dojo.record.deck import Deck, kata_card, question_card
from dojo.record.goal import day_of

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


def read_log(database: Database, katas: Sequence[str]) -> Log:
    """Returns what the record says.

    Args:
        database: The record.
        katas: Paths of those asked about.
    """
    due = {card: day_of(at.timestamp()) for card, at in Deck(database).due_times().items()}
    mocks = "SELECT MAX(started) FROM sessions WHERE kind = 'interview' AND ended IS NOT NULL"
    (mock,) = database.db.execute(mocks).fetchone()
    reviewed = "SELECT id, (SELECT MAX(at) FROM reviews WHERE card = cards.id) FROM cards"
    asked = {card: day_of(at) for card, at in database.db.execute(reviewed) if at is not None}
    solved, ended = "outcome = 'solved'", "outcome != 'running'"
    return Log(
        solved=_newest(database, katas, {"checks": solved, "attempts": solved}),
        begun=_newest(database, katas, {"checks": "outcome != 'not started'", "attempts": ended}),
        asked=_of_cards(asked, question_card("")),
        rounds=_newest(database, katas, {"rounds": "outcome NOT IN ('running', 'left')"}),
        mock=None if mock is None else day_of(mock),
        katas_due=_of_cards(due, kata_card("")),
        questions_due=_of_cards(due, question_card("")),
    )


def last_answers(database: Database) -> list[Answer]:
    """Returns the newest spoken answers."""
    query = (
        "SELECT card, seconds, at = (SELECT MIN(at) FROM reviews WHERE card = r.card) AS first"
        " FROM reviews AS r WHERE card LIKE ? AND seconds > 0 ORDER BY id DESC LIMIT ?"
    )
    prefix = question_card("")
    rows = database.db.execute(query, (f"{prefix}%", LAST_ANSWERS))
    return [
        Answer(row["card"].removeprefix(prefix), row["seconds"], bool(row["first"])) for row in rows
    ]


def _newest(
    database: Database, katas: Sequence[str], tables: Mapping[str, str]
) -> dict[str, datetime.date]:
    """Kata to the day of its newest row that fulfils its table's condition."""
    found = {}
    for kata in katas:
        days = [
            day_of(at)
            for table, condition in tables.items()
            for (at,) in database.db.execute(_last(table, condition), (kata,))
        ]
        if days:
            found[kata] = max(days)
    return found


def _last(table: str, condition: str) -> str:
    # By the index of kata and time: the newest row that fits ends the search.
    time = "at" if table == "checks" else "started"
    return f"SELECT {time} FROM {table} WHERE kata = ? AND {condition} ORDER BY {time} DESC LIMIT 1"


def _of_cards(days: Mapping[str, datetime.date], prefix: str) -> dict[str, datetime.date]:
    return {card.removeprefix(prefix): day for card, day in days.items() if card.startswith(prefix)}
