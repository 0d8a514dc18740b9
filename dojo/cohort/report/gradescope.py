"""A submission's results as Gradescope's autograders write them.

The form is https://gradescope-autograders.readthedocs.io/en/latest/specs/. A clause is a test,
and worth a point.
What a person should look at is not in it: the file is for who handed in.
"""

import json
from collections.abc import Iterator
from typing import Any

from dojo.cohort.grades import NOT_HANDED_IN, Cohort, Grade, Submission
from dojo.cohort.report.matter import UNSANDBOXED
from dojo.content.asked import asked
from dojo.results import Outcome
from dojo.shown import shown
from dojo.words import counted, visible


def to_gradescope(cohort: Cohort, submission: Submission) -> str:
    """Returns the text of one submission's file."""
    tests = [
        test
        for number, kata in enumerate(cohort.katas, 1)
        for test in _tests(number, kata, cohort.grade(submission, kata))
    ]
    seconds = sum(grade.result.seconds for grade in cohort.of(submission))
    solved = f"{cohort.solved(submission)} of {counted(len(cohort.katas), 'kata')} solved"
    said = [solved, *submission.notes, *([] if cohort.sandbox else [UNSANDBOXED])]
    report = {
        "score": sum(test["score"] for test in tests),
        "execution_time": round(seconds, 3),
        "output": visible("\n".join(said)),
        # Text, not Markdown or HTML: it holds what learners wrote.
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
    return json.dumps(report, indent=1) + "\n"


def _tests(number: int, kata: str, grade: Grade | None) -> Iterator[dict[str, Any]]:
    """A test for each clause of the question, in its order."""
    verdicts = grade.result.clauses if grade else {}
    words = asked(kata).clauses
    for clause in words or verdicts:
        passed = verdicts.get(clause) == "passed"
        yield {
            "name": f"{kata}, clause {clause}",
            "name_format": "text",
            "number": f"{number}.{clause}",
            "score": int(passed),
            "max_score": 1,
            "status": "passed" if passed else "failed",
            "output": visible(_output(grade, clause, words.get(clause, ""), passed)),
            "output_format": "text",
            "visibility": "visible",
            "tags": [kata],
        }


def _output(grade: Grade | None, clause: str, words: str, passed: bool) -> str:
    if passed:
        return words
    if grade is None:
        return f"{words}\n\n{NOT_HANDED_IN}"
    result = grade.result
    own = [failure for failure in result.failures if failure.clause == clause]
    index = shown(own)
    # What keeps the file from running at all belongs to every clause.
    all_of_them = [failure for failure in result.failures if not failure.test]
    why = own[index] if index is not None else next(iter(all_of_them), None)
    if result.outcome is Outcome.NOT_STARTED or why is None:
        return f"{words}\n\n{result.outcome}"
    return f"{words}\n\n{why.message}"
