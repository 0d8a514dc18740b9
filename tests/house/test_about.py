"""`python -m dojo about`: enough for a report, fast, and nothing private."""

import getpass
import importlib.metadata
import os
import platform
import re
import subprocess
import sys

import pytest

from dojo import about, layout


@pytest.fixture
def told(dojo):
    """Runs the command under further variables; returns what it says by name."""

    def run(**variables):
        done = dojo("about", env=os.environ | variables)
        assert (done.returncode, done.stderr) == (0, "")
        return dict(re.split(r" {2,}", line, maxsplit=1) for line in done.stdout.splitlines())

    return run


def test_it_says_the_versions_that_run_here(told):
    said = told()
    assert said["python"].startswith(platform.python_version())
    for package in ("tensorflow", "keras", "numpy", "pytest", "textual"):
        assert said[package] == importlib.metadata.version(package)
    assert re.fullmatch(r"\d+ usable of \d+", said["cores"])
    assert re.fullmatch(r"\d+\.\d GiB", said["memory"])


def test_a_package_that_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(about, "_packages", lambda: ["no-such-package"])
    assert dict(about.report({}))["no-such-package"] == "not installed"


def test_nothing_is_imported_to_find_out(tmp_path):
    for name in ("tensorflow", "keras", "numpy", "rich"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')\n")
    # Not through `python -m dojo`: that looks for rich, to see whether it is set up at all.
    done = subprocess.run(
        [sys.executable, "-c", "from dojo import about; about.show()"],
        cwd=layout.ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "was imported" not in done.stdout + done.stderr
    assert done.returncode == 0


def test_variables_are_named_and_only_harmless_values_are_shown(told):
    said = told(
        TF_USE_LEGACY_KERAS="1",
        KERAS_BACKEND="torch",
        XLA_FLAGS="--xla_dump_to=/home/ada",
        PYTHONPATH="/home/ada/project",
        PYTHONUSERBASE="ada",
        PYTEST_ADDOPTS="-p ada",
        SECRET_TOKEN="ada",
    )
    assert said["TF_USE_LEGACY_KERAS"] == "1"
    assert said["KERAS_BACKEND"] == "torch"
    assert said["XLA_FLAGS"] == said["PYTHONPATH"] == said["PYTEST_ADDOPTS"] == "is set"
    assert said["DOJO_HOME"] == said["PYTHONUSERBASE"] == "is set"
    assert "SECRET_TOKEN" not in said


def test_a_strange_value_of_a_harmless_variable_is_not_shown(told):
    assert told(KERAS_BACKEND="/home/ada/my backend")["KERAS_BACKEND"] == "is set"
    assert told(TF_CPP_MIN_LOG_LEVEL="\x1b[2J")["TF_CPP_MIN_LOG_LEVEL"] == "is set"


def test_no_user_host_or_folder_is_in_it(dojo, tmp_path):
    home = tmp_path / "ada"
    home.mkdir()
    said = dojo("about", env=os.environ | {"HOME": str(home), "USER": "ada", "LOGNAME": "ada"})
    words = set(re.split(r"[^\w-]+", said.stdout))
    assert words.isdisjoint({"ada", getpass.getuser(), platform.node()})
    for folder in (layout.ROOT, home, sys.prefix, sys.base_prefix):
        assert str(folder) not in said.stdout


def checkout(folder, monkeypatch):
    """Makes a small checkout and lets it be the one asked about; returns its revision."""
    (folder / "katas").mkdir(parents=True)
    for name in ("pyproject.toml", "katas/answer.py"):
        (folder / name).touch()
    monkeypatch.setattr(layout, "ROOT", folder)
    identity = ["-c", "user.name=x", "-c", "user.email=x", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return about._git("rev-parse", "--short=12", "HEAD")


def test_the_revision_tells_changes_but_not_answers(tmp_path, monkeypatch):
    revision = checkout(tmp_path / "a", monkeypatch)
    assert about._revision() == revision
    (layout.ROOT / "katas/answer.py").write_text("mine = 1\n")
    assert about._revision() == revision
    (layout.ROOT / "pyproject.toml").write_text("# changed\n")
    assert about._revision() == f"{revision}, 1 file changed outside katas/"


def test_a_folder_inside_another_repository_is_not_taken_for_it(tmp_path, monkeypatch):
    checkout(tmp_path / "outer", monkeypatch)
    unpacked = tmp_path / "outer/unpacked"
    unpacked.mkdir()
    monkeypatch.setattr(layout, "ROOT", unpacked)
    assert about._revision() == "not from git"


def test_a_linked_worktree_has_its_revision(tmp_path, monkeypatch):
    revision = checkout(tmp_path / "first", monkeypatch)
    second = tmp_path / "second"
    subprocess.run(["git", "worktree", "add", "-q", str(second)], cwd=layout.ROOT, check=True)
    monkeypatch.setattr(layout, "ROOT", second)
    assert about._revision() == revision


@pytest.mark.parametrize(
    ("prefix", "base", "said"),
    [
        (".venv", "elsewhere", ".venv"),
        ("other", "elsewhere", "another one, not .venv"),
        ("elsewhere", "elsewhere", "none: not .venv"),
    ],
)
def test_the_environment_is_told(tmp_path, monkeypatch, prefix, base, said):
    monkeypatch.setattr(layout, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / prefix))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / base))
    assert about._environment() == said
