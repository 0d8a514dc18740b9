"""Results for other programs: JSON and JUnit XML."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dojo.files import write_whole
from dojo.results import Failure, Outcome, Result
from dojo.shown import shown

# 2: "shown" of a kata, "kind" of a failure; "changed".
JSON_VERSION = 2


def write_json(
    path: Path, tree: str, results: Iterable[Result], changed: Sequence[str] = ()
) -> None:
    """Writes the report that other programs read; "version" guards its form.

    Args:
        changed: Files that judge, and that are not what they were.
    """
    report = {
        "version": JSON_VERSION,
        "tree": tree,
        "changed": list(changed),
        "katas": [_entry(r) for r in results],
    }
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    # Under --watch another program may read at any moment: it sees all of it. What a learner's
    # message has of lone surrogates is written as escapes are.
    write_whole(path, text.encode(errors="backslashreplace"))


def _entry(result: Result) -> dict[str, Any]:
    return {
        "kata": result.kata,
        "outcome": result.outcome.value,
        "passed": result.passed,
        "total": result.total,
        "seconds": round(result.seconds, 3),
        "clauses": result.clauses,
        # Index of the failure that the screen shows; null where nothing fails.
        "shown": shown(result.failures),
        "failures": [_failure(failure) for failure in result.failures],
    }


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "test": failure.test,
        "clause": failure.clause,
        "message": failure.message,
        "cause": failure.cause,
        "kind": failure.kind.value,
    }


def write_junit(path: Path, results: Iterable[Result]) -> None:
    """Writes JUnit XML: a suite for each kata, a case for each test."""
    root = ET.Element("testsuites")
    for result in results:
        root.append(junit_suite(result))
    ET.indent(root)
    write_whole(path, ET.tostring(root, encoding="utf-8", xml_declaration=True))


def junit_suite(result: Result, whose: str = "") -> ET.Element:
    """Returns one kata's suite.

    Args:
        whose: Whose answer it is, where there are several.
    """
    suite_name = f"{printable(whose)}: {result.kata}" if whose else result.kata
    ran = {test.name: test for test in result.tests}
    failures = {failure.test: failure for failure in result.failures}
    # A kata that never reached a test still needs a case, to carry its reason.
    names = list(result.names) or [result.outcome.value]
    suite = ET.Element("testsuite", name=suite_name, tests=str(len(names)))
    suite.set("time", f"{result.seconds:.3f}")
    failed = 0
    for name in names:
        seconds = ran[name].seconds if name in ran else 0.0
        case = ET.SubElement(suite, "testcase", classname=suite_name, name=printable(name))
        case.set("time", f"{seconds:.3f}")
        failure = failures.get(name) or failures.get("")
        if result.outcome is Outcome.NOT_STARTED:
            ET.SubElement(case, "skipped", message="not started")
        elif not (name in ran and ran[name].passed):
            failed += 1
            message = failure.message if failure else result.outcome.value
            brief = message.partition("\n")[0]
            ET.SubElement(case, "failure", message=printable(brief)).text = printable(message)
    suite.set("failures", str(failed))
    return suite


def printable(text: str) -> str:
    """Returns what XML 1.0 can hold: it has no place for most control characters."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        c if c in "\t\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
