"""dojo.runner, dojo.watch and plain pytest: the ways a check can be made."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from dojo import layout
from dojo.check import environment, processes
from dojo.check.runner import Runner
from dojo.content import stubs
from dojo.results import Outcome

KATA = "gradients/clip_by_value"
ANSWER = layout.source_file(KATA, layout.REFERENCE).read_text(encoding="utf-8")
WRONG = ANSWER.replace("    return clip(x)", "    return clip(x) + 1")


@pytest.fixture
def tree(tmp_path):
    file = layout.source_file(KATA, tmp_path / "answers")
    file.parent.mkdir(parents=True)
    file.write_text(ANSWER, encoding="utf-8")
    return tmp_path / "answers"


def write(tree, text):
    layout.source_file(KATA, tree).write_text(text, encoding="utf-8")


def test_where_there_is_no_fork_the_same_code_runs_in_a_fresh_interpreter(tree, monkeypatch):
    note = tree / "pid"
    noting = f"import os\nopen({str(note)!r}, 'w').write(str(os.getppid()))\n"
    write(tree, f"{WRONG}\n{noting}")
    (forked,) = Runner(tree).results([KATA])
    monkeypatch.setattr(processes, "can_fork", lambda: False)
    (result,) = Runner(tree).results([KATA])
    assert told(result) == told(forked)
    # Nobody stood between this process and the kata's.
    assert int(note.read_text()) == os.getpid()
    # Of a right one, another interpreter confirms it.
    write(tree, ANSWER)
    (result,) = Runner(tree).results([KATA])
    assert (result.outcome, result.failures) == (Outcome.SOLVED, [])


def told(result):
    """All that is said of an answer, but not how long it took."""
    tests = [(test.name, test.passed) for test in result.tests]
    return result.outcome, tests, [(f.test, f.message, f.cause) for f in result.failures]


def test_events_come_in_order_and_count_the_tests(tree):
    events = [e for e in Runner(tree).check([KATA]) if e.kind != "tick"]
    assert [events[0].kind, events[-1].kind] == ["started", "finished"]
    done = [e.done for e in events if e.kind == "tested"]
    assert done == list(range(1, events[-1].result.total + 1))


def test_a_process_that_is_slow_to_answer_still_says_where_it_hangs(tree, monkeypatch):
    """As on a busy machine: it is asked, and is given a core a second later."""
    say = processes.Warm.say

    def say_late(warm, what):
        threading.Timer(1 if "ask" in what else 0, say, [warm, what]).start()

    monkeypatch.setattr(processes.Warm, "say", say_late)
    # Nobody else stops it.
    deaf = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])"
    write(tree, f"import signal\n{deaf}\nwhile True: pass\n")
    (result,) = Runner(tree, limit=2).results([KATA])
    assert result.outcome is Outcome.TIMED_OUT
    assert f"{layout.source_file(KATA, tree)}:3" in result.failures[0].message


def test_of_recursion_without_end_three_tests_are_enough(tree):
    """TensorFlow takes a second to get out of each."""
    write(tree, ANSWER.replace("return clip(x)", "return clip_by_value(x, clip_min, clip_max)"))
    (result,) = Runner(tree).results([KATA])
    assert result.outcome is Outcome.WRONG
    assert len(result.failures) == 3
    assert all("RecursionError" in failure.message for failure in result.failures)


def test_closing_the_iterator_kills_what_runs(tree):
    note = tree / "pid"
    write(tree, f"import os\nopen({str(note)!r}, 'w').write(str(os.getpid()))\nwhile True: pass\n")
    events = Runner(tree).check([KATA])
    while not (note.exists() and note.read_text()):
        next(events)
    events.close()
    assert not is_alive(int(note.read_text()))


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def runner(tree):
    with contextlib.closing(Runner(tree)) as runner:
        yield runner


def prepared(runner):
    """The number of the process that waits."""
    process, end = runner._spares[0].process, time.monotonic() + 60
    while process.pid is None and time.monotonic() < end:
        process.exit_status(0.05)
    return process.pid


def test_a_prepared_process_reads_the_file_as_it_is_when_checked(runner, tree):
    runner.prepare(KATA)
    waiting, note = prepared(runner), tree / "pid"
    write(tree, f"{WRONG}\nimport os\nopen({str(note)!r}, 'w').write(str(os.getpid()))\n")
    (result,) = runner.results([KATA])
    assert int(note.read_text()) == waiting
    (cold,) = Runner(tree).results([KATA])
    assert result.outcome is Outcome.WRONG
    assert [f.message for f in result.failures] == [f.message for f in cold.failures]


def test_a_prepared_process_serves_once_and_never_another_kata(runner, tree):
    runner.prepare(KATA)
    write(tree, ANSWER + "\nimport os\nos._exit(7)\n")
    assert runner.results([KATA])[0].outcome is Outcome.CRASHED
    write(tree, ANSWER)
    runner.prepare("losses/focal_loss")
    assert runner.results([KATA])[0].outcome is Outcome.SOLVED


def test_a_prepared_process_that_died_is_replaced(runner):
    runner.prepare(KATA)
    os.kill(prepared(runner), signal.SIGKILL)
    runner._spares[0].process.exit_status()
    assert runner.results([KATA])[0].outcome is Outcome.SOLVED


def test_a_file_that_sets_tensorflow_up_gets_a_process_where_it_still_can(runner, tree):
    write(tree, "import tensorflow as tf\ntf.config.set_visible_devices([], 'GPU')\n" + ANSWER)
    runner.prepare(KATA)
    assert runner.results([KATA])[0].outcome is Outcome.SOLVED


def test_nothing_of_a_check_stays_behind(tree, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    # What autograph writes goes the way of any temporary file.
    left = f"import tempfile\nassert tempfile.mkstemp()[1].startswith({str(folder)!r})\n"
    write(tree, f"{ANSWER}\n{left}")
    assert Runner(tree).results([KATA])[0].outcome is Outcome.SOLVED
    assert list(folder.glob("dojo-*")) == []


def test_closing_ends_the_prepared_process(runner):
    runner.prepare(KATA)
    waiting = prepared(runner)
    assert is_alive(waiting)
    runner.close()
    assert not is_alive(waiting)


def test_a_part_of_a_suite_can_be_selected(tree):
    (result,) = Runner(tree).results([KATA], select="test_5_")
    assert list(result.clauses) == ["5"]


def test_an_answer_that_writes_only_some_functions_is_wrong(tmp_path):
    kata = "losses/focal_loss"
    file = layout.source_file(kata, tmp_path)
    file.parent.mkdir()
    text = stubs.pristine(kata)
    file.write_text(
        text.replace(
            'raise NotImplementedError("sigmoid_focal_loss")',
            "return tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(labels, tf.float32), logits)",
        ),
        encoding="utf-8",
    )
    (result,) = Runner(tmp_path).results([kata])
    assert result.outcome is Outcome.WRONG
    assert any("not written yet: BinaryFocalLoss" in f.message for f in result.failures)


def test_a_stub_with_only_its_imports_changed_is_not_started(tree):
    write(tree, stubs.pristine(KATA) + "\nimport os\n")
    (result,) = Runner(tree).results([KATA], select="test_1_")
    assert result.outcome is Outcome.NOT_STARTED


def test_what_a_learner_prints_is_shown_and_chatter_is_not(tree):
    write(
        tree,
        ANSWER.replace("    return clip(x)", "    print('x is', x.shape)\n    return clip(x) + 1"),
    )
    (result,) = Runner(tree).results([KATA], select="test_1_")
    assert "x is" in result.failures[0].output
    assert "cuda" not in result.failures[0].output


def test_the_learners_line_is_named_for_an_exception(tree):
    write(tree, ANSWER.replace("    return clip(x)", "    return clip(x) + undefined"))
    (result,) = Runner(tree).results([KATA], select="test_1_")
    message = result.failures[0].message
    line = ANSWER.splitlines().index("    return clip(x)") + 1
    assert "NameError" in message
    assert f"clip_by_value.py:{line}" in message
    assert "return clip(x) + undefined" in message


def test_the_tests_line_is_named_for_a_wrong_signature(tree):
    write(tree, ANSWER.replace("clip_by_value(x, clip_min, clip_max)", "clip_by_value(x)"))
    (result,) = Runner(tree).results([KATA], select="test_1_")
    message = result.failures[0].message
    assert "TypeError: clip_by_value() takes 1 positional argument but 3 were given" in message
    assert "the test calls, at tests/gradients/test_clip_by_value.py:" in message
    assert "kata.clip_by_value(" in message


def test_what_a_compiler_refuses_is_told_in_a_sentence_with_the_learners_line(tree):
    line = "        inside = (low <= x) & (x <= high)"
    refused = "        x = tf.numpy_function(lambda x: x, [x], x.dtype)"
    write(tree, ANSWER.replace(line, f"{refused}\n{line}"))
    (result,) = Runner(tree).results([KATA], select="test_4_every_mode and XLA")
    message = result.failures[0].message
    assert "No registered 'PyFunc'" in message.splitlines()[0]
    assert message.splitlines()[-1].strip() == refused.strip()
    assert "__inference" not in message
    assert len(message.splitlines()) == 4


def test_what_fails_while_it_is_traced_is_told_without_the_frames(tree):
    wrong = "    return clip(x) if tf.executing_eagerly() else undefined"
    write(tree, ANSWER.replace("    return clip(x)", wrong))
    (result,) = Runner(tree).results([KATA], select="test_4_every_mode and graph")
    first, *_, last = result.failures[0].message.splitlines()
    assert first == "NameError: name 'undefined' is not defined"
    assert last.strip() == wrong.strip()


def verdict_of(suite, monkeypatch, folder):
    """Returns the result of checking the model answer by another suite."""
    monkeypatch.setattr(layout, "TESTS", folder)
    (folder / "gradients").mkdir()
    (folder / "gradients" / "conftest.py").write_text("from tests.conftest import *\n")
    (folder / "gradients" / "test_clip_by_value.py").write_text(suite)
    (result,) = Runner(layout.REFERENCE).results([KATA])
    return result


def test_the_fault_of_a_suite_is_not_the_learners(monkeypatch, tmp_path):
    result = verdict_of('"""Broken."""\nimport nothing\n', monkeypatch, tmp_path)
    assert result.outcome is Outcome.BROKEN
    assert "No module named 'nothing'" in result.failures[0].message


BLIND = '''"""Two clauses."""
from tests.support.closeness import BlindTest, mismatch


def test_1_cannot_show():
    raise BlindTest("the listed mistake")
'''
FAR = """

def test_2_is_far():
    raise mismatch("f(x)", expected="1", got="2")
"""


@pytest.mark.parametrize(
    ("suite", "outcome", "reason"),
    [(BLIND, Outcome.BROKEN, "the listed mistake"), (BLIND + FAR, Outcome.WRONG, "f(x)")],
    ids=["alone", "beside a mistake"],
)
def test_a_blind_test_is_the_suites_fault_unless_the_answer_is_wrong(
    monkeypatch, tmp_path, suite, outcome, reason
):
    result = verdict_of(suite, monkeypatch, tmp_path)
    assert result.outcome is outcome
    assert reason in result.failures[0].message
    assert not any(test.passed for test in result.tests)


# In one interpreter: the second finds TensorFlow imported.
PYTEST = """
import sys
import pytest
for options in [], ["--tree=reference"]:
    status = pytest.main(["-q", "-p", "no:cacheprovider", sys.argv[1], *options])
    print(f"status {status:d}", flush=True)
"""


@pytest.fixture(scope="module")
def by_pytest():
    """What plain pytest prints as an IDE runs it, of the stub and of the model answer."""
    file = str(layout.test_file(KATA).relative_to(layout.ROOT))
    done = subprocess.run(
        [sys.executable, "-c", PYTEST, file],
        cwd=layout.ROOT,
        # Compiling well, as XLA does unless told, is no part of what is asked here.
        env=os.environ | {"XLA_FLAGS": environment.variables()["XLA_FLAGS"]},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout.count("\nstatus ") == 2, done.stdout + done.stderr
    return re.findall(r"(.*?)^status (\d)$", done.stdout, re.DOTALL | re.MULTILINE)


def test_plain_pytest_says_what_is_not_written_yet(by_pytest):
    if layout.source_file(KATA, layout.KATAS).read_text() != stubs.pristine(KATA):
        pytest.skip("the learner has been here")
    screen, status = by_pytest[0]
    assert status == "1", screen
    assert "not written yet: clip_by_value" in screen


def test_plain_pytest_takes_another_tree(by_pytest):
    screen, status = by_pytest[1]
    assert status == "0", screen
