"""The workflow that checks a submission parses, is pinned, and runs commands that exist."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from dojo import cli, layout
from dojo.content import catalogue

FILE = layout.ROOT / "docs/classroom.yml"
TEXT = FILE.read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load(TEXT)
GUIDE = (layout.ROOT / "docs/classroom.md").read_text(encoding="utf-8")
STEPS = {step.get("name", step.get("uses")): step for step in WORKFLOW["jobs"]["check"]["steps"]}
KATAS = WORKFLOW["env"]["KATAS"]


def test_it_may_read_only_and_ends_in_time():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert WORKFLOW["jobs"]["check"]["timeout-minutes"] <= 30
    assert "secrets." not in TEXT.replace("secrets.token_hex", "")
    assert TEXT.count("actions/checkout@") == TEXT.count("persist-credentials: false") == 2


def test_its_actions_are_those_of_the_project_s_own_workflows():
    ours = (layout.ROOT / ".github/workflows/check.yml").read_text(encoding="utf-8")
    used = re.findall(r"uses: (.+)", TEXT)
    assert len(used) == 4
    for line in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)
        assert line in ours or line.startswith("actions/upload-artifact@")


@pytest.fixture
def workplace(tmp_path):
    """A folder as on the runner, where nox only notes what it was asked for."""
    tools = {
        "nox": f'echo nox "$@" >> {tmp_path}/asked; echo ::error::x; exit $NOX_ENDS_WITH',
        "python": f'[ "$1" = -m ] || exec {sys.executable} "$@"',
    }
    (tmp_path / "bin").mkdir()
    for name, text in tools.items():
        tool = tmp_path / "bin" / name
        tool.write_text(f"#!/bin/sh\n{text}\n")
        tool.chmod(0o755)
    return tmp_path


def run(step, at, **env):
    """Runs a step as the runner does."""
    path = f"{at / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[step]["run"]],
        cwd=at,
        env={"PATH": path, "KATAS": KATAS, **env},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("status", [0, 1])
def test_the_check_asks_for_what_there_is_and_ends_as_it_does(workplace, status):
    done = run("check", workplace, NOX_ENDS_WITH=str(status))
    assert done.returncode == status, done.stderr
    (asked,) = (workplace / "asked").read_text().splitlines()
    check(asked)
    first, printed, last = done.stdout.splitlines()
    token = first.removeprefix("::stop-commands::")
    assert len(token) > 30
    assert (printed, last) == ("::error::x", f"::{token}::")


def check(command):
    """That a line which calls nox names a session, katas and options that exist."""
    before, arguments = (shlex.split(part) for part in command.split(" -- "))
    assert before == ["nox", "-f", "project/noxfile.py", "-s", "check"]
    options = cli.parser().parse_args(["check", *arguments])
    assert options.tree.name == "katas"
    assert options.junit_xml.name == "results.xml"
    assert [kata.name for kata in catalogue.select(options.names)] == KATAS.split()


def test_points_are_katas_solved(workplace):
    outcomes = [{"outcome": "solved"}, {"outcome": "wrong"}, {"outcome": "solved"}]
    (workplace / "results.json").write_text(json.dumps({"katas": outcomes}))
    assert run("points", workplace).stdout.splitlines() == [
        "::notice title=Autograding complete::Points 2/3",
        '::notice title=Autograding report::{"totalPoints": 2, "maxPoints": 3}',
    ]


def test_the_guide_s_commands_exist():
    calls = re.findall(r"nox -f .+", GUIDE)
    assert len(calls) == 2
    for call in calls:
        check(call)
    (packed,) = re.findall(r"python -m dojo (pack .+)", GUIDE)
    options = cli.parser().parse_args(shlex.split(packed))
    assert [kata.name for kata in catalogue.select(options.names)] == KATAS.split()
    (job,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    assert yaml.safe_load(job)["check"]["artifacts"]["reports"] == {"junit": "results.xml"}


def test_the_guide_s_links_lead_somewhere():
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", GUIDE):
        assert (layout.ROOT / "docs" / link).exists()
