"""The pack command: a take-home of a few katas, for somebody without the project.

It holds stubs, what to install, and a page of instructions; no model answer. With checks it
holds the suites of its katas, too, and as much of the tool as running them takes. A suite is no
answer, but it measures by the formula, in NumPy: who reads it learns that.
"""

import dataclasses
import datetime
import hashlib
import io
import json
import re
import tomllib
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dojo import layout
from dojo.cohort.imports import needed
from dojo.cohort.instructions import instructions
from dojo.content import catalogue, stubs
from dojo.content.document import Kata
from dojo.errors import DojoError, UsageError
from dojo.files import write_whole
from dojo.words import counted

VERSION = 1
# What the commands of a take-home call; `dojo.cli` imports far more, but only where it is called.
_COMMANDS = ("dojo/__main__.py", "dojo/cli.py")
_CALLED = (
    *("dojo.check.command", "dojo.check.warm", "dojo.check.listing", "dojo.record.commands"),
    # Started by their names.
    *("dojo.check.start", "dojo.check.forkserver", "dojo.check.preload", "dojo.check.worker"),
    "tests.conftest",
)
# Every stub is written for these.
_ALWAYS = {"keras", "numpy", "tensorflow"}
# A package whose modules have another name.
_IMPORTED_AS = {"markdown-it-py": "markdown_it"}
_DIGITS = ("data/mnist_small.npz", "data/README.md")
# A suite that has short forms of other katas' answers in it.
_TOLD_BY = {
    "training/custom_vs_standard": (
        "gradients/clip_by_value",
        "losses/categorical_focal_loss",
        "optimizers/momentum",
    )
}


@dataclasses.dataclass(frozen=True)
class PackOptions:
    """What to pack, and into which file; fields as the options of `pack`.

    Attributes:
        minutes: What the candidate is given; None for the sum of the katas' own.
    """

    names: Sequence[str]
    out: Path
    minutes: float | None = None
    with_checks: bool = False


class PackError(DojoError):
    """A pack cannot be written."""


def pack(options: PackOptions) -> int:
    """Writes the take-home and says what it holds."""
    katas = catalogue.select(options.names)
    if options.with_checks:
        _refuse_told(katas)
    _refuse_other_files(options.out)
    own = sum(kata.minutes for kata in katas)
    minutes = options.minutes or own
    day = datetime.date.today()
    files = contents(katas, minutes, options.with_checks)
    files[layout.MANIFEST.name] = manifest(katas, minutes, options.with_checks, files, day)
    try:
        write_whole(options.out, archive(files, options.out.stem.strip(".") or "pack", day))
    except OSError as error:
        raise PackError(f"{options.out} cannot be written: {error.strerror or error}") from None
    checks = "with checks" if options.with_checks else "without checks"
    print(f"{options.out}: {counted(len(katas), 'kata')}, {minutes:g} minutes, {checks}")
    width = max(len(kata.path) for kata in katas)
    for kata in katas:
        print(f"  {kata.path:<{width}}{kata.minutes:>4} min")
    if minutes < own:
        print(f"Their own time boxes add up to {own} minutes.")
    print("Read its README.md before you hand it out: that is what a candidate goes by.")
    return 0


def contents(katas: Sequence[Kata], minutes: float, with_checks: bool) -> dict[str, bytes]:
    """Returns what a take-home holds but for its manifest: path to file.

    Args:
        katas: In the order of the instructions.
        minutes: What the candidate is given.
        with_checks: Whether what a local check needs is in it.
    """
    stubs_of = {kata.path: handed_out(kata.path, with_checks).encode() for kata in katas}
    files = {f"katas/{path}.py": stub for path, stub in stubs_of.items()}
    own, packages = _imported(list(stubs_of), with_checks)
    if with_checks:
        files |= {f"dojo/stubs/{path}.py": stub for path, stub in stubs_of.items()}
        files |= _copied([*own, *_COMMANDS])
    if "dojo/data.py" in own or any(b"mnist_small.npz" in stub for stub in stubs_of.values()):
        files |= _copied(_DIGITS)
    required = requirements(packages)
    text = "\n".join(["--constraint constraints.txt", *required]) + "\n"
    page = instructions(katas, minutes, with_checks, required)
    files |= _copied(["constraints.txt", "LICENSE"])
    files |= {"requirements.txt": text.encode(), "README.md": page.encode()}
    files[".gitignore"] = b".venv/\n.dojo/\n__pycache__/\n"
    return files


def manifest(
    katas: Sequence[Kata],
    minutes: float,
    with_checks: bool,
    files: Mapping[str, bytes],
    day: datetime.date,
) -> bytes:
    """Returns manifest.json: what was handed out, when, and by which suites it is graded."""
    of_katas = [
        {
            "path": kata.path,
            "level": kata.level,
            "minutes": kata.minutes,
            "asked": kata.asked,
            "stub": digest(files[f"katas/{kata.path}.py"]),
            "suite": digest(layout.test_file(kata.path).read_bytes()),
        }
        for kata in katas
    ]
    written = {
        "dojo": "pack",
        "version": VERSION,
        "made": str(day),
        "minutes": minutes,
        "checks": with_checks,
        "python": _project()["requires-python"],
        "requirements": files["requirements.txt"].decode().splitlines()[1:],
        "katas": of_katas,
        "files": {path: digest(files[path]) for path in sorted(files)},
    }
    return (json.dumps(written, indent=1, ensure_ascii=False) + "\n").encode()


def archive(files: Mapping[str, bytes], folder: str, day: datetime.date) -> bytes:
    """Returns a ZIP archive: the same bytes for the same files, folder and day."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archived:
        for path in sorted(files):
            entry = zipfile.ZipInfo(f"{folder}/{path}", (day.year, day.month, day.day, 0, 0, 0))
            # As on Unix, whatever this system is.
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archived.writestr(entry, files[path], zipfile.ZIP_DEFLATED, 9)
    return written.getvalue()


def handed_out(kata: str, with_checks: bool) -> str:
    """Returns the stub as a candidate gets it: its line Run says a command that they have."""
    stub = stubs.pristine(kata)
    command = f"nox -s check -- {kata.partition('/')[2]}"
    if with_checks:
        return stub.replace(command, f"python -m dojo check {kata.partition('/')[2]}", 1)
    return stub.replace(f"Run   {command}\n", "", 1)


def requirements(packages: Iterable[str]) -> list[str]:
    """Returns those of the project's dependencies that are imported, with their versions.

    Args:
        packages: Names as they are imported.
    """
    names = [re.split(r"[^\w-]", line)[0] for line in _project()["dependencies"]]
    wanted = {
        name for name in names if _IMPORTED_AS.get(name, name.replace("-", "_")) in set(packages)
    }
    pinned = (layout.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    # A package may have a line for each range of Pythons.
    return [line for line in pinned if line.partition("==")[0] in wanted]


def digest(content: bytes) -> str:
    """Returns the SHA-256 of a file as in a manifest."""
    return hashlib.sha256(content).hexdigest()


def _imported(katas: Sequence[str], with_checks: bool) -> tuple[set[str], set[str]]:
    """The project's own files that the checks need, and the packages that all of it imports."""
    answers = [layout.source_file(kata, layout.REFERENCE) for kata in katas]
    packages = _ALWAYS | needed([], answers)[1]
    if not with_checks:
        return set(), packages
    suites = [layout.test_file(kata) for kata in katas]
    own, others = needed(_CALLED, suites)
    paths = {path.relative_to(layout.ROOT).as_posix() for path in own.union(suites)}
    return paths, packages | others


def _copied(paths: Iterable[str]) -> dict[str, bytes]:
    return {path: (layout.ROOT / path).read_bytes() for path in paths}


def _project() -> dict[str, Any]:
    text = (layout.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project: dict[str, Any] = tomllib.loads(text)["project"]
    return project


def _refuse_told(katas: Sequence[Kata]) -> None:
    paths = {kata.path for kata in katas}
    for suite, told in _TOLD_BY.items():
        if suite in paths and (both := [path for path in told if path in paths]):
            raise UsageError(
                f"the suite of {suite} holds a short form of the answer to {' and '.join(both)}: "
                "pack them apart, or without --with-checks"
            )


def _refuse_other_files(path: Path) -> None:
    """An earlier pack may be replaced, as long as nobody has worked in it."""
    if path.exists() and not _is_pack(path):
        raise PackError(f"{path} is there, and is no pack as this command writes it: kept")


def _is_pack(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archived:
            names = archived.namelist()
            folder = names[0].partition("/")[0]
            told = json.loads(archived.read(f"{folder}/{layout.MANIFEST.name}"))
            found = {name: digest(archived.read(f"{folder}/{name}")) for name in told["files"]}
        return (
            bool(told["dojo"] == "pack" and found == told["files"]) and len(names) == len(found) + 1
        )
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile):
        return False
