"""`grade --doctor` says what holds strangers' answers on this machine, what does not, and why."""

import sys

import pytest

from dojo import layout
from dojo.cohort import doctor


def found(said):
    """What is needed, to the mark before it and the words after it."""
    lines = said.partition("\n\n")[0].splitlines()
    told = [(line[:3].strip(), line[5:26].strip(), line[28:].strip()) for line in lines]
    return {what: (mark, words) for mark, what, words in told if mark}


def test_without_bubblewrap_it_says_the_command_that_installs_it(tmp_path, monkeypatch, capsys):
    (tmp_path / "dnf").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.show() == 1
    said = capsys.readouterr().out
    assert found(said)["bubblewrap"] == ("no", "it is not installed")
    assert "dnf install bubblewrap\n" in said
    assert said.endswith("are not held here: none is graded. More: docs/grading.md\n")
    with pytest.raises(doctor.NoSandbox, match=r"bubblewrap: it is not installed; .*dnf install"):
        doctor.require()


def test_what_bubblewrap_refuses_is_told_in_its_own_words(tmp_path, monkeypatch, capsys):
    fake = tmp_path / "bwrap"
    fake.write_text(
        f"#!{sys.executable} -IS\nimport sys\nsys.exit('bwrap: Operation not permitted')"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor, "_SETTINGS", [])
    assert doctor.show() == 1
    said = capsys.readouterr().out
    assert found(said)["a sandbox starts"] == ("no", "bwrap: Operation not permitted")
    assert f"     in a container: {doctor.CONTAINER}\n" in said


def test_elsewhere_than_on_linux_there_is_none(monkeypatch, capsys):
    monkeypatch.setattr(doctor.sys, "platform", "darwin")
    assert doctor.show() == 1
    assert found(capsys.readouterr().out) == {"Linux": ("no", "this is darwin")}


@pytest.mark.usefixtures("sandboxes")
def test_where_all_holds_it_says_so(capsys):
    assert doctor.show() == 0
    said = capsys.readouterr().out
    assert len(found(said)) > 8
    assert {mark for mark, _ in found(said).values()} == {"yes"}
    assert said.endswith("are held here. What that is proof against: docs/grading.md\n")
    doctor.require()


@pytest.mark.usefixtures("sandboxes")
def test_a_wall_with_a_hole_is_found(monkeypatch, capsys):
    """As if the tool itself were to be hidden, which is inside."""
    monkeypatch.setattr(doctor, "_hidden", lambda: [layout.ROOT / "dojo"])
    assert doctor.show() == 1
    said = found(capsys.readouterr().out)
    assert said["files are hidden"] == ("no", f"{layout.ROOT / 'dojo'} is seen")
