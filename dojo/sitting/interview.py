"""A mock interview: which katas and questions fill the time, and the report on them."""

import dataclasses
import datetime
import difflib
import itertools
import random
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from dojo import layout
from dojo.content import model_answer
from dojo.content.document import Document, Kata, Question
from dojo.errors import UsageError
from dojo.files import write_whole
from dojo.record import attempts
from dojo.record.attempts import Entry
from dojo.record.deck import RATINGS, utc_now
from dojo.sitting import debrief, paper
from dojo.sitting.clock import Clock
from dojo.words import from_now, minutes_and_seconds

# Minutes to answer aloud, by level.
SPOKEN = {"screen": 2, "mid": 3, "senior": 4, "staff": 5}
MOST_QUESTIONS = 6
# An interviewer leaves a quarter of the time for talk.
SHARE_OF_KATAS = 0.75

Part = Kata | Question


class TooShort(UsageError):
    """No kata fits what was asked for; the message says what would."""


@dataclasses.dataclass(frozen=True)
class InterviewOptions:
    """What the interview is to be; fields as the options of the command."""

    minutes: float
    track: str
    level: str
    tree: Path
    limit: float | None = None


def plan(
    document: Document,
    options: InterviewOptions,
    solved: set[str],
    due: Sequence[str],
    chance: random.Random,
) -> list[Part]:
    """Returns one or two katas and a few questions, in the order they are put.

    Args:
        document: What there is to choose from.
        options: A level asks for that level first, and for lower ones where none fits.
        solved: Katas that need no more practice than others.
        due: Ids of questions that are due for review.
        chance: Decides between equals.

    Raises:
        TooShort: If no kata fits.
    """
    katas = _katas([k for k in document.katas if _fits(k, options)], options, solved, chance)
    spare = options.minutes - sum(kata.minutes for kata in katas)
    taken = {kata.path for kata in katas}
    # A question on one of these katas would give its answer away.
    pool = [q for q in document.questions if _fits(q, options) and q.kata not in taken]
    asked = _questions(pool, options, spare, set(due), chance)
    half = 1 + (len(asked) - 1) // 2
    return [*asked[:1], katas[0], *asked[1:half], *katas[1:], *asked[half:]]


def _fits(part: Part, options: InterviewOptions) -> bool:
    return options.track in ("", part.track) and _distance(part, options) >= 0


def _distance(part: Part, options: InterviewOptions) -> int:
    """How many levels below the wanted one; negative above it."""
    ranks = layout.LEVELS
    return ranks.index(options.level) - ranks.index(part.level) if options.level else 0


def _katas(
    pool: Sequence[Kata], options: InterviewOptions, solved: set[str], chance: random.Random
) -> Sequence[Kata]:
    most = min(SHARE_OF_KATAS * options.minutes, options.minutes - SPOKEN["screen"])
    fitting = [
        group
        for size in (1, 2)
        for group in itertools.combinations(pool, size)
        if sum(kata.minutes for kata in group) <= most
    ]
    if not fitting:
        raise TooShort(_what_would_fit(pool, options))

    def badness(group: Sequence[Kata]) -> tuple[float, ...]:
        total = sum(kata.minutes for kata in group)
        return (
            sum(_distance(kata, options) for kata in group) / len(group),
            round(max(0.0, 0.5 * options.minutes - total)),
            len(group) - len({kata.track for kata in group}) if not options.track else 0,
            sum(kata.path in solved for kata in group),
        )

    best = min(map(badness, fitting))
    return chance.choice([group for group in fitting if badness(group) == best])


def _what_would_fit(pool: Sequence[Kata], options: InterviewOptions) -> str:
    kind = " ".join(["kata", *([f"of {options.track}"] if options.track else [])])
    level = f" up to level {options.level}" if options.level else ""
    if not pool:
        return f"there is no {kind}{level}"
    shortest = min(kata.minutes for kata in pool)
    enough = max(shortest / SHARE_OF_KATAS, shortest + SPOKEN["screen"])
    return (
        f"no {kind}{level} fits into {options.minutes:g} minutes; --minutes {-int(-enough // 1)} do"
    )


def _questions(
    pool: Sequence[Question],
    options: InterviewOptions,
    spare: float,
    due: set[str],
    chance: random.Random,
) -> list[Question]:
    order = {question.id: chance.random() for question in pool}
    asked: list[Question] = []
    for question in sorted(
        pool, key=lambda q: (_distance(q, options), q.id not in due, order[q.id])
    ):
        spent = sum(SPOKEN[q.level] for q in asked)
        if len(asked) < MOST_QUESTIONS and spent + SPOKEN[question.level] <= spare:
            asked.append(question)
    return asked


def minutes_of(part: Part) -> float:
    """Returns the time box of one part."""
    return part.minutes if isinstance(part, Kata) else SPOKEN[part.level]


@dataclasses.dataclass
class Answer:
    """One spoken answer, and what it was worth."""

    question: Question
    words: str
    seconds: float
    ticked: Sequence[int] = ()
    rating: int = 0
    due: datetime.datetime | None = None


@dataclasses.dataclass
class Trial:
    """One kata of the interview, as it ended."""

    entry: Entry
    due: datetime.datetime | None
    own: str


class Interview:
    """One sitting under way: its clock, what was done, and the report, written as it goes."""

    def __init__(
        self, options: InterviewOptions, parts: Sequence[Part], clock_: Clock | None = None
    ) -> None:
        self.options = options
        self.parts = parts
        self.clock = clock_ or Clock()
        self.clock.resume()
        self.started = datetime.datetime.now().astimezone()
        self.done: list[Answer | Trial] = []
        self.trouble = ""

    @property
    def left(self) -> float:
        """Seconds left in the whole sitting; reading it lets time pass."""
        self.clock.tick()
        return self.options.minutes * 60 - self.clock.spent

    @property
    def answers(self) -> list[Answer]:
        return [done for done in self.done if isinstance(done, Answer)]

    @property
    def trials(self) -> list[Trial]:
        return [done for done in self.done if isinstance(done, Trial)]

    def path(self) -> Path:
        """Returns where the report is kept."""
        name = f"{self.started:%Y-%m-%dT%H-%M-%S.%f}.md"
        return layout.state_folder() / "sessions" / name

    def save(self) -> None:
        """Writes the report as far as it goes; `trouble` says where it cannot."""
        try:
            self.path().parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path(), self.report().encode())
            self.trouble = ""
        except OSError as error:
            self.trouble = f"{layout.shown(self.path())} cannot be written: {error.strerror}"

    def report(self) -> str:
        """Returns the debrief as Markdown."""
        blocks = [self._head(), self._table(), *map(_trial, self.trials)]
        blocks += [_answer(answer) for answer in self.answers]
        return "\n\n".join(blocks) + "\n"

    def _head(self) -> str:
        facts = [f"{self.options.minutes:g} minutes"]
        facts += [word for word in (self.options.track, self.options.level) if word]
        used = minutes_and_seconds(self.clock.spent)
        title = f"# Mock interview, {self.started:%d %B %Y, %H:%M}"
        return f"{title}\n\n{', '.join(facts)}; {used} used."

    def _table(self) -> str:
        rows = ["| part | box | time | result |", "|---|---:|---:|---|"]
        rows += [self._row(part) for part in self.parts]
        return "\n".join(rows)

    def _row(self, part: Part) -> str:
        name = part.path if isinstance(part, Kata) else f"`{part.id}` {part.text}"
        done = next((done for done in self.done if _part_of(done) == _name(part)), None)
        spent, result = "", "not reached"
        if isinstance(done, Trial):
            spent, result = minutes_and_seconds(done.entry.seconds), done.entry.outcome
        elif done is not None:
            spent = minutes_and_seconds(done.seconds)
            result = _worth(done)
        return f"| {name} | {minutes_and_seconds(minutes_of(part) * 60)} | {spent} | {result} |"


def _worth(answer: Answer) -> str:
    if not answer.rating:
        return "answered"
    points = f"{len(answer.ticked)} of {len(answer.question.points)} points"
    return f"{points}, {RATINGS[answer.rating]}"


def _name(part: Part) -> str:
    return part.path if isinstance(part, Kata) else part.id


def _part_of(done: Answer | Trial) -> str:
    return done.entry.kata if isinstance(done, Trial) else done.question.id


def _trial(trial: Trial) -> str:
    entry = trial.entry
    lines = [f"## {entry.kata}", f"{debrief.headline(entry)}; {debrief.effort(entry)}."]
    if entry.causes:
        lines.append("Traps met:\n\n" + _bullets(map(debrief.trap, entry.causes)))
    if line := debrief.review(entry, trial.due):
        lines.append(line)
    if entry.outcome != attempts.RUNNING:
        model = paper.without_docstring(model_answer.source(entry.kata))
        own = paper.without_docstring(trial.own)
        diff = difflib.unified_diff(own, model, "yours", "model answer", lineterm="")
        text = "\n".join(diff)
        lines.append(f"```diff\n{text}\n```" if text else paper.SAME)
    return "\n\n".join(lines)


def _answer(answer: Answer) -> str:
    question = answer.question
    lines = [f"## {question.text}"]
    if answer.words:
        lines.append(f"You noted: {answer.words}")
    if answer.rating:
        points = enumerate(question.points, 1)
        ticks = [f"[{'x' if i in answer.ticked else ' '}] {point}" for i, point in points]
        lines += [_bullets(ticks), f"**Trap.** {question.trap}"]
        back = f"; it comes back {from_now(answer.due - utc_now())}" if answer.due else ""
        lines.append(f"{RATINGS[answer.rating]}{back}.")
    return "\n\n".join(lines)


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def seed() -> int:
    """Returns a number that differs from sitting to sitting."""
    return time.time_ns()
