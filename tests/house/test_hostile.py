"""Nothing a learner's file does hurts the checker: each case, checked by the real command.

All cases share one warm process, so a right answer at the end shows that they have left it
whole. Some of them are saved one over the other under `check --watch`, too.
"""

import concurrent.futures
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dojo import layout
from tests.house.hostile import CASES

KATA = "gradients/clip_by_value"
ANSWER = layout.source_file(KATA, layout.REFERENCE).read_text(encoding="utf-8")
# What has to be stopped waits that long, all at the same time; the others are given time.
SHORT, LONG = 5, 60
AT_ONCE = 8


class Command:
    """A running `dojo check … --json`, on a folder of its own."""

    def __init__(self, folder, *arguments):
        self.json = folder / "out.json"
        self.screen = folder / "screen"
        with self.screen.open("wb") as screen:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dojo", "check", *arguments, f"--json={self.json}"],
                cwd=layout.ROOT,
                env=os.environ | {"DOJO_HOME": str(folder / "home")},
                stdout=screen,
                stderr=subprocess.STDOUT,
            )

    def said(self):
        return self.screen.read_text(errors="replace")


def file_of(case):
    if case.content is not None or case.outcome == "not started":
        return case.content
    text = ANSWER.replace(*case.replace) if case.replace[0] else ANSWER
    assert case.replace[0] in ANSWER, "the case no longer fits the model answer"
    return f"{case.prepend}\n{text}\n{case.append}\n".encode().lstrip(b"\n")


class Checked:
    """What came of one file."""

    def __init__(self, folder, content, limit=LONG):
        self.file = layout.source_file(KATA, folder / "answers")
        self.file.parent.mkdir(parents=True)
        if content is not None:
            self.file.write_bytes(content)
        tree = f"--tree={folder / 'answers'}"
        self.entry, self.screen = one_check(folder, KATA, tree, f"--limit={limit}")


def one_check(folder, *arguments):
    command = Command(folder, *arguments)
    try:
        command.process.wait(200)
        assert command.json.exists(), command.said()
        (entry,) = json.loads(command.json.read_text(encoding="utf-8"))["katas"]
    finally:
        command.process.kill()
    return entry, command.said()


def limit_of(case):
    return SHORT if case.outcome == "timed out" else LONG


@pytest.fixture(scope="module")
def checked(request, tmp_path_factory):
    """The cases asked for, side by side: name to what came of it."""
    items = [item for item in request.session.items if "checked" in item.fixturenames]
    names = {item.callspec.params["name"] for item in items if hasattr(item, "callspec")}
    # Those that wait first.
    names = sorted(names, key=lambda name: limit_of(CASES[name]))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        checks = {
            name: pool.submit(
                Checked,
                tmp_path_factory.mktemp("case"),
                file_of(CASES[name]),
                limit_of(CASES[name]),
            )
            for name in names
        }
        concurrent.futures.wait(checks.values())
    return {name: check.result for name, check in checks.items()}


# The first of them waits for all.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CASES)
def test_each_case_ends_as_it_must(checked, name):
    case, check = CASES[name], checked[name]()
    assert_ends(case, check.entry, check.file)
    assert "Traceback" not in check.screen


def assert_ends(case, entry, file):
    assert entry["outcome"] == case.outcome, entry
    first = entry["failures"][0]
    reason = f"{first['message']} {first['cause']}"
    assert case.says.format(file=layout.shown(file)) in reason, first


def test_a_right_answer_is_solved_after_all_of_them(checked, tmp_path):
    entry = Checked(tmp_path, ANSWER.encode()).entry
    assert (entry["outcome"], entry["failures"]) == ("solved", [])


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_process_the_file_started_does_not_outlive_the_check(tmp_path):
    """Neither a child, nor a grandchild whose parent is gone, in a session of its own."""
    # Whoever adopts it: it is looked for by its command line, in all of /proc.
    command = [sys.executable, "-c", "import time; time.sleep(300)", str(tmp_path)]
    note = tmp_path / "pid"
    sleepers = f"""
import os, pathlib, subprocess
subprocess.Popen({command!r})
first = os.fork()
if not first:
    os.setsid()
    subprocess.Popen({command!r}, start_new_session=True)
    os._exit(0)
os.waitpid(first, 0)
pathlib.Path({str(note)!r}).write_text("started")
"""
    entry = Checked(tmp_path, (sleepers + ANSWER).encode()).entry
    assert entry["outcome"] == "solved"
    assert note.read_text()
    end = time.monotonic() + 1
    while (left := [c for c in command_lines() if str(tmp_path).encode() in c]) and (
        time.monotonic() < end
    ):
        time.sleep(0.02)
    assert left == []


def command_lines():
    """Yields the command line of every process that lives; of one that has ended, b""."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield (process / "cmdline").read_bytes()


def test_other_katas_are_unaffected(tmp_path):
    """One kata dies, one hangs, one is right: each gets its own verdict."""
    tree, out = tmp_path / "answers", tmp_path / "out.json"
    answers = {
        "gradients/clip_by_value": ANSWER + "\nimport os\nos._exit(0)\n",
        "losses/focal_loss": "import time\nwhile True: time.sleep(1)\n",
        "optimizers/momentum": layout.source_file(
            "optimizers/momentum", layout.REFERENCE
        ).read_text(encoding="utf-8"),
    }
    for kata, text in answers.items():
        file = layout.source_file(kata, tree)
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
    command = ["check", *answers, f"--tree={tree}", "--limit=20", f"--json={out}"]
    done = subprocess.run(
        [sys.executable, "-m", "dojo", *command],
        cwd=layout.ROOT,
        env=os.environ | {"DOJO_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=200,
    )
    outcomes = [entry["outcome"] for entry in json.loads(out.read_text())["katas"]]
    assert outcomes == ["crashed", "timed out", "solved"]
    assert done.returncode == 1
    assert done.stderr == ""


SAVED = ["segmentation fault", "os._exit at import", "endless loop at import"]
SAVED += ["messages without end", "gone", "100 MB of output", "a message of the wrong form"]


def test_a_watched_file_may_do_so_too_one_save_after_the_other(tmp_path):
    file = layout.source_file(KATA, tmp_path / "answers")
    file.parent.mkdir(parents=True)
    file.write_text(ANSWER, encoding="utf-8")
    watch = [KATA, "--watch", f"--tree={tmp_path / 'answers'}", f"--limit={2 * SHORT}"]
    command = Command(tmp_path, *watch)
    assert next_verdict(command)["outcome"] == "solved"
    for name in SAVED:
        save(file, file_of(CASES[name]))
        assert_ends(CASES[name], next_verdict(command), file)
    save(file, ANSWER.encode())
    assert next_verdict(command)["outcome"] == "solved"
    command.process.send_signal(signal.SIGINT)
    assert command.process.wait(30) == 0, command.said()
    assert "Traceback" not in command.said()


def save(file, content):
    if content is None:
        file.unlink()
    else:
        # In one piece: a check of the file while it is still empty is none of this case.
        written = file.with_suffix(".new")
        written.write_bytes(content)
        written.replace(file)


def next_verdict(command):
    deadline = time.monotonic() + 120
    while not command.json.exists():
        assert command.process.poll() is None, command.said()
        assert time.monotonic() < deadline, command.said()
        time.sleep(0.01)
    (entry,) = json.loads(command.json.read_text(encoding="utf-8"))["katas"]
    command.json.unlink()
    return entry
