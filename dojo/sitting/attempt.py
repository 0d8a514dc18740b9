"""One attempt at a kata against the clock: how it begins, goes on and ends. No screen is here.

An attempt is written to the record as it goes, at every event and every few seconds, so
that a process killed at any moment loses at most those seconds.
"""

import dataclasses
import datetime
import time
from collections.abc import Sequence
from pathlib import Path

from dojo import layout, shown
from dojo.content import stubs
from dojo.content.document import Kata
from dojo.record import archive, attempts
from dojo.record.attempts import Entry, Refused
from dojo.record.database import DatabaseError
from dojo.results import Outcome, Result
from dojo.sitting.book import Book
from dojo.sitting.clock import Clock

WRITE_EVERY = 2.0
# An attempt that broke off longer ago is history.
RESUME_WITHIN = 24 * 3600.0


class Attempt:
    """Clock, checks and hints of one attempt, and its row in the record."""

    def __init__(self, kata: Kata, entry: Entry, book: Book, clock: Clock | None = None) -> None:
        """
        Args:
            kata: What is attempted.
            entry: Its row as it is known so far.
            book: Where the row is written.
            clock: Paused; None for one that goes on from the entry.
        """
        self.kata = kata
        self.entry = entry
        self.book = book
        self.clock = clock or Clock(spent=entry.seconds)
        self.result: Result | None = None
        self.due: datetime.datetime | None = None
        self._written_at = float("-inf")
        self._unwritten = self._unplanned = self._unkept = ""

    @property
    def running(self) -> bool:
        return self.entry.outcome == attempts.RUNNING

    @property
    def paused(self) -> bool:
        return self.running and self.clock.paused

    @property
    def trouble(self) -> str:
        """What could not be written to the record, and why, or ""."""
        return self._unwritten or self._unplanned or self._unkept

    @property
    def left(self) -> float:
        """Seconds left in the box; below 0 when it is over."""
        return self.entry.box - self.clock.spent

    @property
    def hints(self) -> Sequence[str]:
        """The hints given so far."""
        return self.kata.hints[: self.entry.hints]

    @property
    def verdicts(self) -> dict[str, str]:
        """Clause number to "passed" or "failed", by the newest check; empty before the first."""
        return self.result.clauses if self.result else {}

    def start(self) -> None:
        """Lets the clock run, first or after a pause, and writes the row."""
        self.clock.resume()
        self.write()

    def pause(self) -> None:
        """Stops the clock, and writes the row."""
        self.clock.pause()
        self.write()

    def tick(self) -> float:
        """Lets time pass, writes now and then, and returns seconds left out as a jump."""
        jump = self.clock.tick()
        if self.running and time.monotonic() - self._written_at >= WRITE_EVERY:
            self.write()
        return jump

    def take(self, result: Result) -> None:
        """Takes a verdict into account; a solved kata ends the attempt."""
        self.result = result
        if not self.running or result.outcome is Outcome.NOT_STARTED:
            return
        causes = tuple(dict.fromkeys([*self.entry.causes, *shown.causes(result.failures)]))
        self._change(checks=self.entry.checks + 1, causes=causes)
        self._unkept = self.book.keep_check(result, self.clock.spent)
        if result.outcome is Outcome.SOLVED:
            self.end(attempts.SOLVED)

    def hint(self) -> str:
        """Counts one more hint and returns it, or "" when there are no more."""
        if not self.running or self.entry.hints >= len(self.kata.hints):
            return ""
        self._change(hints=self.entry.hints + 1)
        return self.kata.hints[self.entry.hints - 1]

    def end(self, outcome: str) -> None:
        """Ends it, once; what was solved or tried to the end is planned for review."""
        if not self.running:
            return
        self.clock.pause()
        self._change(outcome=outcome)
        if outcome != attempts.LEFT:
            self._plan()

    def leave(self) -> None:
        """Ends it as left, or as time up if the time is."""
        self.end(attempts.TIME_UP if self.left <= 0 else attempts.LEFT)

    def write(self) -> None:
        """Writes the row; where that fails, `trouble` says why until a write succeeds."""
        self.entry = dataclasses.replace(self.entry, seconds=self.clock.spent)
        self._written_at = time.monotonic()
        try:
            self.entry = self.book.write(self.entry)
            self._unwritten = ""
        except DatabaseError as error:
            self._unwritten = f"not recorded: {error}"

    def make_up(self) -> None:
        """Writes once more what a full disk refused until now."""
        self.write()
        if self._unplanned:
            self._plan()

    def _plan(self) -> None:
        self.due, self._unplanned = self.book.plan(self.entry)

    def _change(self, **changes: object) -> None:
        self.entry = dataclasses.replace(self.entry, **changes)  # type: ignore[arg-type]
        self.write()


def begin(kata: Kata, minutes: float, book: Book, tree: Path) -> Attempt:
    """Archives what the file holds, restores the stub, and starts the clock.

    Raises:
        Refused: If another process has this kata under way.
        ArchiveError: If a copy or the stub cannot be written; the file is as it was.
    """
    refuse_elsewhere(kata, book)
    book.attempts.close(broken_off(book, kata))
    source = layout.source_file(kata.path, tree)
    # An untouched file keeps its time stamp: editors ask when a file changes under them.
    if not _is_pristine(kata, source):
        archive.reset(kata.path, tree)
    entry = Entry(kata.path, minutes, session=book.session, started=time.time())
    attempt = Attempt(kata, entry, book)
    attempt.start()
    return attempt


def resume(kata: Kata, entry: Entry, book: Book) -> Attempt:
    """Goes on with an attempt whose process was killed; the file is left as it is.

    Raises:
        Refused: If another process has this kata under way.
    """
    refuse_elsewhere(kata, book)
    attempt = Attempt(kata, entry, book)
    attempt.start()
    return attempt


def refuse_elsewhere(kata: Kata, book: Book) -> None:
    """Two sittings would write one file.

    Raises:
        Refused: If another process has this kata under way.
    """
    for entry in book.attempts.running():
        if entry.kata == kata.path and entry.elsewhere:
            raise Refused(
                f"{kata.path} is under way in another window (process {entry.pid}); "
                "end it there, or take another kata"
            )


def broken_off(book: Book, kata: Kata | None = None) -> list[Entry]:
    """Returns the attempts whose process is gone: of one kata, or of all."""
    found = [entry for entry in book.attempts.running() if entry.broken_off]
    return [entry for entry in found if kata is None or entry.kata == kata.path]


def settle(book: Book) -> None:
    """Ends the attempts that broke off too long ago to go on with.

    Raises:
        DatabaseError: If that cannot be written.
    """
    book.attempts.close([entry for entry in broken_off(book) if _is_stale(entry)])


def resumable(kata: Kata, book: Book, tree: Path) -> Entry | None:
    """Returns the newest attempt that broke off lately and still has its file."""
    found = [entry for entry in broken_off(book, kata) if not _is_stale(entry)]
    return found[-1] if found and layout.source_file(kata.path, tree).exists() else None


def _is_stale(entry: Entry) -> bool:
    return time.time() - entry.started >= RESUME_WITHIN


def _is_pristine(kata: Kata, source: Path) -> bool:
    try:
        return source.read_bytes() == stubs.pristine(kata.path).encode()
    except OSError:
        return False
