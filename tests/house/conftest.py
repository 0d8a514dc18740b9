"""Fixtures of the tests of the tool itself."""

import os
import subprocess
import sys

import pytest

from dojo import layout
from dojo.cohort import doctor
from dojo.content import catalogue
from dojo.content.document import read_document
from tests.house.side_by_side import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler

# The commands that the tests run find TensorFlow imported, in CI, too.
os.environ.setdefault("DOJO_WARM", "1")

# Without these there can be no sandbox.
NEEDED = ("Linux", "bubblewrap", "a sandbox starts")
# What waits most comes first, so that something else can be done meanwhile.
FIRST = ("test_hostile", "test_warm", "test_practice_terminal", "test_compare", "test_traps")


def pytest_addoption(parser):
    parser.addoption("--only", action="append", default=[], help="only what concerns this kata")


def pytest_collection_modifyitems(config, items):
    """Keeps what concerns the katas named; what waits most comes first."""
    if only := config.getoption("--only"):
        paths = {kata.path for kata in catalogue.select(only)}
        questions = {q.id.lower() for q in read_document().questions if q.kata in paths}
        kept = [item for item in items if concerns(item, paths, questions)]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
    items.sort(key=lambda item: not item.path.stem.startswith(FIRST))


def kata_of(item):
    return item.callspec.params.get("kata", "") if hasattr(item, "callspec") else ""


def concerns(item, paths, questions):
    """Whether a test is about one of these katas, or about a figure in its section."""
    return kata_of(item) in paths or item.name.split("_")[1] in questions


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty .dojo of the test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("DOJO_HOME", str(folder))
    return folder


@pytest.fixture
def dojo(home):
    """Runs `python -m dojo …` as a learner does, with output to pipes."""

    def run(*arguments, **how):
        how = {"capture_output": True, "text": True, "timeout": 300} | how
        return subprocess.run(
            [sys.executable, "-m", "dojo", *map(str, arguments)], cwd=layout.ROOT, **how
        )

    return run


@pytest.fixture
def dead_pid():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture(scope="module")
def sandboxes():
    """Skips where there can be none, and only there: a sandbox with a hole is to fail."""
    needed = [found for found in doctor.examine() if found.what in NEEDED]
    if missing := next((found for found in needed if found.fault), None):
        pytest.skip(f"no sandbox here: {missing.what}: {missing.fault}; {missing.remedy}")
