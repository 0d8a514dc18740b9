"""Writes the report: one folder, each file whole or not at all."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from dojo.cohort.grades import Cohort
from dojo.cohort.report.csv_table import to_csv
from dojo.cohort.report.gradescope import to_gradescope
from dojo.cohort.report.junit import to_junit
from dojo.cohort.report.page import page
from dojo.cohort.results_file import to_json
from dojo.content import stubs
from dojo.errors import DojoError
from dojo.files import write_whole

RESULTS = "results.json"
# What other files already have in it may be longer, or in letters that a file system lacks.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")


class ReportError(DojoError):
    """The report cannot be written; the message says which file and why."""


def write_report(cohort: Cohort, folder: Path) -> Path:
    """Writes index.html, grades.csv, results.json, junit.xml and a file each for Gradescope.

    Returns:
        The page.

    Raises:
        ReportError: If one of them cannot be written.
    """
    handed_out = {kata: stubs.pristine(kata) for kata in cohort.katas}
    # One after the other: of ten thousand submissions each is a hundred megabytes.
    _write(folder / RESULTS, to_json(cohort).encode())
    _write(folder / "grades.csv", _encoded(to_csv(cohort)))
    _write(folder / "index.html", _encoded(page(cohort, handed_out)))
    _write(folder / "junit.xml", to_junit(cohort))
    names = _file_names(submission.name for submission in cohort.submissions)
    for submission, name in zip(cohort.submissions, names, strict=True):
        theirs = to_gradescope(cohort, submission).encode()
        # Ten thousand waits for the disk would be a minute; the same command writes them anew.
        _write(folder / "gradescope" / name, theirs, lasting=False)
    return folder / "index.html"


def _encoded(text: str) -> bytes:
    return text.encode(errors="backslashreplace")


def _write(path: Path, content: bytes, lasting: bool = True) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content, lasting)
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {error.strerror or error}") from None


def _file_names(names: Iterable[str]) -> Iterator[str]:
    """A file name for each; two that differ in case only are one on some systems."""
    taken: set[str] = set()
    for name in names:
        if not _PLAIN.fullmatch(name) or name.lower() in taken:
            key = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]
            name = f"{re.sub(r'[^A-Za-z0-9]+', '-', name)[:40].strip('-')}-{key}".strip("-")
        taken.add(name.lower())
        yield f"{name}.json"
