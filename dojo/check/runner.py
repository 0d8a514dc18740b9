"""Runs katas side by side, each in a process of its own, under a deadline."""

import contextlib
import dataclasses
import os
import select
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

from dojo import layout
from dojo.check import confirmation, processes
from dojo.check.folders import make_folder
from dojo.check.job import Job
from dojo.check.run import Run
from dojo.check.untouched import static_verdict
from dojo.results import Failure, Kind, Outcome, RanTest, Result
from dojo.shown import shown_test

DEFAULT_LIMIT = 60.0
# A test that takes longer gets no first word: whether it hangs is for the verdict to say.
FIRST_LIMIT = 5.0


@dataclasses.dataclass(frozen=True)
class Event:
    """Something to show.

    Attributes:
        kind: "started", "first", "tested", "finished", or "tick": nothing happened for 0.1 s.
            Of a check in the background also "requested", and "polling": there are no watches.
        kata: Path of the kata.
        test: Name of the test, for "tested" and "first".
        done, total: How many of the kata's tests have run.
        failure: For "first", why the test that the check before has shown as failing still
            fails; None if it passes now.
        result: The verdict, for "finished".
    """

    kind: str
    kata: str = ""
    test: str = ""
    done: int = 0
    total: int = 0
    failure: Failure | None = None
    result: Result | None = None


@dataclasses.dataclass(frozen=True)
class Task:
    """One file to check.

    Attributes:
        key: What events call it; usually the kata's path.
        kata, tree, select, aim, until, fail_fast, canary: As for `Job`.
        first: The test to have a word on before the verdict; "" for none.
    """

    key: str
    kata: str
    tree: Path
    select: str = ""
    aim: str = ""
    until: str = ""
    fail_fast: bool = False
    canary: bool = False
    first: str = ""

    def job(self, folder: Path, limit: float) -> Job:
        """Returns what a process is told to do: in an empty folder, in so many seconds."""
        return Job(
            self.kata,
            self.tree.resolve(),
            layout.test_file(self.kata),
            folder,
            limit,
            select=self.select,
            aim=self.aim,
            until=self.until,
            fail_fast=self.fail_fast,
            canary=self.canary,
        )


class Runner:
    """Checks katas of one tree."""

    def __init__(
        self,
        tree: Path,
        limit: float = DEFAULT_LIMIT,
        jobs: int | None = None,
        failing: Mapping[str, str] | None = None,
        starter: processes.Starter | None = None,
    ) -> None:
        """
        Args:
            tree: Folder laid out like katas/.
            limit: Seconds for one kata's tests.
            jobs: How many katas at a time; None for one a core.
            failing: Kata to the test that its last check has shown as failing.
            starter: Where their processes come from; None for the warm process.
        """
        self.tree = tree
        self.limit = limit
        self.jobs = jobs or usable_cores()
        self._failing = dict(failing or {})
        self._starter = starter
        self._spares: list[Run] = []

    def prepare(self, kata: str) -> None:
        """Starts processes that have this kata's tests ready, and wait for its file.

        The next `check` of the kata takes them. Nothing of the learner's is read until then.

        Raises:
            StartError: If no process can be started.
        """
        self.close()
        if layout.test_file(kata).is_file():
            task = Task(kata, kata, self.tree, first=self._failing.get(kata, ""))
            for job in filter(None, [self._job(task), self._first_job(task)]):
                self._spares.append(Run.start(dataclasses.replace(job, held=True), self._starter))

    def close(self) -> None:
        """Ends the processes that wait."""
        while self._spares:
            self._spares.pop().kill()

    def check(self, katas: Sequence[str], select: str = "") -> Generator[Event, None, None]:
        """Yields what happens, and a "finished" event for every kata.

        Closing the iterator kills what still runs. Of a single kata, there is a "first" event
        for the test that its last check has shown as failing.

        Args:
            katas: Paths such as "losses/focal_loss".
            select: A pytest -k expression, to run a part of each suite.

        Raises:
            StartError: If no process can be started.
        """
        tasks = [Task(kata, kata, self.tree, select) for kata in katas]
        if len(tasks) == 1 and not select:
            tasks = [dataclasses.replace(tasks[0], first=self._failing.get(katas[0], ""))]
        with contextlib.closing(self.check_tasks(tasks)) as events:
            for event in events:
                if event.result is not None:
                    self._remember(event.result)
                yield event

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
        running: dict[str, _UnderWay] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs:
                    task = waiting.pop(0)
                    running[task.key] = _UnderWay(task, self._start(self._job(task)))
                    yield Event("started", task.key)
                    if (job := self._first_job(task)) is not None:
                        running[task.key].ahead = self._start(job)
                _wait([run for kata in running.values() for run in kata.runs])
                yield Event("tick")
                for key, kata in list(running.items()):
                    yield from kata.news()
                    if kata.result is not None:
                        del running[key]
                        yield Event("finished", key, result=kata.result)
        finally:
            for kata in running.values():
                kata.kill()

    def _start(self, job: Job) -> Run:
        for spare in self._spares:
            if spare.fits(job) and spare.release():
                self._spares.remove(spare)
                job.folder.rmdir()
                return spare
        return Run.start(job, self._starter)

    def _job(self, task: Task) -> Job:
        return task.job(make_folder(), self.limit)

    def _first_job(self, task: Task) -> Job | None:
        """The one test, for a process of its own beside the suite's.

        It is not moved to the front of the suite: what an answer keeps from one test to the
        next would then change the verdict, and a test that hangs would hold up the others.
        """
        if not task.first or not processes.can_fork():
            return None
        limit = min(FIRST_LIMIT, self.limit)
        return dataclasses.replace(self._job(task), only=task.first, limit=limit)

    def _remember(self, result: Result) -> None:
        """Keeps what is shown as failing. A file that no test has seen changes nothing."""
        if result.outcome in (Outcome.SOLVED, Outcome.NOT_STARTED):
            self._failing.pop(result.kata, None)
        elif test := shown_test(result):
            self._failing[result.kata] = test


class _UnderWay:
    """A kata that is being checked.

    Attributes:
        run: The process that decides; later one that confirms its verdict.
        ahead: One that runs a single test, for a first word.
        result: The verdict.
    """

    def __init__(self, task: Task, run: Run) -> None:
        self.run = run
        self.ahead: Run | None = None
        self.result: Result | None = None
        self._task = task
        self._restarted = self._said = False

    @property
    def runs(self) -> Sequence[Run]:
        return [self.run] if self.ahead is None else [self.run, self.ahead]

    def news(self) -> Iterator[Event]:
        """Yields what has happened, and goes on to the next run where one is called for."""
        for run in self.runs:
            for test in run.news():
                if run is self.run and run.of is None:
                    yield self._event("tested", test.name)
                if test.name == self._task.first and run.of is None and not self._said:
                    yield from self._first_word(run, test)
        if self.ahead is not None and (self._said or self.ahead.result or self.run.result):
            self.ahead.kill()
            self.ahead = None
        if self.run.lost and not self._restarted:
            # The warm process died under it: that is nobody's answer's fault.
            self._restarted = True
            self.run = self.run.again()
        elif self.run.result is not None:
            confirming = confirmation.run_after(self.run)
            if confirming is None:
                self.result = confirmation.believed(self.run)
            else:
                self.run = confirming

    def kill(self) -> None:
        for run in self.runs:
            run.kill()

    def _first_word(self, run: Run, test: RanTest) -> Iterator[Event]:
        """What the test says; nothing where only the verdict can tell what that means."""
        failure = next((f for f in run.story.failures if f.test == test.name), None)
        plain = failure is not None and failure.kind not in (Kind.LATE, Kind.UNWRITTEN)
        if test.passed or plain:
            self._said = True
            yield self._event("first", test.name, failure)

    def _event(self, kind: str, test: str, failure: Failure | None = None) -> Event:
        done, total = len(self.run.story.tests), len(self.run.story.names)
        return Event(kind, self._task.key, test, done, total, failure)


def _wait(runs: Sequence[Run]) -> None:
    """Sleeps until a process has something to say, ends, or is overdue."""
    soonest = min(run.deadline for run in runs) - time.monotonic()
    channels = [run.process.channel for run in runs]
    select.select(channels, [], [], max(0.0, min(soonest, 0.1)))


def usable_cores() -> int:
    """Returns how many cores this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
