"""What grading a cohort found: who handed in what, how it ended, and who should look at it."""

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from dojo.proofs import mistake
from dojo.results import Failure, Outcome, Result
from dojo.shown import causes, shown

NOT_HANDED_IN = "not handed in"
LOOK_AT_IT = "look at it"


@dataclasses.dataclass(frozen=True)
class Submission:
    """What one person handed in.

    Attributes:
        name: Of its folder or archive; no other submission of the cohort has it.
        person: Who it is from, by the roster; without one, the name again.
        answers: Kata path to the file, as it came.
        notes: What was odd or refused, a plain line each.
        id: The person's number by the roster, or "".
    """

    name: str
    person: str
    answers: Mapping[str, bytes]
    notes: Sequence[str] = ()
    id: str = ""


@dataclasses.dataclass(frozen=True)
class Grade:
    """The verdict on one kata of one submission.

    Attributes:
        submission: Its name.
        kata: Path of the kata, the same as in `result`.
        result: As `check` would have it.
        flags: Why a person should look, with the line, a plain line each.
        source: The file as text; what was no UTF-8 is replaced.
    """

    submission: str
    kata: str
    result: Result
    flags: Sequence[str] = ()
    source: str = ""

    @property
    def verdict(self) -> str:
        """The outcome in a word; "solved, look at it" where a person should."""
        solved = self.result.outcome is Outcome.SOLVED
        return (
            f"{Outcome.SOLVED}, {LOOK_AT_IT}"
            if solved and self.flags
            else self.result.outcome.value
        )

    @property
    def shown(self) -> Failure | None:
        """The failure that a learner sees first, or None where nothing fails."""
        index = shown(self.result.failures)
        return None if index is None else self.result.failures[index]

    @property
    def causes(self) -> Sequence[str]:
        """The mistakes that the numbers prove, that of the failure shown first, each once."""
        return [mistake(cause) for cause in causes(self.result.failures)]


@dataclasses.dataclass(frozen=True)
class Cohort:
    """All that one run of `grade` found.

    Attributes:
        title: What the cohort is called.
        at: When it was graded, with its time zone.
        versions: Name to version of what graded it: Python, TensorFlow, the suites.
        sandbox: What held the code, or "" where nothing did.
        katas: Paths of those asked for, in study order.
        submissions: In the order in which they are listed.
        grades: At most one for each submission and kata; none where no answer was handed in.
    """

    title: str
    at: datetime.datetime
    versions: Mapping[str, str]
    sandbox: str
    katas: Sequence[str]
    submissions: Sequence[Submission]
    grades: Sequence[Grade]

    @cached_property
    def _by_place(self) -> Mapping[tuple[str, str], Grade]:
        return {(grade.submission, grade.kata): grade for grade in self.grades}

    def grade(self, submission: Submission, kata: str) -> Grade | None:
        """Returns how the kata ended, or None where it was not handed in."""
        return self._by_place.get((submission.name, kata))

    def of(self, submission: Submission) -> Sequence[Grade]:
        """Returns its grades, in the order of the katas."""
        found = (self.grade(submission, kata) for kata in self.katas)
        return [grade for grade in found if grade is not None]

    def verdict(self, submission: Submission, kata: str) -> str:
        """Returns the word for one cell of the matrix."""
        grade = self.grade(submission, kata)
        return NOT_HANDED_IN if grade is None else grade.verdict

    def solved(self, submission: Submission) -> int:
        """Returns how many katas it solves; those to be looked at count."""
        return sum(grade.result.outcome is Outcome.SOLVED for grade in self.of(submission))

    def flagged(self) -> Sequence[Grade]:
        """Returns the grades that a person should look at, in the order of the submissions."""
        return [
            grade for submission in self.submissions for grade in self.of(submission) if grade.flags
        ]

    def verdicts(self, kata: str) -> Mapping[str, Sequence[Submission]]:
        """Returns verdict word to whose answer to the kata ended so, the most frequent first."""
        return _grouped((self.verdict(entry, kata), entry) for entry in self.submissions)

    def mistakes(self, kata: str) -> Mapping[str, Sequence[Submission]]:
        """Returns each mistake proved in answers to the kata, to whose; the most frequent first."""
        return _grouped(
            (cause, submission)
            for submission in self.submissions
            if (grade := self.grade(submission, kata)) is not None
            for cause in grade.causes
        )

    def failed_clauses(self, kata: str) -> Mapping[str, Sequence[Submission]]:
        """Returns number of each clause that attempts at the kata failed, to whose; in order."""
        found = _grouped(
            (clause, submission)
            for submission in self.submissions
            if (grade := self.grade(submission, kata)) is not None
            and grade.result.outcome is not Outcome.NOT_STARTED
            for clause, verdict in grade.result.clauses.items()
            if verdict == "failed"
        )
        return dict(sorted(found.items(), key=lambda item: int(item[0] or 0)))


def _grouped(pairs: Iterable[tuple[str, Submission]]) -> Mapping[str, Sequence[Submission]]:
    groups: dict[str, list[Submission]] = {}
    for key, submission in pairs:
        groups.setdefault(key, []).append(submission)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))
