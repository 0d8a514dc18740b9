"""The sessions: `nox -l` lists them. All share one environment, .venv, as an IDE does."""

import concurrent.futures
import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox
from packaging.specifiers import SpecifierSet

nox.needs_version = ">=2025.5"
nox.options.sessions = ["check"]
nox.options.error_on_missing_interpreters = True

ROOT = Path(__file__).parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PYPROJECT = ROOT / "pyproject.toml"
CONSTRAINTS = ROOT / "constraints.txt"

# What has something to say about a single kata: its answers, and the spoken questions.
ANSWERS = [f"tests/house/test_{of}.py" for of in ("trees", "mutants", "traps")]
QUESTIONS = ["tests/house/test_asked.py", "tests/questions"]

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
    if names:
        of_some_katas(session, names)
    else:
        python(session, "pytest", "-q", *side_by_side())
    if os.environ.get("CI"):
        dojo(session, "warm", "--stop")


def of_some_katas(session, names):
    """While answers are checked, in processes of their own, TensorFlow is imported for the rest."""

    def tell(files):
        return python(session, "pytest", "-q", *files, *names, silent=True)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for told in pool.map(tell, [ANSWERS, QUESTIONS]):
            print(told)


def side_by_side():
    """Many tests wait, for a clock or a terminal: one more than the cores can work at."""
    workers = 1 + (os.cpu_count() or 1)
    return ["--numprocesses", str(workers), "tests/house", "tests/questions"]


@session_of(default=False)
def lint(session):
    """Check style and types."""
    python(session, "ruff", "check", ".")
    python(session, "ruff", "format", "--check", ".")
    python(session, "mypy")


@session_of(default=False)
def plan(session):
    """Plan up to the interview: `-- --date +7`; without it, what to do today."""
    dojo(session, "plan", *session.posargs)


@session_of(default=False)
def practice(session):
    """Rehearse one question against the clock, in your own editor."""
    dojo(session, "practice", *session.posargs)


@session_of(default=False)
def debug(session):
    """Find the mistake in somebody else's answer, repair it, and name it."""
    dojo(session, "debug", *session.posargs)


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
def grade(session):
    """Grade many people's answers: `-- SUBMISSIONS --out report/`; `-- --doctor` if it can be."""
    dojo(session, "grade", *session.posargs)


@session_of(default=False)
def mutants(session):
    """Break the model answers in small ways, and list what no test notices."""
    dojo(session, "mutants", *session.posargs)


@session_of(default=False)
def bench(session):
    """Measure the checker against a cold pytest and a bare import, as ratios."""
    python(session, "bench", *session.posargs)


@session_of(default=False)
def constraints(session):
    """Renew constraints.txt: the newest releases that pyproject.toml allows."""
    uv = find_uv() or session.error('uv is needed: python -m pip install "nox[uv]"')
    # The oldest Python; with --universal the newer ones and macOS get lines with markers.
    options = ["--universal", "--python-version", "3.11", "--upgrade", "--no-annotate"]
    options += ["--custom-compile-command", "nox -s constraints"]
    wanted = ["pyproject.toml", "--group", "dev", "--output-file", "constraints.txt"]
    session.run(uv, "pip", "compile", "--quiet", *options, *wanted, external=True)


def dojo(session, *arguments):
    python(session, "dojo", *arguments)


def python(session, module, *arguments, **how):
    prepare(session)
    # With it, Python would not look for `module` here.
    session.env["PYTHONSAFEPATH"] = None
    return session.run(str(PYTHON), "-m", module, *arguments, external=True, **how)


def prepare(session):
    """Makes .venv what pyproject.toml and constraints.txt ask for; next to nothing where it is."""
    project = nox.project.load_toml(PYPROJECT)
    allowed = project["project"]["requires-python"]
    if python_of_venv() not in SpecifierSet(allowed):
        make_venv(session, allowed)
    wanted = PYPROJECT.read_bytes() + CONSTRAINTS.read_bytes() + python_of_venv().encode()
    wanted = hashlib.sha256(wanted).hexdigest()
    stamp = VENV / "dojo-stamp"
    if not stamp.exists() or stamp.read_text() != wanted:
        install(session, project)
        stamp.write_text(wanted)


def python_of_venv():
    """Returns the version of .venv's Python, such as "3.12.1", or "0" where none starts.

    It is asked, not read from a file: the Python that a .venv links to may have been replaced.
    """
    ask = "import sys; print(*sys.version_info[:3], sep='.')"
    try:
        answer = subprocess.run([PYTHON, "-ISc", ask], capture_output=True, text=True)
    except OSError:
        return "0"
    return answer.stdout.strip() or "0"


def make_venv(session, allowed):
    """Makes .venv anew. The learner's answers and record are not in it."""
    running = ".".join(map(str, sys.version_info[:3]))
    if running not in SpecifierSet(allowed):
        session.error(
            f"Python {allowed} is needed, and this nox runs under {running}. Install nox there "
            '(python3.12 -m pip install "nox[uv]") and start it from there (python3.12 -m nox)'
        )
    if VENV.is_symlink():
        VENV.unlink()
    elif (VENV / "pyvenv.cfg").exists():
        shutil.rmtree(VENV)
    uv = find_uv()
    make = [uv, "venv", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
    session.run(*make, str(VENV), external=True)


def install(session, project):
    """Brings .venv up to date; one that somebody made with other tools is kept."""
    packages = project["project"]["dependencies"]
    packages += nox.project.dependency_groups(project, "dev")
    uv = find_uv()
    # Without compiled bytecode the first import of TensorFlow takes three times as long.
    pip = (
        [uv, "pip", "install", "--compile-bytecode", "--python", str(PYTHON)]
        if uv
        else [str(PYTHON), "-m", "pip", "install"]
    )
    session.run(*pip, "--constraint", str(CONSTRAINTS), *packages, external=True)


def find_uv():
    """Returns the uv that came with `pip install "nox[uv]"`, or one on the path, or None."""
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")
