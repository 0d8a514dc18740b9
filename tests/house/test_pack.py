"""A take-home holds what a candidate needs, no answer, and checks where it lands."""

import ast
import datetime
import io
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile

import pytest

from dojo import cli, layout
from dojo.cohort import pack
from dojo.content import catalogue, stubs

DAY = datetime.date(2026, 3, 1)
SMALL = ("losses/focal_loss", "optimizers/momentum")
SUITE = "training/custom_vs_standard"


def katas(*names):
    return catalogue.select(names)


@pytest.fixture(scope="module")
def everything():
    """All katas in one pack with checks, which the command would refuse."""
    return pack.contents(katas(), 90, with_checks=True)


def packed(names=SMALL, with_checks=False, day=DAY, folder="takehome"):
    files = pack.contents(katas(*names), 90, with_checks)
    files["manifest.json"] = pack.manifest(katas(*names), 90, with_checks, files, day)
    return pack.archive(files, folder, day)


def unpacked(tmp_path, **how):
    zipfile.ZipFile(io.BytesIO(packed(**how))).extractall(tmp_path)
    return tmp_path / "takehome"


# What it holds.


def test_without_checks_it_is_stubs_and_how_to_begin():
    names = set(pack.contents(katas(*SMALL), 90, with_checks=False))
    page = {"README.md", "requirements.txt", "constraints.txt", "LICENSE", ".gitignore"}
    assert names == page | {f"katas/{kata}.py" for kata in SMALL}


def test_no_folder_with_answers_is_in_it(everything):
    suites = f"({'|'.join(layout.TRACKS)})/test_\\w+"
    allowed = re.compile(
        r"katas/\w+/\w+\.py|dojo/(?!cohort|sitting|compare|upkeep)[\w/]+\.py|data/[\w.]+"
        rf"|tests/(support/\w+|conftest|{suites})\.py|[\w.]+"
    )
    assert [name for name in everything if not allowed.fullmatch(name)] == []
    assert "QUESTIONS.md" not in everything


def statements(text):
    """What a program says, without layout, headings of blocks, imports and docstrings."""
    passed_over = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt) and not isinstance(node, passed_over):
            said = ast.unparse(node)
            # Shorter ones are everybody's.
            if len(said) >= 30 and not isinstance(getattr(node, "value", None), ast.Constant):
                yield said


def test_no_suite_and_no_helper_quotes_an_answer(everything):
    """Two statements that only the answer has are no accident; what does is refused."""
    written = {
        name: set(statements(text)) for name, text in everything.items() if name.endswith(".py")
    }
    told = set()
    for kata in katas():
        answer = layout.source_file(kata.path, layout.REFERENCE).read_text(encoding="utf-8")
        asked = set(statements(answer)) - set(statements(stubs.pristine(kata.path)))
        assert asked
        told |= {
            (kata.path, name)
            for name, found in written.items()
            if len(asked & found) > 1 and not name.startswith(("katas/", "dojo/stubs/"))
        }
    assert told == {("optimizers/momentum", "tests/training/test_custom_vs_standard.py")}
    with pytest.raises(pack.UsageError, match="holds a short form of the answer to optimizers/mom"):
        pack.pack(pack.PackOptions(["momentum", SUITE], layout.ROOT / "x.zip", with_checks=True))


@pytest.mark.parametrize("with_checks", [False, True])
def test_a_stub_is_pristine_and_names_no_command_that_is_not_there(with_checks):
    for kata in katas():
        stub = pack.handed_out(kata.path, with_checks)
        assert stubs.is_untouched(stubs.pristine(kata.path), stub)
        assert "nox" not in stub
        assert ("python -m dojo check" in stub) == with_checks
        assert "\nRead  " in stub


def test_what_the_packer_has_written_does_not_leave_the_house(tmp_path, monkeypatch):
    before = packed()
    own = layout.source_file(SMALL[0], tmp_path)
    own.parent.mkdir()
    own.write_text("answer = 42\n")
    monkeypatch.setattr(layout, "KATAS", tmp_path)
    assert packed() == before


def test_a_program_to_repair_comes_with_its_data():
    names = set(pack.contents(katas("debug_loop"), 25, with_checks=False))
    assert {"data/mnist_small.npz", "data/README.md", "katas/repair/debug_loop.py"} <= names


def test_versions_are_those_that_are_tested():
    text = pack.contents(katas(SUITE), 60, with_checks=False)["requirements.txt"].decode()
    pinned = (layout.ROOT / "constraints.txt").read_text().splitlines()
    first, *lines = text.splitlines()
    assert first == "--constraint constraints.txt"
    assert set(lines) < set(pinned)
    assert {line.partition("==")[0] for line in lines} == {
        *("keras", "matplotlib", "numpy", "tensorflow")
    }


def test_the_same_day_gives_the_same_bytes():
    assert packed() == packed()
    assert packed(day=datetime.date(2026, 3, 2)) != packed()


def test_the_manifest_tells_every_file_and_the_suites(tmp_path):
    folder = unpacked(tmp_path, with_checks=True)
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    found = {
        path.relative_to(folder).as_posix(): pack.digest(path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert told["files"] == found
    assert (told["made"], told["minutes"], told["checks"]) == ("2026-03-01", 90, True)
    assert [kata["path"] for kata in told["katas"]] == list(SMALL)
    for kata in told["katas"]:
        assert kata["suite"] == pack.digest(layout.test_file(kata["path"]).read_bytes())


# The page.


@pytest.mark.parametrize("with_checks", [False, True])
def test_what_the_page_names_is_there(with_checks):
    files = pack.contents(katas(*SMALL, "debug_loop"), 90, with_checks)
    page = files["README.md"].decode()
    assert "90 minutes" in page
    for name in re.findall(r"katas/\w+/\w+\.py", page):
        assert name in files
    commands = [line.strip("` ") for line in re.findall(r"-m dojo ([^`\n]+)", page)]
    assert bool(commands) == with_checks
    for command in commands:
        # “tells what is still wrong” and the like are on lines of their own.
        options = cli.parser().parse_args(shlex.split(command))
        assert options.run.__name__.strip("_") in cli.IN_A_PACK
    lines = [line for line in page.splitlines() if not line.startswith("|")]
    assert max(map(len, lines)) <= 100


# The command.


def run(capsys, *arguments):
    try:
        status = cli.main(["pack", *map(str, arguments)])
    except SystemExit as end:
        status = end.code
    return status, capsys.readouterr()


def test_it_says_what_it_wrote(tmp_path, capsys):
    out = tmp_path / "june.zip"
    status, said = run(capsys, *SMALL, "--out", out, "--minutes", 40)
    assert status == 0
    assert said.out.splitlines()[0] == f"{out}: 2 katas, 40 minutes, without checks"
    assert "Their own time boxes add up to 45 minutes." in said.out
    assert zipfile.ZipFile(out).namelist()[0].startswith("june/")


def test_without_minutes_it_gives_those_of_the_katas(tmp_path, capsys):
    _, said = run(capsys, *SMALL, "--out", tmp_path / "june.zip")
    assert "45 minutes" in said.out
    assert "boxes" not in said.out


WRONG = {
    "no kata": ([], "--out june.zip", "required: KATA"),
    "an unknown kata": (["focal_los"], "--out june.zip", "Did you mean focal_loss"),
    "no file": (["focal_loss"], "", "required: --out"),
    "a missing folder": (["focal_loss"], "--out no/such/june.zip", "there is no folder"),
    "another kind of file": (["focal_loss"], "--out june.tar", "must end in .zip"),
    "no time": (["focal_loss"], "--out june.zip --minutes 0", "must be above 0"),
}


@pytest.mark.parametrize(("names", "options", "words"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_said(tmp_path, monkeypatch, capsys, names, options, words):
    monkeypatch.chdir(tmp_path)
    status, said = run(capsys, *names, *options.split())
    assert status == 2
    assert words in said.err
    assert not list(tmp_path.glob("*.zip"))


def test_an_earlier_pack_is_replaced_and_nothing_else_is(tmp_path, capsys):
    out = tmp_path / "june.zip"
    assert run(capsys, "focal_loss", "--out", out)[0] == 0
    assert run(capsys, "momentum", "--out", out)[0] == 0
    worked_in = rewritten(out.read_bytes(), "june/katas/optimizers/momentum.py", b"answer = 42\n")
    added = rewritten(out.read_bytes(), "june/notes.txt", b"mine")
    for content in (b"no archive", worked_in, added):
        out.write_bytes(content)
        status, said = run(capsys, "focal_loss", "--out", out)
        assert status == 1
        assert "is no pack as this command writes it: kept" in said.err
        assert out.read_bytes() == content


def rewritten(content, name, text):
    """The archive with other text in one file, or with one more."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w") as new:
        for entry in old.namelist():
            if entry != name:
                new.writestr(entry, old.read(entry))
        new.writestr(name, text)
    return written.getvalue()


# Where it lands.


def at(folder, *arguments, home):
    """Runs `python -m dojo …` in an unpacked take-home, with the project's packages only."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "dojo", *arguments],
        cwd=folder,
        env=kept | {"DOJO_HOME": str(home), "DOJO_WARM": "0"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_check_there_knows_right_from_wrong(tmp_path, home):
    folder = unpacked(tmp_path, with_checks=True)
    right, wrong = (folder / "katas" / f"{kata}.py" for kata in SMALL)
    right.write_bytes(layout.source_file(SMALL[0], layout.REFERENCE).read_bytes())
    answer = layout.source_file(SMALL[1], layout.REFERENCE).read_text(encoding="utf-8")
    mistaken = answer.replace("velocity - step", "velocity + step").replace("v - step", "v + step")
    assert mistaken != answer
    wrong.write_text(mistaken, encoding="utf-8")
    done = at(folder, "check", home=home)
    said = " ".join(done.stdout.split())
    assert done.returncode == 1, done.stderr
    assert "✓ solved focal_loss" in said
    assert "these are exactly the numbers of: the sign of the gradient" in said
    assert "Next: python -m dojo check momentum --watch" in said
    assert not re.search("nox|hint|show", done.stdout)
    assert str(layout.ROOT) not in done.stdout + done.stderr


def test_a_broken_program_is_known_there_without_its_answer(tmp_path, home):
    folder = unpacked(tmp_path, names=("debug_loop", "focal_loss"), with_checks=True)
    program = folder / "katas" / "repair" / "debug_loop.py"
    program.write_text("# Where do I begin?\n" + program.read_text())
    assert at(folder, "list", home=home).stdout.count("not started") == 2
    program.write_text("print('gone')\n")
    assert at(folder, "list", home=home).stdout.count("not started") == 1
    at(folder, "reset", "debug_loop", home=home)
    assert program.read_text() == pack.handed_out("repair/debug_loop", with_checks=True)


def test_only_what_is_there_is_offered(tmp_path, home):
    folder = unpacked(tmp_path, with_checks=True)
    listed = re.findall(r"^  (\w+) {3,}", at(folder, "--help", home=home).stdout, re.MULTILINE)
    assert set(listed) == set(cli.IN_A_PACK)
    refused = at(folder, "show", "focal_loss", "--give-up", home=home)
    assert refused.returncode == 2
    assert "invalid choice: 'show'" in refused.stderr


def test_a_manifest_that_was_changed_is_said(tmp_path, home):
    folder = unpacked(tmp_path, with_checks=True)
    (folder / "manifest.json").write_text("{}")
    done = at(folder, "list", home=home)
    assert (done.returncode, done.stderr) == (
        1,
        "dojo: manifest.json was changed; unpack it again\n",
    )
