"""Which katas and questions fill the time of a mock interview."""

import dataclasses
import itertools
import random
from collections.abc import Sequence
from pathlib import Path

from dojo import layout
from dojo.content.document import Document, Kata, Question
from dojo.errors import UsageError

# Minutes to answer aloud, by level.
SPOKEN = {"screen": 2, "mid": 3, "senior": 4, "staff": 5}
MOST_QUESTIONS = 6
# An interviewer leaves a quarter of the time for talk.
SHARE_OF_KATAS = 0.75


@dataclasses.dataclass(frozen=True)
class Repair:
    """A round of debugging."""

    kata: Kata

    @property
    def minutes(self) -> int:
        return repair_minutes(self.kata)

    @property
    def track(self) -> str:
        return self.kata.track

    @property
    def level(self) -> str:
        return self.kata.level


Part = Kata | Question | Repair


def repair_minutes(kata: Kata) -> int:
    """Returns the time box of a round: a third, since reading is quicker than writing."""
    return max(2, round(kata.minutes / 3))


class TooShort(UsageError):
    """No kata fits what was asked for; the message says what would."""


@dataclasses.dataclass(frozen=True)
class InterviewOptions:
    """What the interview is to be; fields as the options of the command.

    At the keyboard one writes ("classic"), repairs somebody else's answer ("debug"), or both
    ("mixed").
    """

    minutes: float
    track: str
    level: str
    tree: Path
    format: str = "classic"


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
    typed = _typed([k for k in document.katas if _fits(k, options)], options, solved, chance)
    spare = options.minutes - sum(minutes_of(part) for part in typed)
    taken = {path_of(part) for part in typed}
    # A question on one of these katas would give its answer away.
    pool = [q for q in document.questions if _fits(q, options) and q.kata not in taken]
    asked = _questions(pool, options, spare, set(due), chance)
    half = 1 + (len(asked) - 1) // 2
    return [*asked[:1], typed[0], *asked[1:half], *typed[1:], *asked[half:]]


def is_possible(document: Document, options: InterviewOptions, solved: set[str]) -> bool:
    """Returns whether some kata fits, as `plan` needs."""
    try:
        _typed([k for k in document.katas if _fits(k, options)], options, solved, random.Random(0))
    except TooShort:
        return False
    return True


def path_of(part: Kata | Repair) -> str:
    """Returns the path of the kata that a part is about."""
    return part.path if isinstance(part, Kata) else part.kata.path


def _typed(
    pool: Sequence[Kata], options: InterviewOptions, solved: set[str], chance: random.Random
) -> list[Kata | Repair]:
    """What is to be done at the keyboard. A round is of a solved kata: it shows the answer's shape.

    Raises:
        TooShort: If nothing fits.
    """
    if options.format == "classic":
        return [*_katas(pool, options, solved, chance)]
    known = [kata for kata in pool if kata.path in solved and kata.track != "repair"]
    if not known:
        raise TooShort("a round of debugging needs a solved kata; try --format classic")
    if options.format == "debug":
        count = 2 if options.minutes >= 30 and len(known) > 1 else 1
        return [Repair(kata) for kata in chance.sample(known, count)]
    shorter = dataclasses.replace(options, minutes=options.minutes * 2 / 3)
    written = _katas(pool, shorter, solved, chance)[:1]
    others = [kata for kata in known if kata not in written] or known
    return [Repair(chance.choice(others)), *written]


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
    least = -int(-enough // 1)
    return f"no {kind}{level} fits into {options.minutes:g} minutes; try --minutes {least}"


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
    return SPOKEN[part.level] if isinstance(part, Question) else part.minutes
