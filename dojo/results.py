"""What a check can say: outcomes, failures, and their JSON and JUnit forms."""

import dataclasses
import enum
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dojo.files import write_whole

JSON_VERSION = 1


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


@dataclasses.dataclass(frozen=True)
class Failure:
    """One failed test, or the one reason why no test could run.

    Attributes:
        test: Name of the test, or "" where no test was reached.
        clause: Number of the clause it checks, or "".
        message: What was called, what was expected, what came.
        cause: The mistake that the numbers prove, or None.
        output: What the learner's code printed meanwhile.
    """

    test: str
    clause: str
    message: str
    cause: str | None = None
    output: str = ""


@dataclasses.dataclass(frozen=True)
class RanTest:
    """One test that has run."""

    name: str
    clause: str
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
    """

    kata: str
    outcome: Outcome
    failures: Sequence[Failure] = ()
    tests: Sequence[RanTest] = ()
    names: Sequence[str] = ()
    seconds: float = 0.0

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

    def as_json(self) -> dict[str, Any]:
        """The entry of a `--json` file."""
        failures = [
            {"test": f.test, "clause": f.clause, "message": f.message, "cause": f.cause}
            for f in self.failures
        ]
        return {
            "kata": self.kata,
            "outcome": self.outcome.value,
            "passed": self.passed,
            "total": self.total,
            "seconds": round(self.seconds, 3),
            "clauses": self.clauses,
            "failures": failures,
        }


def clause_of(test: str) -> str:
    """Returns "3" for test_3_…, and "" for a name without a clause."""
    number = test.removeprefix("test_").partition("_")[0]
    return number if number.isdecimal() else ""


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


def write_json(path: Path, tree: str, results: Iterable[Result]) -> None:
    """Writes the report that other programs read; "version" guards its form."""
    katas = [result.as_json() for result in results]
    report = {"version": JSON_VERSION, "tree": tree, "katas": katas}
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    # Under --watch another program may read at any moment: it sees all of it.
    write_whole(path, text.encode())


def write_junit(path: Path, results: Iterable[Result]) -> None:
    """Writes JUnit XML: a suite for each kata, a case for each test."""
    root = ET.Element("testsuites")
    for result in results:
        root.append(_suite(result))
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _suite(result: Result) -> ET.Element:
    ran = {test.name: test for test in result.tests}
    failures = {failure.test: failure for failure in result.failures}
    # A kata that never reached a test still needs a case, to carry its reason.
    names = list(result.names) or [result.outcome.value]
    suite = ET.Element("testsuite", name=result.kata, tests=str(len(names)))
    suite.set("time", f"{result.seconds:.3f}")
    failed = 0
    for name in names:
        seconds = ran[name].seconds if name in ran else 0.0
        case = ET.SubElement(suite, "testcase", classname=result.kata, name=name)
        case.set("time", f"{seconds:.3f}")
        failure = failures.get(name) or failures.get("")
        if result.outcome is Outcome.NOT_STARTED:
            ET.SubElement(case, "skipped", message="not started")
        elif not (name in ran and ran[name].passed):
            failed += 1
            message = failure.message if failure else result.outcome.value
            brief = message.partition("\n")[0]
            ET.SubElement(case, "failure", message=_printable(brief)).text = _printable(message)
    suite.set("failures", str(failed))
    return suite


def _printable(text: str) -> str:
    """XML 1.0 has no place for most control characters, not even escaped."""
    return "".join(
        c if c in "\t\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
