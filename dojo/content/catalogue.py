"""Finds katas by what a learner types: a name, a track, or a path."""

import difflib
from collections.abc import Sequence
from pathlib import PurePath

from dojo import layout
from dojo.content.document import Kata, read_document
from dojo.errors import UsageError


class UnknownKata(UsageError):
    """No kata has that name; the message offers the nearest ones."""


def select(names: Sequence[str], katas: Sequence[Kata] | None = None) -> list[Kata]:
    """Returns the katas meant by `names`, in study order; all of them for no names.

    Args:
        names: Each `focal_loss`, `losses/focal_loss`, `losses/`, or
            `katas/losses/focal_loss.py` (also of another tree, also absolute).
        katas: What to select from; None for the whole catalogue.

    Raises:
        UnknownKata: If a name matches nothing.
    """
    katas = read_document().katas if katas is None else katas
    wanted = {kata.path for name in names for kata in _matches(name, katas)}
    return [kata for kata in katas if kata.path in wanted or not names]


def one(name: str) -> Kata:
    """Returns the one kata meant by `name`.

    Raises:
        UnknownKata: If there is none, or `name` is a whole track.
    """
    found = select([name])
    if len(found) != 1:
        listed = ", ".join(kata.name for kata in found)
        raise UnknownKata(f"{name} means {len(found)} katas; name one of: {listed}")
    return found[0]


def _matches(name: str, katas: Sequence[Kata]) -> list[Kata]:
    parts = PurePath(name.replace("\\", "/")).parts
    last = parts[-1].removesuffix(".py").removeprefix("test_") if parts else ""
    if last in layout.TRACKS:
        found = [kata for kata in katas if kata.track == last]
    elif len(parts) > 1:
        found = [kata for kata in katas if (kata.track, kata.name) == (parts[-2], last)]
    else:
        found = [kata for kata in katas if kata.name == last]
    if not found:
        raise UnknownKata(_suggestion(name, last, katas))
    return found


def _suggestion(name: str, last: str, katas: Sequence[Kata]) -> str:
    names = [kata.name for kata in katas] + [f"{track}/" for track in layout.TRACKS]
    near = difflib.get_close_matches(last, names, n=3, cutoff=0.4)
    near += [known for known in names if last and last in known and known not in near][:3]
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"there is no kata {name}.{hint} `python -m dojo list` shows them all."
