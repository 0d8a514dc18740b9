"""What a report of a fault needs to say of the machine, and nothing private.

Read from metadata and files: no package is imported, so it answers where TensorFlow cannot.
"""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping

from dojo import layout
from dojo.words import counted

# Variables that change what Python, TensorFlow, Keras or pytest do.
_TOLD = ("DOJO_", "KERAS_", "PYTEST_", "PYTHON", "TF_", "XLA_")
# Of these the value is a number, a switch or a known word; others may hold paths.
_HARMLESS = {
    "KERAS_BACKEND",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED",
    "PYTHONIOENCODING",
    "PYTHONNOUSERSITE",
    "PYTHONOPTIMIZE",
    "PYTHONSAFEPATH",
    "PYTHONUNBUFFERED",
    "PYTHONUTF8",
    "TF_CPP_MIN_LOG_LEVEL",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_USE_LEGACY_KERAS",
}


def show() -> int:
    """Prints the report."""
    told = list(report(os.environ))
    width = max(len(name) for name, _ in told) + 2
    print("\n".join(f"{name:<{width}}{value}" for name, value in told))
    return 0


def report(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yields what is told, as name and value. No user, host or folder is among it."""
    yield "checkout", _revision()
    yield "python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "environment", _environment()
    yield "platform", platform.platform()
    yield "cores", f"{_usable_cores()} usable of {os.cpu_count()}"
    yield "memory", _memory()
    yield "terminal", _terminal(environment)
    for package in _packages():
        yield package, _version(package)
    for name in sorted(environment):
        if name.startswith(_TOLD):
            yield name, _value(name, environment[name])


def _packages() -> list[str]:
    """The direct dependencies, by pyproject.toml."""
    project = tomllib.loads((layout.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [re.split(r"[^\w-]", line)[0] for line in project["project"]["dependencies"]]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _revision() -> str:
    commit = _git("rev-parse", "--short=12", "HEAD")
    if commit is None:
        return "not from git"
    # The learner's answers are changes, too, but of no interest here.
    changed = (_git("status", "--porcelain", "--", ".", ":!katas") or "").splitlines()
    return commit + (f", {counted(len(changed), 'file')} changed outside katas/" if changed else "")


def _git(*arguments: str) -> str | None:
    """Returns what git says of this checkout; a repository around it is not asked."""
    place = [f"--git-dir={layout.ROOT / '.git'}", f"--work-tree={layout.ROOT}"]
    try:
        done = subprocess.run(
            ["git", *place, *arguments], cwd=layout.ROOT, capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _environment() -> str:
    if os.path.realpath(sys.prefix) == os.path.realpath(layout.ROOT / ".venv"):
        return ".venv"
    return "another one, not .venv" if sys.prefix != sys.base_prefix else "none: not .venv"


def _usable_cores() -> int | None:
    """How many this process may run on; macOS does not tell."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return "unknown"
    return f"{total / 2**30:.1f} GiB"


def _terminal(environment: Mapping[str, str]) -> str:
    """Size and kind of the terminal, on whichever of the three streams it is."""
    kind = f"TERM={environment.get('TERM', '')!r}, {sys.stdout.encoding}"
    for stream in (1, 2, 0):
        try:
            columns, lines = os.get_terminal_size(stream)
        except OSError:
            continue
        return f"{columns} × {lines}, {kind}"
    return f"none, {kind}"


def _value(name: str, value: str) -> str:
    simple = re.fullmatch(r"[\w.:-]{0,20}", value)
    return value if name in _HARMLESS and simple else "is set"
