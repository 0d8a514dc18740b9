"""A save is noticed: whatever the file is, however it is written, whatever the system offers."""

import subprocess
import sys

import pytest

from dojo import layout
from dojo.check import watch
from dojo.check.watch import POLLING, Watcher
from dojo.content import stubs
from tests.house.terminals import Terminal

KATA = "gradients/clip_by_value"
# Judged without TensorFlow.
BROKEN = "def clip_by_value(:\n"


@pytest.fixture
def file(tmp_path):
    file = layout.source_file(KATA, tmp_path / "answers")
    file.parent.mkdir(parents=True)
    file.write_text(stubs.pristine(KATA), encoding="utf-8")
    return file


@pytest.fixture
def watcher(file):
    with Watcher([KATA], file.parent.parent) as watcher:
        yield watcher


@pytest.fixture
def link(file, tmp_path):
    """The kata's file is a link, say into a folder of notes; here is what it leads to."""
    target = tmp_path / "notes" / "clip.py"
    target.parent.mkdir()
    file.replace(target)
    file.symlink_to(target)
    return target


def test_saves_of_its_katas_only(watcher, file):
    file.with_name("notes.txt").write_text("x")
    assert watcher.wait(0.5) == set()
    file.write_text("x = 1\n")
    assert watcher.wait(10) == {KATA}


def test_one_save_is_told_once(watcher, file):
    file.write_text("x = 1\n")
    assert watcher.wait(10) == {KATA}
    assert watcher.wait(0.5) == set()


def test_an_editor_that_replaces_the_file(watcher, file):
    file.with_suffix(".new").write_text("x = 2\n")
    file.with_suffix(".new").replace(file)
    assert watcher.wait(10) == {KATA}


def test_a_file_that_goes(watcher, file):
    file.unlink()
    assert watcher.wait(10) == {KATA}


def test_a_half_written_file_is_waited_for(monkeypatch, file):
    monkeypatch.setattr(watch, "SETTLED", 0.5)
    monkeypatch.setattr(watch, "LONGEST", 10)
    with Watcher([KATA], file.parent.parent) as watcher, file.open("w") as text:
        for line in ("x = 1\n", "y = 2\n", "z = 3\n"):
            text.write(line)
            text.flush()
            assert watcher.wait(0.1) == set()
        assert watcher.wait(10) == {KATA}
        assert watcher.wait(0.7) == set()


def test_a_folder_that_is_replaced(watcher, file):
    """As by a checkout of another branch."""
    file.parent.rename(file.parent.with_name("old"))
    assert watcher.wait(10) == {KATA}
    file.parent.mkdir()
    file.write_text("x = 1\n")
    assert watcher.wait(10) == {KATA}
    file.write_text("x = 2 + 2\n")
    assert watcher.wait(10) == {KATA}


def test_a_tree_that_comes_later(tmp_path):
    file = layout.source_file(KATA, tmp_path / "later")
    with Watcher([KATA], tmp_path / "later") as watcher:
        file.parent.mkdir(parents=True)
        file.write_text("x = 1\n")
        assert watcher.wait(10) == {KATA}
        assert not watcher.polling


def test_what_a_link_leads_to(link, file):
    with Watcher([KATA], file.parent.parent) as watcher:
        link.write_text("x = 1\n")
        assert watcher.wait(10) == {KATA}
        other = link.with_name("other.py")
        other.write_text("x = 2\n")
        file.unlink()
        file.symlink_to(other)
        assert watcher.wait(10) == {KATA}
        other.write_text("x = 3 + 3\n")
        assert watcher.wait(10) == {KATA}


def watching(file, **how):
    return Terminal("check", KATA, "--watch", "--tree", file.parent.parent, **how)


def test_the_command_sees_a_save_through_a_link(link, file):
    with watching(file) as terminal:
        terminal.until("not started", "watching; Ctrl-C ends")
        link.write_text(BROKEN)
        terminal.until("SyntaxError")


# A namespace has a limit of its own: that of the machine is not touched.
NO_WATCHES = "echo 0 > /proc/sys/user/max_inotify_watches; "
UNSHARE = ("unshare", "--user", "--map-root-user", "sh", "-c")
EXEC = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"


def without_watches():
    """What `Terminal` is to run."""
    shell = f'{NO_WATCHES} exec "$0" -m dojo "$@"'
    return ("-c", EXEC, *UNSHARE, shell, sys.executable)


can_unshare = pytest.mark.skipif(
    subprocess.run([*UNSHARE, NO_WATCHES], capture_output=True).returncode != 0
    if sys.platform == "linux"
    else True,
    reason="needs a namespace of its own",
)


@can_unshare
def test_without_watches_the_command_says_so_and_sees_each_save(file):
    with watching(file, program=without_watches(), columns=100) as terminal:
        terminal.until("not started", POLLING, "watching; Ctrl-C ends")
        file.write_text(BROKEN)
        terminal.until("SyntaxError")
        assert "Traceback" not in terminal.text


@can_unshare
def test_without_watches_practice_says_so_and_sees_each_save(file):
    arguments = ["practice", KATA, "--tree", file.parent.parent]
    with Terminal(*arguments, program=without_watches()) as terminal:
        terminal.until("no file watches left", "Write your answer in")
        file.write_text(BROKEN)
        terminal.until("SyntaxError")
        terminal.press("q")
        terminal.until("Quit?")
        terminal.press("y")
        assert terminal.end() == 0
