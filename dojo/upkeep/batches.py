"""Runs many files against one suite, many to a process; what is unusual again, on its own."""

import collections
import contextlib
import itertools
import json
import select
import shutil
import time
from collections.abc import Iterator, Sequence

from dojo.check import messages, processes
from dojo.check.channel import Flood
from dojo.check.folders import make_folder, open_log
from dojo.check.run import START_LIMIT
from dojo.check.runner import Runner, Task
from dojo.check.untouched import static_verdict
from dojo.check.verdict import Story
from dojo.results import Outcome, Result

# What a process leaves behind grows with each file.
MOST = 12


def results(tasks: Sequence[Task], runner: Runner) -> Iterator[tuple[str, Result]]:
    """Yields the key of each task with its verdict, in the order they finish.

    Only a plain failure is taken from a process that has seen other files. What is solved,
    crashes, hangs or blames the suite runs again in a process of its own.
    """
    waiting = []
    for task in tasks:
        verdict = static_verdict(task.kata, task.tree)
        if verdict is None:
            waiting.append(task)
        else:
            yield task.key, verdict
    alone = []
    for task, result in _batched(_portions(waiting, runner.jobs), runner):
        if result is not None and result.outcome is Outcome.WRONG:
            yield task.key, result
        else:
            alone.append(task)
    for event in runner.check_tasks(alone):
        if event.result is not None:
            yield event.kata, event.result


def _portions(tasks: Sequence[Task], jobs: int) -> list[list[Task]]:
    """Of one kata each, and so many that all processes have something to do."""
    found: list[list[Task]] = []
    for _, group in itertools.groupby(tasks, key=lambda task: task.kata):
        of_kata = list(group)
        size = min(MOST, -(-len(of_kata) // jobs))
        found += [of_kata[at : at + size] for at in range(0, len(of_kata), size)]
    return found


def _batched(waiting: list[list[Task]], runner: Runner) -> Iterator[tuple[Task, Result | None]]:
    """Yields each task with what it came to among others, or with None."""
    running: list[_Batch] = []
    try:
        while waiting or running:
            while waiting and len(running) < runner.jobs:
                running.append(_Batch(waiting.pop(0), runner.limit))
            select.select([batch.process.channel for batch in running], [], [], 0.1)
            for batch in list(running):
                yield from batch.news()
                if batch.is_over:
                    batch.close()
                    running.remove(batch)
                    if batch.tasks:
                        # The first of them is at fault, or nobody knows.
                        yield batch.tasks.popleft(), None
                        waiting[:0] = [list(batch.tasks)] if batch.tasks else []
    finally:
        for batch in running:
            batch.close()


class _Batch:
    """A process with several files to check.

    Attributes:
        tasks: Those that it has not finished; at the first it works.
        is_over: Whether it is done, gone or late.
    """

    def __init__(self, tasks: Sequence[Task], limit: float) -> None:
        self.tasks = collections.deque(tasks)
        self.is_over = False
        self._limit = limit
        self._folder = make_folder()
        jobs = [task.job(self._folder, limit).to_json() for task in tasks]
        self._log = open_log(self._folder / "log")
        starter = processes.starter()
        self.process = starter.start("series", json.dumps(jobs), str(self._folder))
        self._begin(START_LIMIT)

    def news(self) -> Iterator[tuple[Task, Result]]:
        """Yields what it has finished."""
        try:
            for line in self.process.channel.lines():
                message = messages.decode(line)
                if isinstance(message, messages.Ready):
                    self._begin(self._limit)
                self._story.add(message)
                if isinstance(message, messages.Finished):
                    seconds = time.monotonic() - self._began
                    yield self.tasks.popleft(), self._story.verdict(seconds, "", None, "")
        except (EOFError, messages.MessageError, Flood):
            self.is_over = True
        self.is_over |= not self.tasks or time.monotonic() > self._deadline

    def _begin(self, limit: float) -> None:
        self._story = Story(self.tasks[0].kata)
        self._began = time.monotonic()
        self._deadline = self._began + limit

    def close(self) -> None:
        self.process.kill()
        self._log.close()
        with contextlib.suppress(OSError):
            shutil.rmtree(self._folder)
