"""What is graded already: one SQLite file beside the report, so that a run can go on.

A verdict is kept under a digest of all that it depends on. Each is one transaction: a process
that is killed at any moment loses what it was at, and nothing else.
"""

import contextlib
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from dojo.cohort.results_file import read_result, result_entry
from dojo.errors import DojoError
from dojo.results import Outcome, Result

_SCHEMA = "CREATE TABLE IF NOT EXISTS verdicts (key TEXT PRIMARY KEY, kata TEXT, verdict TEXT)"
# Another version reads nothing that this one wrote, and the other way round.
_VERSION = 1
# What only says that something went wrong here is tried again.
_NOT_KEPT = {Outcome.BROKEN}


class LedgerError(DojoError):
    """Verdicts cannot be kept; the message says what to do."""


def key_of(kata: str, answer: bytes, judges: str, conditions: str) -> str:
    """Returns the digest under which a verdict is kept.

    Args:
        kata: Path of the kata.
        answer: The file as it came.
        judges: As from `judges.digests`, of this kata.
        conditions: What else it was graded under: the limit, the sandbox.
    """
    parts = [kata.encode(), hashlib.sha256(answer).digest(), judges.encode(), conditions.encode()]
    # Each by itself, so that no two lists run into the same text.
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


class Ledger:
    """The verdicts of one cohort. Close it, or use `with`.

    Attributes:
        remark: What happened to a file that could not be read, or "".
    """

    def __init__(self, file: Path) -> None:
        """
        Args:
            file: Where it is kept; its folder is made.

        Raises:
            LedgerError: If nothing can be written there.
        """
        self.file = file
        self.remark = ""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._db = _opened(file)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self._set_aside()
                self._db = _opened(file)
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(f"{file} cannot be written: {error}") from None

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def find(self, key: str, kata: str) -> tuple[Result, Sequence[str]] | None:
        """Returns a verdict on the kata and its flags, or None where there is none to be read."""
        row = self._db.execute("SELECT verdict FROM verdicts WHERE key = ?", (key,)).fetchone()
        with contextlib.suppress(ValueError, KeyError, TypeError):
            if row is not None:
                entry = json.loads(row[0])
                return read_result(kata, entry), [str(flag) for flag in entry["flags"]]
        return None

    def keep(self, key: str, result: Result, flags: Sequence[str]) -> None:
        """Keeps a verdict, at once and for good.

        Raises:
            LedgerError: If it cannot be written, for example on a full disk.
        """
        if result.outcome in _NOT_KEPT:
            return
        entry = json.dumps({**result_entry(result), "flags": list(flags)})
        try:
            with self._db:
                row = (key, result.kata, entry)
                self._db.execute("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?)", row)
        except sqlite3.Error as error:
            raise LedgerError(f"{self.file} cannot be written: {error}") from None

    def _set_aside(self) -> None:
        """Moves a file away that is no database any more; nothing is deleted."""
        aside = self.file.with_name(f"{self.file.name}.damaged-{time.time_ns()}")
        os.replace(self.file, aside)
        for ending in ("-wal", "-shm"):
            # They belong to the file that is gone.
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self.file}{ending}", f"{aside}{ending}")
        self.remark = f"{self.file} could not be read, and is now {aside.name}: all is graded anew"


def _opened(file: Path) -> sqlite3.Connection:
    # Two runs over one report take turns.
    db = sqlite3.connect(file, timeout=10)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"it has version {version}")
        with db:
            db.execute(_SCHEMA)
            db.execute(f"PRAGMA user_version = {_VERSION}")
        if db.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("it is damaged")
    except BaseException:
        db.close()
        raise
    return db
