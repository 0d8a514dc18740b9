"""A pytest plugin in the kata's process: turns what happened into what the learner reads."""

import dataclasses
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from dojo import layout
from dojo.check.channel import Channel
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
    Trespassed,
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
_MOST_LINES = 20


@dataclasses.dataclass(frozen=True)
class _Failure:
    """Why the present test fails."""

    message: str
    cause: str | None = None
    kind: Kind = Kind.BASIC
    gradient: bool = False


class Reporter:
    """Says what happens while it happens."""

    def __init__(self, job: Job, send: Callable[[Message], None]) -> None:
        self.source = job.source.resolve()
        self.send = send
        self.failure: _Failure | None = None
        self.blind = False
        self.seconds = 0.0
        self.trespass: str | None = None
        self.timed_out = False
        self.session: pytest.Session | None = None

    def guard(self, event: str, args: tuple[Any, ...]) -> None:
        """An audit hook that keeps the model answers closed while an answer is checked."""
        if event != "open" or not isinstance(args[0], str | os.PathLike):
            return
        path = os.fspath(args[0])
        if not path.endswith((".py", ".pyc")):
            return
        if Path(os.path.realpath(path)).is_relative_to(layout.REFERENCE):
            line = _line_of(self.source, sys._getframe())
            self.trespass = f"opens the model answer, at {layout.shown(self.source)}:{line}"
            raise PermissionError(self.trespass)

    def close(self) -> None:
        """Says at the end what a learner's `except` may have hidden."""
        if self.trespass is not None:
            self.send(Trespassed(self.trespass))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.session = session
        for item in session.items:
            # pytest's own picture of a failure takes 30 ms and is not shown.
            item.repr_failure = _nothing  # type: ignore[method-assign]
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
        told = (why.message, why.cause, printed, why.kind, why.gradient)
        self.send(Tested(name, False, self.seconds, *told))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        where = _location(excinfo.value.__traceback__, self.source)
        self.send(Interrupted(f"{type(excinfo.value).__name__} ended the tests{where}"))

    def _describe_in_time(self, error: BaseException, item: pytest.Item) -> None:
        try:
            self._describe(error, item)
        except pytest.fail.Exception as late:
            # The clock ran out over an exception that takes for ever to print.
            self._stop_for_time(late, item)

    def _describe(self, error: BaseException, item: pytest.Item) -> None:
        if isinstance(error, BlindTest) and not _raised_in(self.source, error):
            self.blind = True
            self.send(Blind(f"{item.name}: {error}"))
        elif isinstance(error, Mismatch):
            self.failure = _Failure(str(error), error.cause, Kind(error.kind), error.gradient)
        elif isinstance(error, Unwritten):
            self.failure = _Failure(str(error), kind=Kind.UNWRITTEN)
        elif isinstance(error, pytest.fail.Exception) and "Timeout" in str(error):
            self._stop_for_time(error, item)
        else:
            self.failure = _Failure(describe(error, self.source, item.path))

    def _stop_for_time(self, error: BaseException, item: pytest.Item) -> None:
        where = _location(error.__traceback__, self.source)
        message = f"no end in sight: stopped{where}"
        self.failure = _Failure(message, kind=Kind.LATE)
        self.timed_out = True
        self.send(TimedOut(message))
        if self.session is not None:
            # The tests to come would very likely hang as well.
            self.session.shouldstop = "timed out"


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


def describe(error: BaseException, source: Path, suite: Path) -> str:
    """Returns an exception as a learner needs it: what, where, and the line itself.

    Args:
        source: The learner's file, whose line is named if the exception passed it.
        suite: The test file, whose line is named if not.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).resolve() == source]
    tests = [frame for frame in frames if Path(frame.filename) == suite]
    text = _essence(error, source)
    if getattr(error, "pytrace", True) is False:
        return text
    for frame, owner in [(own[-1:], ""), (tests[-1:], "the test calls, ")]:
        if frame:
            place = f"{layout.shown(Path(frame[0].filename).resolve())}:{frame[0].lineno}"
            inside = f" in {frame[0].name}" if not owner else ""
            lines = [text, "", f"  {owner}at {place}{inside}", f"    {frame[0].line}"]
            return "\n".join(lines)
    return text


def _essence(error: BaseException, source: Path) -> str:
    if isinstance(error, AttributeError) and getattr(error.obj, "__file__", "") == str(source):
        return f"{layout.shown(source)} has no {error.name}: it is missing or was renamed"
    if isinstance(error, pytest.fail.Exception | AssertionError):
        text = _printed(error)
    else:
        text = f"{type(error).__name__}: {_printed(error)}"
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if len(lines) > _MOST_LINES:
        # The last lines of TensorFlow's long messages name the fault.
        lines = [*lines[:3], "…", *lines[-(_MOST_LINES - 4) :]]
    return "\n".join(line[:300] for line in lines) or type(error).__name__


def _raised_in(source: Path, error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).resolve() == source


def _printed(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as other:
        return f"(printing it raises {type(other).__name__})"


def _location(tb: TracebackType | None, source: Path) -> str:
    frames = [f for f in traceback.extract_tb(tb) if Path(f.filename).resolve() == source]
    if not frames:
        return ""
    return f" at {layout.shown(source)}:{frames[-1].lineno}: {frames[-1].line}"


def _line_of(source: Path, frame: Any) -> int:
    while frame is not None:
        if frame.f_code.co_filename == str(source):
            return int(frame.f_lineno)
        frame = frame.f_back
    return 1


def own_output(printed: str, errors: str) -> str:
    """What the learner's code printed: its last lines, without TensorFlow's remarks."""
    text = printed[-20_000:] + errors[-20_000:]
    lines = [line for line in text.splitlines() if not _CHATTER.match(line)]
    return "\n".join(line[:500] for line in lines[-10:])
