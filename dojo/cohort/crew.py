"""Workers on this machine: processes of our own, each of which grades one answer at a time.

A worker that ends under an answer is replaced, and the answer tried once more: what that costs is
one verdict, never the batch.
"""

import collections
import contextlib
import dataclasses
import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, TypeAlias

from dojo.errors import DojoError
from dojo.results import Failure, Outcome, Result

LOST = "the process that graded this answer ended, twice"
# Only its stub takes arguments.
Pipe: TypeAlias = "Connection[Any, Any]"
# For a worker that is told to end, to put away what it has.
_GRACE = 5.0


@dataclasses.dataclass(frozen=True)
class Work:
    """One answer to grade.

    Attributes:
        key: Under which its verdict is kept.
        kata: Path of the kata.
        answer: The file as it came.
    """

    key: str
    kata: str
    answer: bytes


class Graded(Protocol):
    """What came of one answer: a verdict, and why a person should look."""

    @property
    def result(self) -> Result: ...

    @property
    def flags(self) -> Sequence[str]: ...


class Grader(Protocol):
    """What a worker grades with."""

    def grade(self, kata: str, answer: bytes) -> Graded: ...

    def close(self) -> None: ...


class CrewError(DojoError):
    """No answer can be graded; the message says why."""


def grade_all(
    work: Iterable[Work], make: Callable[[], Grader], workers: int
) -> Generator[tuple[Work, Result, Sequence[str]], None, None]:
    """Yields each piece of work with its verdict and flags, as they come.

    Closing the iterator ends the workers.

    Args:
        work: Answers, each graded once.
        make: Makes a grader in a worker: a function of a module, or a partial one.
        workers: How many at a time.

    Raises:
        CrewError: If a grader cannot work at all.
    """
    waiting = collections.deque(work)
    crew = [_Worker(make) for _ in range(min(workers, len(waiting)))]
    try:
        for worker in crew:
            worker.give(waiting.popleft())
        while busy := {worker.end: worker for worker in crew if worker.at is not None}:
            for end in wait(list(busy)):
                worker = busy[end]  # type: ignore[index]
                if (done := worker.take()) is not None:
                    # First: to keep a verdict may be to wait for a disk.
                    if waiting:
                        worker.give(waiting.popleft())
                    yield done
    finally:
        for worker in crew:
            worker.tell_to_end()
        for worker in crew:
            worker.close()


class _Worker:
    """A worker as its parent sees it.

    Attributes:
        end: What it says comes from there.
        at: What it works at, if anything.
    """

    def __init__(self, make: Callable[[], Grader]) -> None:
        self._make = make
        self._lost = False
        self.at: Work | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.end, theirs = context.Pipe()
        # It ends with this process, whatever happens to that.
        self._process = context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, work: Work) -> None:
        self.at, self._lost = work, False
        self._send()

    def take(self) -> tuple[Work, Result, Sequence[str]] | None:
        """Returns what has come of the work; None if it was begun again."""
        assert self.at is not None
        work = self.at
        try:
            fault, result, flags = self.end.recv()
        except (EOFError, OSError):
            self.close()
            self._start()
            if not self._lost:
                self._lost = True
                self._send()
                return None
            fault, result, flags = "", crashed(work, LOST), [LOST]
        self.at = None
        if fault:
            raise CrewError(fault)
        return work, result, flags

    def _send(self) -> None:
        # One that has ended meanwhile is noticed when it is listened to.
        with contextlib.suppress(OSError):
            assert self.at is not None
            self.end.send((self.at.kata, self.at.answer))

    def tell_to_end(self) -> None:
        self.end.close()
        if self.at is not None:
            self._process.terminate()

    def close(self) -> None:
        """Ends it, and waits for that."""
        self.tell_to_end()
        self._process.join(_GRACE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def crashed(work: Work, reason: str) -> Result:
    """Returns the verdict on an answer that could not be graded to its end."""
    return Result(work.kata, Outcome.CRASHED, [Failure("", reason)])


def _serve(end: Pipe, make: Callable[[], Grader]) -> None:
    """Runs in the worker, until its parent is gone or has no more work."""
    # Ctrl-C is the parent's to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    try:
        grader = make()
    except DojoError as error:
        _answer_all(end, str(error))
        return
    with contextlib.closing(grader), contextlib.suppress(EOFError, OSError):
        while True:
            kata, answer = end.recv()
            end.send(grade_one(grader, kata, answer))


def _end(*_: object) -> None:
    raise SystemExit


def _answer_all(end: Pipe, fault: str) -> None:
    with contextlib.suppress(EOFError, OSError):
        end.recv()
        end.send((fault, None, []))


def grade_one(grader: Grader, kata: str, answer: bytes) -> tuple[str, Result | None, list[str]]:
    """Returns why nothing can be graded, or ""; verdict and flags otherwise."""
    try:
        graded = grader.grade(kata, answer)
    except DojoError as error:
        return str(error), None, []
    except Exception as error:
        # A fault of ours that this answer has found.
        reason = f"grading this answer failed: {type(error).__name__}: {error}"
        return "", Result(kata, Outcome.BROKEN, [Failure("", reason)]), [reason]
    return "", graded.result, list(graded.flags)
