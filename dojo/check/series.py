"""A process that runs one suite on many files, one after the other: traps and mutants.

What a process does once, it does for all of them: pytest's start, the suite's import,
TensorFlow's first ops. What one file leaves behind reaches the next, so this is not for answers.
"""

import json
import os
import socket
from collections.abc import Callable

import pytest
import pytest_timeout

from dojo.check import worker
from dojo.check.aim import Aim
from dojo.check.channel import Channel
from dojo.check.job import Job
from dojo.check.messages import Finished, Ready
from dojo.check.reporter import Reporter


def prepare(text: str) -> None:
    """Runs in the warm process, before it forks."""
    worker.prepare(json.loads(text)[0])


def work(text: str, end: socket.socket) -> None:
    """Runs in the child: for each job what `worker.work` sends, from `Ready` to `Finished`.

    Args:
        text: A list of `Job`s as JSON, of one kata and in one folder.
        end: Where the messages go.
    """
    jobs = [Job.from_json(job) for job in json.loads(text)]
    worker.settle(jobs[0], worker.open_log(jobs[0]))
    pytest.main(worker.arguments(jobs[0]), plugins=[pytest_timeout, Series(jobs, Channel(end))])
    os._exit(0)


class Series:
    """A pytest plugin that runs the suite once for each job."""

    def __init__(self, jobs: list[Job], channel: Channel) -> None:
        self._jobs = jobs
        self._channel = channel

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = list(session.items)
        for job in self._jobs:
            session.items = list(items)
            session.config.option.tree = job.tree
            self._check(job, session)
            if session.shouldstop:
                # It timed out, and pytest takes no such word back.
                break
        return True

    def _check(self, job: Job, session: pytest.Session) -> None:
        aim = Aim(job.aim, job.until) if job.aim else None
        send = worker.sender(self._channel, aim)
        reporter = Reporter(job, send)
        plugins = [reporter] if aim is None else [reporter, aim]
        send(Ready())
        if aim is not None:
            aim.pytest_collection_modifyitems(session.items)
        reporter.pytest_collection_finish(session)
        for plugin in plugins:
            session.config.pluginmanager.register(plugin)
        _run(session, lambda: job.fail_fast and reporter.failure is not None)
        for plugin in plugins:
            session.config.pluginmanager.unregister(plugin)
        send(Finished())


def _run(session: pytest.Session, is_enough: Callable[[], bool]) -> None:
    for item, after in zip(session.items, [*session.items[1:], None], strict=True):
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.shouldstop or is_enough():
            break
    # The module under test, too, is the next job's own.
    session._setupstate.teardown_exact(None)
