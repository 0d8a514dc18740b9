"""A pytest plugin in the kata's process: turns what happened into what the learner reads."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest

from dojo.check.channel import Channel
from dojo.check.exceptions import describe, location, raised_in
from dojo.check.job import Job
from dojo.check.messages import (
    Blind,
    Broken,
    Collected,
    Interrupted,
    Message,
    Started,
    Tested,
    TimedOut,
)
from dojo.results import Kind
from tests.support.closeness import BlindTest, Mismatch
from tests.support.unwritten import Unwritten

# Start-up remarks of TensorFlow, XLA and absl, which nobody asked for.
_CHATTER = re.compile(
    r"^(WARNING: All log messages before absl"
    r"|[IWEF]\d{4} \d\d:\d\d:\d\d"
    r"|[IWEF]0000 00:00:"
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWEF] "
    r"|To enable the following instructions"
    r"|INFO:tensorflow:|WARNING:tensorflow:)"
)


@dataclasses.dataclass(frozen=True)
class _Failure:
    """Why the present test fails."""

    message: str
    cause: str | None = None
    kind: Kind = Kind.BASIC
    gradient: bool = False
    ruled_out: tuple[str, ...] = ()


# TensorFlow takes a second to get out of each, and a minute out of a suite's.
_ENOUGH_RECURSIONS = 3


class Reporter:
    """Says what happens while it happens."""

    def __init__(self, job: Job, send: Callable[[Message], None]) -> None:
        self.source = job.source.resolve()
        self.send = send
        self.failure: _Failure | None = None
        self.blind = False
        self.seconds = 0.0
        self.timed_out = False
        self._recursions = 0
        self.session: pytest.Session | None = None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.session = session
        for item in session.items:
            # pytest's own picture of a failure takes 30 ms and is not shown. The first is that
            # of a test, the second that of its fixtures: of a file that cannot be imported.
            item.repr_failure = _nothing  # type: ignore[method-assign]
            item._repr_failure_py = _nothing  # type: ignore[method-assign,assignment]
        self.send(Collected(tuple(item.name for item in session.items)))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.send(Broken(f"the suite cannot be collected: {report.longrepr}"))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.failure, self.blind, self.seconds = None, False, 0.0
        self.send(Started(nodeid.partition("::")[2]))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        report = yield
        if call.excinfo is not None and self.failure is None:
            self._describe_in_time(call.excinfo.value, item)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds += report.duration
        if report.when != "teardown":
            return
        name = report.nodeid.partition("::")[2]
        passed = self.failure is None and not self.blind
        if self.failure is None:
            self.send(Tested(name, passed, self.seconds))
            return
        # pytest-timeout writes the stacks of all threads to stderr.
        printed = own_output(report.capstdout, "" if self.timed_out else report.capstderr)
        why = self.failure
        told = (why.message, why.cause, printed, why.kind, why.gradient, why.ruled_out)
        self.send(Tested(name, False, self.seconds, *told))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        if isinstance(excinfo.value, pytest.Session.Interrupted):
            # By `_skip_the_rest`: the failure before it says why.
            return
        where = location(excinfo.value.__traceback__, self.source)
        self.send(Interrupted(f"{type(excinfo.value).__name__} ended the tests{where}"))

    def _describe_in_time(self, error: BaseException, item: pytest.Item) -> None:
        try:
            self._describe(error, item)
        except pytest.fail.Exception as late:
            # The clock ran out over an exception that takes for ever to print.
            self._stop_for_time(late, item)

    def _describe(self, error: BaseException, item: pytest.Item) -> None:
        if isinstance(error, BlindTest) and not raised_in(self.source, error):
            self.blind = True
            self.send(Blind(f"{item.name}: {error}"))
        elif isinstance(error, Mismatch):
            why = (error.cause, Kind(error.kind), error.gradient, error.ruled_out)
            self.failure = _Failure(str(error), *why)
        elif isinstance(error, Unwritten):
            self.failure = _Failure(str(error), kind=Kind.UNWRITTEN)
        elif isinstance(error, pytest.fail.Exception) and "Timeout" in str(error):
            self._stop_for_time(error, item)
        else:
            self.failure = _Failure(describe(error, self.source, item.path))
            self._recursions += isinstance(error, RecursionError)
            if self._recursions == _ENOUGH_RECURSIONS:
                self._skip_the_rest("recursion without end")

    def _stop_for_time(self, error: BaseException, item: pytest.Item) -> None:
        where = location(error.__traceback__, self.source)
        message = f"no end in sight: stopped{where}"
        self.failure = _Failure(message, kind=Kind.LATE)
        self.timed_out = True
        self.send(TimedOut(message))
        self._skip_the_rest("timed out")

    def _skip_the_rest(self, why: str) -> None:
        """The tests to come would very likely end in the same way."""
        if self.session is not None:
            self.session.shouldstop = why


class Held:
    """A pytest plugin that has all ready, then waits until there is a file to check."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        from dojo.check.first_ops import run_first_ops

        run_first_ops(wanted=lambda: self._channel.wait(0))
        self._channel.wait()


def _nothing(*_: Any, **__: Any) -> str:
    return ""


def own_output(printed: str, errors: str) -> str:
    """What the learner's code printed: its last lines, without TensorFlow's remarks."""
    text = printed[-20_000:] + errors[-20_000:]
    lines = [line for line in text.splitlines() if not _CHATTER.match(line)]
    return "\n".join(line[:500] for line in lines[-10:])
