"""What failed last is told first, while the rest still runs; the verdict is as without it."""

import contextlib
import json

import pytest

from dojo import layout
from dojo.check.reports import write_json
from dojo.check.runner import Runner
from dojo.content.traps import read_traps
from dojo.record.database import Database
from dojo.results import Failure, Kind, Outcome, RanTest, Result
from tests.house.terminals import Terminal

KATA = "gradients/clip_by_value"
SHOWN = "test_2_is_shown"
CONFTEST = """
import pathlib
import tests.conftest
from tests.conftest import *
tests.conftest.TESTS = pathlib.Path("{}")
"""
# The answer says what the tests find; the first one ends when the test here lets it.
SUITE = '''"""Three clauses."""
import pathlib
import time

import tensorflow as tf
from tests.support.closeness import assert_close


def expect(kata, clause):
    got = tf.constant(2.0 if kata.fails(clause) else 1.0)
    assert_close(got, 1.0, call=f"f({clause})", oracle="hand", rtol=1e-6, bugs={"a mistake": 2.0})


def wait_until(there):
    end = time.monotonic() + 20
    while not there() and time.monotonic() < end:
        time.sleep(0.01)


def test_1_waits(kata):
    pathlib.Path(GATE).with_name("begun").touch()
    wait_until(lambda: not pathlib.Path(GATE).exists())
    expect(kata, 1)


def test_2_is_shown(kata):
    # Alone in its process, it may be ready before the suite has said how many tests it has.
    wait_until(pathlib.Path(GATE).with_name("begun").exists)
    expect(kata, 2)


def test_3_comes_last(kata):
    expect(kata, 3)
'''


def failing(*clauses):
    return f"def fails(clause):\n    return clause in {clauses!r}\n"


# In the order of the suite clause 3 fails; alone or first, no other test would.
KEEPS_STATE = """
asked = []


def fails(clause):
    asked.append(clause)
    return clause == 3 and asked[0] == 1
"""
HANGS = """
import time


def fails(clause):
    while clause == 2: time.sleep(0.1)
    return clause == 1
"""
LEAVES = """
import os


def fails(clause):
    return os._exit(7) if clause == 2 else clause == 1
"""


@pytest.fixture
def gate(tmp_path):
    """While this file exists, the first test waits."""
    return tmp_path / "gate"


@pytest.fixture
def file(tmp_path, monkeypatch, gate):
    folder = tmp_path / "tests" / "gradients"
    folder.mkdir(parents=True)
    monkeypatch.setattr(layout, "TESTS", tmp_path / "tests")
    # On a busy machine a test of no length may take longer than a learner is to wait.
    monkeypatch.setattr("dojo.check.runner.FIRST_LIMIT", 60.0)
    (folder / "conftest.py").write_text(CONFTEST.format(tmp_path / "tests"))
    (folder / "test_clip_by_value.py").write_text(SUITE.replace("GATE", repr(str(gate))))
    file = layout.source_file(KATA, tmp_path / "answers")
    file.parent.mkdir(parents=True)
    return file


@pytest.fixture
def check(file, gate):
    """Returns the first words on an answer, and its verdict; the suite waits for them."""

    def run(answer, shown=SHOWN, wait=True, **how):
        file.write_text(answer, encoding="utf-8")
        runner = Runner(file.parent.parent, failing={KATA: shown} if shown else {}, **how)
        if wait:
            gate.touch()
        events = []
        for event in runner.check([KATA]):
            events.append(event)
            if event.kind in ("first", "finished"):
                gate.unlink(missing_ok=True)
        return [e for e in events if e.kind == "first"], events[-1].result

    return run


def report(result, folder):
    """What the JSON says of a kata, but for the time it took."""
    write_json(folder / "out.json", "answers", [result])
    (entry,) = json.loads((folder / "out.json").read_text(encoding="utf-8"))["katas"]
    del entry["seconds"]
    return entry


def test_what_still_fails_is_told_while_the_rest_runs(check):
    (word,), result = check(failing(2))
    assert (word.test, word.done, word.total) == (SHOWN, 0, 3)
    assert word.failure == result.failures[0]


def test_what_passes_now_is_told_as_well(check):
    (word,), result = check(failing(3))
    assert (word.test, word.failure) == (SHOWN, None)
    assert [f.test for f in result.failures] == ["test_3_comes_last"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (failing(1, 2, 3), 1),
        (failing(), 1),
        (KEEPS_STATE, 1),
        (LEAVES, 0),
        ("raise ValueError('no')\n", 1),
    ],
    ids=["all fail", "none", "state", "leaves", "raises"],
)
def test_the_verdict_is_as_without_it(check, tmp_path, answer, words):
    told, after = check(answer, wait=False)
    assert len(told) == words
    _, before = check(answer, shown="", wait=False)
    assert report(after, tmp_path) == report(before, tmp_path)


def test_a_hang_hides_no_failure_before_it(check):
    """It costs the first word, and nothing else."""
    told, result = check(HANGS, wait=False, limit=8)
    assert told == []
    assert result.outcome is Outcome.WRONG
    assert [f.test for f in result.failures] == ["test_1_waits", SHOWN]


def test_a_test_that_is_gone_has_no_word(check):
    told, result = check(failing(2), shown="test_2_under_its_old_name", wait=False)
    assert told == []
    assert [f.test for f in result.failures] == [SHOWN]


def test_the_runner_remembers_over_what_no_test_has_seen(file):
    runner = Runner(file.parent.parent)

    def words(answer):
        file.write_text(answer, encoding="utf-8")
        return [e.test for e in runner.check([KATA]) if e.kind == "first"]

    assert words(failing(2)) == []
    assert words("def f(:\n") == []
    assert words(failing(2)) == [SHOWN]
    assert words(failing()) == [SHOWN]
    assert words(failing(2)) == []


def test_the_processes_that_wait_are_used(file, gate):
    with contextlib.closing(Runner(file.parent.parent, failing={KATA: SHOWN})) as runner:
        runner.prepare(KATA)
        waiting = [spare.process for spare in runner._spares]
        while not all(process.pid for process in waiting):
            waiting[0].exit_status(0.01)
        note = file.with_name("pids")
        noting = f"import os\nopen({str(note)!r}, 'a').write(f'{{os.getpid()}} ')\n"
        gate.touch()
        file.write_text(noting + failing(2), encoding="utf-8")
        for event in runner.check([KATA]):
            if event.kind == "first":
                gate.unlink()
        assert set(map(int, note.read_text().split())) == {process.pid for process in waiting}


def test_of_several_katas_none_has_a_word(file):
    """Their verdicts come one by one, and the cores have enough to do."""
    file.write_text(failing(2), encoding="utf-8")
    runner = Runner(file.parent.parent, failing={KATA: SHOWN})
    kinds = [event.kind for event in runner.check([KATA, "losses/no_such_file"])]
    assert "first" not in kinds
    assert kinds.count("finished") == 2


def verdict(outcome, *tests):
    failures = [Failure(test, "far", kind=Kind.NUMBERS) for test in tests]
    names = ["test_1_a", "test_2_b"]
    return Result(KATA, outcome, failures, [RanTest(name, False, 0.1) for name in tests], names)


def test_the_record_knows_what_was_shown(home):
    with Database(home) as database:
        assert database.failing() == {}
        database.add_check(verdict(Outcome.WRONG, "test_1_a"))
        database.add_check(verdict(Outcome.WRONG, "test_2_b", "test_1_a"))
        database.add_check(verdict(Outcome.WRONG, ""))
        assert database.failing() == {KATA: "test_1_a"}
        database.add_check(verdict(Outcome.SOLVED))
        assert database.failing() == {}


# The command on a tree that it takes for the learner's own, whose checks are recorded.
OWN_TREE = """
import sys
from pathlib import Path
from dojo import layout
layout.KATAS = Path(sys.argv[1])
from dojo.cli import main
sys.exit(main(sys.argv[2:]))
"""


def test_the_next_command_knows_what_failed(tmp_path):
    file = layout.source_file(KATA, tmp_path / "own")
    file.parent.mkdir(parents=True)
    wrong = next(trap for trap in read_traps(KATA) if trap.cause)
    file.write_text(wrong.source(), encoding="utf-8")
    check = (tmp_path / "own", "check", KATA)
    with Terminal(*check, program=("-c", OWN_TREE)) as terminal:
        terminal.until("1 wrong", seconds=180)
        assert terminal.end() == 1
    with Terminal(*check, "--watch", program=("-c", OWN_TREE)) as terminal:
        # Not on the screen for long: what is read is all that was written.
        for _ in range(2):
            terminal.child.expect_exact("still running")
            terminal.child.expect_exact(wrong.cause)
            terminal.child.expect_exact("watching; Ctrl-C ends")
            file.write_text(f"{wrong.source()}\n# again\n", encoding="utf-8")
