"""Which text of a file was checked: a save may come at any moment, also between two reads."""

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dojo.check.messages import Message, Opened

# In bytes. Nobody types more, and the one who judges has other things to keep in memory.
LARGEST = 2**25


def plain_content(path: Path) -> bytes | None:
    """Returns what a plain file holds; None where there is none, or it is too large.

    An answer that has run may have put a pipe in its own place: reading that never ends.
    """
    with contextlib.suppress(OSError), open(path, "rb", opener=_without_waiting) as file:
        found = os.fstat(file.fileno())
        if stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST:
            return file.read(LARGEST)
    return None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


class Opening:
    """An audit hook that tells which text of the file is compiled, the first time."""

    def __init__(self, source: Path, send: Callable[[Message], None]) -> None:
        self._name = str(source)
        self._send = send
        self._told = False

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "compile" and not self._told and args[1] == self._name:
            self._told = True
            if isinstance(args[0], bytes):
                self._send(Opened(hashlib.sha256(args[0]).hexdigest()))
