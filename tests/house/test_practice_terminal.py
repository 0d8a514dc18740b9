"""`dojo practice` in a real terminal of 80 by 24: what a learner sees, and what survives."""

import dataclasses
import io
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dojo import layout
from dojo.content import stubs
from dojo.content.traps import read_traps
from dojo.record import attempts
from dojo.record.archive import copies
from dojo.record.attempts import Attempts
from dojo.record.database import Database
from tests.house.terminals import Terminal

KATA = "gradients/clip_by_value"
STUB = stubs.pristine(KATA)
RIGHT = layout.source_file(KATA, layout.REFERENCE).read_text(encoding="utf-8")
TRAP = next(trap for trap in read_traps(KATA) if trap.cause)
WRONG = TRAP.source()
HANGS = RIGHT + "\nimport time\nwhile True:\n    time.sleep(1)\n"
# What the first check waits for, on a loaded machine.
IMPORT = 180


@pytest.fixture
def tree(tmp_path):
    return stubs_in(tmp_path / "answers")


def stubs_in(tree):
    for kata in (KATA, "losses/focal_loss"):
        file = layout.source_file(kata, tree)
        file.parent.mkdir(parents=True)
        file.write_text(stubs.pristine(kata), encoding="utf-8")
    return tree


@pytest.fixture
def file(tree):
    return layout.source_file(KATA, tree)


@pytest.fixture
def practise(tree):
    open_ones = []

    def run(*arguments, **how):
        terminal = Terminal("practice", *arguments, "--tree", tree, **how)
        open_ones.append(terminal)
        return terminal

    yield run
    for terminal in open_ones:
        # How it goes when it is asked to is for the tests that ask.
        terminal.child.kill(signal.SIGKILL)
        terminal.__exit__()


@dataclasses.dataclass
class Window:
    """A sitting that has begun, with its own folders and without an editor."""

    terminal: Terminal
    tree: Path
    env: dict[str, str]


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    """One for the tests that leave it as it is, a hint apart."""
    folder = tmp_path_factory.mktemp("window")
    tree = stubs_in(folder / "answers")
    env = {"DOJO_HOME": str(folder / "home"), "VISUAL": "", "EDITOR": ""}
    with Terminal("practice", "clip_by_value", "--tree", tree, env=env) as terminal:
        terminal.until("Write your answer in")
        yield Window(terminal, tree, env)


def save(file, text):
    """In one piece: a check of what is half written would count, too."""
    written = file.with_suffix(".new")
    written.write_text(text, encoding="utf-8")
    written.replace(file)


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def rows(home):
    with Database(home) as database:
        return Attempts(database).all()


def test_the_whole_path(practise, file, home, dojo):
    """Start from the list, save a wrong answer, a right one, read the debrief, quit."""
    terminal = practise()
    terminal.until("next: gradients/clip_by_value, not solved yet", "enter start")
    terminal.press("\r")
    terminal.until("of 12:00 left", "Write your answer in", "h hint", "e edit", "q quit")
    save(file, WRONG)
    terminal.until("wrong", "expected", "1 check,", seconds=IMPORT)
    terminal.press("h")
    terminal.until("Hint 1 of 3", "1 check, 1 hint")
    terminal.child.logfile_read = io.BytesIO()
    save(file, f"{WRONG}\n# again\n")
    terminal.until("2 checks, 1 hint", without=["still running"])
    assert b"still running" in terminal.child.logfile_read.getvalue()
    save(file, RIGHT)
    terminal.until("solved in", "3 checks, 1 hint", "Traps met", "It comes back for review in 1")
    terminal.press("k")
    terminal.until("How do you give a TensorFlow function", "Decorate a function")
    terminal.press("q")
    assert terminal.end() == 0
    assert file.read_text(encoding="utf-8") == RIGHT
    shown = dojo("history").stdout
    line = next(line for line in shown.splitlines() if "clip_by_value" in line)
    assert "✓ solved" in line
    assert line.split()[-4:-2] == ["3", "1"]
    assert "clip_by_value" in dojo("list", "clip_by_value", "--tree", file.parent.parent).stdout


def test_resizing_keeps_everything_in_sight(practise, file):
    terminal = practise("clip_by_value")
    terminal.until("Write your answer in")
    save(file, WRONG)
    terminal.until("wrong", "expected", seconds=IMPORT)
    for columns, rows_ in [(160, 50), (60, 20), (80, 24), (40, 10), (80, 24)]:
        terminal.resize(columns, rows_)
        terminal.until("gradients/clip_by_value", "2✗")
    terminal.until("expected", "q quit")


def test_ctrl_c_asks_and_a_second_one_leaves(practise, file, home):
    file.write_text(WRONG, encoding="utf-8")
    terminal = practise("clip_by_value")
    terminal.until("Write your answer in")
    assert file.read_text(encoding="utf-8") == STUB
    file.write_text("mine = 1\n", encoding="utf-8")
    terminal.press("\x03")
    terminal.until("Quit? Your file stays")
    terminal.press("\x03")
    assert terminal.end() == 0
    assert file.read_text(encoding="utf-8") == "mine = 1\n"
    assert [copy.read_text(encoding="utf-8") for copy in copies(KATA)] == [WRONG]
    assert [row.outcome for row in rows(home)] == [attempts.LEFT]


# As nox does: what the shell takes for one job is more than our process.
WRAPPED = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'dojo', *sys.argv[1:]])"
SHELL = ("-c", "import os, sys; os.execvp('bash', ['bash', '--norc', '-i'])")


def test_ctrl_z_leads_to_the_shell_and_fg_back(tree, file):
    with Terminal(program=SHELL, env={"PS1": "$ "}) as terminal:
        command = f'{sys.executable} -c "{WRAPPED}" practice clip_by_value --tree {tree}'
        terminal.press(f"{command}\r")
        terminal.until("Write your answer in")
        terminal.press("\x1a")
        terminal.until("Stopped")
        terminal.press("clear; echo $((40 + 2))\r")
        terminal.until("42", without=["Write your answer in"])
        assert not terminal.screen.cursor.hidden
        file.write_text("def f(:\n", encoding="utf-8")
        terminal.press("fg\r")
        # And what was saved meanwhile is checked.
        terminal.until("of 12:00 left", "SyntaxError")
        terminal.press("q")
        terminal.until("Quit?")
        terminal.press("y")
        terminal.until("left after", "$ ")


def test_ctrl_z_where_no_shell_could_bring_it_back_stops_nothing(window):
    window.terminal.press("\x1a")
    window.terminal.press("h")
    window.terminal.until("Hint 1 of 3")


def test_killed_in_mid_attempt_it_goes_on_where_it_was(practise, file, home):
    terminal = practise("clip_by_value")
    terminal.until("Write your answer in")
    terminal.press("h")
    terminal.until("Hint 1 of 3")
    file.write_text("mine = 1\n", encoding="utf-8")
    until(lambda: rows(home)[0].seconds > 1 and rows(home)[0].hints == 1)
    terminal.child.kill(signal.SIGKILL)
    terminal.end()
    (row,) = rows(home)
    assert (row.outcome, row.hints, row.broken_off) == (attempts.RUNNING, 1, True)
    assert row.seconds > 1

    again = practise()
    again.until("next: gradients/clip_by_value, it broke off", "broken off")
    again.press("\r")
    again.until("broke off after", "continue it")
    again.press("c")
    again.until(", 1 hint")
    assert file.read_text(encoding="utf-8") == "mine = 1\n"
    file.write_text(RIGHT, encoding="utf-8")
    again.until("solved in", seconds=IMPORT)
    again.press("q")
    assert again.end() == 0
    (after,) = rows(home)
    assert (after.outcome, after.hints) == (attempts.SOLVED, 1)
    assert after.seconds > row.seconds


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_lost_connection_gives_the_terminal_back_and_can_be_resumed(practise, home, number):
    terminal = practise("clip_by_value")
    terminal.until("Write your answer in")
    os.kill(terminal.child.pid, number)
    terminal.end()
    # The cursor is shown again: the terminal is a shell's once more.
    assert not terminal.screen.cursor.hidden
    assert rows(home)[0].broken_off


def test_a_file_that_hangs_freezes_nothing(practise, file):
    terminal = practise("clip_by_value")
    terminal.until("Write your answer in")
    file.write_text(WRONG, encoding="utf-8")
    terminal.until("wrong", seconds=IMPORT)
    file.write_text(HANGS, encoding="utf-8")
    terminal.until("checking 3 s")
    terminal.press("h")
    assert terminal.until("Hint 1 of 3", seconds=5) < 2
    terminal.until("checking 4 s")
    file.write_text(RIGHT, encoding="utf-8")
    # Long before the limit of 60 s: the new save ends the check that hangs.
    assert terminal.until("solved in") < 30


def test_a_second_window_on_the_same_kata_is_refused(window):
    file = layout.source_file(KATA, window.tree)
    file.write_text("mine = 1\n", encoding="utf-8")
    with Terminal("practice", "clip_by_value", "--tree", window.tree, env=window.env) as second:
        second.until("is under way in another window")
        assert second.end() == 1
    assert file.read_text(encoding="utf-8") == "mine = 1\n"
    with Terminal("practice", "focal_loss", "--tree", window.tree, env=window.env) as other:
        other.until("Write your answer in")


def test_a_terminal_editor_gets_the_terminal_and_the_screen_comes_back(practise, file, tmp_path):
    answer, note = tmp_path / "answer.py", tmp_path / "note"
    noting = f"\nopen({str(note)!r}, 'a').write('read\\n')\n"
    answer.write_text(RIGHT + noting, encoding="utf-8")
    program = tmp_path / "myeditor"
    program.write_text(f'#!/bin/sh\necho "editing $1"\nread line\ncp {answer} "$1"\nread line\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    terminal = practise("clip_by_value", env={"VISUAL": "", "EDITOR": str(program)})
    terminal.until("Write your answer in")
    terminal.press("e")
    terminal.until(f"editing {file}"[:40])
    terminal.press("\r")
    # The check runs while the editor is still open, and nothing draws over it.
    until(lambda: note.exists() and len(note.read_text().splitlines()) == 2)
    time.sleep(2)
    terminal.read()
    assert "solved in" not in terminal.text
    terminal.press("\r")
    terminal.until("solved in", seconds=IMPORT)
    terminal.press("q")
    assert terminal.end() == 0


def test_without_an_editor_it_says_so(window):
    window.terminal.press("e")
    window.terminal.until("neither $VISUAL nor $EDITOR")


def test_without_colour_nothing_is_coloured_and_all_is_said(practise, file):
    terminal = practise("clip_by_value", env={"NO_COLOR": "1"})
    terminal.until("Write your answer in")
    file.write_text(WRONG, encoding="utf-8")
    terminal.until("2✗", "wrong", "got", seconds=IMPORT)
    terminal.read(1)
    for row in range(24):
        for column in range(80):
            colour = terminal.screen.buffer[row][column].fg
            grey = len(colour) == 6 and colour[:2] == colour[2:4] == colour[4:]
            assert colour == "default" or grey, (row, column, colour)


def test_time_up_is_told_and_one_may_go_on(practise, file, home):
    terminal = practise("clip_by_value", "--minutes", "0.02")
    terminal.until("Time is up.", "go on over time")
    terminal.press("o")
    terminal.until("time is up, +0:", without=["go on over"])
    file.write_text(RIGHT, encoding="utf-8")
    terminal.until("solved in", "over time", seconds=IMPORT)
    terminal.press("q")
    terminal.end()
    (row,) = rows(home)
    assert (row.outcome, row.in_time) == (attempts.SOLVED, False)


def test_solving_while_it_asks_is_not_missed(practise, file):
    terminal = practise("clip_by_value")
    terminal.until("Write your answer in")
    terminal.press("g")
    terminal.until("Give up,")
    file.write_text(RIGHT, encoding="utf-8")
    terminal.until("solved in", without=["Give up,"], seconds=IMPORT)


@pytest.mark.parametrize("command", ["practice", "interview"])
def test_without_a_terminal_it_says_so_in_one_line(dojo, command):
    done = dojo(command)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "terminal" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["practice", "clip_by_valu"], "Did you mean"),
        (["practice", "losses"], "name one of"),
        (["practice", "--minutes", "0"], "above 0"),
        (["interview", "--minutes", "3"], "--minutes"),
        (["interview", "--level", "guru"], "invalid choice"),
    ],
)
def test_usage_errors_exit_2_before_any_screen(arguments, says):
    with Terminal(*arguments) as terminal:
        assert terminal.end() == 2
        assert says in terminal.text.replace("\n", "")


def test_restore_brings_back_what_an_attempt_put_away(practise, file, tree, dojo):
    file.write_text("mine = 1\n", encoding="utf-8")
    terminal = practise("clip_by_value")
    terminal.until("Write your answer in")
    terminal.press("q")
    terminal.until("Quit?")
    terminal.press("y")
    assert terminal.end() == 0
    assert dojo("restore", "clip_by_value", "--tree", tree).returncode == 0
    assert file.read_text(encoding="utf-8") == "mine = 1\n"


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(
    subprocess.run(["which", "tmux"], capture_output=True).returncode != 0, reason="needs tmux"
)
def test_it_works_inside_tmux(tree, file, home):
    socket = f"dojo-{os.getpid()}"

    def tmux(*words):
        done = subprocess.run(["tmux", "-L", socket, *words], capture_output=True, text=True)
        return done.stdout

    command = f"{sys.executable} -m dojo practice clip_by_value --tree {tree}"
    env = ["-e", f"DOJO_HOME={home}"]
    try:
        where = ["-c", str(layout.ROOT)]
        tmux("new", "-d", "-s", "p", "-x", "80", "-y", "24", *env, *where, command)
        for action, words in [(None, "Write your answer"), ("wrong", "expected"), ("q", "Quit?")]:
            if action == "wrong":
                file.write_text(WRONG, encoding="utf-8")
            elif action:
                tmux("send-keys", "-t", "p", action)
            deadline = time.monotonic() + IMPORT
            while words not in tmux("capture-pane", "-p", "-t", "p"):
                assert time.monotonic() < deadline, tmux("capture-pane", "-p", "-t", "p")
                time.sleep(0.2)
        process = int(tmux("display-message", "-p", "-t", "p", "#{pane_pid}"))
    finally:
        tmux("kill-server")
    # A window that is closed leaves nothing behind.
    deadline = time.monotonic() + 10
    while alive(process):
        assert time.monotonic() < deadline, f"process {process} still runs"
        time.sleep(0.1)
