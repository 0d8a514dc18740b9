"""The image in which a cohort is graded: what is in it, and what its container may do."""

import fnmatch
import itertools
import json
import re
import shlex
import tomllib
from pathlib import PurePosixPath

import pytest
from packaging.requirements import Requirement

from dojo import cli, layout
from dojo.cohort import calls, doctor, imports, judges, walls


def text_of(path):
    return (layout.ROOT / path).read_text(encoding="utf-8")


PROJECT = tomllib.loads(text_of("pyproject.toml"))
DOCKERFILE = text_of("Dockerfile")
# Of <linux/socket.h>: other systems do not know them.
AF_ALG, AF_VSOCK = 38, 40
# The two commands of docs/grading.md that make the image and grade in it.
CONTAINER = re.search(
    r"^    (docker build .+)\n    (docker run (?:.+\\\n)+.+)",
    text_of("docs/grading.md"),
    re.MULTILINE,
)


def in_context(path):
    """Whether .dockerignore lets that through: the last line that is about it counts."""
    passed = True
    places = [path, *(str(folder) for folder in PurePosixPath(path).parents)]
    for line in text_of(".dockerignore").splitlines():
        if any(fnmatch.fnmatchcase(place, line.removeprefix("!")) for place in places):
            passed = line.startswith("!")
    return passed


def test_the_image_has_a_python_that_is_allowed():
    (version,) = set(re.findall(r"python(\d+\.\d+)", DOCKERFILE))
    assert version in Requirement(f"this{PROJECT['project']['requires-python']}").specifier


def test_the_image_gets_the_dependencies_before_the_project_changes_them():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert copied == ["pyproject.toml constraints.txt", "."]
    assert re.search(r"--constraint constraints\.txt.*--group grade", DOCKERFILE, re.DOTALL)
    assert "grade" in PROJECT["dependency-groups"]


@pytest.mark.parametrize(
    "path",
    [
        "katas/losses/focal_loss.py",
        ".dojo/record.db",
        ".git/config",
        ".venv/bin/python",
        "debug/round.py",
        "plots/losses.png",
        "report/grades.db",
        "submissions/ada/focal_loss.py",
        "dojo/cohort/__pycache__/crew.pyc",
        "tests/house/hostile.py",
    ],
)
def test_what_is_somebody_s_own_stays_out_of_the_image(path):
    assert not in_context(path)


def test_what_grading_reads_is_in_the_image():
    judges_read, _ = imports.needed(judges._JUDGES)
    read = {*walls._project(), *judges_read, layout.QUESTIONS, layout.REFERENCE}
    read |= {*layout.TESTS.glob("traps/**/*.toml"), *layout.TESTS.glob("costs/**/*.py")}
    read |= {layout.ROOT / "pyproject.toml", layout.ROOT / "constraints.txt"}
    missing = [p for p in read if not in_context(p.relative_to(layout.ROOT).as_posix())]
    assert missing == []
    listed = re.findall(r"^!(.+)$", text_of(".dockerignore"), re.MULTILINE)
    assert [name for name in listed if not (layout.ROOT / name).exists()] == []


def test_the_container_of_the_document_is_given_little_and_grades():
    build, run = (shlex.split(command.replace("\\\n", "")) for command in CONTAINER.groups())
    image = build[build.index("-t") + 1]
    given, told = run[: run.index(image)], run[run.index(image) + 1 :]
    pairs = set(itertools.pairwise(given))
    assert {("--network", "none"), ("--cap-drop", "ALL"), ("--tmpfs", "/tmp")} <= pairs
    assert ("--security-opt", "no-new-privileges") in pairs
    assert {"--read-only", "--memory", "--pids-limit"} <= set(given)
    assert not {"--privileged", "--cap-add"} & set(given)
    options = cli.parser().parse_args(told)
    mounted = [after.split(":")[1:] for option, after in pairs if option == "-v"]
    assert sorted(mounted) == [[str(options.out)], [str(options.folder), "ro"]]


def test_the_doctor_gives_a_container_what_the_document_gives_it():
    secured = re.findall(r"--security-opt (\S+=\S+)", doctor.CONTAINER)
    assert secured == re.findall(r"--security-opt (\S+=\S+)", CONTAINER[2])
    (profile,) = [option for option in secured if option.startswith("seccomp=")]
    assert (layout.ROOT / profile.removeprefix("seccomp=")).is_file()


def test_a_container_s_filter_lets_through_what_walls_are_made_by_and_no_more():
    """Of the calls that no answer needs."""
    profile = json.loads(text_of("docs/seccomp.json"))
    assert profile["defaultAction"] == "SCMP_ACT_ALLOW"
    assert {rule["action"] for rule in profile["syscalls"]} == {"SCMP_ACT_ERRNO"}
    refused = {name for rule in profile["syscalls"] for name in rule["names"]}
    assert set(calls._SIMPLE) - refused == {"mount", "pivot_root", "umount2", "unshare"}
    families = {rule["args"][0]["value"] for rule in profile["syscalls"] if "args" in rule}
    assert families == {AF_ALG, AF_VSOCK}
