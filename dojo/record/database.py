"""The learner's record: one SQLite file in WAL mode.

Every change is one transaction, so that a process killed at any moment leaves a file that
opens again, and two processes at once take turns. Times are seconds since 1970, UTC.
"""

import contextlib
import sqlite3
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from dojo import layout
from dojo.errors import DojoError
from dojo.proofs import mistakes
from dojo.record import texts
from dojo.results import Outcome, Result
from dojo.shown import causes, shown_test

# Each entry takes the schema one version further; entries are only ever appended.
MIGRATIONS = (
    """
    CREATE TABLE checks (
        id INTEGER PRIMARY KEY,
        kata TEXT NOT NULL,
        at REAL NOT NULL,
        outcome TEXT NOT NULL,
        passed INTEGER NOT NULL,
        total INTEGER NOT NULL,
        seconds REAL NOT NULL
    );
    CREATE INDEX checks_of_kata ON checks (kata, at);
    CREATE TABLE hints (kata TEXT PRIMARY KEY, given INTEGER NOT NULL);
    """,
    """
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,          -- practice, interview or rehearsal
        started REAL NOT NULL,
        ended REAL,
        minutes REAL                 -- the time box, if there was one
    );
    CREATE TABLE attempts (
        id INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES sessions (id),
        kata TEXT NOT NULL,
        started REAL NOT NULL,
        minutes REAL NOT NULL,       -- the time box
        seconds REAL NOT NULL,       -- spent, pauses left out; grows while it runs
        outcome TEXT NOT NULL,       -- running, solved, time up, given up or left
        checks INTEGER NOT NULL DEFAULT 0,
        hints INTEGER NOT NULL DEFAULT 0,
        causes TEXT NOT NULL DEFAULT '[]'   -- JSON list of proved causes met
    );
    CREATE INDEX attempts_of_kata ON attempts (kata, started);
    CREATE TABLE cards (
        id TEXT PRIMARY KEY,         -- question:G01 or kata:losses/focal_loss
        state TEXT NOT NULL,         -- fsrs' card, as JSON
        due REAL NOT NULL
    );
    CREATE TABLE reviews (
        id INTEGER PRIMARY KEY,
        card TEXT NOT NULL,
        at REAL NOT NULL,
        rating INTEGER NOT NULL,     -- 1 again, 2 hard, 3 good, 4 easy
        seconds REAL NOT NULL,
        session INTEGER REFERENCES sessions (id)
    );
    CREATE INDEX reviews_of_card ON reviews (card, at);
    """,
    # The process that runs an attempt, and when it last wrote: tells one that goes on in
    # another window from one whose process was killed.
    """
    ALTER TABLE attempts ADD COLUMN pid INTEGER;
    ALTER TABLE attempts ADD COLUMN beat REAL;
    """,
    # Rounds of debugging: an attempt's columns, and which mistake it was.
    """
    CREATE TABLE rounds (
        id INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES sessions (id),
        kata TEXT NOT NULL,
        mistake TEXT NOT NULL,       -- its name; of a break, the line before and after
        family TEXT NOT NULL,
        kind TEXT NOT NULL,          -- repair or review
        started REAL NOT NULL,
        minutes REAL NOT NULL,
        seconds REAL NOT NULL,
        outcome TEXT NOT NULL,       -- as of attempts
        checks INTEGER NOT NULL DEFAULT 0,
        hints INTEGER NOT NULL DEFAULT 0,
        causes TEXT NOT NULL DEFAULT '[]',
        named INTEGER,               -- whether the learner said which mistake it was
        pid INTEGER,
        beat REAL
    );
    CREATE INDEX rounds_of_kata ON rounds (kata, started);
    """,
    # The test whose failure was shown: the next check has a word on it first.
    """
    ALTER TABLE checks ADD COLUMN shown TEXT NOT NULL DEFAULT '';
    """,
    # Which text was checked, by its SHA-256; what came of it; and the seconds on the clock of
    # the attempt. `saves` are the texts that are kept.
    """
    ALTER TABLE checks ADD COLUMN text TEXT;
    ALTER TABLE checks ADD COLUMN clauses_passed INTEGER;
    ALTER TABLE checks ADD COLUMN clauses INTEGER;
    ALTER TABLE checks ADD COLUMN said TEXT NOT NULL DEFAULT '';
    ALTER TABLE checks ADD COLUMN spent REAL;
    CREATE TABLE saves (
        kata TEXT NOT NULL,
        day TEXT NOT NULL,           -- the learner's own, as 2026-01-31
        text TEXT NOT NULL,          -- as of checks; its file is named after it
        at REAL NOT NULL,            -- when it was checked last, of that day
        PRIMARY KEY (kata, day, text)
    );
    CREATE INDEX saves_by_time ON saves (at);
    CREATE INDEX saves_of_text ON saves (text);
    """,
    # What is prepared for, newest last, and what was planned for each day of it.
    """
    CREATE TABLE goals (
        id INTEGER PRIMARY KEY,
        made REAL NOT NULL,
        date TEXT NOT NULL,          -- of the interview; "" from when on there is none
        minutes REAL NOT NULL,       -- a day
        level TEXT NOT NULL,
        track TEXT NOT NULL,
        off TEXT NOT NULL            -- JSON list: sat, 2026-12-03
    );
    CREATE TABLE agendas (
        goal INTEGER NOT NULL REFERENCES goals (id),
        day TEXT NOT NULL,
        laid TEXT NOT NULL,          -- the day on which it was planned
        items TEXT NOT NULL,         -- JSON
        PRIMARY KEY (goal, day)
    );
    """,
    # What an interviewer asked after an answer, and how it went by the learner's own judgement.
    """
    CREATE TABLE follow_ups (
        id INTEGER PRIMARY KEY,
        session INTEGER REFERENCES sessions (id),
        question TEXT NOT NULL,      -- G01
        text TEXT NOT NULL,          -- of the follow-up
        at REAL NOT NULL,
        answered INTEGER NOT NULL    -- 0 no, 1 partly, 2 answered
    );
    CREATE INDEX follow_ups_of_question ON follow_ups (question, at);
    """,
)

# Of a reason, in characters.
LONGEST = 200


class DatabaseError(DojoError):
    """The record cannot be opened or written; the message says what to do."""


class Database:
    """The record of one learner. Cheap to open; close it, or use `with`."""

    def __init__(self, folder: Path | None = None) -> None:
        """
        Args:
            folder: Where the file lies; None for .dojo, or $DOJO_HOME.

        Raises:
            DatabaseError: If the file is no database, or is of a newer dojo.
        """
        self.path = (folder or layout.state_folder()) / "dojo.db"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Several processes may write: wait for a lock rather than fail.
            self.db = sqlite3.connect(self.path, timeout=10, isolation_level=None)
            self.db.row_factory = sqlite3.Row
            self.db.execute("PRAGMA journal_mode = WAL")
            self._migrate()
        except (sqlite3.Error, OSError) as error:
            raise DatabaseError(
                f"{layout.shown(self.path)} cannot be opened: {error}. It is kept as it is; "
                "move it away to start a new record."
            ) from None

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Closes it.

        Raises:
            DatabaseError: If the block ended because the file is damaged and cannot be read.
        """
        self.close()
        if isinstance(error, sqlite3.Error):
            raise DatabaseError(
                f"{layout.shown(self.path)} cannot be read: {error}. It is kept as it is; "
                "move it away to start a new record."
            ) from None

    def close(self) -> None:
        self.db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block is written, or none of it.

        Raises:
            DatabaseError: If it cannot be written, for example on a full disk.
        """
        try:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self.db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise DatabaseError(f"{layout.shown(self.path)} cannot be written: {error}") from None

    def _migrate(self) -> None:
        if self._version() > len(MIGRATIONS):
            raise sqlite3.Error("it was written by a newer dojo")
        if self._version() == len(MIGRATIONS):
            return
        self.db.execute("BEGIN IMMEDIATE")
        # Another process may have migrated while this one waited for the lock.
        for number in range(self._version(), len(MIGRATIONS)):
            for statement in MIGRATIONS[number].split(";\n"):
                if statement.strip():
                    self.db.execute(statement)
            self.db.execute(f"PRAGMA user_version = {number + 1}")
        self.db.execute("COMMIT")

    def _version(self) -> int:
        return int(self.db.execute("PRAGMA user_version").fetchone()[0])

    def add_check(self, result: Result, at: float | None = None, spent: float | None = None) -> str:
        """Records one verdict on the learner's own tree, and keeps the text that it is about.

        Args:
            result: The verdict.
            at: When; None for now.
            spent: Seconds on the clock of the attempt it belongs to, if there is one.

        Returns:
            Why the text could not be kept, or "".

        Raises:
            DatabaseError: If the verdict cannot be recorded.
        """
        at = time.time() if at is None else at
        row, trouble = _row_of(result) | {"at": at, "spent": spent}, ""
        with self.transaction() as db:
            if result.text is not None:
                try:
                    row["text"] = texts.keep(db, result.kata, at, result.text)
                except texts.TextError as error:
                    trouble = str(error)
            names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
            db.execute(f"INSERT INTO checks ({names}) VALUES ({marks})", row)
            gone = texts.thin_out(db, texts.LOOK)
        self.let_go(gone)
        return trouble

    def let_go(self, gone: Collection[str]) -> None:
        """Removes the files of texts that were struck out, once that is written."""
        if gone:
            # A file that stays does no harm.
            with contextlib.suppress(DatabaseError), self.transaction() as db:
                texts.let_go(db, gone)

    def start_session(self, kind: str, minutes: float | None) -> int:
        """Records that a sitting begins, and returns its number."""
        with self.transaction() as db:
            cursor = db.execute(
                "INSERT INTO sessions (kind, started, minutes) VALUES (?, ?, ?)",
                (kind, time.time(), minutes),
            )
        return int(cursor.lastrowid or 0)

    def end_session(self, session: int) -> None:
        """Records that a sitting has ended."""
        with self.transaction() as db:
            db.execute("UPDATE sessions SET ended = ? WHERE id = ?", (time.time(), session))

    def was_solved(self, kata: str) -> bool:
        """Returns whether any check has ever found `kata` solved."""
        query = "SELECT 1 FROM checks WHERE kata = ? AND outcome = ? LIMIT 1"
        return self.db.execute(query, (kata, Outcome.SOLVED.value)).fetchone() is not None

    def last_outcomes(self) -> dict[str, str]:
        """Returns each checked kata's newest outcome."""
        query = "SELECT kata, outcome, MAX(id) FROM checks GROUP BY kata"
        return {row["kata"]: row["outcome"] for row in self.db.execute(query)}

    def failing(self) -> dict[str, str]:
        """Returns kata to the test that its last check has shown as failing.

        A check that reached no test, as of a file with a syntax error, is passed over.
        """
        query = (
            "SELECT kata, shown, MAX(id) FROM checks WHERE shown != '' OR outcome = ? GROUP BY kata"
        )
        rows = self.db.execute(query, (Outcome.SOLVED.value,))
        return {row["kata"]: row["shown"] for row in rows if row["shown"]}

    def next_hint(self, kata: str, most: int) -> int:
        """Counts one more hint for `kata` and returns its number, from 1 to `most`."""
        with self.transaction() as db:
            row = db.execute("SELECT given FROM hints WHERE kata = ?", (kata,)).fetchone()
            given = min(most, (row["given"] if row else 0) + 1)
            db.execute("INSERT OR REPLACE INTO hints (kata, given) VALUES (?, ?)", (kata, given))
        return given

    def forget_hints(self, kata: str) -> None:
        """Starts the hints of `kata` again from the first."""
        with self.transaction() as db:
            db.execute("DELETE FROM hints WHERE kata = ?", (kata,))


def _row_of(result: Result) -> dict[str, Any]:
    verdicts = result.clauses.values()
    return {
        "kata": result.kata,
        "outcome": result.outcome.value,
        "passed": result.passed,
        "total": result.total,
        "clauses_passed": sum(verdict == "passed" for verdict in verdicts),
        "clauses": len(verdicts),
        "seconds": result.seconds,
        "shown": shown_test(result),
        "said": _said(result),
    }


def _said(result: Result) -> str:
    """What the failure shown proves; where no test was reached, the first line of why."""
    for cause in causes(result.failures):
        return ", or ".join(mistakes(cause))
    reasons = [failure.message for failure in result.failures if not failure.test]
    return reasons[0].partition("\n")[0][:LONGEST] if reasons else ""
