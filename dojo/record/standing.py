"""What the learner can do now, as far as the record tells.

A question counts by its last rating, a kata by its last attempt that came to an end. What was
last rated again, not solved, or solved with hints counts as not known; what was never asked, or
never against the clock, is not guessed. Of all else the chance is

    question   that it is recalled: fsrs' retrievability
    kata       the same, times the chance that a time like the last, with the learner's own
               spread, fits into the box
"""

import dataclasses
import datetime
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

import fsrs

from dojo import layout
from dojo.content.document import Document, Kata, Question
from dojo.record.attempts import SOLVED, Attempts, Entry
from dojo.record.database import Database
from dojo.record.deck import Deck, kata_card, question_card, retrievability
from dojo.record.pace import Pace, in_own_boxes, pace

AGAIN = 1
# The range that is told holds at least four fifths of all cases.
OUTSIDE = 0.1


@dataclasses.dataclass(frozen=True)
class Known:
    """The record up to one moment.

    Attributes:
        ended: Kata to its last attempt that came to an end, with the kata's own box.
        cards: Card to its state.
        ratings: Card to its last rating.
        pace: How long new katas take.
    """

    ended: Mapping[str, Entry]
    cards: Mapping[str, fsrs.Card]
    ratings: Mapping[str, int]
    pace: Pace


@dataclasses.dataclass(frozen=True)
class Standing:
    """How many of some katas or questions the learner can do.

    Attributes:
        chances: Of each one on record; 0 of what last went wrong.
        total: How many there are, also those not on record.
    """

    chances: Sequence[float]
    total: int

    @property
    def expected(self) -> float:
        return sum(self.chances)

    @property
    def failed(self) -> int:
        """How many last went wrong."""
        return sum(chance == 0 for chance in self.chances)

    @property
    def new(self) -> int:
        """How many the record says nothing of."""
        return self.total - len(self.chances)

    def range(self) -> tuple[int, int]:
        """Returns the numbers between which it lies four times in five, each by itself."""
        below = list(itertools.accumulate(distribution(self.chances)))
        low = next(number for number, share in enumerate(below) if share > OUTSIDE)
        # Sums of floats end a little below 1.
        enough = 1 - OUTSIDE - 1e-12
        return low, next(number for number, share in enumerate(below) if share >= enough)


def distribution(chances: Sequence[float]) -> list[float]:
    """Returns how likely each number of successes is, from none to all (Poisson-binomial)."""
    shares = [1.0]
    for chance in chances:
        failing = [share * (1 - chance) for share in [*shares, 0.0]]
        shares = [a + chance * b for a, b in zip(failing, [0.0, *shares], strict=True)]
    return shares


def standing(
    items: Sequence[Kata] | Sequence[Question], known: Known, at: datetime.datetime
) -> Standing:
    """Returns where the learner stands in these katas, or questions."""
    found = [chance_of(item, known, at) for item in items]
    return Standing([chance for chance in found if chance is not None], len(items))


def chance_of(item: Kata | Question, known: Known, at: datetime.datetime) -> float | None:
    """Returns the chance that it goes well now; None where nothing is on record."""
    return _of_kata(item, known, at) if isinstance(item, Kata) else _of_question(item, known, at)


def fits(entry: Entry, mine: Pace) -> float:
    """Returns the chance that a time like this attempt's fits into its box."""
    return dataclasses.replace(mine, ratio=max(entry.seconds, 1.0) / entry.box).chance(1.0)


def often_asked(document: Document, level: str = "", track: str = "") -> Document:
    """Returns what interviews ask often, up to a level and of a track; "" for all of them."""
    levels = layout.LEVELS[: layout.LEVELS.index(level) + 1] if level else layout.LEVELS

    def counts(item: Kata | Question) -> bool:
        return item.asked == "often" and item.level in levels and track in ("", item.track)

    return Document(
        [kata for kata in document.katas if counts(kata)],
        [question for question in document.questions if counts(question)],
    )


def known_now(database: Database, document: Document) -> Known:
    """Reads what is known today; of a long record only what that needs."""
    attempts, deck = Attempts(database), Deck(database)
    boxes = boxes_of(document)
    last = [entry for kata in boxes if (entry := attempts.last_ended(kata)) is not None]
    cards = deck.cards()
    return Known(
        {entry.kata: entry for entry in in_own_boxes(last, boxes)},
        cards,
        {card: deck.last_rating(card) for card in cards},
        own_pace(database, document),
    )


def own_pace(database: Database, document: Document) -> Pace:
    """Returns how long new katas take this learner, by the record up to now."""
    attempts, boxes = Attempts(database), boxes_of(document)
    first = [entry for kata in boxes for entry in _until_ended(attempts.of(kata))]
    return pace(in_own_boxes(first, boxes))


def known_at(
    database: Database,
    document: Document,
    counting: Document,
    moments: Sequence[datetime.datetime],
) -> Iterator[Known]:
    """Yields what was known at each moment, from the record up to then.

    Args:
        database: The record.
        document: All katas: the pace rests on them.
        counting: Of these katas and questions only it is told how well they are known.
        moments: In ascending order.
    """
    attempts, deck, boxes = Attempts(database), Deck(database), boxes_of(document)
    first = [entry for kata in boxes for entry in _until_ended(attempts.of(kata))]
    mine = [entry for kata in counting.katas for entry in attempts.of(kata.path) if entry.ended]
    coming = deque(sorted(in_own_boxes(mine, boxes), key=lambda entry: entry.started))
    rated = [review for card in cards_of(counting) for review in deck.reviews(card)]
    reviews = deque(sorted(rated, key=lambda review: review.at))
    ended: dict[str, Entry] = {}
    cards: dict[str, fsrs.Card] = {}
    ratings: dict[str, int] = {}
    for moment in moments:
        now = moment.timestamp()
        while coming and coming[0].started <= now:
            entry = coming.popleft()
            ended[entry.kata] = entry
        while reviews and reviews[0].at <= moment:
            review = reviews.popleft()
            cards[review.card] = review.after(cards.get(review.card))
            ratings[review.card] = review.rating
        begun = [entry for entry in first if entry.started <= now]
        yield Known(dict(ended), dict(cards), dict(ratings), pace(in_own_boxes(begun, boxes)))


def cards_of(document: Document) -> list[str]:
    """Returns the card of each kata and each question."""
    katas = [kata_card(kata.path) for kata in document.katas]
    return katas + [question_card(question.id) for question in document.questions]


def boxes_of(document: Document) -> dict[str, float]:
    """Returns kata to the minutes of its own box."""
    return {kata.path: kata.minutes for kata in document.katas}


def _of_kata(kata: Kata, known: Known, at: datetime.datetime) -> float | None:
    entry, card = known.ended.get(kata.path), known.cards.get(kata_card(kata.path))
    if entry is None:
        return None
    # Solved without a card: the disk was full, and nothing says how well it is kept.
    if entry.outcome != SOLVED or entry.hints or card is None:
        return 0.0
    return retrievability(kata_card(kata.path), card, at) * fits(entry, known.pace)


def _of_question(question: Question, known: Known, at: datetime.datetime) -> float | None:
    name = question_card(question.id)
    if name not in known.cards:
        return None
    if known.ratings[name] == AGAIN:
        return 0.0
    return retrievability(name, known.cards[name], at)


def _until_ended(attempts: Iterable[Entry]) -> Iterator[Entry]:
    """The attempts at one kata up to the first that ended; no more are read."""
    for entry in attempts:
        yield entry
        if entry.ended:
            return
