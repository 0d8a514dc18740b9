"""Lays the days up to an interview, as if all went as planned. Pure: no clock, no record.

A day has what is due before what is new, and it takes at most half of the time until the rest
has its place: a round of debugging of each kata that comes back, then the questions of what was
written the day before, new katas in the order of `content.order`, and further questions. The
last two evenings hold a mock interview, the last one nothing new.
"""

import dataclasses
import datetime
import enum
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from dojo import layout
from dojo.content.document import Document, Kata, Question, rarity
from dojo.content.order import FIELD, katas_in_order, questions_in_order
from dojo.record.goal import Goal
from dojo.record.pace import Pace, pace
from dojo.sitting.interview_plan import SPOKEN, InterviewOptions, is_possible, repair_minutes

# What is written anew leaves two fifths of a day for questions, and for what comes back: without
# them a week would end with a dozen katas and nothing said about any.
SHARE_OF_NEW = 0.6
# The first day may run over by a tenth: so an hour holds the three of the field.
OVER = 1.1
# Days until fsrs asks again for what is answered well, the first time and the next.
QUESTION_BACK, KATA_BACK = (1, 7, 32), (2, 11, 46)
MOCK, LEAST_MOCK = 45, 20
# What was said well once is said in half the time.
AGAIN = 0.5
# Nothing is on record.
NO_PACE = pace(())
# On the day itself one only wakes up what is known.
WARM_UP = 20


class Kind(enum.StrEnum):
    """What there is to do."""

    WRITE = "write"
    SPEAK = "speak"
    DEBUG = "debug"
    MOCK = "mock interview"


@dataclasses.dataclass(frozen=True)
class Item:
    """One thing to do.

    Attributes:
        kind: What it is.
        about: The kata's path; ids of the questions; nothing for a mock interview.
        minutes: What it is likely to take this learner.
        why: In a few words.
        line: What to type.
    """

    kind: Kind
    about: tuple[str, ...]
    minutes: float
    why: str
    line: str

    @property
    def parts(self) -> int:
        """How many things it is, each done by itself."""
        return len(self.about) if self.kind is Kind.SPEAK else 1


@dataclasses.dataclass(frozen=True)
class Day:
    """One day, in the order in which to do it."""

    date: datetime.date
    items: Sequence[Item]

    @property
    def minutes(self) -> float:
        """What all of it is likely to take."""
        return sum(item.minutes for item in self.items)

    def between(self, spread: float) -> tuple[float, float]:
        """Returns between how many minutes it is in two days of three.

        Args:
            spread: Of the learner's pace: what runs over and what is quick even out.
        """
        typed = [item.minutes for item in self.items if item.kind in (Kind.WRITE, Kind.DEBUG)]
        size = math.hypot(*typed)
        return self.minutes - size * (1 - 1 / spread), self.minutes + size * (spread - 1)


@dataclasses.dataclass(frozen=True)
class Learner:
    """What the record says of the learner.

    Attributes:
        solved: Paths of katas that were ever solved.
        tried: Paths of those that were begun, and are not solved.
        katas_due: Kata to the day it comes back.
        questions_due: Question to the day it comes back.
        pace: Their time as a factor on the boxes.
        speech: The same for spoken questions.
    """

    solved: Collection[str] = ()
    tried: Collection[str] = ()
    katas_due: Mapping[str, datetime.date] = dataclasses.field(default_factory=dict)
    questions_due: Mapping[str, datetime.date] = dataclasses.field(default_factory=dict)
    pace: Pace = NO_PACE
    speech: float = 1.0


def lay(goal: Goal, document: Document, known: Learner, today: datetime.date) -> list[Day]:
    """Returns the days from `today` to the interview's, without those that hold nothing.

    Args:
        goal: What for; its day is not before `today`.
        document: What there is to learn.
        known: What the record says.
        today: The first day that can be used.
    """
    dates = _working_days(goal, today)
    # Which katas find a place is known only then: the questions of the others need not wait.
    first = _Course(goal, document, known, dates, {kata.path for kata in document.katas})
    for date in dates:
        first.day(date)
    course = _Course(goal, document, known, dates, first.written.keys())
    return [day for day in map(course.day, dates) if day.items]


def left_out(
    goal: Goal, document: Document, known: Learner, days: Sequence[Day]
) -> tuple[list[Kata], list[Question]]:
    """Returns what is new and fits into none of these days, in the order of what you would lose."""
    course = _Course(goal, document, known, (), ())
    planned = {name for day in days for item in day.items for name in item.about}
    return (
        [kata for kata in course.unsolved if kata.path not in planned],
        [question for question in course.unasked if question.id not in planned],
    )


def _working_days(goal: Goal, today: datetime.date) -> list[datetime.date]:
    ahead = (goal.date - today).days
    dates = (today + datetime.timedelta(days=n) for n in range(ahead + 1))
    return [date for date in dates if not goal.is_off(date)]


class _Sheet:
    """A day that is being filled.

    Attributes:
        room: Minutes that are left.
        due, new: Questions to ask again, and for the first time.
    """

    def __init__(self, room: float) -> None:
        self.room = room
        self.due: list[Question] = []
        self.new: list[Question] = []
        self._items: list[Item] = []

    def add(self, items: Iterable[Item]) -> list[Item]:
        """Takes what else there is to do, and returns it."""
        added = list(items)
        self._items += added
        self.room -= sum(item.minutes for item in added)
        return added

    def in_order(self, spoken: Iterable[Item], first: bool) -> list[Item]:
        """Returns all of it: the questions at the beginning, or after what is written."""
        kinds = [Kind.DEBUG, Kind.WRITE, Kind.SPEAK, Kind.MOCK]
        if first:
            kinds.insert(0, kinds.pop(2))
        return sorted([*self._items, *spoken], key=lambda item: kinds.index(item.kind))


class _Course:
    """The learner as they will be: each day changes what is known, and what is due when."""

    def __init__(
        self,
        goal: Goal,
        document: Document,
        known: Learner,
        dates: Sequence[datetime.date],
        expected: Collection[str],
    ) -> None:
        """
        Args:
            goal, document, known: As of `lay`.
            dates: The days to fill.
            expected: Katas that are taken to be written: their questions wait for them.
        """
        self.goal, self.known, self.dates = goal, known, dates
        self._document = document
        self._expected = expected
        katas = [kata for kata in document.katas if goal.track in ("", kata.track)]
        questions = [q for q in document.questions if goal.track in ("", q.track)]
        self._katas = {kata.path: kata for kata in katas}
        self._questions = {question.id: question for question in questions}
        fresh = [k for k in katas_in_order(katas, goal.level) if k.path not in known.solved]
        # What was begun is nearly done.
        self.unsolved = sorted(fresh, key=lambda kata: kata.path not in known.tried)
        self.unasked = [
            q for q in questions_in_order(questions, goal.level) if q.id not in known.questions_due
        ]
        self._kata_due = {k: at for k, at in known.katas_due.items() if k in self._katas}
        self._question_due = {
            q: at for q, at in known.questions_due.items() if q in self._questions
        }
        self._times: dict[str, int] = {}
        self.written: dict[str, datetime.date] = {}

    def day(self, date: datetime.date) -> Day:
        """Fills one day."""
        if date == self.goal.date:
            return self._morning(date)
        new = not self._is_last(date) or self._begins(date)
        sheet = _Sheet(self._room(date))
        sheet.add(self._mock(date))
        long = sheet.add(self._long(date, sheet.room)) if new else []
        self._say(sheet, due=self._due(date, min(sheet.room, self.goal.minutes / 2)))
        self._say(sheet, new=self._ask(date, sheet.room, self._ripe(date)) if new else [])
        sheet.add(self._rounds(date, sheet.room))
        if new and not long:
            sheet.add(self._write(date, sheet.room))
        self._say(sheet, due=self._due(date, sheet.room))
        # What is known, or was written the day before, warms up for what is written today.
        first = bool(sheet.due or sheet.new)
        self._say(sheet, new=self._ask(date, sheet.room, self._by_need(date)) if new else [])
        return Day(date, sheet.in_order(self._spoken(sheet.due, sheet.new), first))

    def _morning(self, date: datetime.date) -> Day:
        """The interview's own day."""
        due = list(self._due(date, min(WARM_UP, self.goal.minutes)))
        return Day(date, list(self._spoken(due, [])))

    def _say(
        self, sheet: _Sheet, due: Iterable[Question] = (), new: Sequence[Question] = ()
    ) -> None:
        due = list(due)
        sheet.due += due
        sheet.new += new
        sheet.room -= self._speech(due, AGAIN) + self._speech(new)

    def _room(self, date: datetime.date) -> float:
        field = any(kata.path in FIELD for kata in self.unsolved)
        return self.goal.minutes * (OVER if field and self._begins(date) else 1)

    def _begins(self, date: datetime.date) -> bool:
        """Whether the plan, not only what is left of it, begins on that day."""
        # A clock that was set back has it begin in the future.
        return date == self.dates[0] and (self.goal.begun is None or self.goal.begun >= date)

    def _is_last(self, date: datetime.date) -> bool:
        return date == self._evenings[-1] if self._evenings else False

    @property
    def _evenings(self) -> Sequence[datetime.date]:
        """The last two on which one can work before the interview."""
        return [date for date in self.dates if date < self.goal.date][-2:]

    def _mock(self, date: datetime.date) -> list[Item]:
        minutes = min(MOCK, int(self.goal.minutes // 5 * 5))
        if date not in self._evenings or minutes < LEAST_MOCK:
            return []
        if self._begins(date) and self.goal.minutes - self._the_field < minutes:
            return []
        last = self._is_last(date)
        kinds = [kind for kind in ("mixed", "classic")[not last :] if self._holds(minutes, kind)]
        if not kinds:
            return []
        kind = " --format mixed" if kinds[0] == "mixed" else ""
        track = f" --track {self.goal.track}" if self.goal.track else ""
        line = f"nox -s interview -- --minutes {minutes} --level {self.goal.level}{track}{kind}"
        why = "the last evening" if last else "the last evening but one"
        return [Item(Kind.MOCK, (), minutes, why, line)]

    @property
    def _the_field(self) -> float:
        """Minutes that the three of the field still take."""
        return sum(self._likely(kata) for kata in self.unsolved if kata.path in FIELD)

    def _holds(self, minutes: int, kind: str) -> bool:
        """Whether an interview of that format has a kata to put."""
        goal = self.goal
        options = InterviewOptions(minutes, goal.track, goal.level, layout.KATAS, kind)
        solved = {*self.known.solved, *self.written}
        return is_possible(self._document, options, solved)

    def _due(self, date: datetime.date, room: float) -> Iterator[Question]:
        due = [self._questions[q] for q, at in self._question_due.items() if at <= date]
        due.sort(key=lambda q: (rarity(q), self._question_due[q.id], q.id))
        for question in due:
            if (room := room - self._speech([question], AGAIN)) >= 0:
                yield self._asked(question, date)

    def _rounds(self, date: datetime.date, room: float) -> Iterator[Item]:
        due = sorted((at, path) for path, at in self._kata_due.items() if at <= date)
        for _, path in due:
            kata = self._katas[path]
            item = self._again(kata, self._since(date, path))
            if item.minutes <= room:
                room -= item.minutes
                self._kata_due[path] = self._next(path, date, KATA_BACK)
                yield item

    def _since(self, date: datetime.date, path: str) -> str:
        days = (date - self.written[path]).days if path in self.written else 0
        return f"written {days} days before" if days else "due"

    def _again(self, kata: Kata, why: str) -> Item:
        if kata.track == layout.REPAIR:
            return self._writing(kata, why)
        minutes = self.known.pace.likely(repair_minutes(kata))
        return Item(Kind.DEBUG, (kata.path,), minutes, why, f"nox -s debug -- {kata.name}")

    def _long(self, date: datetime.date, room: float) -> Iterator[Item]:
        """What comes next, if it takes more than its share: it gets a day of its own."""
        kata = next(filter(self._is_ready, self._possible()), None)
        if kata is None or self._fits(kata, self.goal.minutes * SHARE_OF_NEW):
            return
        alone = kata.path in FIELD and room >= self.goal.minutes
        if self._fits(kata, room) or alone:
            yield self._written_on(date, kata)

    def _write(self, date: datetime.date, room: float) -> Iterator[Item]:
        share = min(room, SHARE_OF_NEW * self.goal.minutes)
        possible = self._possible()
        # What was begun and waits for another does not say what is next.
        rank = next((rarity(kata) for kata in possible if self._is_ready(kata)), 0)
        for kata in possible:
            fits = self._fits(kata, room if kata.path in FIELD else share)
            if fits and self._is_ready(kata) and rarity(kata) == rank:
                room, share = room - self._likely(kata), share - self._likely(kata)
                yield self._written_on(date, kata)

    def _possible(self) -> list[Kata]:
        """What some day is long enough for, as for all that it builds on."""
        left = {kata.path: kata for kata in self.unsolved}

        def is_possible(kata: Kata) -> bool:
            fits = kata.path in FIELD or self._fits(kata, self.goal.minutes)
            return fits and all(is_possible(left[path]) for path in kata.after if path in left)

        return list(filter(is_possible, self.unsolved))

    def _fits(self, kata: Kata, room: float) -> bool:
        return self._likely(kata) <= room

    def _written_on(self, date: datetime.date, kata: Kata) -> Item:
        self.unsolved.remove(kata)
        self.written[kata.path] = date
        self._kata_due[kata.path] = self._next(kata.path, date, KATA_BACK)
        return self._writing(kata, self._reason(kata))

    def _is_ready(self, kata: Kata) -> bool:
        return not {other.path for other in self.unsolved} & set(kata.after)

    def _reason(self, kata: Kata) -> str:
        if kata.path in self.known.tried:
            return "begun, not solved yet"
        return f"asked {kata.asked}"

    def _writing(self, kata: Kata, why: str) -> Item:
        line = f"nox -s practice -- {kata.name}"
        return Item(Kind.WRITE, (kata.path,), self._likely(kata), why, line)

    def _ask(self, date: datetime.date, room: float, wanted: Sequence[Question]) -> list[Question]:
        """The new questions that fit; of what is not asked often no more than a day's share."""
        evenings = [day for day in self.dates if date <= day < self.goal.date]
        share = math.ceil(len(self.unasked) / max(1, len(evenings) - 1))
        found: list[Question] = []
        for question in wanted:
            within = len(found) < share or question.asked == layout.ASKED[0]
            if within and self._speech([*found, question]) <= room:
                self.unasked.remove(question)
                found.append(self._asked(question, date))
        return found

    def _ripe(self, date: datetime.date) -> list[Question]:
        """New questions on what was written before that day; rare ones can wait."""
        return [
            question
            for question in self.unasked
            if question.kata in self.known.solved or self.written.get(question.kata, date) < date
            if question.asked != layout.ASKED[-1]
        ]

    def _by_need(self, date: datetime.date) -> list[Question]:
        """New questions: those of the field's three with their katas, then by rarity."""

        def is_field(question: Question) -> bool:
            return question.kata in FIELD and question.kata in self.written

        def waits(question: Question) -> bool:
            path = question.kata
            expected = path in self._expected and path not in self.known.solved
            return expected and self.written.get(path, date) >= date and not is_field(question)

        ready = [question for question in self.unasked if not waits(question)]
        return sorted(ready, key=lambda question: (not is_field(question), rarity(question)))

    def _asked(self, question: Question, date: datetime.date) -> Question:
        self._question_due[question.id] = self._next(question.id, date, QUESTION_BACK)
        return question

    def _next(self, name: str, date: datetime.date, back: Sequence[int]) -> datetime.date:
        """When it comes back; of one that was known before the second interval is the guess."""
        known = name in self._kata_due or name in self._question_due
        times = self._times.setdefault(name, 1 if known else 0)
        self._times[name] += 1
        return date + datetime.timedelta(days=back[min(times, len(back) - 1)])

    def _spoken(self, due: Sequence[Question], new: Sequence[Question]) -> Iterator[Item]:
        if due or new:
            counts = {"due": len(due), "new": len(new)}
            why = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
            ids = tuple(question.id for question in (*due, *new))
            minutes = self._speech(due, AGAIN) + self._speech(new)
            yield Item(Kind.SPEAK, ids, minutes, why, "nox -s rehearse")

    def _likely(self, kata: Kata) -> float:
        return self.known.pace.likely(kata.minutes)

    def _speech(self, questions: Sequence[Question], share: float = 1.0) -> float:
        return self.known.speech * share * sum(SPOKEN[question.level] for question in questions)
