"""Workers on other machines: those of a dask.distributed cluster that exists already.

As `crew` to its caller. What a cluster brings is the workers, that they are replaced, and that an
answer whose worker ends is tried elsewhere. Ours is that none waits there in thousands, and that
no worker with other suites has a say.
"""

import atexit
import contextlib
import dataclasses
import itertools
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

from dojo.cohort import judges
from dojo.cohort.crew import LOST, CrewError, Grader, Work, grade_one
from dojo.errors import DojoError, UsageError
from dojo.results import Failure, Outcome, Result

PACKAGE = "distributed>=2026.1,<2027"
# For a scheduler to answer, and for a first worker.
_PATIENCE = 30.0
# Between two looks at whether there still is a worker.
_LOOK = 5.0
# Answers at the cluster for each of its threads: one is graded, the next is there already.
_AHEAD = 2

Verdict = tuple[Work, Result, Sequence[str]]


@dataclasses.dataclass(frozen=True)
class Said:
    """What a worker says of an answer.

    Attributes:
        host: Where it works.
        judged_by: What judges there, as from `judges.digests`, of this kata.
        fault: Why nothing can be graded there, or "".
        result, flags: What came of the answer; nothing where what judges is another, or for a
            fault.
    """

    host: str
    judged_by: str
    fault: str = ""
    result: Result | None = None
    flags: Sequence[str] = ()


def grade_all(
    work: Iterable[Work],
    make: Callable[[], Grader],
    address: str,
    judged_by: Mapping[str, str],
    remark: Callable[[str], object],
) -> Generator[Verdict, None, None]:
    """Yields each piece of work with its verdict and flags, as they come.

    Args:
        work: Answers, each graded once.
        make: Makes a grader in a worker: a function of a module, or a partial one.
        address: Of the scheduler, such as "tcp://10.0.0.1:8786".
        judged_by: What is to judge, as from `judges.digests`.
        remark: Called with a line for each machine that is not to grade, and why.

    Raises:
        CrewError: If nobody there can grade.
        UsageError: If there is no scheduler, or the package is not installed.
    """
    with contextlib.closing(_client(address)) as client:
        yield from _Cluster(client, make, judged_by, remark).grade_all(work)


def _client(address: str) -> Any:
    try:
        import distributed
    except ImportError:
        how = f'python -m pip --python .venv/bin/python install "{PACKAGE}"'
        raise UsageError(f"--scheduler needs a package that is not installed: {how}") from None
    try:
        client = distributed.Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(f"no scheduler answers at {address}: {error}") from None
    return client


class _LostWorker(Exception):
    """A worker has ended."""


class _Cluster:
    """A cluster, and what is known of its machines."""

    def __init__(
        self,
        client: Any,
        make: Callable[[], Grader],
        judged_by: Mapping[str, str],
        remark: Callable[[str], object],
    ) -> None:
        self._client = client
        self._make = make
        self._judged_by = judged_by
        self._remark = remark
        # Host to why it does not grade.
        self._refused: dict[str, str] = {}

    def grade_all(self, work: Iterable[Work]) -> Generator[Verdict, None, None]:
        waiting = iter(work)
        suspects: list[Work] = []
        under_way: dict[Any, Work] = {}
        while True:
            for todo in itertools.islice(waiting, max(0, self._places() - len(under_way))):
                under_way[self._send(todo)] = todo
            if not under_way:
                break
            future = self._first_done(under_way)
            todo = under_way.pop(future)
            try:
                verdict = self._verdict(future, todo)
            except _LostWorker:
                suspects.append(todo)
                continue
            if verdict is not None:
                yield verdict
            else:
                under_way[self._send(todo)] = todo
        for todo in suspects:
            yield self._alone(todo)

    def _alone(self, work: Work) -> Verdict:
        """Grades an answer whose worker has ended, with no other to be blamed for it."""
        with contextlib.suppress(_LostWorker):
            while (verdict := self._verdict(self._first_done([self._send(work)]), work)) is None:
                pass
            return verdict
        return work, Result(work.kata, Outcome.CRASHED, [Failure("", LOST)]), [LOST]

    def _send(self, work: Work) -> Any:
        what = (perform, self._make, work, self._judged_by[work.kata])
        return self._client.submit(*what, pure=False, workers=self._able())

    def _first_done(self, futures: Iterable[Any]) -> Any:
        import distributed

        first = {"timeout": _LOOK, "return_when": "FIRST_COMPLETED"}
        while True:
            with contextlib.suppress(TimeoutError), self._client.as_current():
                return next(iter(distributed.wait(list(futures), **first).done))
            # Nobody may be there any more.
            self._places()

    def _places(self) -> int:
        """How many answers are to be at the cluster."""
        threads = self._client.nthreads()
        if not threads:
            try:
                self._client.wait_for_workers(1, timeout=_PATIENCE)
            except TimeoutError:
                raise CrewError("the scheduler has no worker") from None
            threads = self._client.nthreads()
        return _AHEAD * sum(int(count) for count in threads.values())

    def _able(self) -> list[str] | None:
        """The workers that may grade; None for all of them."""
        if not self._refused:
            return None
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        able = [address for address, of in workers.items() if of["host"] not in self._refused]
        if not able:
            reasons = "; ".join(self._refused.values())
            raise CrewError(f"no machine of the cluster can grade: {reasons}")
        return able

    def _verdict(self, future: Any, work: Work) -> Verdict | None:
        """What came of an answer; None where another machine is to have it.

        Raises:
            _LostWorker: If workers have ended under it, or while it was to come next.
        """
        from distributed.scheduler import KilledWorker

        try:
            said: Said = future.result()
        except ImportError as error:
            raise CrewError(f"a worker does not run from a copy of this project: {error}") from None
        except KilledWorker:
            raise _LostWorker from None
        if said.result is not None:
            return work, said.result, said.flags
        if said.host not in self._refused:
            self._refused[said.host] = f"{said.host} {said.fault or 'has other suites or packages'}"
            self._remark(self._refused[said.host])
        return None


def perform(make: Callable[[], Grader], work: Work, judged_by: str) -> Said:
    """Grades one answer, in a worker."""
    import distributed

    host = distributed.get_worker().host
    here = judges.digests([work.kata])[work.kata]
    if here != judged_by:
        return Said(host, here)
    try:
        grader = _grader(make, here)
    except DojoError as error:
        return Said(host, here, f"cannot grade: {error}")
    fault, result, flags = grade_one(grader, work.kata, work.answer)
    return Said(host, here, f"cannot grade: {fault}" if fault else "", result, flags)


# A thread of a worker grades one answer at a time, and keeps what it grades with.
_kept = threading.local()


def _grader(make: Callable[[], Grader], judged_by: str) -> Grader:
    wanted = f"{make!r} {judged_by}"
    if getattr(_kept, "made_for", "") != wanted:
        if (last := getattr(_kept, "grader", None)) is not None:
            last.close()
        _kept.made_for, _kept.grader = "", make()
        _kept.made_for = wanted
        atexit.register(_kept.grader.close)
    return _kept.grader  # type: ignore[no-any-return]
