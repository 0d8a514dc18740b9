"""What a check can say: outcomes, failures, results."""

import dataclasses
import enum
from collections.abc import Iterable, Sequence


class Outcome(enum.StrEnum):
    """How a kata ends. Exactly one of these, always."""

    SOLVED = "solved"
    WRONG = "wrong"
    NOT_STARTED = "not started"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    BROKEN = "broken"


# BROKEN is the examiner's own fault, and has an exit status of its own.
FAILING = {Outcome.WRONG, Outcome.CRASHED, Outcome.TIMED_OUT}
# How each is marked on a screen, and in which colour.
MARKS = {
    Outcome.SOLVED: ("✓", "green"),
    Outcome.WRONG: ("✗", "red"),
    Outcome.NOT_STARTED: ("·", "dim"),
    Outcome.CRASHED: ("!", "red"),
    Outcome.TIMED_OUT: ("!", "red"),
    Outcome.BROKEN: ("?", "magenta"),
}


class Kind(enum.StrEnum):
    """What a failure rests on."""

    BASIC = "basic"  # an exception, a signature, a shape, a dtype, None, a wrong error
    PROOF = "proof"  # numbers that are exactly those of a known mistake
    NUMBERS = "numbers"
    UNWRITTEN = "unwritten"
    LATE = "late"


@dataclasses.dataclass(frozen=True)
class Failure:
    """One failed test, or the one reason why no test could run.

    Attributes:
        test: Name of the test, or "" where no test was reached.
        message: What was called, what was expected, what came.
        cause: The mistake that the numbers prove, or None.
        output: What the learner's code printed meanwhile.
        kind: What it rests on.
        gradient: Whether a gradient is wrong, and not a value.
        ruled_out: The mistakes that its test lists and that give other numbers.
    """

    test: str
    message: str
    cause: str | None = None
    output: str = ""
    kind: Kind = Kind.BASIC
    gradient: bool = False
    ruled_out: tuple[str, ...] = ()

    @property
    def clause(self) -> str:
        """Number of the clause it checks, or ""."""
        return clause_of(self.test)


@dataclasses.dataclass(frozen=True)
class RanTest:
    """One test that has run."""

    name: str
    passed: bool
    seconds: float


@dataclasses.dataclass(frozen=True)
class Result:
    """The verdict on one kata.

    Attributes:
        kata: Its path, such as "losses/focal_loss".
        outcome: How it ended.
        total: How many tests there are; 0 where none was collected.
        tests: Those that ran to an end.
        failures: In the order they happened.
        seconds: Of the kata's process, from the fork to the verdict.
        names: Of all tests, run or not.
        text: The file that was checked, byte for byte; None where that is not known.
    """

    kata: str
    outcome: Outcome
    failures: Sequence[Failure] = ()
    tests: Sequence[RanTest] = ()
    names: Sequence[str] = ()
    seconds: float = 0.0
    text: bytes | None = dataclasses.field(default=None, repr=False, compare=False)

    @property
    def passed(self) -> int:
        return sum(test.passed for test in self.tests)

    @property
    def total(self) -> int:
        return len(self.names)

    @property
    def clauses(self) -> dict[str, str]:
        """Clause number to "passed", or "failed" if one of its tests did not pass."""
        passed = {test.name for test in self.tests if test.passed}
        verdicts: dict[str, str] = {}
        for name in self.names:
            clause = clause_of(name)
            if name not in passed or verdicts.get(clause) == "failed":
                verdicts[clause] = "failed"
            else:
                verdicts[clause] = "passed"
        return dict(sorted(verdicts.items(), key=lambda item: int(item[0] or 0)))


def clause_of(test: str) -> str:
    """Returns "3" for test_3_…, and "" for a name without a clause."""
    number = test.removeprefix("test_").partition("_")[0]
    return number if number.isdecimal() else ""


_DTYPES = (("float64", 1), ("float16", 2))
_MODES = (("graph", 1), ("XLA", 2))


def dtype_and_mode(test: str) -> tuple[int, int]:
    """Returns (0, 0) for a test in float32 that calls plainly, larger numbers for special ones."""
    dtype, mode = (_rank(test, names) for names in (_DTYPES, _MODES))
    return dtype, mode


def _rank(test: str, names: Sequence[tuple[str, int]]) -> int:
    return next((rank for name, rank in names if name in test), 0)


def exit_status(results: Iterable[Result], named: bool) -> int:
    """Returns 0, 1 or 3.

    Args:
        results: Of all katas checked.
        named: Whether they were named on the command line; then each must be solved.
    """
    outcomes = {result.outcome for result in results}
    if Outcome.BROKEN in outcomes:
        return 3
    failing = outcomes - {Outcome.SOLVED} if named else outcomes & FAILING
    return 1 if failing else 0
