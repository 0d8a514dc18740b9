"""Reads what was handed in: a folder of folders and archives, each with answers at any depth.

Which file is the answer to a kata, where a submission holds several of its name:

1. one in a folder katas/TRACK/ before one in TRACK/ alone, and that before one anywhere else;
2. one that was worked on before the stub as it was handed out;
3. the one that lies less deep, and of these the first by its path.

The others are noted, so that a person can look.
"""

import collections
import dataclasses
import functools
import itertools
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from dojo import layout
from dojo.cohort import pack
from dojo.cohort.archives import is_archive, read_archive, without_ending
from dojo.cohort.contents import Contents, Refused, open_plain
from dojo.cohort.grades import Submission
from dojo.content import stubs
from dojo.errors import UsageError
from dojo.words import counted, on_one_line

_MOST_NAMED = 3
# Of a name, once what cannot be printed is spelled out.
_LONGEST = 300
# Whoever hands in the whole project hands in model answers, traps and stubs, too.
_NOT_THEIRS = {"reference", "tests", "dojo"}


@dataclasses.dataclass(frozen=True)
class Place:
    """Where one submission lies.

    Attributes:
        name: What it is called from here on: fit to be printed, and no other has it.
        path: The folder or archive.
    """

    name: str
    path: Path


def find(folder: Path) -> tuple[list[Place], list[str]]:
    """Returns the submissions in a folder, by name, and a line for all else that lies there.

    Raises:
        UsageError: If there are none, or the folder is itself a submission.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror or error}") from None
    found, remarks = [], []
    for entry in entries:
        if Contents([]).passes_over(entry.name):
            continue
        if entry.is_symlink():
            # It may lead anywhere.
            remarks.append(f"{on_one_line(entry.name)} is a link: passed over")
        elif is_archive(entry.name) or entry.is_dir():
            found.append(entry)
        else:
            kind = "neither a folder nor an archive"
            remarks.append(f"{on_one_line(entry.name)} is {kind}: passed over")
    if any(entry.name in ("katas", *layout.TRACKS) for entry in found):
        raise UsageError(f"{folder} is one submission; give the folder that it lies in")
    if not found:
        raise UsageError(f"there is no submission in {folder}: each is a folder or an archive")
    return _named(found), remarks


def _named(found: Sequence[Path]) -> list[Place]:
    """Archives go without their ending, unless two submissions were then called the same."""
    short = [name_of(path) for path in found]
    often = collections.Counter(short)
    places: dict[str, Place] = {}
    for path, name in zip(found, short, strict=True):
        name = name if often[name] == 1 else on_one_line(path.name, _LONGEST)
        # On some disks two names look the same that are not.
        names = itertools.chain([name], (f"{name} ({number})" for number in itertools.count(2)))
        unique = next(name for name in names if name not in places)
        places[unique] = Place(unique, path)
    return list(places.values())


def name_of(path: Path) -> str:
    """Returns what a submission is called, if no other one is."""
    return on_one_line(unicodedata.normalize("NFC", without_ending(path.name)), _LONGEST)


def read(place: Place, katas: Sequence[str]) -> Submission:
    """Returns what was handed in; what is odd or refused about it stands in its notes.

    Args:
        place: As from `find`.
        katas: Paths of those to look for.
    """
    contents = Contents([f"{kata.partition('/')[2]}.py" for kata in katas])
    try:
        if place.path.is_dir():
            _read_folder(place.path, contents)
        else:
            read_archive(place.path, contents)
    except Refused as refused:
        return Submission(place.name, place.name, {}, [f"refused: {refused}"])
    answers, notes = _choose(contents, katas)
    return Submission(place.name, place.name, answers, [*contents.notes, *notes])


def worked_on(found: Sequence[Submission], katas: Sequence[str]) -> list[str]:
    """Returns those katas that somebody has changed the stub of."""
    return [
        kata
        for kata in katas
        if any(kata in entry.answers and not _is_stub(kata, entry.answers[kata]) for entry in found)
    ]


def _read_folder(top: Path, contents: Contents) -> None:
    """Adds what a folder holds; links are not followed."""
    waiting = [top]
    archives = []
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            _note_unreadable(folder, top, error, contents)
            continue
        for entry in entries:
            place = contents.place(os.path.relpath(entry.path, top))
            if place is None:
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                archives += [Path(entry.path)] if is_archive(entry.name) else []
                _read_file(Path(entry.path), place, top, contents)
            else:
                kind = "a link" if entry.is_symlink() else "no plain file"
                contents.notes.append(f"{on_one_line(place)} is {kind}: not read")
    if len(archives) == 1 and not contents.files:
        # Some course systems put each person's archive into a folder with the person's name.
        contents.others.clear()
        read_archive(archives[0], contents)


def _read_file(path: Path, place: str, top: Path, contents: Contents) -> None:
    try:
        if contents.wants(place, path.lstat().st_size):
            with open_plain(path) as file:
                contents.add(place, file.read())
    except OSError as error:
        _note_unreadable(path, top, error, contents)


def _note_unreadable(path: Path, top: Path, error: OSError, contents: Contents) -> None:
    name = on_one_line(os.path.relpath(path, top)) if path != top else "its folder"
    contents.notes.append(f"{name} cannot be read: {error.strerror or error}")


def _choose(contents: Contents, katas: Sequence[str]) -> tuple[dict[str, bytes], list[str]]:
    """The answer to each kata, and what is to be said of the choice."""
    answers: dict[str, bytes] = {}
    notes = []
    for kata in katas:
        name = f"{kata.partition('/')[2]}.py"
        named = [path for path in contents.files if path.rpartition("/")[2] == name]
        paths = [path for path in named if not _NOT_THEIRS.intersection(path.split("/"))]
        if not paths:
            continue
        if len(paths) > 1:
            paths.sort(key=lambda path: _rank(kata, path, contents.files[path]))
        best, *others = paths
        answers[kata] = contents.files[best]
        if different := [path for path in others if contents.files[path] != answers[kata]]:
            notes.append(f"{kata}: {on_one_line(best)} is graded, and not {_listed(different)}")
    nested = [path for path in contents.others if is_archive(path)]
    notes += [f"{on_one_line(path)} is an archive in it: not opened" for path in nested]
    if not answers:
        notes.append(_nothing(contents, katas))
    return answers, notes


def _rank(kata: str, path: str, content: bytes) -> tuple[int, bool, int, str]:
    layouts = (f"/katas/{kata}.py", f"/{kata}.py")
    tier = next((n for n, end in enumerate(layouts) if f"/{path}".endswith(end)), len(layouts))
    return tier, _is_stub(kata, content), path.count("/"), path


def _is_stub(kata: str, content: bytes) -> bool:
    """Whether it is the stub, byte for byte but for the ends of its lines."""
    text = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    return text in _stubs(kata)


@functools.cache
def _stubs(kata: str) -> set[bytes]:
    """The stub in every form in which it is handed out."""
    handed_out = [pack.handed_out(kata, with_checks) for with_checks in (False, True)]
    return {stub.encode() for stub in (stubs.pristine(kata), *handed_out)}


def _nothing(contents: Contents, katas: Sequence[str]) -> str:
    if not (contents.files or contents.others or contents.notes):
        return "it is empty"
    asked = " or ".join(f"{kata.partition('/')[2]}.py" for kata in katas[:_MOST_NAMED])
    more = f" or {counted(len(katas) - _MOST_NAMED, 'other')}" if len(katas) > _MOST_NAMED else ""
    python = [path for path in (*contents.files, *contents.others) if path.endswith(".py")]
    held = f"; it holds {_listed(python)}" if python else ""
    return f"there is no {asked}{more} in it{held}"


def _listed(paths: Sequence[str]) -> str:
    told = ", ".join(on_one_line(path) for path in paths[:_MOST_NAMED])
    more = len(paths) - _MOST_NAMED
    return f"{told} and {counted(more, 'other')}" if more > 0 else told
