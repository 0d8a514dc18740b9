"""A mock interview as far as it has gone: its clock, the answers, the katas."""

import dataclasses
import datetime
from collections.abc import Sequence

from dojo.content.document import FollowUp, Question
from dojo.record.attempts import Entry
from dojo.sitting import ratings
from dojo.sitting.clock import Clock
from dojo.sitting.interview_plan import InterviewOptions, Part
from dojo.sitting.round_report import Said


@dataclasses.dataclass
class Further:
    """A follow-up that was asked after an answer.

    Attributes:
        asked: The question, and its answer.
        words: What the learner typed meanwhile.
        seconds: How long it took.
        answered: One of `follow_ups.ANSWERED`; None where it is not assessed yet.
    """

    asked: FollowUp
    words: str
    seconds: float
    answered: int | None = None


@dataclasses.dataclass
class Answer:
    """One spoken answer, and what it was worth.

    Attributes:
        question: What was asked.
        words: What the learner typed meanwhile.
        seconds: How long it took.
        ticked: Numbers of the key points said, from 1; None where it is not assessed yet.
        due: When the question comes back.
        further: What was asked after it; None where the time was over.
    """

    question: Question
    words: str
    seconds: float
    ticked: Sequence[int] | None = None
    due: datetime.datetime | None = None
    further: Further | None = None

    @property
    def rating(self) -> int:
        """1 again to 4 easy; 0 where it is not assessed yet."""
        if self.ticked is None:
            return 0
        return ratings.of_answer(len(self.ticked), len(self.question.points))


@dataclasses.dataclass
class Trial:
    """One kata of the interview, as it ended.

    Attributes:
        entry: Time, checks and outcome.
        due: When the kata comes back.
        own: What the learner wrote.
        passed: Tests that passed in the last check; 0 without one.
        total: How many there are; 0 without a check.
    """

    entry: Entry
    due: datetime.datetime | None
    own: str
    passed: int = 0
    total: int = 0


@dataclasses.dataclass
class Found:
    """One round of debugging of the interview, as it ended."""

    entry: Entry
    said: Said
    due: datetime.datetime | None


class Interview:
    """What was asked for, what is planned, and what was done; nothing runs before `start`."""

    def __init__(
        self,
        options: InterviewOptions,
        parts: Sequence[Part],
        laid_out: datetime.datetime,
        clock: Clock | None = None,
    ) -> None:
        """
        Args:
            options: What was asked for.
            parts: The plan.
            laid_out: When; the report is named after it.
            clock: Of the whole interview, paused.
        """
        self.options = options
        self.parts = parts
        self.laid_out = laid_out
        self.clock = clock or Clock()
        self.done: list[Answer | Trial | Found] = []
        self.unrecorded = self.unreported = ""

    @property
    def left(self) -> float:
        """Seconds left in the whole interview, as of the last tick of its clock."""
        return self.options.minutes * 60 - self.clock.spent

    @property
    def answers(self) -> list[Answer]:
        return [done for done in self.done if isinstance(done, Answer)]

    @property
    def written(self) -> list["Trial | Found"]:
        """What was done at the keyboard, in order."""
        return [done for done in self.done if not isinstance(done, Answer)]

    @property
    def trials(self) -> list[Trial]:
        return [done for done in self.done if isinstance(done, Trial)]

    @property
    def found(self) -> list[Found]:
        return [done for done in self.done if isinstance(done, Found)]

    @property
    def trouble(self) -> str:
        """What could not be written, and why, or ""."""
        return self.unreported or self.unrecorded
