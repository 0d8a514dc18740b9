"""Keeps a file under check from opening model answers, and from changing what judges it.

It guards against accident, not against intent: what does not go through Python's own calls
(a command in a shell, TensorFlow's file system) goes past it.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dojo import layout
from dojo.check import environment

# The audit events that change the file system: what each does, and which arguments are paths.
_CHANGES = {
    "os.remove": ("removes", 1),
    "os.rmdir": ("removes", 1),
    "os.rename": ("renames", 2),
    "os.mkdir": ("makes", 1),
    "os.symlink": ("makes", 2),
    "os.link": ("makes", 2),
    "os.truncate": ("cuts", 1),
    "os.chmod": ("changes", 1),
    "os.chown": ("changes", 1),
    "os.utime": ("changes", 1),
    "shutil.rmtree": ("removes", 1),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Guard:
    """An audit hook: refuses, and remembers what it refused."""

    def __init__(self, source: Path) -> None:
        """
        Args:
            source: The file under check, whose line is named.
        """
        self._source = source.resolve()
        self._reference = layout.REFERENCE
        names = ("tests", "dojo", "reference", ".dojo", ".git")
        self._kept = [layout.ROOT / name for name in names]
        self.trespass: str | None = None

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            self._look_at_opened(*args)
        elif event in _CHANGES:
            verb, count = _CHANGES[event]
            for path in _paths(args[:count]):
                self._keep(verb, path)

    def _look_at_opened(self, path: Any, _: Any, flags: int) -> None:
        for opened in _paths([path]):
            if flags & _WRITING:
                self._keep("writes to", opened)
            elif opened.endswith((".py", ".pyc")) and _within(opened, self._reference):
                self._refuse("opens the model answer")

    def _keep(self, verb: str, path: str) -> None:
        for folder in self._kept:
            if _within(path, folder) and not _within(path, environment.KERAS_HOME):
                self._refuse(f"{verb} {layout.shown(Path(os.path.realpath(path)))}")

    def _refuse(self, what: str) -> None:
        line = _line_of(self._source, sys._getframe())
        self.trespass = f"{what}, at {layout.shown(self._source)}:{line}"
        raise PermissionError(self.trespass)


def _paths(given: Any) -> Iterator[str]:
    """Those of an event's arguments that name a file; others are numbers of open ones."""
    for path in given:
        if isinstance(path, str | bytes | os.PathLike):
            yield os.fsdecode(path)


def _within(path: str, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(folder)


def _line_of(source: Path, frame: Any) -> int:
    while frame is not None:
        if frame.f_code.co_filename == str(source):
            return int(frame.f_lineno)
        frame = frame.f_back
    return 1
