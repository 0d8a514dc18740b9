"""What stands before the house: the environment that nox makes, the constraints, GitHub's files."""

import functools
import importlib.metadata
import importlib.util
import itertools
import json
import re
import sys
import tomllib
import types

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dojo import layout

PROJECT = tomllib.loads((layout.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PROJECT["dependency-groups"].values()
DIRECT = [
    Requirement(line)
    for line in [*PROJECT["project"]["dependencies"], *itertools.chain(*GROUPS)]
    # A group may take in another.
    if isinstance(line, str)
]
CONSTRAINTS = (layout.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = [Requirement(line) for line in CONSTRAINTS if line[:1].isalpha()]
README = (layout.ROOT / "README.md").read_text(encoding="utf-8")

PLACES = [
    {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_system": system.capitalize(),
        "platform_machine": machine,
    }
    for python in ("3.11", "3.12", "3.13")
    for system, machine in [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")]
]


def pinned(name, place=None):
    """The versions that constraints.txt allows of a package on a machine."""
    return [
        pin
        for pin in PINS
        if canonicalize_name(pin.name) == canonicalize_name(name)
        and (pin.marker is None or pin.marker.evaluate(place))
    ]


@pytest.mark.parametrize("place", PLACES, ids=lambda p: " ".join(list(p.values())[1:]))
def test_every_direct_dependency_has_one_version_within_its_range(place):
    for wanted in DIRECT:
        found = pinned(wanted.name, place)
        assert len(found) == 1, f"{wanted}: nox -s constraints"
        (version,) = found[0].specifier
        assert version.version in wanted.specifier, f"{wanted}: nox -s constraints"


def test_what_the_dependencies_need_is_constrained_too():
    todo, seen = [wanted.name for wanted in DIRECT], set()
    while todo:
        name = canonicalize_name(todo.pop())
        if name in seen:
            continue
        seen.add(name)
        assert pinned(name), f"{name} is free to break: nox -s constraints"
        needs = map(Requirement, importlib.metadata.requires(name) or [])
        todo += [n.name for n in needs if not n.marker or n.marker.evaluate({"extra": ""})]
    assert len(seen) > len(DIRECT)


def test_constraints_are_exact_versions_without_an_address():
    marker = r"( ; [a-z_]+ [<>=!]+ '[\w.]+'( (and|or) [a-z_]+ [<>=!]+ '[\w.]+')*)?"
    lines = [line for line in CONSTRAINTS if not line.startswith("#")]
    strange = [line for line in lines if not re.fullmatch(rf"[\w.-]+==[\w.]+{marker}", line)]
    assert strange == []
    assert not re.search(r"://|@|index|--", "\n".join(CONSTRAINTS))


class Refused(Exception):
    pass


class Session:
    """Stands in for nox's: keeps the commands; `venv` makes what it would make."""

    posargs = ()

    def __init__(self, house):
        self.house = house
        self.commands = []
        self.env = {}

    def run(self, *command, external):
        assert external
        self.commands.append(command)
        if "venv" in command:
            pretend_venv(self.house, ".".join(map(str, sys.version_info[:3])))

    def error(self, message):
        raise Refused(message)

    @property
    def kinds(self):
        return ["venv" if "venv" in c else "install" for c in self.commands]


def pretend_venv(house, version):
    """A .venv whose Python only tells its version."""
    house.PYTHON.parent.mkdir(parents=True, exist_ok=True)
    (house.VENV / "pyvenv.cfg").write_text("home = somewhere\n")
    house.PYTHON.write_text(f"#!/bin/sh\necho {version}\n")
    house.PYTHON.chmod(0o755)


@functools.cache
def noxfile():
    spec = importlib.util.spec_from_file_location("noxfile", layout.ROOT / "noxfile.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["uv", "pip"])
def house(request, tmp_path, monkeypatch):
    """The noxfile, with everything it makes or reads in a folder of the test's own."""
    module = noxfile()
    for name in ("PYPROJECT", "CONSTRAINTS"):
        copy = tmp_path / getattr(module, name).name
        copy.write_bytes(getattr(module, name).read_bytes())
        monkeypatch.setattr(module, name, copy)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PYTHON", tmp_path / ".venv/bin/python")
    monkeypatch.setattr(module, "find_uv", lambda: "/bin/uv" if request.param == "uv" else None)
    return module


@pytest.fixture
def session(house):
    return Session(house)


def run_nox_under(house, monkeypatch, version):
    system = types.SimpleNamespace(version_info=version, executable="/bin/python")
    monkeypatch.setattr(house, "sys", system)


def test_a_session_finds_the_project_whatever_python_is_told(house, session):
    house.dojo(session, "list")
    assert session.env == {"PYTHONSAFEPATH": None}


def test_the_environment_is_made_once_under_the_constraints(house, session):
    house.prepare(session)
    house.prepare(session)
    assert session.kinds == ["venv", "install"]
    install = session.commands[1]
    assert install[install.index("--constraint") + 1] == str(house.CONSTRAINTS)
    assert {str(Requirement(r)) for r in install if re.match(r"\w[\w-]*[<>=]", r)} == {
        str(wanted) for wanted in DIRECT
    }


@pytest.mark.parametrize("name", ["PYPROJECT", "CONSTRAINTS"])
def test_it_is_brought_up_to_date_when_a_file_it_comes_from_changes(house, session, name):
    house.prepare(session)
    with getattr(house, name).open("a") as file:
        file.write("# later\n")
    house.prepare(session)
    assert session.kinds == ["venv", "install", "install"]


def test_it_is_brought_up_to_date_when_its_python_was_replaced(house, session):
    house.prepare(session)
    pretend_venv(house, "3.12.99")
    house.prepare(session)
    assert session.kinds == ["venv", "install", "install"]


def test_an_environment_that_somebody_made_is_kept(house, session):
    pretend_venv(house, "3.12.4")
    mine = house.VENV / "mine.txt"
    mine.touch()
    house.prepare(session)
    assert session.kinds == ["install"]
    assert mine.exists()


@pytest.mark.parametrize("version", ["3.10.13", "3.14.0"])
def test_an_environment_of_a_python_out_of_range_is_made_anew(house, session, version):
    pretend_venv(house, version)
    (house.VENV / "dojo-stamp").write_text("old")
    leftover = house.VENV / "lib"
    leftover.mkdir()
    house.prepare(session)
    assert session.kinds == ["venv", "install"]
    assert not leftover.exists()


def test_one_whose_python_is_gone_is_made_anew(house, session):
    pretend_venv(house, "3.12.4")
    house.PYTHON.unlink()
    house.PYTHON.symlink_to("/nowhere/python3")
    house.prepare(session)
    assert session.kinds == ["venv", "install"]


def test_a_link_is_removed_and_what_it_leads_to_is_kept(house, session, tmp_path):
    pretend_venv(house, "3.10.13")
    house.VENV.rename(tmp_path / "elsewhere")
    house.VENV.symlink_to(tmp_path / "elsewhere")
    house.prepare(session)
    assert not house.VENV.is_symlink()
    assert (tmp_path / "elsewhere/pyvenv.cfg").exists()


@pytest.mark.parametrize("version", [(3, 10, 13), (3, 14, 0)])
def test_a_nox_out_of_range_is_refused_before_anything_is_made(
    house, session, monkeypatch, version
):
    pretend_venv(house, "3.10.13")
    run_nox_under(house, monkeypatch, version)
    with pytest.raises(Refused, match=r"Python >=3\.11,<3\.14 is needed.*python3\.12 -m pip"):
        house.prepare(session)
    assert session.commands == []
    assert house.VENV.exists()


def test_a_nox_out_of_range_may_use_what_is_there(house, session, monkeypatch):
    house.prepare(session)
    run_nox_under(house, monkeypatch, (3, 14, 0))
    house.prepare(session)
    assert session.kinds == ["venv", "install"]


def text_of(path):
    return (layout.ROOT / path).read_text(encoding="utf-8")


WORKFLOWS = sorted((layout.ROOT / ".github/workflows").glob("*.yml"))
# Under README's introduction: to set up and check, and to check the model answers.
FIRST, SECOND = re.findall(r"^    (.*nox -s \w+)$", README, re.MULTILINE)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_read_only_and_ends_in_time(file):
    text = file.read_text(encoding="utf-8")
    assert re.findall(r"permissions:\n((?: +.+\n)+)", text) == ["  contents: read\n"]
    assert text.count("runs-on:") == text.count("timeout-minutes:") > 0
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    assert "concurrency:" in text


def test_actions_are_pinned_to_one_commit_each_with_its_version_beside_it():
    used = {}
    for line in re.findall(r"uses: (.+)", "".join(file.read_text() for file in WORKFLOWS)):
        pinned_to = re.fullmatch(r"([\w-]+/[\w-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", line)
        assert pinned_to, line
        used.setdefault(pinned_to[1], set()).add(pinned_to.groups())
    assert used
    assert all(len(commits) == 1 for commits in used.values())


def test_every_python_that_is_allowed_is_checked_by_readme_s_commands():
    text = text_of(".github/workflows/check.yml")
    versions = re.search(r"python: \[(.*)\]", text)[1].replace('"', "").split(", ")
    allowed = Requirement(f"this{PROJECT['project']['requires-python']}").specifier
    assert versions == [v for v in (f"3.{minor}" for minor in range(30)) if v in allowed]
    assert f"- run: {FIRST}\n" in text
    assert f"- run: {SECOND}\n" in text


def test_the_container_begins_with_readme_s_first_command_and_edits_in_its_environment():
    text = re.sub(r"^ *//.*", "", text_of(".devcontainer/devcontainer.json"), flags=re.MULTILINE)
    container = json.loads(text)
    install, check = FIRST.split(" && ")
    assert container["postCreateCommand"].startswith(f"{install} && (python -m {check} ")
    settings = container["customizations"]["vscode"]["settings"]
    assert settings["python.defaultInterpreterPath"].endswith("}/.venv/bin/python")
    image = re.search(r"python:(\d+\.\d+)-", container["image"])[1]
    assert image in Requirement(f"this{PROJECT['project']['requires-python']}").specifier


def test_a_report_of_a_fault_asks_for_what_about_says():
    assert "`python -m dojo about`" in text_of(".github/ISSUE_TEMPLATE/bug.yml")


def test_a_wish_for_a_kata_offers_the_tracks_and_levels_there_are():
    text = text_of(".github/ISSUE_TEMPLATE/kata.yml")
    for offered in (layout.TRACKS, layout.LEVELS):
        assert f"options: [{', '.join(offered)}, I do not know]" in text
