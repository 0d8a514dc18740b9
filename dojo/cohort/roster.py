"""Reads the roster: whose submission a folder or an archive is, from a CSV file.

Its first line names the columns, in any order and by any of several words; the folder's is
needed, name and id are taken where they are. A table program's habits (a semicolon or a tab
between the cells, a mark at the start, letters of an older encoding) are understood.
"""

import csv
import dataclasses
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dojo.cohort.archives import without_ending
from dojo.cohort.grades import Submission
from dojo.errors import UsageError
from dojo.words import on_one_line

_COLUMNS = {
    "folder": ("folder", "submission", "file", "archive", "directory", "username", "login"),
    "name": ("name", "person", "student", "full name", "participant"),
    "id": ("id", "number", "student id", "id number", "matriculation", "sid"),
}
_SEPARATORS = ",;\t"


@dataclasses.dataclass(frozen=True)
class Person:
    """One line of the roster.

    Attributes:
        line: Its number in the file.
        name, id: As they stand there; "" where they do not.
    """

    line: int
    name: str
    id: str


@dataclasses.dataclass(frozen=True)
class Roster:
    """Who handed in what.

    Attributes:
        file: Where it was read.
        people: Folder, or archive without its ending, to the person.
        remarks: What is wrong with it, a plain line each.
    """

    file: str
    people: Mapping[str, Person]
    remarks: Sequence[str]

    def put_to(self, submission: Submission) -> Submission:
        """Returns the submission with its person's name and number; without a line, noted."""
        person = self.people.get(_key(submission.name))
        if person is None:
            notes = [*submission.notes, f"it has no line in {self.file}"]
            return dataclasses.replace(submission, notes=notes)
        return dataclasses.replace(
            submission, person=person.name or submission.person, id=person.id
        )

    def missing(self, names: Iterable[str]) -> list[str]:
        """Returns a line for each person of whom there is no submission.

        Args:
            names: Of all submissions.
        """
        there = {_key(name) for name in names}
        return [
            f"{self.file}:{person.line}: {folder} was not handed in"
            + (f" ({on_one_line(person.name)})" if person.name else "")
            for folder, person in self.people.items()
            if folder not in there
        ]


def read_roster(file: Path) -> Roster:
    """Returns what the file says.

    Raises:
        UsageError: If it cannot be read, or has no column for the folder.
    """
    try:
        text = _decoded(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from None
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        lines = [(rows.line_num, [cell.strip() for cell in row]) for row in rows if any(row)]
    except csv.Error as error:
        raise UsageError(f"{file}:{rows.line_num}: this is no CSV: {error}") from None
    columns = _columns(lines[0][1] if lines else [])
    if "folder" not in columns:
        raise UsageError(
            f"{file}: its first line names no column folder; it may also have name and id"
        )
    return _people(file.name, columns, lines[1:])


def _decoded(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _columns(heading: Sequence[str]) -> dict[str, int]:
    """What a column is for, to its place; of two for the same thing, the first word listed."""
    words = [" ".join(cell.casefold().replace("_", " ").split()) for cell in heading]
    found = {}
    for column, known in _COLUMNS.items():
        places = [words.index(word) for word in known if word in words]
        if places:
            found[column] = places[0]
    return found


def _people(
    file: str, columns: Mapping[str, int], lines: Sequence[tuple[int, Sequence[str]]]
) -> Roster:
    people: dict[str, Person] = {}
    remarks = []
    for number, row in lines:
        cells = {name: row[place] if place < len(row) else "" for name, place in columns.items()}
        folder = _key(cells["folder"].rstrip("/\\"))
        if not folder:
            remarks.append(f"{file}:{number}: the line has no folder: passed over")
        elif folder in people:
            counts = f"line {people[folder].line} has it already, and counts"
            remarks.append(f"{file}:{number}: {folder} is there twice: {counts}")
        else:
            name = on_one_line(cells.get("name", ""))
            people[folder] = Person(number, name, on_one_line(cells.get("id", "")))
    return Roster(file, people, remarks)


def _key(name: str) -> str:
    """A name as `submissions.find` has it: an accent can be written in two ways."""
    return on_one_line(unicodedata.normalize("NFC", without_ending(name)), 300)
