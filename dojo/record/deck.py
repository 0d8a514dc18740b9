"""Spaced repetition (fsrs) over the record: spoken questions, katas, families of mistakes.

Card ids are `question:G01`, `kata:losses/focal_loss` and `family:mask`.
"""

import dataclasses
import datetime
from collections.abc import Iterable

import fsrs

from dojo.record.database import Database

RATINGS = {1: "again", 2: "hard", 3: "good", 4: "easy"}

# Without the random spread of due dates: the same ratings give the same plan.
SCHEDULER = fsrs.Scheduler(enable_fuzzing=False)
# Nobody sits a kata twice within ten minutes: it skips the steps of first learning.
KATA_SCHEDULER = fsrs.Scheduler(enable_fuzzing=False, learning_steps=(), relearning_steps=())


@dataclasses.dataclass(frozen=True)
class Review:
    """One rating of a card: which, when, 1 again to 4 easy, and how long it took."""

    card: str
    at: datetime.datetime
    rating: int
    seconds: float

    def after(self, before: fsrs.Card | None) -> fsrs.Card:
        """Returns the card's state after it; None is a card never rated."""
        known = before or fsrs.Card(card_id=0, due=self.at)
        return scheduler(self.card).review_card(known, fsrs.Rating(self.rating), self.at)[0]


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
            known = fsrs.Card.from_json(row["state"]) if row else None
            rated = Review(card, now, rating, seconds).after(known)
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
        return {row["id"]: _instant(row["due"]) for row in rows}

    def cards(self) -> dict[str, fsrs.Card]:
        """Returns each known card as fsrs left it."""
        rows = self._database.db.execute("SELECT id, state FROM cards")
        return {row["id"]: fsrs.Card.from_json(row["state"]) for row in rows}

    def reviews(self, card: str) -> list[Review]:
        """Returns every rating of a card, oldest first."""
        return self._reviews("WHERE card = ? ORDER BY at, id", card)

    def lately(self, count: int = 50) -> list[Review]:
        """Returns the ratings of questions that were written last, newest first."""
        like = f"{question_card('')}%"
        return self._reviews("WHERE card LIKE ? ORDER BY id DESC LIMIT ?", like, count)

    def _reviews(self, which: str, *values: object) -> list[Review]:
        query = f"SELECT card, at, rating, seconds FROM reviews {which}"
        rows = self._database.db.execute(query, values)
        return [Review(card, _instant(at), rating, s) for card, at, rating, s in rows]

    def last_rating(self, card: str) -> int:
        """Returns the newest rating of a card; 0 for one never rated."""
        query = "SELECT rating FROM reviews WHERE card = ? ORDER BY at DESC, id DESC LIMIT 1"
        row = self._database.db.execute(query, (card,)).fetchone()
        return 0 if row is None else int(row["rating"])

    def in_order(self, cards: Iterable[str], at: datetime.datetime) -> tuple[list[str], list[str]]:
        """Returns the cards that are due, longest first, and those never seen, as given."""
        cards, times = list(cards), self.due_times()
        due = [card for card in times if card in set(cards) and times[card] <= at]
        return due, [card for card in cards if card not in times]


def _instant(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, datetime.UTC)


def scheduler(card: str) -> fsrs.Scheduler:
    """Returns what plans this card's reviews."""
    spoken = card.startswith(question_card(""))
    return SCHEDULER if spoken else KATA_SCHEDULER


def retrievability(card: str, state: fsrs.Card, at: datetime.datetime) -> float:
    """Returns the chance that what a card asks is recalled, by fsrs' forgetting curve."""
    return scheduler(card).get_card_retrievability(state, at)


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
