"""The file of a round: written to debug/, never over anything without a copy."""

import datetime
from pathlib import Path

from dojo import layout
from dojo.content.mistakes import Mistake
from dojo.files import write_whole
from dojo.record.archive import ArchiveError


def hand_out(mistake: Mistake, tree: Path) -> Path | None:
    """Writes the broken file, and returns the copy of what it replaced.

    Raises:
        ArchiveError: If the copy or the file cannot be written.
    """
    path = layout.source_file(mistake.kata, tree)
    copy = _keep(mistake.kata, path, mistake.source)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, mistake.source.encode())
    except OSError as error:
        raise ArchiveError(
            f"{layout.shown(path)} could not be written: {error.strerror or error}"
        ) from None
    return copy


def exists(mistake: Mistake, tree: Path) -> bool:
    """Returns whether there is a file of this kata to go on with."""
    return layout.source_file(mistake.kata, tree).exists()


def is_untouched(mistake: Mistake, tree: Path) -> bool:
    """Returns whether the file is as it was handed out."""
    try:
        return layout.source_file(mistake.kata, tree).read_bytes() == mistake.source.encode()
    except OSError:
        return False


def _keep(kata: str, path: Path, new: str) -> Path | None:
    """Copies what stands there, apart from the answers that `restore` brings back."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArchiveError(f"{layout.shown(path)} cannot be read: {error}") from None
    if content == new.encode():
        return None
    now = datetime.datetime.now(datetime.UTC)
    copy = layout.state_folder() / "rounds" / kata / f"{now:%Y-%m-%dT%H-%M-%S.%f}.py"
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_whole(copy, content)
    except OSError as error:
        raise ArchiveError(
            f"{layout.shown(path)} could not be copied to {layout.shown(copy)}: "
            f"{error.strerror or error}. It is left as it is."
        ) from None
    return copy
