"""The folders that katas' processes work in: made, marked as in use, and swept.

Whoever makes one removes it. A command that is killed cannot; the next one does.
"""

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

PREFIX = "dojo-run-"
# Between the making of a folder and that of its log.
_BRIEFLY = 60.0


def make_folder() -> Path:
    """Returns a new folder for a process to work in."""
    return Path(tempfile.mkdtemp(prefix=PREFIX))


def open_log(log: Path) -> BinaryIO:
    """Makes the log; while it is open, its folder counts as in use."""
    file = log.open("x+b")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def sweep() -> None:
    """Removes the folders of commands that are gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        # Another command has just removed it.
        return False
    if found.st_uid != os.getuid():
        return False
    try:
        # A pipe in its place must not keep anybody waiting.
        handle = os.open(folder / "log", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return time.time() - found.st_mtime > _BRIEFLY
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
