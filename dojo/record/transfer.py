"""Moves the record to another machine: one JSON file out, merged with what is there in.

Importing adds what is missing and takes nothing away; a second import of the same file
changes nothing. Plans for review are computed anew from the reviews of both machines.
"""

import base64
import datetime
import json
import math
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import fsrs

from dojo import layout
from dojo.errors import DojoError
from dojo.files import write_whole
from dojo.record import texts
from dojo.record.attempts import GIVEN_UP, LEFT, RUNNING, SOLVED, TIME_UP
from dojo.record.database import Database
from dojo.record.deck import RATINGS, Review
from dojo.record.follow_ups import ANSWERED
from dojo.results import Outcome

VERSION = 1

_ATTEMPT: Mapping[str, tuple[type, ...]] = {
    "session": (int,),
    "kata": (str,),
    "started": (float, int),
    "minutes": (float, int),
    "seconds": (float, int),
    "outcome": (str,),
    "checks": (int,),
    "hints": (int,),
    "causes": (str,),
}
# Table to its columns and the types they may have; "session" is the number of a session
# in the file, which gets another number here.
TABLES: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "sessions": {
        "id": (int,),
        "kind": (str,),
        "started": (float, int),
        "ended": (float, int, type(None)),
        "minutes": (float, int, type(None)),
    },
    "attempts": _ATTEMPT,
    "rounds": {
        **_ATTEMPT,
        "mistake": (str,),
        "family": (str,),
        "kind": (str,),
        "named": (int, type(None)),
    },
    "checks": {
        "kata": (str,),
        "at": (float, int),
        "outcome": (str,),
        "passed": (int,),
        "total": (int,),
        "seconds": (float, int),
        "shown": (str,),
        "text": (str, type(None)),
        "clauses_passed": (int, type(None)),
        "clauses": (int, type(None)),
        "said": (str,),
        "spent": (float, int, type(None)),
    },
    "hints": {"kata": (str,), "given": (int,)},
    "reviews": {
        "card": (str,),
        "at": (float, int),
        "rating": (int,),
        "seconds": (float, int),
        "session": (int, type(None)),
    },
    "goals": {
        "made": (float, int),
        "date": (str,),
        "minutes": (float, int),
        "level": (str,),
        "track": (str,),
        "off": (str,),
    },
    "follow_ups": {
        "session": (int, type(None)),
        "question": (str,),
        "text": (str,),
        "at": (float, int),
        "answered": (int,),
    },
}
# Tables that exports of earlier times do not have.
LATER_TABLES = ("rounds", "goals", "follow_ups")
# Columns that an export of before there were saves does not have, and what they hold then.
LATER: Mapping[str, Mapping[str, Any]] = {
    "checks": {
        "shown": "",
        "text": None,
        "clauses_passed": None,
        "clauses": None,
        "said": "",
        "spent": None,
    }
}
# What makes two rows the same event.
SAME = {
    "sessions": ("kind", "started"),
    "attempts": ("kata", "started"),
    "rounds": ("kata", "started"),
    "checks": ("kata", "at"),
    "hints": ("kata",),
    "reviews": ("card", "at"),
    "goals": ("made",),
    "follow_ups": ("question", "at"),
}
# Values that the rest of the tool relies on. The last second is that of the year 2999.
_LAST = 32503680000
_KATA: Mapping[str, Callable[[Any], bool]] = {
    "kata": lambda path: re.fullmatch(r"\w+/\w+", path) is not None,
}
_ATTEMPTS: Mapping[str, Callable[[Any], bool]] = {
    **_KATA,
    "started": lambda at: 0 <= at < _LAST,
    "outcome": lambda word: word in (RUNNING, SOLVED, TIME_UP, GIVEN_UP, LEFT),
    "minutes": lambda minutes: minutes > 0,
    "seconds": lambda seconds: seconds >= 0,
    "causes": lambda text: _is_list_of_texts(text),
}
ALLOWED: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "sessions": {"started": lambda at: 0 <= at < _LAST},
    "attempts": _ATTEMPTS,
    "rounds": _ATTEMPTS,
    "hints": _KATA,
    "checks": {
        **_KATA,
        "at": lambda at: 0 <= at < _LAST,
        "outcome": lambda word: word in set(Outcome),
        "text": lambda text: text is None or re.fullmatch("[0-9a-f]{64}", text) is not None,
    },
    "reviews": {
        "at": lambda at: 0 <= at < _LAST,
        "rating": lambda rating: rating in RATINGS,
        "seconds": lambda seconds: seconds >= 0,
    },
    "goals": {
        "made": lambda at: 0 <= at < _LAST,
        "date": lambda date: date == "" or _is_date(date),
        "minutes": lambda minutes: minutes > 0,
        "level": lambda level: level in layout.LEVELS,
        "track": lambda track: track in ("", *layout.TRACKS),
        "off": lambda text: _is_list_of_texts(text),
    },
    "follow_ups": {
        "at": lambda at: 0 <= at < _LAST,
        "answered": lambda answered: answered in ANSWERED,
    },
}
# Plain files of the state folder that move along: kept answers, texts of checks, debriefs.
FILES = ("archive/*/*/*.py", "saves/*.py", "sessions/*.md")
_FILE_NAME = re.compile(r"(archive/\w+/\w+|sessions)/[\w.T+-]+\.(py|md)|saves/[0-9a-f]{64}\.py")


class TransferError(DojoError):
    """A file cannot be written, read or understood; the message says which and why."""


def export(path: Path) -> int:
    """Writes the whole record to one file and says what it holds."""
    _refuse_other_files(path)
    with Database() as database:
        tables = {name: _rows(database.db, name) for name in TABLES}
    files = dict(_kept_files())
    report = {"dojo": "history", "version": VERSION, **tables, "files": files}
    try:
        write_whole(path, (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise TransferError(f"{path} cannot be written: {error.strerror or error}") from None
    counts = [f"{len(tables[name])} {name}" for name in ("attempts", "checks", "reviews")]
    print(f"{path}: {', '.join(counts)}, {len(files)} files")
    return 0


def load(path: Path) -> int:
    """Merges such a file into the record here and says what is new."""
    content = _read(path)
    added: dict[str, int] = {}
    with Database() as database:
        with database.transaction() as db:
            numbers: dict[int, int] = {}
            for name in TABLES:
                added[name] = sum(_add(db, name, row, numbers) for row in content[name])
            _plan_again(db, {row["card"] for row in content["reviews"]})
            files, gone = _admit_texts(db, content["checks"], content["files"])
        database.let_go(gone)
    files += _write_files(content["files"])
    counts = [f"{added[name]} {name}" for name in ("attempts", "checks", "reviews")]
    print(f"new from {path}: {', '.join(counts)}, {files} files")
    return 0


def _rows(db: sqlite3.Connection, name: str) -> list[dict[str, Any]]:
    columns = ", ".join(TABLES[name])
    return [dict(row) for row in db.execute(f"SELECT {columns} FROM {name} ORDER BY rowid")]


def _kept_files() -> list[tuple[str, str | Mapping[str, str]]]:
    folder = layout.state_folder()
    paths = sorted(path for pattern in FILES for path in folder.glob(pattern))
    found = [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths]
    # A text that is damaged is of no use to another machine.
    return [(name, _packed(raw)) for name, raw in found if _is_whole(name, raw)]


def _packed(raw: bytes) -> str | Mapping[str, str]:
    """A file as JSON holds it: text, or what is none byte for byte."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def _unpacked(file: Any) -> bytes:
    """The bytes of a file; raises ValueError where it is not as `_packed` has it."""
    if isinstance(file, dict) and isinstance(file.get("base64"), str):
        return base64.b64decode(file["base64"], validate=True)
    if not isinstance(file, str):
        raise ValueError("it is no text")
    return file.encode()


def _is_whole(name: str, raw: bytes) -> bool:
    """Whether a text of a check is what its name says; other files have no such name."""
    folder, _, rest = name.partition("/")
    return folder != "saves" or rest == f"{texts.digest_of(raw)}.py"


def _refuse_other_files(path: Path) -> None:
    """An earlier export may be replaced; anything else is somebody's work."""
    if path.exists():
        try:
            _read(path)
        except TransferError:
            raise TransferError(f"{path} is there, and is no earlier export: kept") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise TransferError(f"{path} is no export: {error}") from None
    if not isinstance(content, dict) or content.get("dojo") != "history":
        raise TransferError(f"{path} is no export of this tool")
    if content.get("version") != VERSION:
        raise TransferError(f"{path} has version {content.get('version')}; this reads {VERSION}")
    for name, columns in TABLES.items():
        # An export of before there were such rows has none.
        content.setdefault(name, [] if name in LATER_TABLES else None)
        _add_later_columns(content[name], LATER.get(name, {}))
        _demand_rows(path, name, content[name], columns)
    content["files"] = _demanded_files(path, content.get("files"))
    return content


def _add_later_columns(rows: Any, later: Mapping[str, Any]) -> None:
    for row in rows if isinstance(rows, list) and later else []:
        if isinstance(row, dict):
            row |= {column: value for column, value in later.items() if column not in row}


def _demand_rows(path: Path, name: str, rows: Any, columns: Mapping[str, tuple[type, ...]]) -> None:
    if not isinstance(rows, list):
        raise TransferError(f"{path}: {name} is no list")
    for number, row in enumerate(rows, 1):
        wrong = (
            not isinstance(row, dict)
            or [
                column
                for column, kinds in columns.items()
                if column not in row or not _fits(row[column], kinds)
            ]
            or [
                column
                for column, allowed in ALLOWED.get(name, {}).items()
                if not allowed(row[column])
            ]
        )
        if wrong:
            what = ", ".join(wrong) if isinstance(wrong, list) else "it is no object"
            raise TransferError(f"{path}: {name}, entry {number}: {what} cannot be read")


def _fits(value: Any, kinds: tuple[type, ...]) -> bool:
    # To Python True is an int, and nan a float; SQLite's integers have 64 bits, and half
    # a pair of surrogates is no character.
    finite = not isinstance(value, float) or math.isfinite(value)
    held = not isinstance(value, int) or -(2**63) <= value < 2**63
    whole = not isinstance(value, str) or not re.search(r"[\ud800-\udfff]", value)
    return isinstance(value, kinds) and not isinstance(value, bool) and finite and held and whole


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_list_of_texts(text: str) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, list) and all(isinstance(item, str) for item in found)


def _demanded_files(path: Path, files: Any) -> dict[str, bytes]:
    if not isinstance(files, dict):
        raise TransferError(f"{path}: files is no object")
    found = {}
    for name, file in files.items():
        try:
            # Nothing may be written outside the folders these files came from.
            if not _FILE_NAME.fullmatch(name) or ".." in name:
                raise ValueError("there is no such file")
            found[name] = _unpacked(file)
            if not _is_whole(name, found[name]):
                raise ValueError("it is another text")
        except ValueError:
            raise TransferError(f"{path}: {name!r} is no file of an export") from None
    return found


def _add(
    db: sqlite3.Connection, name: str, row: Mapping[str, Any], numbers: dict[int, int]
) -> bool:
    """Inserts one row unless it is there, and returns whether it was new."""
    where = " AND ".join(f"{column} = :{column}" for column in SAME[name])
    known = db.execute(f"SELECT rowid FROM {name} WHERE {where}", row).fetchone()
    values = {column: row[column] for column in TABLES[name] if column != "id"}
    if "session" in values:
        values["session"] = numbers.get(values["session"])
    if values.get("outcome") == RUNNING:
        # The process that ran it is on another machine.
        values["outcome"] = LEFT
    if known is None:
        names, marks = ", ".join(values), ", ".join(f":{column}" for column in values)
        number = db.execute(f"INSERT INTO {name} ({names}) VALUES ({marks})", values).lastrowid
    else:
        number = known[0]
    if name == "sessions":
        numbers[row["id"]] = number or 0
    return known is None


def _plan_again(db: sqlite3.Connection, cards: set[str]) -> None:
    """Computes the cards' plans from all their reviews, in the order they happened."""
    for card in sorted(cards):
        query = "SELECT at, rating FROM reviews WHERE card = ? ORDER BY at, id"
        plan: fsrs.Card | None = None
        for at, rating in db.execute(query, (card,)).fetchall():
            when = datetime.datetime.fromtimestamp(at, datetime.UTC)
            plan = Review(card, when, rating, 0.0).after(plan)
        if plan is not None:
            db.execute(
                "INSERT OR REPLACE INTO cards (id, state, due) VALUES (?, ?, ?)",
                (card, plan.to_json(), plan.due.timestamp()),
            )


def _admit_texts(
    db: sqlite3.Connection, checks: Sequence[Mapping[str, Any]], files: dict[str, bytes]
) -> tuple[int, set[str]]:
    """Takes the texts of checks out of `files`, and keeps those within the bound.

    Returns:
        How many were not there before, and which were struck out to make room.
    """
    came = {Path(name).stem: files.pop(name) for name in list(files) if name.startswith("saves/")}
    for check in checks:
        if check["text"] in came:
            texts.enter(db, check["kata"], check["at"], check["text"])
    gone = texts.thin_out(db)
    needed = {row[0] for row in db.execute("SELECT DISTINCT text FROM saves")} & came.keys()
    new = sum(not texts.file_of(digest).exists() for digest in needed)
    for digest in needed:
        texts.write(digest, came[digest])
    return new, gone


def _write_files(files: Mapping[str, bytes]) -> int:
    """Writes the files that are not there; returns how many."""
    new: Sequence[Path] = [
        path for name in files if not (path := layout.state_folder() / name).exists()
    ]
    for path in new:
        name = path.relative_to(layout.state_folder()).as_posix()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, files[name])
        except OSError as error:
            raise TransferError(f"{path} cannot be written: {error.strerror or error}") from None
    return len(new)
