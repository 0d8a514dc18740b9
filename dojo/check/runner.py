"""Runs katas side by side, each in a process of its own, under a deadline."""

import dataclasses
import os
import select
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from dojo import layout
from dojo.check.job import Job
from dojo.check.run import Run, make_folder
from dojo.check.untouched import static_verdict
from dojo.results import Failure, Outcome, Result

DEFAULT_LIMIT = 60.0
BLINDED = (
    "the tests cannot judge this answer, and can judge the model answer: either its numbers "
    "leave nothing to compare, or something in the file reaches into the tests."
)
TAMPERED = (
    "the tests were tampered with: they pass also where every number is taken for another. "
    "Something in the file reaches into the tests, or into what runs them."
)


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
        kata, tree, select, aim, until, fail_fast, canary: As for `Job`.
    """

    key: str
    kata: str
    tree: Path
    select: str = ""
    aim: str = ""
    until: str = ""
    fail_fast: bool = False
    canary: bool = False


class Runner:
    """Checks katas of one tree."""

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
        self._spare: Run | None = None

    def prepare(self, kata: str) -> None:
        """Starts a process that has this kata's tests ready, and waits for its file.

        The next `check` of the kata takes it. Nothing of the learner's is read until then.

        Raises:
            StartError: If no process can be started.
        """
        self.close()
        if layout.test_file(kata).is_file():
            self._spare = Run.start(self._job(Task(kata, kata, self.tree), held=True))

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

        Raises:
            StartError: If no process can be started.
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
        running: dict[str, Run] = {}
        again: set[str] = set()
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs:
                    task = waiting.pop(0)
                    running[task.key] = self._start(task)
                    yield Event("started", task.key)
                _wait(list(running.values()))
                yield Event("tick")
                for key, run in list(running.items()):
                    for test in run.news():
                        if run.of is None:
                            done, total = len(run.story.tests), len(run.story.names)
                            yield Event("tested", key, test.name, done, total)
                    if run.lost and key not in again:
                        # The warm process died under it: that is nobody's answer's fault.
                        again.add(key)
                        running[key] = run.again()
                    elif run.result is not None and (next_run := _doubted(run)) is not None:
                        running[key] = next_run
                    elif run.result is not None:
                        del running[key]
                        yield Event("finished", key, result=_believed(run))
        finally:
            for run in running.values():
                run.kill()

    def _start(self, task: Task) -> Run:
        spare, job = self._spare, self._job(task)
        if spare is not None and spare.fits(job) and spare.release():
            self._spare = None
            job.folder.rmdir()
            return spare
        return Run.start(job)

    def _job(self, task: Task, held: bool = False) -> Job:
        suite, tree = layout.test_file(task.kata), task.tree.resolve()
        how = (task.select, task.aim, task.until, task.fail_fast, held, task.canary)
        return Job(task.kata, tree, suite, make_folder(), self.limit, *how)


def _doubted(run: Run) -> Run | None:
    """A run that confirms the verdict on somebody's answer, where that is called for."""
    if run.of is not None or run.job.tree == layout.REFERENCE.resolve() or run.result is None:
        return None
    if run.result.outcome is Outcome.SOLVED:
        return run.canary()
    if run.result.outcome is Outcome.BROKEN and run.story.blind:
        return run.second_opinion()
    return None


def _believed(run: Run) -> Result:
    """The verdict, by what the run that was to confirm it found."""
    assert run.result is not None
    if run.of is None:
        return run.result
    if run.of.outcome is Outcome.SOLVED:
        # Of an answer that no wrong number makes fail, nothing was compared.
        doubt = TAMPERED if run.result.outcome is Outcome.SOLVED else ""
    else:
        doubt = "" if run.result.outcome is Outcome.BROKEN else BLINDED
    if not doubt:
        return run.of
    reason = Failure("", doubt)
    return dataclasses.replace(run.of, outcome=Outcome.WRONG, failures=[reason])


def _wait(runs: Sequence[Run]) -> None:
    """Sleeps until a process has something to say, ends, or is overdue."""
    soonest = min(run.deadline for run in runs) - time.monotonic()
    channels = [run.process.channel for run in runs]
    select.select(channels, [], [], max(0.0, min(soonest, 0.1)))


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
