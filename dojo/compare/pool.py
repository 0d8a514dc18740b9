"""Child processes that do jobs side by side; one that dies or hangs is replaced."""

import contextlib
import dataclasses
import multiprocessing
import multiprocessing.connection
import signal
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from dojo.compare.jobs import CompareError, Job, Result
from dojo.compare.worker import serve

# Until a child reports for work: a cold import of TensorFlow on a slow disk.
_START_LIMIT = 300.0


@dataclasses.dataclass(frozen=True)
class News:
    """A job has started, has ended (then `result` is there), or 0.1 s have passed."""

    job: Job | None = None
    result: Result | None = None


class Pool:
    """Children that stay warm from one list of jobs to the next. Use `with`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._context = multiprocessing.get_context("spawn")
        self._children: list[_Child] = []

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()

    def run(self, jobs: Sequence[Job]) -> Iterator[News]:
        """Does all jobs, those that must be alone last, and yields what happens.

        Raises:
            CompareError: If no child can work, or a job finds its data missing.
        """
        together = [job for job in jobs if not job.alone]
        yield from self._run(together, self.size)
        yield from self._run([job for job in jobs if job.alone], 1)

    def _run(self, jobs: Sequence[Job], at_once: int) -> Iterator[News]:
        # The longest first, so that no core idles at the end.
        waiting = sorted(jobs, key=lambda job: -job.cost)
        while waiting or any(child.job for child in self._children):
            while waiting and sum(child.job is not None for child in self._children) < at_once:
                child = self._idle_child()
                job = self._next(child, waiting)
                waiting.remove(job)
                child.start(job)
                yield News(job)
            self._wait()
            yield News()
            for child in list(self._children):
                yield from self._hear(child)

    def _next(self, child: "_Child", waiting: Sequence[Job]) -> Job:
        """Returns a job of the group the child is at, or was at, or that nobody else is at."""
        others = {other.group for other in self._children if other is not child}

        def distance(job: Job) -> tuple[bool, bool, bool]:
            return job.group != child.group, job.group not in child.groups, job.group in others

        return min(waiting, key=distance)

    def _idle_child(self) -> "_Child":
        for child in self._children:
            if child.job is None:
                return child
        self._children.append(_Child(self._context))
        return self._children[-1]

    def _hear(self, child: "_Child") -> Iterator[News]:
        job, result = child.job, child.news()
        if job is not None and result is not None:
            if child.dead:
                self._children.remove(child)
            yield News(job, result)

    def _wait(self) -> None:
        busy = [child.connection for child in self._children if child.job]
        multiprocessing.connection.wait(busy, timeout=0.1)


class _Child:
    """One process and the job it is at."""

    def __init__(self, context: Any) -> None:
        self.connection: Connection
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=serve, args=(theirs,))
        self.process.start()
        theirs.close()
        self.ready = self.dead = False
        self.job: Job | None = None
        self.group = ""
        self.groups: set[str] = set()
        self.deadline = 0.0

    def start(self, job: Job) -> None:
        self.job, self.group = job, job.group
        self.groups.add(job.group)
        self.deadline = time.monotonic() + job.limit + (0 if self.ready else _START_LIMIT)
        # A child that has died meanwhile is noticed when its answer is awaited.
        with contextlib.suppress(OSError):
            self.connection.send(job)

    def news(self) -> Result | None:
        """Returns the present job's result once it is there, or why there is none."""
        if self.job is None:
            return None
        try:
            while self.connection.poll():
                kind, *values = self.connection.recv()
                if kind == "done":
                    self.job = None
                    return values[0]  # type: ignore[no-any-return]
                if kind == "refused":
                    raise CompareError(values[0])
                self._report_for_work()
        except (EOFError, OSError):
            return self._ended()
        if time.monotonic() > self.deadline:
            seconds = f"{self.job.limit:.0f} s"
            self.kill()
            return {"error": f"no end in sight: stopped after {seconds}"}
        return None

    def _report_for_work(self) -> None:
        self.ready = True
        if self.job is not None:
            self.deadline = time.monotonic() + self.job.limit

    def _ended(self) -> Result:
        self.process.join(5)
        code = self.process.exitcode
        self.kill()
        if not self.ready:
            raise CompareError(
                "TensorFlow cannot be started in a process of its own: "
                "`nox -s check` says more, or delete .venv and let nox make it anew"
            )
        how = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else "ended"
        return {"error": f"its process {how}"}

    def kill(self) -> None:
        self.job, self.dead = None, True
        if self.process.is_alive():
            self.process.kill()
        self.process.join(5)
        self.connection.close()
