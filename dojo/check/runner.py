"""Runs katas side by side, each in a process of its own, under a deadline.

The warm process (`dojo.check.forkserver`) is forked once for each kata. Where there is no fork, a
fresh interpreter takes its place.
"""

import contextlib
import dataclasses
import multiprocessing.connection
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from dojo import layout
from dojo.check import forkserver
from dojo.check.untouched import static_verdict
from dojo.check.worker import Job, work
from dojo.results import Failure, Outcome, RanTest, Result, clause_of

DEFAULT_LIMIT = 60.0
# Until a process reports for work: a cold import of TensorFlow on a slow disk.
_START_LIMIT = 300.0


@dataclasses.dataclass(frozen=True)
class Event:
    """Something to show.

    Attributes:
        kind: "started", "tested", "finished", or "tick": nothing happened for 0.1 s.
        kata: Path of the kata.
        test: Name of the test, for "started" and "tested" of one.
        result: The verdict, for "finished".
    """

    kind: str
    kata: str = ""
    test: str = ""
    done: int = 0
    total: int = 0
    result: Result | None = None


@dataclasses.dataclass(frozen=True)
class Task:
    """One file to check.

    Attributes:
        key: What events call it; usually the kata's path.
        kata, tree, select, fail_fast: As for `Job`.
    """

    key: str
    kata: str
    tree: Path
    select: str = ""
    fail_fast: bool = False


class Runner:
    """Checks katas of one tree. Keep it: the second check finds TensorFlow imported."""

    def __init__(self, tree: Path, limit: float = DEFAULT_LIMIT, jobs: int | None = None) -> None:
        """
        Args:
            tree: Folder laid out like katas/.
            limit: Seconds for one kata's tests.
            jobs: How many katas at a time; None for one a core.
        """
        self.tree = tree
        self.limit = limit
        self.jobs = jobs or _cores()
        self._context = forkserver.context()
        self._spare: _Run | None = None

    def prepare(self, kata: str) -> None:
        """Starts a process that has this kata's tests ready, and waits for its file.

        The next `check` of the kata takes it. Nothing of the learner's is read until then.
        """
        self.close()
        if layout.test_file(kata).is_file():
            self._spare = _Run(self._context, Task(kata, kata, self.tree), self.limit, held=True)

    def close(self) -> None:
        """Ends the process that waits, if there is one."""
        if self._spare is not None:
            self._spare.kill()
            self._spare = None

    def check(self, katas: Sequence[str], select: str = "") -> Generator[Event, None, None]:
        """Yields what happens, and a "finished" event for every kata.

        Closing the iterator kills what still runs.

        Args:
            katas: Paths such as "losses/focal_loss".
            select: A pytest -k expression, to run a part of each suite.
        """
        yield from self.check_tasks([Task(kata, kata, self.tree, select) for kata in katas])

    def check_tasks(self, tasks: Sequence[Task]) -> Generator[Event, None, None]:
        """As `check`, for files of any tree; events name the task's key."""
        waiting = []
        for task in tasks:
            verdict = static_verdict(task.kata, task.tree)
            if verdict is None:
                waiting.append(task)
            else:
                yield Event("finished", task.key, result=verdict)
        yield from self._run(waiting)

    def results(self, katas: Sequence[str], select: str = "") -> list[Result]:
        """Returns the verdicts in the order of `katas`."""
        done = {e.kata: e.result for e in self.check(katas, select) if e.result is not None}
        return [done[kata] for kata in katas]

    def _run(self, waiting: list[Task]) -> Iterator[Event]:
        running: list[_Run] = []
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs:
                    task = waiting.pop(0)
                    running.append(self._start(task))
                    yield Event("started", task.key)
                _wait(running)
                yield Event("tick")
                for run in list(running):
                    yield from run.news()
                    if run.result is not None:
                        running.remove(run)
                        yield Event("finished", run.task.key, result=run.result)
        finally:
            for run in running:
                run.kill()

    def _start(self, task: Task) -> "_Run":
        spare = self._spare
        if spare is not None and spare.suits(task) and spare.release():
            self._spare = None
            return spare
        return _Run(self._context, task, self.limit)


class _Run:
    """One kata's process, from its start to its verdict."""

    def __init__(self, context: Any, task: Task, limit: float, held: bool = False) -> None:
        self.task = task
        self.limit = limit
        self.result: Result | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="dojo-"))
        tree = task.tree.resolve()
        suite = layout.test_file(task.kata)
        how = (task.select, task.fail_fast, held)
        self.job = Job(task.kata, tree, suite, self.folder, limit, *how)
        self.suite_time = suite.stat().st_mtime_ns
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=work, args=(self.job, theirs))
        self.process.start()
        theirs.close()
        self.started = time.monotonic()
        self.deadline = self.started + _START_LIMIT
        self.names: list[str] = []
        self.tests: list[RanTest] = []
        self.failures: list[Failure] = []
        self.said: dict[str, Any] = {}
        self.unwritten = 0
        self.current = ""
        self.grace = False

    def suits(self, task: Task) -> bool:
        """Whether this process, which is held, can check `task`."""
        fresh = self.suite_time == self.job.suite.stat().st_mtime_ns
        return fresh and task == self.task and not _sets_up_tensorflow(self.job.source)

    def release(self) -> bool:
        """Lets it read the file; returns False if it is no longer there."""
        self.started = time.monotonic()
        self.deadline = self.started + _START_LIMIT
        try:
            self.connection.send("go")
        except OSError:
            return False
        return self.process.is_alive()

    def news(self) -> Iterator[Event]:
        """Reads what the process has sent, and notices its end or its deadline."""
        try:
            while self.connection.poll():
                yield from self._hear(self.connection.recv())
        except (EOFError, OSError):
            self._conclude()
            return
        except Exception as error:  # what cannot be unpickled was not sent by our own code
            self.said["broken"] = f"unreadable report from the kata's process: {error!r}"
            self._conclude()
            return
        if time.monotonic() > self.deadline:
            self._overdue()

    def _hear(self, message: tuple[Any, ...]) -> Iterator[Event]:
        kind, *values = message
        if kind == "ready":
            # The clock starts when TensorFlow is there: importing it is not the learner's.
            self.started = time.monotonic()
            self.deadline = self.started + self.limit
        elif kind == "collected":
            self.names = values[0]
        elif kind == "started":
            self.current = values[0]
        elif kind == "unwritten":
            self.unwritten += 1
        elif kind == "tested":
            test, failure = values
            self.tests.append(test)
            self.failures += [failure] if failure is not None else []
            self.current = ""
            yield Event("tested", self.task.key, test.name, len(self.tests), len(self.names))
        else:
            self.said.setdefault(kind, values[0])

    def _overdue(self) -> None:
        """Asks the process where it is, then kills it."""
        if not self.grace and hasattr(signal, "SIGUSR1"):
            self.grace = True
            self.deadline = time.monotonic() + 0.3
            with contextlib.suppress(OSError):
                os.kill(self.process.pid or 0, signal.SIGUSR1)
            return
        where = _where(self.job)
        during = f" in {self.current}" if self.current else ""
        message = f"stopped after {self.limit:g} s{during}{where}"
        self.said.setdefault("timed out", message)
        self._conclude()

    def _conclude(self) -> None:
        seconds = time.monotonic() - self.started
        outcome, reason = self._verdict()
        self.kill()
        failures = self.failures
        if reason is not None:
            failures = [Failure(self.current, clause_of(self.current), reason), *failures]
        self.result = Result(self.task.kata, outcome, failures, self.tests, self.names, seconds)

    def _verdict(self) -> tuple[Outcome, str | None]:
        said, passed = self.said, sum(test.passed for test in self.tests)
        if "broken" in said:
            return Outcome.BROKEN, said["broken"]
        if "timed out" in said:
            known = any(failure.message == said["timed out"] for failure in self.failures)
            return Outcome.TIMED_OUT, None if known else said["timed out"]
        if "trespass" in said:
            return Outcome.WRONG, said["trespass"]
        if "interrupted" in said:
            return Outcome.WRONG, said["interrupted"]
        if "finished" not in said:
            return Outcome.CRASHED, self._epitaph()
        if not self.names:
            return Outcome.BROKEN, f"{layout.shown(layout.test_file(self.task.kata))} has no tests"
        # The data of some tests depend on the learner's result: a wrong one may blind them.
        if "blind" in said and not self.failures:
            return Outcome.BROKEN, said["blind"]
        if passed == len(self.names) and not self.failures:
            return Outcome.SOLVED, None
        if self.unwritten == len(self.failures) and not passed:
            return Outcome.NOT_STARTED, None
        return Outcome.WRONG, None

    def _epitaph(self) -> str:
        self.process.join(5)
        code = self.process.exitcode
        during = f" in {self.current}" if self.current else " while the file was imported"
        during = during if self.names else " before the first test"
        if code is not None and code < 0:
            how = f"the process was killed by {signal.Signals(-code).name}"
        else:
            how = f"the process ended with exit status {code}"
        return f"{how}{during}{_where(self.job)}"

    def kill(self) -> None:
        """Ends the process and all that it started, and removes its folder."""
        pid = self.process.pid
        if pid is not None:
            with contextlib.suppress(OSError, AttributeError):
                os.killpg(pid, signal.SIGKILL)
        if self.process.is_alive():
            self.process.kill()
        self.process.join(5)
        self.connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _sets_up_tensorflow(source: Path) -> bool:
    # tf.config refuses most of its settings once an op has run.
    try:
        return b"config." in source.read_bytes()
    except OSError:
        return False


def _where(job: Job) -> str:
    """The learner's line in the newest stack that faulthandler wrote, if there is one."""
    try:
        with job.log.open("rb") as log:
            log.seek(max(0, job.log.stat().st_size - 100_000))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    name = re.escape(str(job.source.resolve()))
    lines = re.findall(rf'File "{name}", line (\d+)', text)
    return f", at {layout.shown(job.source)}:{lines[0]}" if lines else ""


def _wait(runs: Sequence[_Run]) -> None:
    """Sleeps until a process has something to say, ends, or is overdue."""
    soonest = min(run.deadline for run in runs) - time.monotonic()
    pipes: list[Connection] = [run.connection for run in runs]
    multiprocessing.connection.wait(pipes, timeout=max(0.0, min(soonest, 0.1)))


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
