"""One kata's own process: imports the learner's file, runs its tests, reports each.

Whatever that file does, it does to this process only. The parent reads messages from a
pipe, and draws its own conclusions when they end too soon.
"""

import contextlib
import dataclasses
import faulthandler
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from dojo import layout

# Beyond what the process has mapped when it starts; TensorFlow maps much and uses little.
MEMORY = 4 * 2**30
LARGEST_FILE = 2**28
TEST_LIMIT = 20.0

Send = Callable[[tuple[Any, ...]], None]


@dataclasses.dataclass(frozen=True)
class Job:
    """What to run.

    Attributes:
        kata: Path of the kata, such as "losses/focal_loss".
        tree: Folder with the file under test.
        suite: The file with its tests.
        folder: An empty folder for the log and for whatever the tests write.
        limit: Seconds for all tests together; the parent enforces it, too.
        select: A pytest -k expression, or "".
        fail_fast: Stop at the first failure.
        held: Once the tests are collected, wait for a message before the file is read.
    """

    kata: str
    tree: Path
    suite: Path
    folder: Path
    limit: float
    select: str = ""
    fail_fast: bool = False
    held: bool = False

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def source(self) -> Path:
        return layout.source_file(self.kata, self.tree)


def work(job: Job, connection: Connection) -> None:
    """Runs in the child: sends messages, the last of which is ("finished", exit code)."""
    _settle(job)
    send: Send = connection.send
    try:
        import pytest
        import pytest_timeout
        import tensorflow  # noqa: F401

        from dojo.check.reporter import Held, Reporter
    except Exception as error:
        send(("broken", f"the environment cannot import what it needs: {error!r}"))
        return
    send(("ready",))
    # Plugins of other packages (anyio's takes half a second) have no business here.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    reporter = Reporter(job, send)
    if job.tree.resolve() != layout.REFERENCE:
        sys.addaudithook(reporter.guard)
    # By name, pytest would look for it in the metadata of all packages.
    plugins = [pytest_timeout, reporter, *([Held(connection)] if job.held else [])]
    code = pytest.main(_arguments(job), plugins=plugins)
    reporter.close()
    send(("finished", int(code)))
    connection.close()
    # Threads that the learner left behind must not keep the process alive.
    os._exit(0)


# Of pytest's plugins. Warnings are the learner's business; the cache and its folder would be
# shared; faulthandler is set up here; the others take 20 ms and a tenth of each test's overhead.
_UNUSED = (
    *("cacheprovider", "faulthandler", "warnings", "junitxml", "pastebin", "doctest"),
    *("debugging", "legacypath", "logging", "recwarn", "setuponly", "setupplan", "stepwise"),
    *("threadexception", "unittest", "unraisableexception"),
)


def _arguments(job: Job) -> list[str]:
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
        str(job.suite),
    ]


def _settle(job: Job) -> None:
    """Leaves the terminal and the parent's process group, and bounds what can be taken."""
    with contextlib.suppress(OSError):
        os.setsid()
    threading.Thread(target=_die_with_parent, args=(job.folder,), daemon=True).start()
    log = os.open(job.log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
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


def _die_with_parent(folder: Path) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError, AttributeError):
            os.killpg(os.getpgid(0), signal.SIGKILL)
        os._exit(1)


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
