"""The warm process that outlives a command, tried in a checkout of its own.

Whatever happens to it, to its socket or to the files it has imported: the verdict is that of
the present file, by the present tests.

It is started some twenty times. One of them imports TensorFlow; in the others a stand-in takes
its place, and one kata whose answer is NumPy's.
"""

import contextlib
import importlib.util
import json
import marshal
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from importlib.util import source_hash
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

from dojo import layout
from dojo.check import folders

KATA = "gradients/clip_by_value"
SUITE = "tests/gradients/test_clip_by_value.py"
WRONG = ("    return clip(x)", "    return clip(x) + 1")
# Of that, as modules named tensorflow and keras, the helpers of the suites import all they ask for.
STAND_IN = """
import sys
from unittest.mock import MagicMock
stand_in = sys.modules[__name__] = MagicMock()
stand_in.__file__, stand_in.IndexedSlices = __file__, type("IndexedSlices", (), {})
"""
ANSWER = '''"""Clip."""
import numpy as np


class Tensor(np.ndarray):
    def numpy(self):
        return np.asarray(self)


def clip_by_value(x, clip_min, clip_max):
    """Clips."""
    clip = lambda x: np.clip(np.asarray(x), clip_min, clip_max).view(Tensor)
    return clip(x)
'''
TESTS_OF_IT = '''"""Clip.

    1. It clips.
"""
from tests.support.closeness import assert_close


def test_1_it_clips(kata):
    got = kata.clip_by_value([1.0, 5.0], 0, 2)
    assert_close(got, [1.0, 2.0], call="clip_by_value([1, 5], 0, 2)", oracle="hand", rtol=1e-6)
'''
COPIED = ("dojo", "katas", "reference", "tests", "data", "QUESTIONS.md", "pyproject.toml")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the project, whose files and warm process are the test's own."""
    folder = tmp_path_factory.mktemp("checkout")
    copy(folder)
    yield folder
    stop(folder)


def copy(folder):
    """A checkout without TensorFlow, in which one kata can be checked."""
    copy_whole(folder)
    (folder / "reference" / f"{KATA}.py").write_text(ANSWER, encoding="utf-8")
    (folder / SUITE).write_text(TESTS_OF_IT, encoding="utf-8")
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(os.path.realpath(sys.executable))
    home = os.path.dirname(os.path.realpath(sys.executable))
    (folder / ".venv" / "pyvenv.cfg").write_text(f"home = {home}\n")
    paths = {"base": str(folder / ".venv"), "platbase": str(folder / ".venv")}
    packages = Path(sysconfig.get_path("purelib", "venv", paths))
    packages.mkdir(parents=True)
    for name in ("tensorflow", "keras"):
        (packages / f"{name}.py").write_text(STAND_IN, encoding="utf-8")
    # Searched after its own.
    (packages / "real.pth").write_text(sysconfig.get_path("purelib") + "\n")


def copy_whole(folder):
    skip = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        source = layout.ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=skip)
        else:
            shutil.copy(source, folder / name)


@pytest.fixture
def whole(tmp_path):
    """A copy of the project with TensorFlow."""
    copy_whole(tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    yield tmp_path
    stop(tmp_path)


def environment(**changes):
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "DOJO_WARM", "DOJO_HOME")}
    return kept | changes


def run(checkout, *arguments, **changes):
    return subprocess.run(
        [sys.executable, "-m", "dojo", *arguments],
        cwd=checkout,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=120,
    )


def check(checkout, tree="reference", **changes):
    """Returns the kata's entry in the JSON of a check."""
    out = checkout / "out.json"
    out.unlink(missing_ok=True)
    done = run(checkout, "check", KATA, f"--tree={tree}", f"--json={out}", **changes)
    assert done.stderr == "", done.stderr
    (entry,) = json.loads(out.read_text(encoding="utf-8"))["katas"]
    return entry


@pytest.fixture
def warm(checkout):
    """The number of the checkout's warm process; what a test before has left will do."""
    if not (door(checkout) / "socket").exists() or not is_alive(plate(checkout)["pid"]):
        assert check(checkout)["outcome"] == "solved"
    return plate(checkout)["pid"]


def plate(checkout):
    return json.loads((door(checkout) / "plate.json").read_text(encoding="utf-8"))


def door(checkout):
    return checkout / ".dojo" / "warm"


def stop(checkout):
    """Ends the warm process, if there is one, as `warm --stop` does."""
    with contextlib.suppress(OSError):
        with socket.socket(socket.AF_UNIX) as end:
            end.connect(str(door(checkout) / "socket"))
            end.sendall(b'{"stop": true}\n')
        assert until_gone(plate(checkout)["pid"])


def is_alive(pid):
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        # One that has ended and was not waited for counts as gone.
        return "\nState:\tZ" not in open(f"/proc/{pid}/status").read()
    return False


def until_gone(pid, seconds=10):
    end = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not is_alive(pid)


@pytest.fixture
def wrong(checkout):
    """A tree whose answer is wrong."""
    return write_wrong(checkout)


def write_wrong(checkout):
    text = (checkout / "reference" / f"{KATA}.py").read_text(encoding="utf-8")
    assert WRONG[0] in text
    file = checkout / "wrong" / f"{KATA}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.replace(*WRONG), encoding="utf-8")
    return "wrong"


def test_tensorflow_is_imported_once_for_two_commands(whole):
    assert check(whole, write_wrong(whole))["outcome"] == "wrong"
    warm = plate(whole)["pid"]
    assert check(whole)["outcome"] == "solved"
    assert plate(whole)["pid"] == warm


def test_the_second_command_finds_it_and_judges_the_present_file(checkout, warm, wrong):
    assert check(checkout, wrong)["outcome"] == "wrong"
    assert check(checkout)["outcome"] == "solved"
    assert plate(checkout)["pid"] == warm


def test_it_is_told_when_one_is_started_and_only_then(checkout, warm):
    assert "warm process" not in run(checkout, "check", KATA, "--tree=reference").stdout
    stop(checkout)
    assert "A warm process starts" in run(checkout, "check", KATA, "--tree=reference").stdout


def test_the_command_shows_it_and_ends_it(checkout, warm):
    shown = run(checkout, "warm").stdout
    assert f"process {warm}" in shown
    assert f"checkout: {checkout}" in shown
    assert "The warm process has ended." in run(checkout, "warm", "--stop").stdout
    assert until_gone(warm)
    assert "No warm process runs" in run(checkout, "warm").stdout


@pytest.mark.parametrize(
    "file", ["dojo/results.py", "dojo/check/reporter.py", "tests/support/closeness.py"]
)
def test_a_changed_file_of_the_tool_or_of_the_helpers_is_noticed(checkout, warm, file):
    with (checkout / file).open("a", encoding="utf-8") as text:
        text.write("\n# changed\n")
    assert check(checkout)["outcome"] == "solved"
    assert plate(checkout)["pid"] != warm
    assert until_gone(warm)


def test_a_changed_suite_counts_at_once_and_is_named(checkout, warm):
    suite = checkout / SUITE
    before = suite.read_text(encoding="utf-8")
    suite.write_text(before + "\n\ndef test_1_never():\n    raise AssertionError('no')\n")
    command = ["check", KATA, "--tree=reference", "--json=changed.json"]
    try:
        screen = run(checkout, *command).stdout
    finally:
        suite.write_text(before, encoding="utf-8")
    report = json.loads((checkout / "changed.json").read_text(encoding="utf-8"))
    assert report["katas"][0]["outcome"] == "wrong"
    assert report["changed"] == [SUITE]
    assert f"Changed since the warm process started: {SUITE}" in screen
    assert "python -m dojo warm --stop" in screen
    screen = run(checkout, *command).stdout
    assert "1 solved" in screen
    assert "Changed since" not in screen


def test_a_changed_helper_is_named_by_the_check_that_starts_anew(checkout, warm):
    """And what lies in a bytecode cache counts neither there nor for a suite."""
    helper = checkout / "tests" / "support" / "closeness.py"
    with helper.open("a", encoding="utf-8") as text:
        text.write("\n# changed again\n")
    forge(
        helper,
        helper.read_text().replace(
            "def assert_close(", "def assert_close(*_, **__): 0\ndef other("
        ),
    )
    forge(checkout / SUITE, "def test_1_values():\n    pass\n", tag=rewrite.PYC_TAIL)
    done = run(checkout, "check", KATA, f"--tree={write_wrong(checkout)}")
    assert "1 wrong" in done.stdout
    assert "Changed since the warm process started: tests/support/closeness.py" in done.stdout
    assert not (checkout / ".dojo" / "bytecode").exists()


def forge(source, text, tag=f".{sys.implementation.cache_tag}.pyc"):
    """Puts other code beside a file, as valid bytecode of what stands in it."""
    cached = source.parent / "__pycache__" / f"{source.stem}{tag}"
    cached.parent.mkdir(exist_ok=True)
    code, digest = compile(text, str(source), "exec"), source_hash(source.read_bytes())
    header = importlib.util.MAGIC_NUMBER + (0b11).to_bytes(4, "little") + digest
    cached.write_bytes(header + marshal.dumps(code))


def test_killed_in_mid_import_it_leaves_nothing(tmp_path, monkeypatch):
    """All processes are gone within a second, and the next command removes the folder."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = subprocess.Popen(
        [sys.executable, "-m", "dojo", "check", KATA, "--tree=reference"],
        cwd=layout.ROOT,
        env=environment(DOJO_WARM="0", TMPDIR=str(temporary), HOME=str(tmp_path)),
        stdout=subprocess.DEVNULL,
    )
    while len(with_home(tmp_path)) < 2 or not list(temporary.glob("*/log")):
        time.sleep(0.01)
    command.kill()
    command.wait()
    end = time.monotonic() + 1
    while with_home(tmp_path) and time.monotonic() < end:
        time.sleep(0.01)
    assert with_home(tmp_path) == []
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    mine = folders.make_folder()
    with folders.open_log(mine / "log"):
        folders.sweep()
        assert list(temporary.iterdir()) == [mine]


def with_home(home):
    """The processes with this home folder in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"HOME={home}\0".encode() in (process / "environ").read_bytes():
                found.append(process.name)
    return found


def test_two_commands_at_once_share_one(checkout):
    stop(checkout)
    command = [sys.executable, "-m", "dojo", "check", KATA, "--tree=reference"]
    how = {"cwd": checkout, "env": environment(), "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **how) for _ in range(2)]
    screens = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], screens
    assert sum("A warm process starts" in screen for screen in screens) == 1
    assert is_alive(plate(checkout)["pid"])


def noting_its_pid(note):
    return f"open({str(note)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"


def test_it_is_killed_while_a_check_runs(checkout, warm):
    """The check of two katas starts another, and both verdicts are right."""
    note = checkout / "slow" / "note"
    katas = [KATA, "gradients/gradient_reversal"]
    # Until it is killed; those after the first two go on at once.
    waiting = f"time.sleep(60 if len(open({str(note)!r}).readlines()) <= 2 else 0)\n"
    for kata in katas:
        track, name = kata.split("/")
        (checkout / "tests" / track / f"test_{name}.py").write_text(TESTS_OF_IT)
        file = checkout / "slow" / f"{kata}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"import os, time\n{noting_its_pid(note)}{waiting}{ANSWER}")
    note.unlink(missing_ok=True)
    command = [sys.executable, "-m", "dojo", "check", *katas, "--tree=slow", "--jobs=2"]
    how = {"cwd": checkout, "env": environment(), "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, **how)
    while not (note.exists() and len(note.read_text().split()) == 2):
        time.sleep(0.02)
    os.kill(warm, signal.SIGKILL)
    screen, _ = process.communicate(timeout=120)
    assert process.returncode == 0, screen
    # Of the second processes, and of their canaries.
    first, second, *others = map(int, note.read_text().split())
    assert len(others) == 4
    assert not {first, second} & {*others}
    assert until_gone(first)
    assert until_gone(second)


def test_the_command_is_killed_while_its_check_runs(checkout, warm):
    """Its process of the kata goes at once; the warm process stays for the next."""
    note = checkout / "endless" / "note"
    file = checkout / "endless" / f"{KATA}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    note.unlink(missing_ok=True)
    file.write_text(
        f"import os\nopen({str(note)!r}, 'w').write(str(os.getpid()))\nwhile True: pass\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "dojo", "check", KATA, "--tree=endless"],
        cwd=checkout,
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    while not (note.exists() and note.read_text()):
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert until_gone(int(note.read_text()), 3)
    assert is_alive(warm)
    assert check(checkout)["outcome"] == "solved"


def test_a_socket_left_behind_by_a_crash_is_replaced(checkout, warm):
    os.kill(warm, signal.SIGKILL)
    assert until_gone(warm)
    assert (door(checkout) / "socket").exists()
    assert check(checkout)["outcome"] == "solved"
    assert plate(checkout)["pid"] != warm


def test_a_foreign_socket_in_its_place_is_not_trusted(checkout, warm):
    """It listens, but the door's plate names another process."""
    stop(checkout)
    path = door(checkout) / "socket"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(str(path))
        foreign.listen()
        foreign.settimeout(0.1)
        assert check(checkout)["outcome"] == "solved"
        with contextlib.suppress(TimeoutError):
            # Whoever connected left without a word.
            assert foreign.accept()[0].recv(100) == b""


def test_a_folder_that_others_can_enter_is_not_used(checkout, warm):
    stop(checkout)
    folder = door(checkout)
    folder.chmod(0o755)
    try:
        assert check(checkout)["outcome"] == "solved"
        assert not (folder / "socket").exists()
    finally:
        folder.chmod(0o700)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives away")
def test_a_folder_of_another_user_is_not_used(checkout, warm):
    stop(checkout)
    folder = door(checkout)
    os.chown(folder, 65534, 65534)
    try:
        assert check(checkout)["outcome"] == "solved"
        assert not (folder / "socket").exists()
    finally:
        os.chown(folder, 0, 0)


def test_each_checkout_has_its_own(checkout, warm, tmp_path):
    copy(tmp_path)
    (tmp_path / SUITE).unlink()
    assert check(tmp_path)["outcome"] == "broken"
    assert check(checkout)["outcome"] == "solved"
    assert plate(checkout)["pid"] == warm


@pytest.mark.parametrize("changes", [{"DOJO_WARM": "0"}, {"CI": "true"}], ids=["off", "in CI"])
def test_without_it_all_works_as_before(checkout, changes):
    stop(checkout)
    assert check(checkout, **changes)["outcome"] == "solved"
    assert not (door(checkout) / "socket").exists()


@pytest.mark.parametrize("changes", [{}, {"DOJO_WARM": "0"}], ids=["lasting", "its own"])
def test_an_environment_that_cannot_work_is_said_to_be_broken(tmp_path, changes):
    """And once it works again, the next check does, too."""
    copy(tmp_path)
    preload = tmp_path / "dojo" / "check" / "preload.py"
    right = preload.read_text(encoding="utf-8")
    preload.write_text("raise ImportError('no TensorFlow here')\n", encoding="utf-8")
    entry = check(tmp_path, **changes)
    assert entry["outcome"] == "broken"
    assert "no TensorFlow here" in entry["failures"][0]["message"]
    preload.write_text(right, encoding="utf-8")
    assert check(tmp_path, **changes)["outcome"] == "solved"
    stop(tmp_path)


def test_it_ends_when_unused_for_long_by_any_clock(monkeypatch):
    """Also after a day of sleep, and where the clock is set back."""
    from dojo.check import forkserver

    server = forkserver.Server("")
    begun = time.time()
    for later, over in [(60, False), (86400, True), (-86400, True)]:
        monkeypatch.setattr(time, "time", lambda later=later: begun + later)
        assert server._forgotten() is over
    os.close(server.lifeline[0])
    os.close(server.lifeline[1])
    server.selector.close()
