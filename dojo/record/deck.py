"""Spaced repetition (fsrs) over the record: spoken questions, katas, families of mistakes.

Card ids are `question:G01`, `kata:losses/focal_loss` and `family:mask`.
"""

import datetime
from collections.abc import Iterable

import fsrs

from dojo.record.database import Database

RATINGS = {1: "again", 2: "hard", 3: "good", 4: "easy"}

# Without the random spread of due dates: the same ratings give the same plan.
SCHEDULER = fsrs.Scheduler(enable_fuzzing=False)
# Nobody sits a kata twice within ten minutes: it skips the steps of first learning.
KATA_SCHEDULER = fsrs.Scheduler(enable_fuzzing=False, learning_steps=(), relearning_steps=())


class Deck:
    """The cards in one learner's record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rate(
        self,
        card: str,
        rating: int,
        *,
        seconds: float = 0.0,
        session: int | None = None,
        at: datetime.datetime | None = None,
    ) -> datetime.datetime:
        """Records one rating at once, and returns when the card is due again.

        Args:
            card: Its id; a new card is made for one never rated.
            rating: 1 again, 2 hard, 3 good, 4 easy.
            seconds: Time spent on it.
            session: Of the sessions table, if it belongs to one.
            at: When; None for now. UTC.
        """
        now = at or utc_now()
        # One transaction, so that two sittings at once both count.
        with self._database.transaction() as db:
            row = db.execute("SELECT state FROM cards WHERE id = ?", (card,)).fetchone()
            known = fsrs.Card.from_json(row["state"]) if row else fsrs.Card(card_id=0, due=now)
            rated, _ = scheduler(card).review_card(known, fsrs.Rating(rating), now)
            db.execute(
                "INSERT OR REPLACE INTO cards (id, state, due) VALUES (?, ?, ?)",
                (card, rated.to_json(), rated.due.timestamp()),
            )
            db.execute(
                "INSERT INTO reviews (card, at, rating, seconds, session) VALUES (?, ?, ?, ?, ?)",
                (card, now.timestamp(), rating, seconds, session),
            )
        return rated.due

    def due_times(self) -> dict[str, datetime.datetime]:
        """Returns when each known card is due."""
        rows = self._database.db.execute("SELECT id, due FROM cards ORDER BY due, id")
        return {
            row["id"]: datetime.datetime.fromtimestamp(row["due"], datetime.UTC) for row in rows
        }

    def in_order(self, cards: Iterable[str], at: datetime.datetime) -> tuple[list[str], list[str]]:
        """Returns the cards that are due, longest first, and those never seen, as given."""
        cards, times = list(cards), self.due_times()
        due = [card for card in times if card in set(cards) and times[card] <= at]
        return due, [card for card in cards if card not in times]


def scheduler(card: str) -> fsrs.Scheduler:
    """Returns what plans this card's reviews."""
    spoken = card.startswith(question_card(""))
    return SCHEDULER if spoken else KATA_SCHEDULER


def utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def question_card(question: str) -> str:
    """Returns the card of a spoken question such as "G01"."""
    return f"question:{question}"


def family_card(family: str) -> str:
    """Returns the card of a family of mistakes, such as "mask"."""
    return f"family:{family}"


def kata_card(kata: str) -> str:
    """Returns the card of a kata such as "losses/focal_loss"."""
    return f"kata:{kata}"
