"""Every line the tool prints can be pasted: whatever Python is first on the path runs it."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from dojo import cli, layout
from dojo.cli import parser

BASE = sys.base_prefix + "/bin/python3"


def call(python, *arguments, cwd=layout.ROOT, **changes):
    return subprocess.run(
        [python, "-m", "dojo", *arguments],
        cwd=cwd,
        env={**os.environ, **changes},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(not os.path.exists(BASE), reason="the base interpreter is not there")
def test_any_python_goes_on_in_the_projects_environment(home):
    if not (layout.ROOT / ".venv").exists():
        pytest.skip("these tests run in another environment than the project's")
    shown = call(BASE, "hint", "focal_loss")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == call(sys.executable, "hint", "focal_loss", DOJO_HOME=f"{home}2").stdout


@pytest.mark.skipif(not os.path.exists(BASE), reason="the base interpreter is not there")
def test_the_way_there_takes_no_time(home):
    """What the first interpreter imports beyond its own start is next to nothing."""
    if not (layout.ROOT / ".venv").exists():
        pytest.skip("these tests run in another environment than the project's")
    beyond = imported("-m", "dojo", "list") - imported("-c", "pass")
    assert beyond == {"dojo", "importlib.machinery", "runpy"}


def imported(*command):
    """Names of the modules that BASE imports, without those of what it becomes."""
    done = subprocess.run(
        [BASE, "-X", "importtime", *command], cwd=layout.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.skipif(not os.path.exists(BASE), reason="the base interpreter is not there")
def test_without_an_environment_it_says_the_command_that_makes_one(tmp_path):
    shutil.copytree(layout.ROOT / "dojo", tmp_path / "dojo")
    # -S and -E: an interpreter with nothing installed.
    done = subprocess.run(
        [BASE, "-S", "-E", "-m", "dojo", "list"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].strip() == 'python -m pip install "nox[uv]" && nox -s check'
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_gone_is_said_in_one_line(tmp_path):
    for arguments in (["anki", "deck.apkg"], ["check", "--tree=."], ["list"]):
        gone = tmp_path / "gone"
        gone.mkdir()
        command = [sys.executable, "-m", "dojo", *arguments]
        done = subprocess.run(
            ["sh", "-c", f'rmdir {gone}; exec "$@"', "sh", *command],
            cwd=gone,
            env=os.environ | {"PYTHONPATH": str(layout.ROOT)},
            capture_output=True,
            text=True,
        )
        if arguments == ["list"]:
            assert done.returncode == 0, done.stderr
        else:
            assert done.returncode == 1
            assert done.stderr.startswith("dojo: the folder this terminal is in was deleted")
            assert len(done.stderr.splitlines()) == 1


def test_a_checkout_that_is_deleted_under_the_command_is_said_in_one_line(monkeypatch, capsys):
    def removed(options):
        monkeypatch.setattr(layout, "ROOT", layout.ROOT / "gone")
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(cli, "_list", removed)
    assert cli.main(["list"]) == 1
    assert (
        capsys.readouterr().err
        == f"dojo: {layout.ROOT} was deleted meanwhile; go to another folder\n"
    )


def test_help_shows_the_learners_commands_first_and_the_contributors_apart():
    text = parser().format_help()
    learner, _, contributor = text.partition("for contributors")
    assert all(f"\n  {name} " in learner for name in ("check", "practice", "hint", "show"))
    assert all(f"\n  {name} " in contributor for name in ("mutants", "readme", "stub"))


def test_every_command_is_in_the_help_once():
    names = re.findall(r"^  ([a-z]+) ", parser().format_help(), re.MULTILINE)
    assert len(names) == len(set(names))
    choices = parser()._subparsers._group_actions[0].choices
    assert set(names) == set(choices)
