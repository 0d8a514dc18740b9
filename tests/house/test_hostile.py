"""Nothing a learner's file does hurts the checker: each case, saved under `check --watch`.

One real command watches one real file; every case is saved over the last. So each case
also shows that the cases before it have left the warm process whole.
"""

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
LIMIT = 10


class Watched:
    """A running `dojo check clip_by_value --watch --json …`."""

    def __init__(self, folder):
        self.tree = folder / "answers"
        self.file = layout.source_file(KATA, self.tree)
        self.file.parent.mkdir(parents=True)
        self.file.write_text(ANSWER, encoding="utf-8")
        self.json = folder / "out.json"
        self.screen = folder / "screen"
        command = ["check", KATA, "--watch", f"--tree={self.tree}", f"--json={self.json}"]
        with self.screen.open("wb") as screen:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dojo", *command, f"--limit={LIMIT}"],
                cwd=layout.ROOT,
                env=os.environ | {"DOJO_HOME": str(folder / "home")},
                stdout=screen,
                stderr=subprocess.STDOUT,
            )
        self.verdict()

    def verdict(self):
        deadline = time.monotonic() + 120
        while not self.json.exists():
            assert self.process.poll() is None, self.screen.read_text()
            assert time.monotonic() < deadline, self.screen.read_text()
            time.sleep(0.01)
        report = json.loads(self.json.read_text(encoding="utf-8"))
        self.json.unlink()
        (entry,) = report["katas"]
        return entry

    def save(self, content):
        if content is None:
            self.file.unlink()
        else:
            # In one piece: a check of the file while it is still empty is none of this case.
            written = self.file.with_suffix(".new")
            written.write_bytes(content)
            written.replace(self.file)
        return self.verdict()


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    watched = Watched(tmp_path_factory.mktemp("hostile"))
    yield watched
    watched.process.send_signal(signal.SIGINT)
    assert watched.process.wait(30) == 0, watched.screen.read_text()


def file_of(case):
    if case.content is not None or case.outcome == "not started":
        return case.content
    text = ANSWER.replace(*case.replace) if case.replace[0] else ANSWER
    assert case.replace[0] in ANSWER, "the case no longer fits the model answer"
    return f"{case.prepend}\n{text}\n{case.append}\n".encode().lstrip(b"\n")


@pytest.mark.parametrize("name", CASES)
def test_each_case_ends_as_it_must(watched, name):
    case = CASES[name]
    entry = watched.save(file_of(case))
    assert entry["outcome"] == case.outcome, entry
    first = entry["failures"][0]
    reason = f"{first['message']} {first['cause']}"
    assert case.says.format(file=layout.shown(watched.file)) in reason, first
    assert "Traceback" not in watched.screen.read_text(errors="replace")


def test_a_right_answer_is_solved_after_all_of_them(watched):
    entry = watched.save(ANSWER.encode())
    assert (entry["outcome"], entry["failures"]) == ("solved", [])


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_process_the_file_started_does_not_outlive_the_check(watched, tmp_path):
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
    entry = watched.save((sleepers + ANSWER).encode())
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
        "losses/focal_loss": "while True: pass\n",
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
