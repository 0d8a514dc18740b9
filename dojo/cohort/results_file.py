"""results.json: all that grading found, for other programs, and for a run that goes on.

Each text stands in it once, by its hash, however many handed it in. What can be derived
(verdicts, clauses, causes) is written for other programs, and derived anew when it is read.
"""

import datetime
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from dojo.cohort.grades import Cohort, Grade, Submission
from dojo.errors import DojoError
from dojo.results import Failure, Kind, Outcome, RanTest, Result
from dojo.shown import shown

VERSION = 1
# Of one text, and of one list: far above what a submission may hold.
LONGEST_TEXT = 2_000_000
MOST_ENTRIES = 1_000_000

_T = TypeVar("_T")


class ResultsError(DojoError):
    """A file that is no results.json of this version; the message says what is wrong."""


def to_json(cohort: Cohort) -> str:
    """Returns the file's text: ASCII, one line."""
    texts: dict[str, str] = {}

    def kept(text: str) -> str:
        # Of what was no UTF-8 each byte is a lone surrogate.
        key = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        texts[key] = text
        return key

    report = {
        "dojo": "cohort",
        "version": VERSION,
        "title": cohort.title,
        "at": cohort.at.isoformat(),
        "versions": dict(cohort.versions),
        "sandbox": cohort.sandbox,
        "katas": list(cohort.katas),
        "submissions": [_submission(entry, kept) for entry in cohort.submissions],
        "grades": [_grade(grade, kept) for grade in cohort.grades],
        "texts": texts,
    }
    return json.dumps(report, separators=(",", ":")) + "\n"


def _submission(submission: Submission, kept: Callable[[str], str]) -> dict[str, Any]:
    answers = submission.answers.items()
    return {
        "name": submission.name,
        "person": submission.person,
        "id": submission.id,
        "answers": {k: kept(content.decode(errors="surrogateescape")) for k, content in answers},
        "notes": list(submission.notes),
    }


def _grade(grade: Grade, kept: Callable[[str], str]) -> dict[str, Any]:
    return {
        "submission": grade.submission,
        "kata": grade.kata,
        "verdict": grade.verdict,
        "clauses": grade.result.clauses,
        "causes": list(grade.causes),
        # Index of the failure that a learner sees first; null where nothing fails.
        "shown": shown(grade.result.failures),
        **result_entry(grade.result),
        "flags": list(grade.flags),
        "source": kept(grade.source),
    }


def result_entry(result: Result) -> dict[str, Any]:
    """Returns what `read_result` needs, as JSON can hold it."""
    return {
        "outcome": result.outcome.value,
        "failures": [_failure(failure) for failure in result.failures],
        "names": list(result.names),
        "tests": [
            {"name": test.name, "passed": test.passed, "seconds": test.seconds}
            for test in result.tests
        ],
        "seconds": result.seconds,
    }


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "test": failure.test,
        "message": failure.message,
        "cause": failure.cause,
        "output": failure.output,
        "kind": failure.kind.value,
        "gradient": failure.gradient,
        "ruled_out": list(failure.ruled_out),
    }


def from_json(text: str | bytes) -> Cohort:
    """Returns the cohort whose `to_json` this is.

    Raises:
        ResultsError: If it is anything else, or does not agree with itself.
    """
    try:
        report = json.loads(text, parse_constant=_refuse)
        if not isinstance(report, dict) or report.get("dojo") != "cohort":
            raise ValueError("it is not what `grade` writes")
        if report.get("version") != VERSION:
            raise ValueError(f"it has version {report.get('version')!r}; this reads {VERSION}")
        return _agreeing(_read_cohort(report))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ResultsError(f"results.json cannot be read: {why}"[:300]) from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _read_cohort(report: dict[str, Any]) -> Cohort:
    texts = {key: _text(text) for key, text in _entries(report["texts"]).items()}
    return Cohort(
        _text(report["title"]),
        datetime.datetime.fromisoformat(_text(report["at"])),
        {name: _text(version) for name, version in _entries(report["versions"]).items()},
        _text(report["sandbox"]),
        _each(report["katas"], _text),
        _each(report["submissions"], lambda entry: _read_submission(entry, texts)),
        _each(report["grades"], lambda entry: _read_grade(entry, texts)),
    )


def _read_submission(entry: Any, texts: dict[str, str]) -> Submission:
    entry = _entries(entry)
    answers = _entries(entry["answers"]).items()
    return Submission(
        _text(entry["name"]),
        _text(entry["person"]),
        {kata: texts[key].encode(errors="surrogateescape") for kata, key in answers},
        _each(entry["notes"], _text),
        _text(entry["id"]),
    )


def _read_grade(entry: Any, texts: dict[str, str]) -> Grade:
    entry = _entries(entry)
    kata = _text(entry["kata"])
    result = read_result(kata, entry)
    flags = _each(entry["flags"], _text)
    return Grade(_text(entry["submission"]), kata, result, flags, texts[entry["source"]])


def read_result(kata: str, entry: dict[str, Any]) -> Result:
    """Returns the verdict on a kata whose `result_entry` this is.

    Raises:
        ValueError, KeyError, TypeError: If it is anything else.
    """
    return Result(
        kata,
        Outcome(entry["outcome"]),
        _each(entry["failures"], _read_failure),
        _each(entry["tests"], _read_test),
        _each(entry["names"], _text),
        _seconds(entry["seconds"]),
    )


def _read_failure(entry: Any) -> Failure:
    entry = _entries(entry)
    return Failure(
        _text(entry["test"]),
        _text(entry["message"]),
        None if entry["cause"] is None else _text(entry["cause"]),
        _text(entry["output"]),
        Kind(entry["kind"]),
        _truth(entry["gradient"]),
        _each(entry["ruled_out"], _text),
    )


def _read_test(entry: Any) -> RanTest:
    entry = _entries(entry)
    return RanTest(_text(entry["name"]), _truth(entry["passed"]), _seconds(entry["seconds"]))


def _agreeing(cohort: Cohort) -> Cohort:
    """Refuses what would be lost, or shown in another's place."""
    _demand_once("a submission", [submission.name for submission in cohort.submissions])
    _demand_once("a kata", cohort.katas)
    _demand_once("a grade", [(grade.submission, grade.kata) for grade in cohort.grades])
    names = {submission.name for submission in cohort.submissions}
    for grade in cohort.grades:
        if grade.submission not in names or grade.kata not in cohort.katas:
            raise ValueError(f"{grade.kata} of {grade.submission} belongs to nobody listed")
    return cohort


def _demand_once(what: str, keys: Sequence[Any]) -> None:
    if len(set(keys)) != len(keys):
        raise ValueError(f"{what} is there twice")


def _entries(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > MOST_ENTRIES:
        raise ValueError(f"{str(value)[:40]!r} is no table")
    return value


def _each(value: Any, read: Callable[[Any], _T]) -> tuple[_T, ...]:
    if not isinstance(value, list) or len(value) > MOST_ENTRIES:
        raise ValueError(f"{str(value)[:40]!r} is no list")
    return tuple(read(entry) for entry in value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise ValueError(f"{str(value)[:40]!r} is no text")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{str(value)[:40]!r} is neither true nor false")
    return value


def _seconds(value: Any) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise ValueError(f"{str(value)[:40]!r} is no number of seconds")
    return float(value)
