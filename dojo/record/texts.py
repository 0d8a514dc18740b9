"""The texts that were checked, as plain files: each once, under its hash.

.dojo/saves/9f86d081884c7d65….py

Kept are the newest `MOST` of all katas, and of each day that lies further back the last of each
kata: how a kata stood when one went to bed. Days are the learner's own. A text that was checked
on several days counts on each, and goes when the last of these goes.

Files are written before the row that names them is, and go after it: a process killed in the
middle leaves at most a file that no row names. Both happen in transactions of the record, whose
lock keeps two processes apart.
"""

import contextlib
import datetime
import hashlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from dojo import layout
from dojo.errors import DojoError

MOST = 1000
# So far behind the newest `MOST` a new text can push others over the edge: one is pushed by
# each, and those that stay, the last of a kata's day, stand between.
LOOK = 100

_SUPERFLUOUS = """
    SELECT kata, day, text FROM (SELECT * FROM saves ORDER BY at DESC LIMIT ? OFFSET ?) AS old
    WHERE EXISTS (
        SELECT 1 FROM saves AS later
        WHERE later.kata = old.kata AND later.day = old.day AND later.at > old.at
    )
"""


class TextError(DojoError):
    """A text that was kept cannot be read; the message says why."""


def digest_of(text: bytes) -> str:
    """Returns the hash that a text is known by."""
    return hashlib.sha256(text).hexdigest()


def file_of(digest: str) -> Path:
    """Returns where the text of that hash lies."""
    return layout.state_folder() / "saves" / f"{digest}.py"


def read(digest: str, path: Path | None = None) -> bytes:
    """Returns a text.

    Args:
        digest: Its hash.
        path: Where it lies; None for where it is kept.

    Raises:
        TextError: If its file is gone, or is not what was kept.
    """
    path = path or file_of(digest)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise TextError(f"{layout.shown(path)}: {error.strerror or error}") from None
    if digest_of(text) != digest:
        raise TextError(f"{layout.shown(path)} is damaged")
    return text


def keep(db: sqlite3.Connection, kata: str, at: float, text: bytes) -> str:
    """Keeps a text, within a transaction, and returns its hash.

    Raises:
        TextError: If its file cannot be written; nothing is changed.
    """
    digest = digest_of(text)
    write(digest, text)
    enter(db, kata, at, digest)
    return digest


def write(digest: str, text: bytes) -> None:
    """Writes the file of a text, unless it is there and whole.

    Raises:
        TextError: If that is impossible.
    """
    path = file_of(digest)
    try:
        # Not by way of a second file: under this name half a text is known as damaged.
        if not (path.is_file() and path.read_bytes() == text):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        why = f"{layout.shown(path.parent)}: {error.strerror or error}"
        raise TextError(f"what was checked cannot be kept: {why}") from None


def enter(db: sqlite3.Connection, kata: str, at: float, digest: str) -> None:
    """Notes that a text was checked then."""
    day = datetime.datetime.fromtimestamp(at).date().isoformat()
    db.execute(
        "INSERT INTO saves (kata, day, text, at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET at = MAX(at, excluded.at)",
        (kata, day, digest, at),
    )


def thin_out(db: sqlite3.Connection, look: int = -1) -> set[str]:
    """Strikes out what is neither new nor the last of its day; returns which texts these were.

    Args:
        db: The record, in a transaction; once that is committed, `let_go` removes the files.
        look: How many of those that are not new are looked at, newest first; -1 for all.
    """
    rows = [tuple(row) for row in db.execute(_SUPERFLUOUS, (look, MOST))]
    db.executemany("DELETE FROM saves WHERE kata = ? AND day = ? AND text = ?", rows)
    return {text for _, _, text in rows}


def let_go(db: sqlite3.Connection, digests: Iterable[str]) -> None:
    """Removes, within a transaction, the files of those texts that no row names any more."""
    for digest in digests:
        if db.execute("SELECT 1 FROM saves WHERE text = ?", (digest,)).fetchone() is None:
            with contextlib.suppress(OSError):
                file_of(digest).unlink()
