"""The sessions: `nox -l` lists them. All share one environment, .venv, as an IDE does."""

import functools
import hashlib
import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.sessions = ["check"]
nox.options.error_on_missing_interpreters = True

ROOT = Path(__file__).parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PYPROJECT = ROOT / "pyproject.toml"

# The tests that have something to say about a single kata.
OF_A_KATA = [f"tests/house/test_{of}.py" for of in ("trees", "asked", "mutants", "traps")]
OF_A_KATA.append("tests/questions")

# TensorFlow takes 2 GB: one environment for all sessions, so nox is to make none itself.
session_of = functools.partial(nox.session, venv_backend="none")


@session_of
def check(session):
    """Check your answers: all, or `-- focal_loss`; `-- --watch` re-checks on save."""
    dojo(session, "check", *session.posargs)


@session_of(default=False)
def reference(session):
    """Check the model answers, then the house itself; `-- focal_loss` what is about it."""
    # One import of TensorFlow for all of it, in CI, too.
    session.env["DOJO_WARM"] = "1"
    dojo(session, "check", "--tree", "reference", *session.posargs)
    names = [f"--only={name}" for name in session.posargs if not name.startswith("-")]
    python(session, "pytest", "-q", *(OF_A_KATA if names else side_by_side()), *names)
    if os.environ.get("CI"):
        dojo(session, "warm", "--stop")


def side_by_side():
    """Many tests wait, for a clock or a terminal: one more than the cores can work at."""
    workers = 1 + (os.cpu_count() or 1)
    return ["--numprocesses", str(workers), "--dist=loadgroup", "tests/house", "tests/questions"]


@session_of(default=False)
def lint(session):
    """Check style and types."""
    python(session, "ruff", "check", ".")
    python(session, "ruff", "format", "--check", ".")
    python(session, "mypy")


@session_of(default=False)
def practice(session):
    """Rehearse one question against the clock, in your own editor."""
    dojo(session, "practice", *session.posargs)


@session_of(default=False)
def interview(session):
    """Sit a mock interview: katas and spoken questions in one time box."""
    dojo(session, "interview", *session.posargs)


@session_of(default=False)
def rehearse(session):
    """Rehearse the spoken questions, spaced over days."""
    dojo(session, "rehearse", *session.posargs)


@session_of(default=False)
def compare(session):
    """Train your answers beside Keras' own, and draw the difference."""
    dojo(session, "compare", *session.posargs)


@session_of(default=False)
def mutants(session):
    """Break the model answers in small ways, and list what no test notices."""
    dojo(session, "mutants", *session.posargs)


@session_of(default=False)
def bench(session):
    """Measure the checker against a cold pytest and a bare import, as ratios."""
    python(session, "bench", *session.posargs)


def dojo(session, *arguments):
    python(session, "dojo", *arguments)


def python(session, module, *arguments):
    prepare(session)
    session.run(str(PYTHON), "-m", module, *arguments, external=True)


def prepare(session):
    """Makes .venv what pyproject.toml asks for; next to nothing where it is already."""
    wanted = hashlib.sha256(PYPROJECT.read_bytes() + sys.version.encode()).hexdigest()
    stamp = VENV / "dojo-stamp"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    # A .venv that somebody made with other tools is kept, and brought up to date.
    uv = find_uv()
    if not PYTHON.exists():
        make = [uv, "venv", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
        session.run(*make, str(VENV), external=True)
    requirements = nox.project.load_toml(PYPROJECT)
    packages = requirements["project"]["dependencies"]
    packages += nox.project.dependency_groups(requirements, "dev")
    # Without compiled bytecode the first import of TensorFlow takes three times as long.
    install = (
        [uv, "pip", "install", "--compile-bytecode", "--python", str(PYTHON)]
        if uv
        else [str(PYTHON), "-m", "pip", "install"]
    )
    session.run(*install, *packages, external=True)
    stamp.write_text(wanted)


def find_uv():
    """Returns the uv that came with `pip install "nox[uv]"`, or one on the path, or None."""
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")
