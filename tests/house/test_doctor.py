"""`grade --doctor` says what holds strangers' answers on this machine, what does not, and why."""

import sys

import pytest

from dojo import layout
from dojo.cohort import doctor

needs_sandbox = pytest.mark.skipif(
    bool(fault := next((f.fault for f in doctor.examine() if f.fault), "")),
    reason=f"no sandbox here: {fault}",
)


def test_without_bubblewrap_it_says_the_command_that_installs_it(tmp_path, monkeypatch, capsys):
    (tmp_path / "dnf").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.show() == 1
    said = capsys.readouterr().out
    assert "no   bubblewrap  it is not installed\n" in said
    assert "dnf install bubblewrap\n" in said
    assert said.endswith("are not held here, so none is graded. docs/grading.md   says more\n")
    with pytest.raises(doctor.NoSandbox, match=r"bubblewrap: it is not installed; .*dnf install"):
        doctor.require()


def test_what_bubblewrap_refuses_is_told_in_its_own_words(tmp_path, monkeypatch, capsys):
    fake = tmp_path / "bwrap"
    fake.write_text(
        f"#!{sys.executable} -IS\nimport sys\nsys.exit('bwrap: Operation not permitted')"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.show() == 1
    assert "no   a sandbox starts  bwrap: Operation not permitted\n" in capsys.readouterr().out


def test_elsewhere_than_on_linux_there_is_none(monkeypatch, capsys):
    monkeypatch.setattr(doctor.sys, "platform", "darwin")
    assert doctor.show() == 1
    assert capsys.readouterr().out.startswith("no   Linux  this is darwin\n")


@needs_sandbox
def test_where_all_holds_it_says_so(capsys):
    assert doctor.show() == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line[:5] for line in lines[:-2]} == {"yes  "}
    assert all(len(line) <= 100 for line in lines)
    doctor.require()


@needs_sandbox
def test_a_wall_with_a_hole_is_found(monkeypatch, capsys):
    """As if the tool itself were to be hidden, which is inside."""
    monkeypatch.setattr(doctor, "_hidden", lambda: [layout.ROOT / "dojo"])
    assert doctor.show() == 1
    said = capsys.readouterr().out
    assert f"no   files are hidden       {layout.ROOT / 'dojo'} is seen\n" in said
