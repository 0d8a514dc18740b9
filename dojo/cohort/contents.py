"""What a submission holds: which of its files count, whatever they came in."""

import os
import re
import stat
import unicodedata
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from dojo.words import on_one_line

# An answer is a few thousand characters.
LARGEST = 2**20
MOST_FILES = 50_000
# What systems and tools leave beside a person's work, apart from names that begin with a dot.
_LEFT = {"__MACOSX", "__pycache__", "venv", "node_modules"}


class Refused(Exception):
    """A submission is not read; the message says why, and calls it “it”."""


def open_plain(path: Path) -> BinaryIO:
    """Opens a file to read; what is a link, a pipe or a device is not even waited for.

    Raises:
        OSError: If it is no plain file, or cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError("it is no plain file")
    return open(handle, "rb")


class Contents:
    """The files of one submission that may be answers, as they are found.

    Attributes:
        files: Path below the submission to content.
        others: Paths of what was not read: archives in it, and other Python files.
        notes: What was odd, a plain line each.
    """

    def __init__(self, names: Collection[str]) -> None:
        """
        Args:
            names: Of the files that are wanted, wherever they lie: "focal_loss.py".
        """
        self._names = set(names)
        self._count = 0
        self._written: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.others: list[str] = []
        self.notes: list[str] = []

    def place(self, name: str) -> str | None:
        """Returns the path that a name means, with "/"; None for what is passed over.

        Raises:
            Refused: If it leads out of the submission, or is one too many.
        """
        parts = _parts(name)
        if name.startswith(("/", "\\")) or re.match("[A-Za-z]:", name):
            raise Refused(f"{on_one_line(name)} is an absolute path")
        if ".." in parts:
            raise Refused(f"{on_one_line(name)} leads out of its folder")
        if self.passes_over(name) or not parts:
            return None
        self._count += 1
        if self._count > MOST_FILES:
            raise Refused(f"it holds more than {MOST_FILES:,} files: hand in katas/ alone")
        return "/".join(parts)

    def passes_over(self, name: str) -> bool:
        """Returns whether that is nobody's work: caches, environments, hidden files."""
        return any(part.startswith(".") or part in _LEFT for part in _parts(name))

    def wants(self, path: str, size: int) -> bool:
        """Returns whether the file is to be read; notes what it is otherwise.

        Args:
            path: As from `place`.
            size: Of the file, in bytes.

        Raises:
            Refused: If it is there under another spelling as well.
        """
        # As on disks that know no capitals, and one way to write an accent.
        key = unicodedata.normalize("NFKC", path).casefold()
        if key.rpartition("/")[2] not in self._names:
            self.others.append(path)
            return False
        if key in self._written:
            both = f"{on_one_line(self._written[key])} and {on_one_line(path)}"
            raise Refused(f"{both} are one name on some systems")
        self._written[key] = path
        if size > LARGEST:
            size_of = f"{size / 2**20:.1f} MB, and an answer has at most {LARGEST / 2**20:.0f} MB"
            self.notes.append(f"{on_one_line(path)} is not read: {size_of}")
        return size <= LARGEST

    def add(self, path: str, content: bytes) -> None:
        """Keeps a file that is wanted."""
        self.files[unicodedata.normalize("NFKC", path).casefold()] = content


def _parts(name: str) -> list[str]:
    # Some archives are written with the separators of Windows.
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
