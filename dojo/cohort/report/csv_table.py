"""grades.csv: a row a submission, for a spreadsheet."""

import csv
import io
from collections.abc import Iterable

from dojo.cohort.grades import Cohort, Submission
from dojo.words import visible

# A cell that starts so is a formula to a spreadsheet program, and may run a command.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(cohort: Cohort) -> str:
    """Returns the table; it starts with a byte order mark.

    Without the mark Excel takes UTF-8 for the encoding of the machine; LibreOffice and
    Python's "utf-8-sig" pass over it.
    """
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(_heading(cohort))
    for submission in cohort.submissions:
        writer.writerow(_defused(_row(cohort, submission)))
    return "\ufeff" + table.getvalue()


def _heading(cohort: Cohort) -> list[str]:
    fixed = ["submission", "name", "id", "solved", "of", "to look at"]
    per_kata = (
        text for kata in cohort.katas for text in (kata, f"{kata}: clauses", f"{kata}: cause")
    )
    return [*fixed, *per_kata, "flags", "notes", "sandbox"]


def _row(cohort: Cohort, submission: Submission) -> Iterable[str]:
    flagged = [grade for grade in cohort.of(submission) if grade.flags]
    yield from (submission.name, submission.person, submission.id)
    yield from (str(cohort.solved(submission)), str(len(cohort.katas)), str(len(flagged)))
    for kata in cohort.katas:
        grade = cohort.grade(submission, kata)
        clauses = grade.result.clauses if grade else {}
        passed = sum(state == "passed" for state in clauses.values())
        yield cohort.verdict(submission, kata)
        # "5/6" alone is a date to a spreadsheet program.
        yield f"{passed} of {len(clauses)}" if clauses else ""
        yield "; ".join(grade.causes) if grade else ""
    yield "; ".join(f"{grade.kata}: {flag}" for grade in flagged for flag in grade.flags)
    yield "; ".join(submission.notes)
    yield cohort.sandbox or "none"


def _defused(cells: Iterable[str]) -> list[str]:
    """Text that stays text, in one line."""
    plain = (visible(cell).replace("\n", "\\n") for cell in cells)
    return [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in plain]
