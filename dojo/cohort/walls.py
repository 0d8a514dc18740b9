"""The sandbox around the warm process, by bubblewrap: what is inside, and what is not.

Inside are the interpreter, the installed packages, the tool, the suites and their helpers, all
of it read-only, and an empty folder. There is no shell, no network, no file of anybody's.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from dojo import layout
from dojo.check import environment

# Libraries of the system, where it keeps them; Nix and Guix have all of theirs in one folder.
_LIBRARIES = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/etc/ld.so.cache", "/nix/store")
_LINKS = ("/lib", "/lib32", "/lib64")
_LITTLE = 2**20
_ROOTS_RIGHTS = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID")


def program() -> str | None:
    """Returns the path of bubblewrap, or None where it is not installed."""
    return shutil.which("bwrap")


def command(scratch: Path, module: str, *arguments: str) -> list[str]:
    """Returns the command that calls `main` of a module below dojo, inside.

    Args:
        scratch: A folder that is there, and empty, inside as well.
    """
    walls = [program() or "bwrap", "--die-with-parent", "--new-session", *_namespaces()]
    walls += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    for made in sorted(_parents({*inside(), scratch / "itself"})):
        walls += ["--perms", "0755", "--dir", str(made)]
    for path in inside():
        walls += _bound(path)
    # The warm process may write a little there; an answer has its own in that place.
    walls += ["--perms", "1777", "--size", str(_LITTLE), "--tmpfs", str(scratch)]
    return [*walls, "--remount-ro", "/", *environment.interpreter(module, *arguments)]


def variables(scratch: Path) -> dict[str, str]:
    """Returns the environment inside: nothing of the user's own."""
    ours = environment.variables()
    ours.pop("LD_LIBRARY_PATH", None)
    here = str(scratch)
    return ours | {"HOME": here, "TMPDIR": here, "KERAS_HOME": here, "PATH": "/nowhere"}


def inside() -> list[Path]:
    """Returns the files and folders that can be read; none lies in another."""
    found: list[Path] = []
    for path in sorted({*_system(), *_python(), *_project()}):
        if (path.exists() or path.is_symlink()) and not _lies_in(path, found):
            found.append(path)
    return found


def _system() -> Iterator[Path]:
    yield from map(Path, (*_LIBRARIES, *_LINKS))


def _python() -> Iterator[Path]:
    yield Path(sys.executable)
    yield Path(os.path.realpath(sys.executable))
    yield Path(sys.prefix, "pyvenv.cfg")
    for prefix in (sys.prefix, sys.base_prefix):
        yield Path(prefix, "lib")
        yield Path(prefix, "lib64")


def _project() -> Iterator[Path]:
    yield layout.ROOT / "dojo"
    yield layout.ROOT / "data"
    yield layout.SUPPORT
    yield layout.TESTS / "conftest.py"
    yield from (layout.TESTS / track for track in layout.TRACKS)


def _namespaces() -> list[str]:
    if os.geteuid() != 0:
        return ["--unshare-all"]
    # In a user namespace root would stay root outside, whose processes nobody counts.
    apart = [f"--unshare-{name}" for name in ("ipc", "pid", "net", "uts", "cgroup-try")]
    rights = [argument for right in _ROOTS_RIGHTS for argument in ("--cap-add", right)]
    return [*apart, "--cap-drop", "ALL", *rights]


def _bound(path: Path) -> list[str]:
    if path.is_symlink() and path.is_dir():
        return ["--symlink", os.readlink(path), str(path)]
    return ["--ro-bind", os.path.realpath(path), str(path)]


def _lies_in(path: Path, folders: list[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _parents(paths: set[Path]) -> set[Path]:
    return {parent for path in paths for parent in path.parents if parent != parent.parent}
