"""The file of a round: written to debug/, never over anything without a copy."""

from pathlib import Path

from dojo import layout
from dojo.content.mistakes import Mistake
from dojo.record import archive


def hand_out(mistake: Mistake, tree: Path) -> Path | None:
    """Writes the broken file, and returns the copy of what it replaced.

    Raises:
        ArchiveError: If the copy or the file cannot be written.
    """
    path = layout.source_file(mistake.kata, tree)
    # Apart from the answers that `restore` brings back.
    copies = layout.state_folder() / "rounds" / mistake.kata
    copy = archive.put_away(path, copies, mistake.source)
    archive.put_back(path, mistake.source.encode())
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
