"""The answers of a cohort: which of them are graded already, and which are still to be."""

from collections.abc import Sequence

from dojo.cohort import judges
from dojo.cohort.crew import Work
from dojo.cohort.grades import Grade, Submission
from dojo.cohort.ledger import Ledger, key_of
from dojo.results import Result


class Batch:
    """All answers to grade. The same text, handed in twice, is graded once.

    Attributes:
        judged_by: What judges, as from `judges.digests`.
        size: How many different answers there are.
        new: Those without a verdict.
    """

    def __init__(
        self, found: Sequence[Submission], katas: Sequence[str], ledger: Ledger, conditions: str
    ) -> None:
        """
        Args:
            found: The submissions.
            katas: Paths of those to grade.
            ledger: Where verdicts are kept.
            conditions: As for `key_of`.
        """
        self._ledger = ledger
        self.judged_by = judges.digests(katas)
        self._keys: dict[tuple[str, str], str] = {}
        work: dict[str, Work] = {}
        for submission in found:
            for kata in katas:
                if (answer := submission.answers.get(kata)) is not None:
                    key = key_of(kata, answer, self.judged_by[kata], conditions)
                    self._keys[submission.name, kata] = key
                    work[key] = Work(key, kata, answer)
        self._work = work
        self.size = len(work)
        # What is not kept, since it is to be tried again, counts for this run.
        self._verdicts: dict[str, tuple[Result, Sequence[str]]] = {}
        for key, todo in work.items():
            if (kept := ledger.find(key, todo.kata)) is not None:
                self._verdicts[key] = kept
        self.new = [todo for key, todo in work.items() if key not in self._verdicts]

    @property
    def done(self) -> int:
        """How many have a verdict by now."""
        return len(self._verdicts)

    def keep(self, work: Work, result: Result, flags: Sequence[str]) -> None:
        """Keeps the verdict on one answer."""
        self._ledger.keep(work.key, result, flags)
        self._verdicts[work.key] = (result, flags)

    def grades(self) -> Sequence[Grade]:
        """Returns a grade for each answer that has a verdict, in the order of the submissions."""
        return [
            Grade(name, kata, *self._verdicts[key], self._source(key))
            for (name, kata), key in self._keys.items()
            if key in self._verdicts
        ]

    def _source(self, key: str) -> str:
        return self._work[key].answer.decode("utf-8", "replace")
