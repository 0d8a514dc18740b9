"""Whether strangers' answers can be graded here: what holds them, what does not, what mends it."""

import contextlib
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dojo import layout
from dojo.check.folders import make_folder
from dojo.cohort import calls, walls
from dojo.cohort.bounds import BOUNDS
from dojo.errors import DojoError

_PATIENCE = 60.0
# Each installer, and how it is told to install bubblewrap.
_INSTALLERS = {
    "apt-get": "apt-get install bubblewrap",
    "dnf": "dnf install bubblewrap",
    "pacman": "pacman -S bubblewrap",
    "zypper": "zypper install bubblewrap",
    "apk": "apk add bubblewrap",
}
# Settings of the kernel that forbid namespaces, the value that does, and one that does not.
_SETTINGS = [
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("user.max_user_namespaces", "0", "10000"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
]
# What a container forbids; docs/grading.md says why each is needed.
CONTAINER = (
    "docker run --user 1000 --security-opt seccomp=docs/seccomp.json "
    "--security-opt systempaths=unconfined --security-opt apparmor=unconfined"
)


class NoSandbox(DojoError):
    """Strangers' answers cannot be held here; the message says why, and what mends it."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that grading needs.

    Attributes:
        what: A few words.
        fault: What is wrong with it, or "".
        remedy: The command that mends it, or "".
        detail: How it is, where nothing is wrong.
    """

    what: str
    fault: str = ""
    remedy: str = ""
    detail: str = ""


def show() -> int:
    """Prints what holds and what does not; returns the exit status."""
    console = Console(highlight=False)
    faults = 0
    # As they are found: the trial takes a moment.
    for finding in examine():
        faults += bool(finding.fault)
        console.print(_line(finding))
        if finding.remedy:
            # To be copied: never broken into two.
            console.print(f"     {finding.remedy}", markup=False, soft_wrap=True)
    console.print()
    console.print(_WORST if faults else _BEST)
    return 1 if faults else 0


def _line(finding: Finding) -> Table:
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=3)
    row.add_column(width=_WIDTH)
    row.add_column(overflow="fold")
    mark = Text("no", "red") if finding.fault else Text("yes", "green")
    row.add_row(mark, Text(finding.what), Text(finding.fault or finding.detail))
    return row


def require() -> None:
    """Returns if strangers' answers can be held here.

    Raises:
        NoSandbox: If not.
    """
    for finding in examine():
        if finding.fault:
            remedy = f"; {finding.remedy}" if finding.remedy else ""
            raise NoSandbox(f"no sandbox: {finding.what}: {finding.fault}{remedy}")


def examine() -> Iterator[Finding]:
    """Yields what was found; with a fault that leaves nothing to try, nothing more."""
    yield (system := _system())
    if system.fault:
        return
    yield (installed := _installed())
    if installed.fault:
        return
    if not calls.known():
        yield Finding("calls are filtered", f"their numbers on {os.uname().machine} are not known")
        return
    found = _trial()
    if isinstance(found, str):
        yield Finding("a sandbox starts", found, _remedy())
        return
    yield Finding("a sandbox starts")
    for wall, fault in found.items():
        yield Finding(_WALLS[wall][0], fault, "", _WALLS[wall][1])
    yield Finding("memory is bounded", detail=_memory())


# What `dojo.cohort.trial` calls a wall, in words for who reads.
_WALLS = {
    "files": (
        "files are hidden",
        "all but Python, its packages, the tool, one suite",
    ),
    "network": ("no network", ""),
    "processes": ("processes are hidden", "all but its own, which end with it"),
    "scratch": (
        "scratch is bounded",
        f"{BOUNDS.scratch >> 20} MiB, {BOUNDS.files} files; gone with it",
    ),
    "number of processes": ("processes are bounded", f"{BOUNDS.processes}, threads among them"),
    "rights": ("rights are given up", "it cannot mount, nor make namespaces"),
    "calls": ("calls are filtered", "those of Linux that no answer needs"),
}


_BEST = "Strangers' answers are held here. What that is proof against: docs/grading.md"
_WORST = "Strangers' answers are not held here: none is graded. More: docs/grading.md"
# Of the longest thing that is needed.
_WIDTH = 21


def _system() -> Finding:
    if sys.platform != "linux":
        return Finding("Linux", f"this is {sys.platform}", "grade on Linux, or in a container")
    return Finding("Linux", detail=os.uname().release)


def _installed() -> Finding:
    path = walls.program()
    if path is None:
        known = [text for name, text in _INSTALLERS.items() if shutil.which(name)]
        return Finding("bubblewrap", "it is not installed", _sudo() + (known or _ANY)[0])
    said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    return Finding("bubblewrap", detail=f"{said.strip().removeprefix('bubblewrap ')}, {path}")


_ANY = ["install the package bubblewrap"]


def _remedy() -> str:
    for name, forbids, allows in _SETTINGS:
        with contextlib.suppress(OSError):
            text = Path("/proc/sys", *name.split(".")).read_text()
            if text.strip() == forbids:
                return f"{_sudo()}sysctl -w {name}={allows}"
    return f"in a container: {CONTAINER}"


def _sudo() -> str:
    return "" if os.geteuid() == 0 else "sudo "


def _memory() -> str:
    size = BOUNDS.memory >> 30
    return f"{size} GiB a process, and {size} GiB together"


def _trial() -> dict[str, str] | str:
    """What each wall has to say, or why there is no sandbox at all."""
    scratch = make_folder().resolve()
    try:
        with tempfile.NamedTemporaryFile() as secret, socket.create_server(("", 0)) as listener:
            told = {
                "scratch": str(scratch),
                "suite": str(layout.test_file("gradients/clip_by_value")),
                "hidden": [secret.name, *map(str, _hidden())],
                "port": listener.getsockname()[1],
            }
            return _heard(scratch, json.dumps(told))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _heard(scratch: Path, told: str) -> dict[str, str] | str:
    command = walls.command(scratch, "dojo.cohort.trial", told)
    try:
        done = subprocess.run(
            command,
            cwd="/",
            env=walls.variables(scratch),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
        )
        return dict(json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return f"it does not end within {_PATIENCE:g} s"
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:]
        return last[0] if last else f"it ends with exit status {done.returncode}"


def _hidden() -> Iterator[Path]:
    """What no answer may see, wherever it is."""
    for name in ("reference", "katas", ".git", ".dojo", "QUESTIONS.md", "tests/second"):
        yield layout.ROOT / name
    yield layout.TESTS / "losses" / "test_focal_loss.py"
    yield Path("/etc/passwd")
    yield Path("/bin/sh")
