"""All that is kept of a kata's answers, to choose from: what was put away, and what was checked."""

import dataclasses
import datetime
import re
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from dojo.columns import fitting
from dojo.record import archive, texts
from dojo.record.saves import Save, stamp
from dojo.results import Outcome


@dataclasses.dataclass
class Kept:
    """One text.

    Attributes:
        digest: Its hash.
        path: Where it lies.
        times: Seconds since 1970: when it was checked, and put away.
        names: Of the copies that were put away, oldest first.
        save: What its last check found; None where it was never checked.
    """

    digest: str
    path: Path
    times: list[float] = dataclasses.field(default_factory=list)
    names: list[str] = dataclasses.field(default_factory=list)
    save: Save | None = None

    @property
    def newest(self) -> float:
        return max(self.times)

    def read(self) -> bytes:
        """Returns the text.

        Raises:
            TextError: If it cannot be read, or is not what was kept.
        """
        return texts.read(self.digest, self.path)


def all_of(kata: str, saved: Sequence[Save]) -> list[Kept]:
    """Returns each text once, newest first; a copy that cannot be read is left out.

    Args:
        kata: Path of the kata.
        saved: Its saves, oldest first.
    """
    found: dict[str, Kept] = {}
    for save in saved:
        kept = found.setdefault(save.text, Kept(save.text, texts.file_of(save.text)))
        kept.times += [save.at, save.last]
        kept.save = save
    for copy in archive.copies(kata):
        try:
            digest = texts.digest_of(copy.read_bytes())
        except OSError:
            continue
        kept = found.setdefault(digest, Kept(digest, copy))
        kept.path = copy
        kept.times.append(_put_away(copy))
        kept.names.append(copy.stem)
    return sorted(found.values(), key=lambda kept: kept.newest, reverse=True)


def _put_away(copy: Path) -> float:
    try:
        at = datetime.datetime.strptime(copy.stem, archive.NAME)
    except ValueError:
        # Somebody has put a file of their own there.
        return copy.stat().st_mtime
    return at.replace(tzinfo=datetime.UTC).timestamp()


def choose(found: Sequence[Kept], when: str) -> Kept | None:
    """Returns the text that is meant, or None.

    Args:
        found: Newest first.
        when: "" for what was put away last; an outcome such as "solved" for the newest of that
            verdict; or the start of a time, for the newest that fits. The time is the learner's;
            where none fits, it is that in the name of a copy, which is UTC.
    """
    if not when:
        copies = [kept for kept in found if kept.names]
        return max(copies, key=lambda kept: kept.names[-1], default=None)
    if when in set(Outcome):
        return next((k for k in found if k.save is not None and k.save.outcome == when), None)
    wanted = _digits(when)
    if not wanted or not re.fullmatch(r"[\d\sT:.-]+", when):
        return None
    by_time = [(at, kept) for kept in found for at in kept.times if _fits(stamp(at), wanted)]
    if by_time:
        return max(by_time, key=lambda pair: pair[0])[1]
    by_name = [(name, kept) for kept in found for name in kept.names if _fits(name, wanted)]
    return max(by_name, key=lambda pair: pair[0])[1] if by_name else None


def _fits(time: str, wanted: str) -> bool:
    return _digits(time).startswith(wanted)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def table(found: Sequence[Kept], present: bytes | None, width: int) -> Table:
    """Returns a row a text: when, its verdict, and whether it stands in the file now."""
    here = None if present is None else texts.digest_of(present)
    rows = [_row(kept, kept.digest == here) for kept in found]
    grid = Table.grid(padding=(0, 2), pad_edge=False)
    columns = fitting(rows, width, least=(3, 2))
    for row in rows:
        grid.add_row(*(row[column] for column in columns))
    return grid


def _row(kept: Kept, here: bool) -> Sequence[Text]:
    save = kept.save
    where = "in the file now" if here else "put away" if kept.names else ""
    return (
        Text(stamp(kept.newest), "bold" if here else ""),
        Text("not checked", "dim") if save is None else save.verdict(),
        Text("" if save is None else save.progress),
        Text(where, "dim"),
    )
