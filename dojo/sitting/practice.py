"""One attempt at a kata against the clock, and which kata to try next. No screen is here.

An attempt is written to the record as it goes, at every event and every few seconds, so
that a process killed at any moment loses at most those seconds.
"""

import dataclasses
import datetime
import os
import time
from collections.abc import Sequence
from pathlib import Path

from dojo import layout
from dojo.content import stubs
from dojo.content.document import Document, Kata
from dojo.record import archive, attempts
from dojo.record.attempts import Attempts, Entry, Refused
from dojo.record.database import Database, DatabaseError
from dojo.record.deck import Deck, kata_card, utc_now
from dojo.results import Outcome, Result
from dojo.sitting.clock import Clock
from dojo.words import counted, from_now

WRITE_EVERY = 2.0
# An attempt that broke off longer ago is history.
RESUME_WITHIN = 24 * 3600.0


class Attempt:
    """A running attempt: clock, checks, hints, and its row in the record."""

    def __init__(self, kata: Kata, entry: Entry, book: "Book", clock: Clock | None = None) -> None:
        self.kata = kata
        self.entry = entry
        self.book = book
        self.clock = clock or Clock(spent=entry.seconds)
        self.result: Result | None = None
        self.trouble = ""
        self.due: datetime.datetime | None = None
        self._written = float("-inf")
        self.clock.resume()
        self.write()

    @property
    def running(self) -> bool:
        return self.entry.outcome == attempts.RUNNING

    @property
    def left(self) -> float:
        """Seconds left in the box; below 0 when it is over."""
        return self.entry.box - self.clock.spent

    @property
    def hints(self) -> Sequence[str]:
        """The hints given so far."""
        return self.kata.hints[: self.entry.hints]

    def tick(self) -> float:
        """Lets time pass, writes now and then, and returns seconds left out as a jump."""
        jump = self.clock.tick()
        if self.running and time.monotonic() - self._written >= WRITE_EVERY:
            self.write()
        return jump

    def take(self, result: Result) -> None:
        """Takes a verdict into account; a solved kata ends the attempt."""
        self.result = result
        if not self.running or result.outcome is Outcome.NOT_STARTED:
            return
        met = [failure.cause for failure in result.failures if failure.cause]
        causes = tuple(dict.fromkeys([*self.entry.causes, *met]))
        self._change(checks=self.entry.checks + 1, causes=causes)
        self.book.keep_check(result)
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
            self.due, trouble = self.book.plan(self.entry)
            self.trouble = self.trouble or trouble

    def leave(self) -> None:
        """Ends it as left, or as time up if the time is."""
        self.end(attempts.TIME_UP if self.left <= 0 else attempts.LEFT)

    def write(self) -> None:
        """Writes the row; where that fails, `trouble` says why until a write succeeds."""
        self.entry = dataclasses.replace(self.entry, seconds=self.clock.spent)
        self._written = time.monotonic()
        try:
            self.entry = self.book.write(self.entry)
            self.trouble = ""
        except DatabaseError as error:
            self.trouble = f"not recorded: {error}"

    def _change(self, **changes: object) -> None:
        self.entry = dataclasses.replace(self.entry, **changes)  # type: ignore[arg-type]
        self.write()


class Book:
    """The learner's record as one sitting needs it: its attempts, checks and reviews."""

    def __init__(
        self, database: Database, kind: str = "practice", box: float | None = None
    ) -> None:
        """
        Args:
            database: Where all of it is written.
            kind: Of the sitting: "practice" or "interview".
            box: Minutes of the whole sitting, if there is a limit.
        """
        self.database = database
        self.attempts = Attempts(database)
        self.deck = Deck(database)
        self.kind = kind
        self.box = box
        self.session = 0

    def write(self, entry: Entry) -> Entry:
        """Writes an attempt, under this sitting."""
        if not entry.session:
            entry = dataclasses.replace(entry, session=self.sitting())
        return self.attempts.write(dataclasses.replace(entry, pid=os.getpid()))

    def sitting(self) -> int:
        """Returns the number of this sitting, which is written when it is first needed."""
        self.session = self.session or self.database.start_session(self.kind, self.box)
        return self.session

    def keep_check(self, result: Result) -> None:
        """Records a verdict; the attempt itself says so when the disk is full."""
        try:
            self.database.add_check(result)
        except DatabaseError:
            return

    def plan(self, entry: Entry) -> tuple[datetime.datetime | None, str]:
        """Rates the kata, and returns when it comes back, and what went wrong."""
        card = kata_card(entry.kata)
        try:
            session = entry.session or None
            due = self.deck.rate(card, rating(entry), seconds=entry.seconds, session=session)
        except DatabaseError as error:
            return None, f"not recorded: {error}"
        return due, ""

    def close(self) -> str:
        """Ends the sitting, and returns what went wrong."""
        try:
            if self.session:
                self.database.end_session(self.session)
        except DatabaseError as error:
            return f"not recorded: {error}"
        return ""


def rating(entry: Entry) -> int:
    """Returns fsrs' rating of an ended attempt: 1 again, 2 hard, 3 good, 4 easy."""
    if entry.outcome != attempts.SOLVED or entry.hints >= 3 or entry.seconds > 2 * entry.box:
        return 1
    if entry.hints or not entry.in_time:
        return 2
    return 4 if entry.seconds <= entry.box / 2 else 3


def why_rated(entry: Entry) -> str:
    """Returns the reason of the rating, in a few words."""
    if entry.outcome != attempts.SOLVED:
        return "not solved"
    hints = f"solved with {counted(entry.hints, 'hint')}"
    if entry.hints:
        return hints if entry.in_time else f"{hints}, over time"
    if not entry.in_time:
        return "solved over time"
    return "solved unaided in half the time" if rating(entry) == 4 else "solved unaided in time"


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
    return Attempt(kata, entry, book)


def resume(kata: Kata, entry: Entry, book: Book) -> Attempt:
    """Goes on with an attempt whose process was killed; the file is left as it is.

    Raises:
        Refused: If another process has this kata under way.
    """
    refuse_elsewhere(kata, book)
    return Attempt(kata, entry, book)


def refuse_elsewhere(kata: Kata, book: Book) -> None:
    """Two sittings would write one file."""
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


@dataclasses.dataclass(frozen=True)
class Choice:
    """One kata as the list shows it.

    Attributes:
        kata: Its entry in the catalogue.
        best: Seconds of the fastest solution; None without one.
        last: How the newest attempt or check ended, or "".
        due: "", "due", or "in 3 days".
        solved: Whether it ever was.
        unfinished: Whether an attempt broke off that can go on.
    """

    kata: Kata
    best: float | None
    last: str
    due: str
    solved: bool
    unfinished: bool


def choices(document: Document, book: Book, tree: Path) -> list[Choice]:
    """Returns all katas in study order with what is known about each."""
    entries, times = book.attempts.all(), book.deck.due_times()
    checked, now = book.database.last_outcomes(), utc_now()
    found = []
    for kata in document.katas:
        mine = [entry for entry in entries if entry.kata == kata.path]
        solved = [entry.seconds for entry in mine if entry.outcome == attempts.SOLVED]
        due = times.get(kata_card(kata.path))
        found.append(
            Choice(
                kata=kata,
                best=min(solved, default=None),
                last=_last(mine, checked.get(kata.path, "")),
                due="" if due is None else "due" if due <= now else from_now(due - now),
                solved=bool(solved) or book.database.was_solved(kata.path),
                unfinished=resumable(kata, book, tree) is not None,
            )
        )
    return found


def propose(found: Sequence[Choice], book: Book) -> tuple[Choice, str] | None:
    """Returns the next sensible kata and why: unfinished, due, unsolved, or soonest due."""
    by_card = {kata_card(choice.kata.path): choice for choice in found}
    due, _ = book.deck.in_order(by_card, utc_now())
    later = [by_card[card] for card in book.deck.due_times() if card in by_card]
    steps = [
        ([choice for choice in found if choice.unfinished], "it broke off"),
        ([by_card[card] for card in due], "due for review"),
        ([choice for choice in found if not choice.solved], "not solved yet"),
        (later or found, "all are solved; this one comes back first"),
    ]
    return next(((fitting[0], why) for fitting, why in steps if fitting), None)


def _last(mine: Sequence[Entry], checked: str) -> str:
    if not mine:
        return checked
    return "broken off" if mine[-1].broken_off else mine[-1].outcome


def _is_stale(entry: Entry) -> bool:
    return time.time() - entry.started >= RESUME_WITHIN


def _is_pristine(kata: Kata, source: Path) -> bool:
    try:
        return source.read_bytes() == stubs.pristine(kata.path).encode()
    except OSError:
        return False
