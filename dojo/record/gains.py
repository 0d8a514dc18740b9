"""What would raise the number of things the learner can do most, for the minutes it takes."""

import dataclasses
import datetime
import statistics
from collections.abc import Sequence

from dojo import layout
from dojo.content.document import Document, Kata, Question
from dojo.content.order import questions_in_order
from dojo.record.attempts import SOLVED, Entry
from dojo.record.deck import Review, kata_card, question_card
from dojo.record.standing import AGAIN, Known, chance_of, fits
from dojo.words import counted, minutes_and_seconds

# Questions that are proposed at a time.
AT_A_TIME = 5
# Minutes until one sits and has begun: five questions at once are better than one.
TO_BEGIN = 1.0
# Minutes for a question before there is a record: two to say it, one to read the points.
PRIOR_MINUTES = 3.0


@dataclasses.dataclass(frozen=True)
class Step:
    """Something to do.

    Attributes:
        command: What to paste.
        reason: Why, by the record.
        gain: How many more things the learner can do afterwards, expected.
        minutes: How long it takes, expected.
    """

    command: str
    reason: str
    gain: float
    minutes: float

    @property
    def worth(self) -> tuple[float, float]:
        """What is better is larger: the gain for a minute, then in all."""
        return self.gain / (TO_BEGIN + self.minutes), self.gain


class Gains:
    """What each practice would bring, at one moment."""

    def __init__(
        self,
        document: Document,
        counting: Document,
        known: Known,
        lately: Sequence[Review],
        at: datetime.datetime,
    ) -> None:
        """
        Args:
            document: All katas and questions: rehearsal asks what does not count, too.
            counting: Those that count.
            known: The record.
            lately: The newest ratings of questions.
            at: The moment.
        """
        self.document = document
        self.counting = counting
        self.known = known
        self.at = at
        recalled = sum(review.rating != AGAIN for review in lately)
        # Before the first rating one in two.
        self.recalled = (recalled + 1) / (len(lately) + 2)
        seconds = [review.seconds for review in lately]
        self.minutes = statistics.median(seconds) / 60 if seconds else PRIOR_MINUTES

    def best(self, count: int = 3) -> list[Step]:
        """Returns the best first: one of each kind, then more of any, so many as gain something.

        The kinds are a kata again, a new one, and questions.
        """
        tried, tracks, levels = self.known.ended, layout.TRACKS, layout.LEVELS
        kinds = [
            [self._again(kata) for kata in self.counting.katas if kata.path in tried],
            [self._new(kata) for kata in self.counting.katas if kata.path not in tried],
            [self._aloud(track, level) for track in tracks for level in levels],
        ]
        ranked = [sorted(kind, key=lambda step: step.worth, reverse=True) for kind in kinds]
        more = sorted((s for kind in ranked for s in kind[1:]), key=lambda s: s.worth, reverse=True)
        chosen = [step for step in [*(k[0] for k in ranked if k), *more] if step.gain > 0][:count]
        return sorted(chosen, key=lambda step: step.worth, reverse=True)

    def _new(self, kata: Kata) -> Step:
        """A kata without a time on record goes by the learner's pace."""
        mine = self.known.pace
        reason = f"its time is not on record yet; {_about(mine.likely(kata.minutes))}"
        return Step(_practice(kata), reason, mine.chance(1.0), mine.likely(kata.minutes))

    def _again(self, kata: Kata) -> Step:
        """It goes as a new one would, or as it went when it was solved unaided."""
        entry, mine = self.known.ended[kata.path], self.known.pace
        unaided = entry.outcome == SOLVED and not entry.hints
        after = max(mine.chance(1.0), fits(entry, mine) if unaided else 0.0)
        minutes = entry.seconds / 60 if entry.outcome == SOLVED else mine.likely(kata.minutes)
        gain = after - (chance_of(kata, self.known, self.at) or 0.0)
        card = self.known.cards.get(kata_card(kata.path))
        due = "; due for review" if card is not None and card.due <= self.at else ""
        reason = f"{self._how(entry)}{due}; {_about(minutes)}"
        return Step(_practice(kata), reason, gain, minutes)

    def _how(self, entry: Entry) -> str:
        """How an attempt went: "time up after 20:00 of 20:00, 3 days ago"."""
        word = entry.outcome + (f" with {counted(entry.hints, 'hint')}" if entry.hints else "")
        word += " in" if entry.outcome == SOLVED else " after"
        spent, box = minutes_and_seconds(entry.seconds), minutes_and_seconds(entry.box)
        days = (self.at - datetime.datetime.fromtimestamp(entry.started, datetime.UTC)).days
        ago = f"{counted(days, 'day')} ago" if days > 0 else "today"
        return f"{word} {spent} of {box}, {ago}"

    def _aloud(self, track: str, level: str) -> Step:
        """What rehearsal asks first: what is due, longest first, then new, often asked first."""
        due, new = self._waiting(track, level)
        asked = [*due, *new][:AT_A_TIME]
        counting = {question.id for question in self.counting.questions}
        gain = sum(self._gain(question) for question in asked if question.id in counting)
        first_time = sum(question in new for question in asked)
        facts = [f"{len(asked) - first_time} due"] if len(asked) > first_time else []
        facts += [f"{first_time} never asked"] if first_time else []
        minutes = len(asked) * self.minutes
        command = f"python -m dojo rehearse --track {track} --level {level} --count {AT_A_TIME}"
        return Step(command, f"{', '.join(facts)}; {_about(minutes)}", gain, minutes)

    def _waiting(self, track: str, level: str) -> tuple[list[Question], list[Question]]:
        cards = self.known.cards
        mine = {
            question_card(q.id): q
            for q in self.document.questions
            if (q.track, q.level) == (track, level)
        }
        due = sorted((cards[c].due, c) for c in mine if c in cards and cards[c].due <= self.at)
        new = [question for card, question in mine.items() if card not in cards]
        return [mine[card] for _, card in due], questions_in_order(new)

    def _gain(self, question: Question) -> float:
        """What is known is refreshed; the rest is recalled as often as others were."""
        chance = chance_of(question, self.known, self.at)
        return 1 - chance if chance else self.recalled


def _practice(kata: Kata) -> str:
    return f"python -m dojo practice {kata.name}"


def _about(minutes: float) -> str:
    return f"about {counted(max(1, round(minutes)), 'minute')}"
