"""Fixtures of the tests of the tool itself."""

import subprocess
import sys

import pytest

from dojo import layout


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
