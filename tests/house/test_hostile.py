"""Nothing a learner's file does hurts the checker: each case, checked in a process of its own.

All cases share one warm process, so a right answer at the end shows that they have left it
whole. One of each outcome goes through the real command, and some of them are saved one over
the other under `check --watch`, too.
"""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from dojo import layout
from dojo.check import reports, scoreboard
from dojo.check.runner import Runner, Task
from dojo.content import catalogue
from tests.house.hostile import CASES

KATA = "gradients/clip_by_value"
ANSWER = layout.source_file(KATA, layout.REFERENCE).read_text(encoding="utf-8")
# Seconds for what ends by itself, on a busy machine, too.
LONG = 60
# What has to be stopped mostly waits.
STOPPED_AT_ONCE = 6


class Command:
    """A running `dojo check … --json`, on a folder of its own."""

    def __init__(self, folder, *arguments):
        self.json = folder / "out.json"
        self.screen, self.errors = folder / "screen", folder / "errors"
        with self.screen.open("wb") as screen, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dojo", "check", *arguments, f"--json={self.json}"],
                cwd=layout.ROOT,
                env=os.environ | {"DOJO_HOME": str(folder / "home")},
                stdout=screen,
                stderr=errors,
            )

    def said(self):
        return "".join(file.read_text(errors="replace") for file in (self.screen, self.errors))

    def entries(self):
        """What the report says, once the command has ended."""
        with self.ended():
            self.process.wait(200)
        assert self.json.exists(), self.said()
        return json.loads(self.json.read_text(encoding="utf-8"))["katas"]

    @contextlib.contextmanager
    def ended(self):
        """It leaves no later than this."""
        try:
            yield
        finally:
            self.process.kill()
            self.process.wait()


def file_of(case):
    if case.content is not None or case.outcome == "not started":
        return case.content
    text = ANSWER.replace(*case.replace) if case.replace[0] else ANSWER
    assert case.replace[0] in ANSWER, "the case no longer fits the model answer"
    return f"{case.prepend}\n{text}\n{case.append}\n".encode().lstrip(b"\n")


def answers(folder, content):
    """A tree with that file, or without it."""
    file = layout.source_file(KATA, folder / "answers")
    file.parent.mkdir(parents=True)
    if content is not None:
        file.write_bytes(content)
    return folder / "answers"


@pytest.fixture(scope="module")
def pace():
    """Seconds that the suite takes with a right answer, here and now."""
    (result,) = Runner(layout.REFERENCE).results([KATA])
    assert result.outcome == "solved"
    return result.seconds


@pytest.fixture(scope="module")
def short(pace):
    """Seconds for what has to be stopped: the loops are in what the first test calls."""
    return max(2, 3 * pace)


@pytest.fixture(scope="module")
def checked(request, tmp_path_factory, short):
    """The cases asked for: name to the verdict, and to the tree with the file."""
    items = [item for item in request.session.items if "checked" in item.fixturenames]
    names = {item.callspec.params["name"] for item in items if hasattr(item, "callspec")}
    trees = {name: answers(tmp_path_factory.mktemp("case"), file_of(CASES[name])) for name in names}
    late = {name for name in names if CASES[name].is_late}
    results = dict(verdicts({name: trees[name] for name in late}, short, STOPPED_AT_ONCE))
    results |= verdicts({name: trees[name] for name in names - late}, LONG)
    return {name: (results[name], trees[name]) for name in names}


def verdicts(trees, limit, jobs=None):
    """Yields each name with what comes of the file in its tree."""
    tasks = [Task(name, KATA, tree, CASES[name].select) for name, tree in trees.items()]
    for event in Runner(layout.KATAS, limit, jobs).check_tasks(tasks):
        if event.result is not None:
            yield event.kata, event.result


# The first of them waits for all.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CASES)
def test_each_case_ends_as_it_must(checked, name, tmp_path):
    result, tree = checked[name]
    assert_ends(CASES[name], shown_and_written(result, tree, tmp_path / "out.json"), tree)


def shown_and_written(result, tree, out):
    """Prints the verdict as the command does, and returns what its report says."""
    screen = Console(file=io.StringIO())
    scoreboard.report(screen, catalogue.select([KATA]), [result], tree)
    reports.write_json(out, layout.shown(tree), [result])
    (entry,) = json.loads(out.read_text(encoding="utf-8"))["katas"]
    return entry


def assert_ends(case, entry, tree):
    assert entry["outcome"] == case.outcome, entry
    first = entry["failures"][0]
    reason = f"{first['message']} {first['cause']}"
    assert case.says.format(file=layout.shown(layout.source_file(KATA, tree))) in reason, first


# Of each outcome one, and what prints or says too much, or what no terminal can show.
BY_COMMAND = ["gone", "import error", "segmentation fault", "half a message, and then nothing"]
BY_COMMAND += ["100 MB of output", "messages without end", "a lone surrogate in a message"]


@pytest.mark.parametrize("name", BY_COMMAND)
def test_the_command_ends_as_it_must(name, tmp_path, short):
    case = CASES[name]
    tree = answers(tmp_path, file_of(case))
    limit = short if case.is_late else LONG
    command = Command(tmp_path, KATA, f"--tree={tree}", f"--limit={limit}")
    (entry,) = command.entries()
    assert_ends(case, entry, tree)
    assert command.process.returncode == 1
    assert "Traceback" not in command.said()


def test_a_right_answer_is_solved_after_all_of_them(checked, tmp_path):
    command = Command(tmp_path, KATA, f"--tree={answers(tmp_path, ANSWER.encode())}")
    (entry,) = command.entries()
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
    (result,) = Runner(answers(tmp_path, (sleepers + ANSWER).encode())).results([KATA])
    assert result.outcome == "solved"
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


def test_other_katas_are_unaffected(tmp_path, pace):
    """One kata dies, one hangs, one is right: each gets its own verdict."""
    right = "gradients/straight_through"
    texts = {
        KATA: f"{ANSWER}\nimport os\nos._exit(0)\n",
        "gradients/gradient_reversal": "import time\nwhile True: time.sleep(1)\n",
        right: layout.source_file(right, layout.REFERENCE).read_text(encoding="utf-8"),
    }
    for kata, text in texts.items():
        file = layout.source_file(kata, tmp_path)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    command = Command(tmp_path, *texts, f"--tree={tmp_path}", f"--limit={in_time(pace)}")
    outcomes = [entry["outcome"] for entry in command.entries()]
    assert outcomes == ["crashed", "timed out", "solved"]
    assert command.process.returncode == 1
    assert command.errors.read_text() == ""


def in_time(pace):
    """A limit for what hangs that leaves the others enough, in company."""
    return max(3, 4 * pace)


SAVED = ["segmentation fault", "os._exit at import", "endless loop at import"]
SAVED += ["messages without end", "gone", "100 MB of output", "a message of the wrong form"]


def test_a_watched_file_may_do_so_too_one_save_after_the_other(tmp_path, pace):
    tree = answers(tmp_path, ANSWER.encode())
    file = layout.source_file(KATA, tree)
    command = Command(tmp_path, KATA, "--watch", f"--tree={tree}", f"--limit={in_time(pace)}")
    with command.ended():
        assert next_verdict(command)["outcome"] == "solved"
        for name in SAVED:
            save(file, file_of(CASES[name]))
            assert_ends(CASES[name], next_verdict(command), tree)
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
