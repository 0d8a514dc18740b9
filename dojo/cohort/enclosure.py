"""What parts one answer from the warm process, from other answers, and from other suites.

The sandbox around it has neither network nor files that matter; inside, each answer gets
namespaces of its own, an empty scratch in memory, bounds, and none of the rights that made them.

    warm process ── keeper ─┬─ first process of the new namespace: adopts what is orphaned
                            └─ answer ── whatever it starts

The keeper has the rights that building takes, and gives them up before the answer begins. When
the answer ends, or the keeper does, all processes of the namespace end.
"""

import contextlib
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dojo import layout
from dojo.cohort import calls, kernel
from dojo.cohort.bounds import BOUNDS


def enter(scratch: Path, suite: Path, files: Mapping[Path, bytes]) -> None:
    """Leaves the warm process' view of the machine for that of one answer.

    Args:
        scratch: An empty folder.
        suite: The one that remains.
        files: What is put into the scratch.
    """
    tests = suite.read_bytes()
    kernel.enter_namespaces()
    # If memory runs out all the same, the kernel ends this first.
    Path("/proc/self/oom_score_adj").write_text("1000")
    with contextlib.suppress(OSError):
        kernel.forbid_namespaces()
    _bound()
    kernel.mount_memory(scratch, BOUNDS.scratch, BOUNDS.files)
    # Where the C library keeps locks: strategies that copy a model over devices take some.
    kernel.mount_memory(Path("/dev/shm"), BOUNDS.shared, 64)
    for file, content in files.items():
        _write(file, content)
    for track in layout.TRACKS:
        folder = layout.TESTS / track
        kernel.mount_memory(folder, BOUNDS.suite, 3)
        if folder == suite.parent:
            suite.write_bytes(tests)
        kernel.make_read_only(folder)
    _hide_processes()
    kernel.give_up_rights()
    kernel.filter_calls(calls.program())


def keep(perform: Callable[[], None], handles: Sequence[int]) -> None:
    """Has a process of its own do that, ends all others with it, and ends as it does."""
    first = _in_child(_adopt)
    answer = _in_child(perform)
    for handle in handles:
        # Whoever reads there notices the answer's end.
        os.close(handle)
    signal.signal(signal.SIGUSR1, lambda *_: os.kill(answer, signal.SIGUSR1))
    while os.WIFSTOPPED(status := os.waitpid(answer, os.WUNTRACED)[1]):
        os.kill(answer, signal.SIGCONT)
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    _end(os.waitstatus_to_exitcode(status))


def _in_child(perform: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        perform()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(70)


def _adopt() -> None:
    """What an answer orphans is this process' child, and not left as a zombie."""
    os.closerange(3, BOUNDS.open_files)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        signal.pause()


def _end(status: int) -> None:
    """Ends this process as another has ended."""
    if status < 0:
        # SIGKILL is nobody's to handle.
        with contextlib.suppress(OSError):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _hide_processes() -> None:
    """Puts a few still files in the place of /proc: those that TensorFlow ends without."""
    proc, processors = Path("/proc"), Path("/proc/cpuinfo").read_bytes()
    kernel.mount_memory(proc, 2**16 + len(processors), 5)
    _write(proc / "cpuinfo", processors)
    _write(proc / "self" / "cmdline", b"python\0")
    (proc / "self" / "exe").symlink_to(sys.executable)
    kernel.make_read_only(proc)


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _bound() -> None:
    """For this process and all that it starts: what it cannot take back."""
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for kind, limit in [
        (resource.RLIMIT_AS, mapped + BOUNDS.memory),
        (resource.RLIMIT_NPROC, BOUNDS.processes),
        (resource.RLIMIT_NOFILE, BOUNDS.open_files),
        (resource.RLIMIT_FSIZE, BOUNDS.file),
        (resource.RLIMIT_CORE, 0),
    ]:
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(kind, (limit, limit))
