"""One kata's own process: imports the learner's file, runs its tests, reports each.

Whatever that file does, it does to this process only. The parent reads messages from a
pipe, and draws its own conclusions when they end too soon.
"""

import contextlib
import faulthandler
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_timeout

from dojo import layout
from dojo.check import suites
from dojo.check.aim import Aim
from dojo.check.channel import Channel
from dojo.check.guard import Guard
from dojo.check.job import Job
from dojo.check.messages import Finished, Message, Ready, Trespassed, encode
from dojo.check.opened import Opening
from dojo.check.reporter import Held, Reporter
from tests.support.closeness import doubt_everything

# Beyond what the process has mapped when it starts; TensorFlow maps much and uses little.
MEMORY = 4 * 2**30
LARGEST_FILE = 2**28
TEST_LIMIT = 20.0


def prepare(text: str) -> None:
    """Runs in the warm process, before it forks: the child finds the suite compiled."""
    for file in (Job.from_json(text).suite, layout.TESTS / "conftest.py"):
        suites.make_ready(file)


def work(text: str, end: socket.socket) -> None:
    """Runs in the child: sends messages, the last of which is `Finished`.

    Args:
        text: A `Job` as JSON.
        end: Where the messages go.
    """
    job = Job.from_json(text)
    examine(job, end, open_log(job))


def examine(job: Job, end: socket.socket, log: int) -> None:
    """As `work`; whatever is printed goes to the descriptor `log`."""
    settle(job, log)
    channel = Channel(end)
    aim = Aim(job.aim, job.until) if job.aim else None
    send = sender(channel, aim)
    if job.canary:
        doubt_everything()
    send(Ready())
    reporter = Reporter(job, send)
    sys.breakpointhook = _nobody_answers
    guard = Guard(job.source)
    if job.tree.resolve() != layout.REFERENCE:
        sys.addaudithook(guard)
        sys.addaudithook(Opening(job.source, send))
    # By name, pytest would look for it in the metadata of all packages.
    plugins = [pytest_timeout, reporter, *([Held(channel)] if job.held else [])]
    plugins += [aim] if aim is not None else []
    pytest.main(arguments(job), plugins=plugins)
    if guard.trespass is not None:
        # A learner's `except` may have hidden it.
        send(Trespassed(guard.trespass))
    send(Finished())
    # Threads that the learner left behind must not keep the process alive.
    os._exit(0)


def sender(channel: Channel, aim: Aim | None) -> Callable[[Message], None]:
    """Returns what sends a message; `aim` hears it first."""

    def send(message: Message) -> None:
        if aim is not None:
            aim.hear(message)
        channel.send(encode(message))

    return send


# Of pytest's plugins. Warnings are the learner's business; the cache and its folder would be
# shared; faulthandler is set up here; the others take 20 ms and a tenth of each test's overhead.
_UNUSED = (
    *("cacheprovider", "faulthandler", "warnings", "junitxml", "pastebin", "doctest"),
    *("debugging", "legacypath", "logging", "recwarn", "setuponly", "setupplan", "stepwise"),
    *("threadexception", "unittest", "unraisableexception"),
)


def arguments(job: Job) -> list[str]:
    """Returns pytest's command line."""
    return [
        "-qq",
        # All that a suite needs is here.
        f"--config-file={os.devnull}",
        f"--rootdir={layout.ROOT}",
        f"--tree={job.tree}",
        f"--basetemp={job.folder / 'tmp'}",
        f"--timeout={min(TEST_LIMIT, job.limit)}",
        "--no-header",
        "--no-summary",
        "--tb=short",
        *(f"-pno:{plugin}" for plugin in _UNUSED),
        *(["-k", job.select] if job.select else []),
        *(["--exitfirst"] if job.fail_fast else []),
        f"{job.suite}::{job.only}" if job.only else str(job.suite),
    ]


def _nobody_answers(*_: Any, **__: Any) -> None:
    # In the words of pytest's own, of input() and of pdb.
    raise OSError("reading from stdin while output is captured")


def open_log(job: Job) -> int:
    """Returns a descriptor of the job's log."""
    return os.open(job.log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)


def settle(job: Job, log: int) -> None:
    """Writes to its log, works in its folder, and bounds what can be taken."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in [(0, nothing), (1, log), (2, log)]:
        os.dup2(source, target)
    os.chdir(job.folder)
    # autograph writes each function it converts to a file there, and leaves it.
    os.environ["TMPDIR"] = tempfile.tempdir = str(job.folder)
    _limit_resources()
    # To a copy: pytest moves descriptor 2 about while it captures.
    record = open(os.dup(log), "w")  # noqa: SIM115
    faulthandler.enable(record)
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, record)
    _kept.append(record)


_kept: list[Any] = []


def _limit_resources() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: LARGEST_FILE}
    with contextlib.suppress(OSError, ValueError):
        mapped = int(Path("/proc/self/statm").read_text().split()[0])
        limits[resource.RLIMIT_AS] = mapped * resource.getpagesize() + MEMORY
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (limit, hard))
