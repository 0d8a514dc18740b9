"""What there is to do today: the plan of the goal on record, and how far it is done.

A day's plan is laid once, when it is first looked at, and then stays; what a day before it
had and was not done has slipped, and the rest is laid anew around it.
"""

import contextlib
import dataclasses
import datetime
import time
from collections.abc import Mapping, Sequence
from typing import Any

from dojo.content.document import Document
from dojo.record.database import Database, DatabaseError
from dojo.record.goal import FARTHEST, Agendas, Goal, Goals, Laid, NoGoal, day_of
from dojo.record.log import Answer, Log, last_answers, read_log
from dojo.record.standing import own_pace
from dojo.sitting.interview_plan import SPOKEN
from dojo.sitting.planner import AGAIN, KATA_BACK, Day, Item, Kind, Learner, lay

# In a week, or on a day like 2026-12-06.
NEW = "nox -s plan -- --date +7"
# A speed of speech rests on a few answers; until then it is ours.
ANSWERS_OF_PRIOR = 10


@dataclasses.dataclass(frozen=True)
class AgendaItem:
    """One item of today, and how far it is done.

    Attributes:
        item: What there is to do.
        done: How many of `item.parts` are done.
        begun: Whether a kata was tried today.
    """

    item: Item
    done: int
    begun: bool

    @property
    def is_done(self) -> bool:
        return self.done >= self.item.parts


@dataclasses.dataclass(frozen=True)
class Agenda:
    """Today, seen from the plan.

    Attributes:
        goal: What is prepared for.
        today: The day.
        days: Those from today on with something to do, as laid today.
        entries: What today holds, in the order in which to do it.
        slipped: What the days before had, and was not done.
        log: What was done last, and when.
        learner: What the record says of them.
    """

    goal: Goal
    today: datetime.date
    days: Sequence[Day]
    entries: Sequence[AgendaItem]
    slipped: Sequence[Item]
    log: Log
    learner: Learner

    @property
    def is_before(self) -> bool:
        """Whether there is a day left before the interview's."""
        return self.today < self.goal.date

    @property
    def katas(self) -> list[str]:
        """Paths of the katas of today that are still to write."""
        return [item.about[0] for item in self._open if item.kind is Kind.WRITE]

    @property
    def questions(self) -> list[str]:
        """Ids of the questions of today that are still to ask."""
        spoken = [q for item in self._open if item.kind is Kind.SPEAK for q in item.about]
        return [q for q in spoken if not _since(self.log.asked.get(q), self.today)]

    @property
    def _open(self) -> list[Item]:
        return [entry.item for entry in self.entries if not entry.is_done]


def read_agenda(database: Database, document: Document, now: float) -> Agenda:
    """Returns today's agenda; the first look of a day lays it, and all days to come, anew.

    Args:
        database: The record.
        document: What there is to learn.
        now: Seconds since 1970.

    Raises:
        NoGoal: If nothing is prepared for, or its day has passed or is too far.
        DatabaseError: If what is laid cannot be written.
    """
    today, goal = day_of(now), Goals(database).current()
    if goal is None:
        raise NoGoal(f"there is no plan yet: when is the interview? {NEW} --minutes 60 --level mid")
    if goal.date < today:
        raise NoGoal(f"the interview was on {spelled(goal.date)}; for the next one: {NEW}")
    if (goal.date - today).days > FARTHEST:
        raise NoGoal(
            f"today is {today} by this machine's clock, and the interview on {goal.date}, in more"
            f" than a year: set the clock right, or the day: {NEW}"
        )
    log = read_log(database, [kata.path for kata in document.katas])
    agendas = Agendas(database, goal)
    learner = _learner(database, document, log, today)
    if not any(laid.on == today for laid in _laid(agendas, document)):
        plan = lay(goal, document, learner, today)
        agendas.lay({day.date: list(map(_written, day.items)) for day in plan}, today)
    laid = agendas.all()
    days = [Day(one.day, _items(one)) for one in laid if one.day >= today]
    items = [item for day in days if day.date == today for item in day.items]
    entries = [_entry(item, log, today) for item in items]
    return Agenda(goal, today, days, entries, _slipped(laid, log, today), log, learner)


def agenda_if_any(database: Database, document: Document) -> Agenda | None:
    """Returns today's agenda, or None without a plan; a record that is full is no obstacle."""
    with contextlib.suppress(NoGoal, DatabaseError):
        return read_agenda(database, document, time.time())
    return None


def spelled(date: datetime.date) -> str:
    """Returns "Sun 6 Dec"."""
    return f"{date:%a} {date.day} {date:%b}"


def _learner(database: Database, document: Document, log: Log, today: datetime.date) -> Learner:
    return Learner(
        solved=set(log.solved),
        tried=log.begun.keys() - log.solved.keys(),
        katas_due={kata: _back(kata, log) for kata in log.solved},
        questions_due={
            q: _later(due, log.asked.get(q), today) for q, due in log.questions_due.items()
        },
        pace=own_pace(database, document),
        speech=speech(last_answers(database), document),
    )


def _back(kata: str, log: Log) -> datetime.date:
    """When a kata comes back: one that was solved without a clock has no card."""
    first, second = (datetime.timedelta(days=days) for days in KATA_BACK[:2])
    due = log.katas_due.get(kata, log.solved[kata] + first)
    played = log.rounds.get(kata)
    return due if played is None or played < due else played + second


def _later(due: datetime.date, last: datetime.date | None, today: datetime.date) -> datetime.date:
    """The first answer is due again within minutes: on another day is soon enough."""
    return max(due, today + datetime.timedelta(days=1)) if last == today else due


def speech(answers: Sequence[Answer], document: Document) -> float:
    """Returns how long spoken answers take this learner, as a factor on the time for them."""
    levels = {question.id: question.level for question in document.questions}
    boxes = [
        60 * SPOKEN[levels[answer.question]] * (1 if answer.first else AGAIN)
        for answer in answers
        if answer.question in levels
    ]
    taken = [answer.seconds for answer in answers if answer.question in levels]
    # What took four times its time was left open on the screen.
    spent = sum(min(seconds, 4 * box) for seconds, box in zip(taken, boxes, strict=True))
    prior = ANSWERS_OF_PRIOR * 60 * SPOKEN["mid"]
    return (prior + spent) / (prior + sum(boxes))


def _entry(item: Item, log: Log, since: datetime.date) -> AgendaItem:
    begun = item.kind is Kind.WRITE and _since(log.begun.get(item.about[0]), since)
    return AgendaItem(item, _done(item, log, since), begun)


def _done(item: Item, log: Log, since: datetime.date) -> int:
    """How many parts of it were done on that day or later."""
    if item.kind is Kind.MOCK:
        return _since(log.mock, since)
    days = {Kind.WRITE: log.solved, Kind.SPEAK: log.asked, Kind.DEBUG: log.rounds}[item.kind]
    return sum(_since(days.get(name), since) for name in item.about)


def _since(day: datetime.date | None, since: datetime.date) -> bool:
    return day is not None and day >= since


def _slipped(laid: Sequence[Laid], log: Log, today: datetime.date) -> list[Item]:
    """What the plan before today's had on the days that are gone."""
    gone = [one for one in laid if one.day < today]
    newest = max((one.on for one in gone), default=None)
    return [
        _left(item, log, one.day)
        for one in gone
        if one.on == newest
        for item in _items(one)
        if not _entry(item, log, one.day).is_done
    ]


def _left(item: Item, log: Log, since: datetime.date) -> Item:
    """The part of it that was not done from that day on."""
    if item.kind is not Kind.SPEAK:
        return item
    about = tuple(name for name in item.about if not _since(log.asked.get(name), since))
    return dataclasses.replace(
        item, about=about, minutes=item.minutes * len(about) / len(item.about)
    )


def _laid(agendas: Agendas, document: Document) -> list[Laid]:
    """What was planned; a plan that was damaged, or holds what there is no longer, is forgotten."""
    there_is = {kata.path for kata in document.katas} | {q.id for q in document.questions}
    with contextlib.suppress(ValueError, TypeError, KeyError):
        found = agendas.all()
        if {name for one in found for item in _items(one) for name in item.about} <= there_is:
            return found
    agendas.forget()
    return []


def _written(item: Item) -> Mapping[str, Any]:
    return dataclasses.asdict(item)


def _items(laid: Laid) -> list[Item]:
    return [
        Item(**{**item, "kind": Kind(item["kind"]), "about": tuple(item["about"])})
        for item in laid.items
    ]
