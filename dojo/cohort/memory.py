"""Which processes descend from one, and how much memory they hold, by what Linux says."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

_PROC = Path("/proc")
_KIB = 2**10


def held_by(pids: Sequence[int], enough: int) -> int:
    """Returns the bytes that processes hold; pages that several share count once.

    Args:
        pids: Their numbers.
        enough: If a quick estimate, which is never too low, does not exceed this, it will do.
    """
    estimate = sum(_anonymous(pid) for pid in pids)
    return estimate if estimate <= enough else sum(_share(pid) for pid in pids)


def descendants(pid: int) -> Iterator[int]:
    """Yields the numbers of all processes below that one, each before its own children."""
    for task in _listed(_PROC / str(pid) / "task"):
        for child in _text(task / "children").split():
            yield int(child)
            yield from descendants(int(child))


def _anonymous(pid: int) -> int:
    """What is no file's: shared with the process it was forked from, or its own."""
    text = _text(_PROC / str(pid) / "status")
    return _KIB * sum(int(size) for size in re.findall(r"Rss(?:Anon|Shmem):\s+(\d+)", text))


def _share(pid: int) -> int:
    """Its own pages, and its share of those that others have, too."""
    text = _text(_PROC / str(pid) / "smaps_rollup")
    return _KIB * sum(int(size) for size in re.findall(r"Pss_(?:Anon|Shmem):\s+(\d+)", text))


def _listed(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return list(folder.iterdir())
    return []


def _text(file: Path) -> str:
    with contextlib.suppress(OSError):
        return file.read_text()
    return ""
