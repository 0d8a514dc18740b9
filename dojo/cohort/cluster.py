"""Workers on other machines: those of a Dask cluster that somebody has started.

Each has one answer at a time, so whatever ends a worker has ended it under that answer. Dask knows
who is there, and carries orders and verdicts; who gets what is decided here.
"""

import collections
import contextlib
import dataclasses
import logging
import pickle
import queue
import socket
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import TypeAlias

from distributed import Client, Future, KilledWorker
from distributed.comm import get_address_host_port

from dojo.cohort import remote
from dojo.cohort.crew import CrewError, Grader, Work, crashed
from dojo.errors import UsageError
from dojo.results import Result

LOST = "the worker that graded this answer ended, three times"
_TRIES = 3
# For a scheduler to answer.
_HELLO = 8.0
# Between two looks at who is there.
_LOOK = 0.5
# A worker that has ended is started anew by its machine; that takes a few seconds.
_PATIENCE = 30.0

_Verdict: TypeAlias = tuple[Result, Sequence[str]]


def grade_all(
    work: Iterable[Work],
    make: Callable[[], Grader],
    address: str,
    judged_by: Mapping[str, str],
    remark: Callable[[str], None],
) -> Generator[tuple[Work, Result, Sequence[str]], None, None]:
    """Yields each piece of work with its verdict and flags, as they come.

    Args:
        work: Answers, each graded once.
        make: Makes a grader in a worker: a function of a module, or a partial one.
        address: Of the scheduler, such as "tcp://10.0.0.1:8786".
        judged_by: What is to judge, as from `judges.digests`.
        remark: Called with a line for each worker that is refused.

    Raises:
        CrewError: If nobody there can grade.
        UsageError: If no scheduler answers.
    """
    waiting = collections.deque(work)
    if not waiting:
        return
    ours = remote.standard({todo.kata: judged_by[todo.kata] for todo in waiting})
    losses: collections.Counter[str] = collections.Counter()
    with _connected(address) as client:
        workers = _Workers(client, ours, pickle.dumps(make), remark)
        while waiting or workers.at_work:
            workers.give_from(waiting)
            for todo, verdict in workers.news():
                # First: to keep a verdict may be to wait for a disk.
                workers.give_from(waiting)
                losses[todo.key] += verdict is None
                if verdict is not None:
                    yield todo, *verdict
                elif losses[todo.key] < _TRIES:
                    # Last: if it ends a worker again, the others have theirs.
                    waiting.append(todo)
                else:
                    yield todo, crashed(todo, LOST), [LOST]


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Client]:
    # What they say of connections that come and go is said here in a line.
    for name in ("distributed", "distributed.client", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        # Where nobody listens, a client goes on trying, and then does not end cleanly.
        with socket.create_connection(get_address_host_port(address), timeout=_HELLO):
            pass
        client = Client(address, timeout=_HELLO, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"no scheduler answers at {address}: {_line(error)}") from None
    try:
        yield client
    finally:
        client.close()


@dataclasses.dataclass(frozen=True)
class _Task:
    """What a worker is at: an answer, or, without one, its examination."""

    future: Future
    work: Work | None


@dataclasses.dataclass(frozen=True)
class _Order:
    """A call that is made where it is unpickled.

    A scheduler unpickles what it hands on, and may run where this project is not: for it, an
    order is bytes.
    """

    function: Callable[..., object]
    given: tuple[object, ...]

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.function, self.given


class _Workers:
    """The workers of a cluster, as they come and go.

    Attributes:
        free: Addresses of those that may grade and have nothing to do.
    """

    def __init__(
        self,
        client: Client,
        ours: remote.Standard,
        making: bytes,
        remark: Callable[[str], None],
    ) -> None:
        self._client, self._ours, self._making, self._remark = client, ours, making, remark
        self.free: set[str] = set()
        self._tasks: dict[str, _Task] = {}
        self._refused: set[str] = set()
        self._done: queue.SimpleQueue[tuple[str, Future]] = queue.SimpleQueue()
        self._next_look = 0.0
        self._any_was_able = False
        self._alone_since = time.monotonic()

    @property
    def at_work(self) -> bool:
        """Whether an answer is being graded."""
        return any(task.work is not None for task in self._tasks.values())

    def give_from(self, waiting: collections.deque[Work]) -> None:
        """Has each free worker grade an answer, and takes those from what waits."""
        while waiting and self.free:
            address, work = self.free.pop(), waiting.popleft()
            self._submit(address, work, remote.grade, self._making, work.kata, work.answer)

    def news(self) -> Iterator[tuple[Work, _Verdict | None]]:
        """Yields what has come of work, if anything, within a moment; None where it was lost."""
        if time.monotonic() >= self._next_look:
            yield from self._look()
            self._next_look = time.monotonic() + _LOOK
        with contextlib.suppress(queue.Empty):
            address, future = self._done.get(timeout=_LOOK)
            task = self._tasks.get(address)
            if task is not None and task.future is future:
                del self._tasks[address]
                yield from self._settled(address, task)

    def _submit(
        self, address: str, work: Work | None, function: Callable[..., object], *given: object
    ) -> None:
        key = ("grade" if work else "examine", uuid.uuid4().hex)
        order = pickle.dumps(_Order(function, given))
        future = self._client.submit(pickle.loads, order, key=key, workers=[address])
        self._tasks[address] = _Task(future, work)
        future.add_done_callback(lambda done: self._done.put((address, done)))

    def _look(self) -> Iterator[tuple[Work, None]]:
        """Examines who is new, and yields what those who are gone were at."""
        there = self._there()
        self.free &= there
        self._refused &= there
        for address in self._tasks.keys() - there:
            task = self._tasks.pop(address)
            task.future.cancel()
            if task.work is not None:
                yield task.work, None
        for address in sorted(there - self.free - self._refused - self._tasks.keys()):
            self._submit(address, None, remote.examine, self._ours, self._making)
        self._refuse_to_wait()

    def _there(self) -> set[str]:
        try:
            if self._client.status == "running":
                return set(self._client.nthreads())
        except (OSError, RuntimeError):
            pass
        told = "what is graded is kept, and the same command goes on"
        raise CrewError(f"the scheduler is gone; {told}")

    def _refuse_to_wait(self) -> None:
        now = time.monotonic()
        if self.free or self._tasks:
            self._alone_since = now
        elif self._refused and not self._any_was_able:
            raise CrewError("each of the cluster's workers is refused: nothing can be graded")
        elif now - self._alone_since > _PATIENCE:
            raise CrewError(
                f"the cluster has had no worker that can grade for {_PATIENCE:.0f} s; "
                "docs/grading.md shows how one is started"
            )

    def _settled(self, address: str, task: _Task) -> Iterator[tuple[Work, _Verdict | None]]:
        """Yields what came of an answer; the worker is free, refused, or to be looked for."""
        verdict = None
        try:
            came = task.future.result(timeout=_HELLO)
        except (KilledWorker, CancelledError, TimeoutError):
            # Whether it is still there, the next look says.
            pass
        except ModuleNotFoundError as error:
            self._refuse(address, f"{error}; start it in this project's folder")
        except Exception as error:
            self._refuse(address, f"{type(error).__name__}: {_line(error)}")
        else:
            fault, *rest = (came,) if task.work is None else came
            if fault:
                self._refuse(address, fault)
            else:
                self.free.add(address)
                self._any_was_able = True
                verdict = tuple(rest)
        if task.work is not None:
            yield task.work, verdict

    def _refuse(self, address: str, reason: str) -> None:
        self._refused.add(address)
        self._remark(f"worker {address} is refused: {reason}")


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
