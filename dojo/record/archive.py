"""Copies of the learner's answers, as plain files. Nothing is overwritten without one.

.dojo/archive/losses/focal_loss/2026-01-31T09-15-00.123456.py
"""

import datetime
from collections.abc import Sequence
from pathlib import Path

from dojo import layout
from dojo.content import stubs
from dojo.errors import DojoError
from dojo.files import write_whole

# The time of a copy, UTC, in its name.
NAME = "%Y-%m-%dT%H-%M-%S.%f"


class ArchiveError(DojoError):
    """A copy could not be made or found; the learner's file is as it was."""


def keep(kata: str, tree: Path = layout.KATAS) -> Path | None:
    """Copies the present answer, and returns the copy.

    Returns:
        None where there is nothing to lose: no file, or an untouched stub.

    Raises:
        ArchiveError: If the copy cannot be written.
    """
    return put_away(layout.source_file(kata, tree), _folder(kata), stubs.pristine(kata))


def put_away(source: Path, folder: Path, worthless: str) -> Path | None:
    """Copies a file into a folder under the present time, and returns the copy.

    Args:
        source: The file.
        folder: Where to; it is made.
        worthless: What the file may hold without being copied.

    Returns:
        None where there is nothing to lose.

    Raises:
        ArchiveError: If the copy cannot be written.
    """
    try:
        content = source.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArchiveError(f"{layout.shown(source)} cannot be read: {error}") from None
    if content == worthless.encode():
        return None
    now = datetime.datetime.now(datetime.UTC)
    copy = folder / f"{now:{NAME}}.py"
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_whole(copy, content)
    except OSError as error:
        raise ArchiveError(
            f"{layout.shown(source)} could not be copied to {layout.shown(copy)}: "
            f"{error.strerror or error}. It is left as it is."
        ) from None
    return copy


def reset(kata: str, tree: Path = layout.KATAS) -> Path | None:
    """Restores the empty stub, and returns the copy of what stood there.

    Raises:
        ArchiveError: If the copy or the stub cannot be written.
    """
    copy = keep(kata, tree)
    put_back(layout.source_file(kata, tree), stubs.pristine(kata).encode())
    return copy


def copies(kata: str) -> Sequence[Path]:
    """Returns the kept answers, oldest first."""
    return sorted(_folder(kata).glob("*.py"))


def restore(kata: str, content: bytes, tree: Path = layout.KATAS) -> Path | None:
    """Brings an answer back, and returns the copy of what it replaced.

    Returns:
        None where there was nothing to lose, or the same text stands there.

    Raises:
        ArchiveError: If one of the two cannot be written.
    """
    source = layout.source_file(kata, tree)
    if source.is_file() and source.read_bytes() == content:
        return None
    present = keep(kata, tree)
    put_back(source, content)
    return present


def put_back(path: Path, content: bytes) -> None:
    """Writes a file as a whole; its folder is made.

    Raises:
        ArchiveError: If it cannot be written; it is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise ArchiveError(
            f"{layout.shown(path)} could not be written: {error.strerror or error}. "
            "It is left as it is."
        ) from None


def _folder(kata: str) -> Path:
    return layout.state_folder() / "archive" / kata
