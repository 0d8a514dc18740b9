"""Every check's text is kept: which, how long, and how one walks through them and back."""

import contextlib
import dataclasses
import datetime
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from dojo import cli, layout
from dojo.check import command
from dojo.check.opened import LARGEST, plain_content
from dojo.check.run import Run
from dojo.check.runner import Runner
from dojo.check.untouched import static_verdict
from dojo.content import catalogue, stubs
from dojo.record import archive, database, kept, saves, texts
from dojo.record.attempts import GIVEN_UP, SOLVED, Attempts, Entry
from dojo.record.database import Database
from dojo.results import Failure, Kind, Outcome, RanTest, Result
from dojo.sitting import debrief, replay
from dojo.sitting.attempt import Attempt
from dojo.sitting.book import Book
from dojo.sitting.clock import Clock
from dojo.sitting.difference import between_saves
from tests.house.terminals import Terminal

KATA = "gradients/clip_by_value"
OTHER = "losses/focal_loss"
STUB = stubs.pristine(KATA).encode()
NAMES = [f"test_{clause}_x" for clause in (1, 2, 3)]
DAY = 86400.0
START = datetime.datetime(2026, 1, 5, 12).timestamp()


def verdict(text, passed=0, kata=KATA, cause=None):
    """What a check of a text has found: so many of three clauses pass."""
    tests = [RanTest(name, clause <= passed, 0.1) for clause, name in enumerate(NAMES, 1)]
    kind = Kind.PROOF if cause else Kind.NUMBERS
    failures = [Failure(name, "f(x)", cause, kind=kind) for name in NAMES[passed:]]
    outcome = Outcome.WRONG if failures else Outcome.SOLVED
    return Result(kata, outcome, failures, tests, NAMES, 0.5, text)


@pytest.fixture
def record(home):
    with Database(home) as found:
        yield found


@pytest.fixture
def here(capsys):
    """Runs a command in this process, with output to pipes."""

    def run(*arguments):
        capsys.readouterr()
        status = cli.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return SimpleNamespace(returncode=status, stdout=said.out, stderr=said.err)

    return run


def files():
    return {path.stem: path.read_bytes() for path in texts.file_of("").parent.glob("*")}


def rows(record, columns="text"):
    return [tuple(row) for row in record.db.execute(f"SELECT {columns} FROM checks ORDER BY at")]


# What is kept


ODD = {
    "latin-1": "# é\n".encode("latin-1"),
    "other line ends": b"x = 1\r\ny = 2\r",
    "no end": b"x = 1",
    "no text": bytes(range(256)),
    "nothing": b"",
    "2 MB": b"x = 1  # " + b"\xff" * 2_000_000,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_a_text_is_kept_byte_for_byte(record, text):
    assert record.add_check(verdict(text)) == ""
    ((digest,),) = rows(record)
    assert texts.read(digest) == text
    assert files() == {digest: text}


def test_a_text_that_is_checked_again_is_kept_once(record):
    for _ in range(3):
        record.add_check(verdict(b"x = 1\n"))
    record.add_check(verdict(b"x = 1\n", kata=OTHER))
    assert len(files()) == 1
    assert len(rows(record)) == 4


def test_a_verdict_without_a_text_is_recorded_as_before(record):
    record.add_check(verdict(None))
    assert rows(record) == [(None,)]
    assert files() == {}


def within_the_bound(checks, most):
    """The rule, slow and obvious: the newest of all, and the last of each kata's day."""
    last = {}
    for kata, at, text in checks:
        day = datetime.datetime.fromtimestamp(at).date()
        last[kata, day, text] = max(at, last.get((kata, day, text), 0))
    new = sorted(last, key=last.get)[-most:]
    ends = [
        max((key for key in last if key[:2] == of), key=last.get) for of in {k[:2] for k in last}
    ]
    return {text for _, _, text in [*new, *ends]}


@pytest.mark.parametrize("seed", range(2))
def test_kept_are_the_newest_and_the_last_of_each_older_day(record, monkeypatch, seed):
    monkeypatch.setattr(texts, "MOST", 7)
    chance, done = random.Random(seed), []
    at = START
    for _ in range(150):
        at += chance.random() * 3 * 3600
        # Few texts: the same one comes back on other days, and in other katas.
        kata, text = chance.choice([KATA, OTHER]), b"x = %d\n" % chance.randrange(40)
        record.add_check(verdict(text, kata=kata), at)
        done.append((kata, at, text))
    assert set(files().values()) == within_the_bound(done, 7)
    # What a row inside the bound needs is there, and nothing that no row names.
    assert set(files()) == {row[0] for row in record.db.execute("SELECT text FROM saves")}
    assert texts.thin_out(record.db) == set()


def test_letting_go_reads_no_check_and_sorts_nothing(record):
    """So its time does not grow with the record."""
    plan = record.db.execute(f"EXPLAIN QUERY PLAN {texts._SUPERFLUOUS}", (9, 9)).fetchall()
    steps = [row["detail"] for row in plan]
    assert not [step for step in steps if "TEMP B-TREE" in step or "checks" in step], steps
    assert any("saves_by_time" in step for step in steps)


def test_a_day_is_the_learners_own(record, monkeypatch):
    """Eleven at night and one in the morning are two days here, and one in UTC."""
    monkeypatch.setattr(texts, "MOST", 1)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        for hour in (23, 25, 50):
            at = datetime.datetime(2026, 1, 5).timestamp() + hour * 3600
            record.add_check(verdict(b"x = %d\n" % hour), at)
    time.tzset()
    assert set(files().values()) == {b"x = 23\n", b"x = 25\n", b"x = 50\n"}


def test_where_a_text_cannot_be_kept_the_verdict_is_recorded_and_one_line_says_why(home, record):
    (home / "saves").write_text("a file where the folder should be")
    screen = io.StringIO()
    found = [verdict(b"x = 1\n"), verdict(b"y = 1\n", kata=OTHER)]
    command.record(found, Console(file=screen, width=200))
    assert rows(record) == [(None,), (None,)]
    assert screen.getvalue().count("\n") == 1
    assert "cannot be kept" in screen.getvalue()


def test_a_disk_that_is_full_in_the_middle_leaves_no_half_text(record, monkeypatch):
    def half(self, content):
        with open(self, "wb") as file:
            file.write(content[:3])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(texts.file_of("")), "write_bytes", half)
        assert "No space left" in record.add_check(verdict(b"x = 1\n"))
    assert files() == {}
    assert rows(record) == [(None,)]


def test_a_damaged_text_is_noticed_and_mended_by_the_next_check_of_it(record):
    record.add_check(verdict(b"x = 1\n"))
    ((digest,),) = rows(record)
    texts.file_of(digest).write_bytes(b"x = 2\n")
    with pytest.raises(texts.TextError, match="damaged"):
        texts.read(digest)
    record.add_check(verdict(b"x = 1\n"))
    assert texts.read(digest) == b"x = 1\n"


BUSY = """
import itertools, sys
from dojo.record import texts
from dojo.record.database import Database
from dojo.results import Outcome, Result
texts.MOST = 5
with Database() as record:
    print("begun", flush=True)
    for number in itertools.islice(itertools.count(), int(sys.argv[1])):
        # Both write the same few texts, and let go of them all the time.
        text = b"x = %d\\n" % (number % 23)
        record.add_check(Result("gradients/clip_by_value", Outcome.WRONG, text=text))
"""


def busy(number):
    """Another process that checks and checks."""
    arguments = [sys.executable, "-c", BUSY, str(number)]
    return subprocess.Popen(arguments, cwd=layout.ROOT, stdout=subprocess.PIPE)


def assert_whole(home):
    """Every text that a row needs is there, and as it was."""
    with Database(home) as record:
        assert record.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for (digest,) in record.db.execute("SELECT text FROM saves").fetchall():
            texts.read(digest)


def test_two_processes_at_once(home):
    both = [busy(150), busy(150)]
    assert [process.wait() for process in both] == [0, 0]
    assert_whole(home)
    with Database(home) as record:
        assert len(rows(record)) == 300
        assert set(files()) == {row[0] for row in record.db.execute("SELECT text FROM saves")}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system kills in another way")
def test_a_kill_at_any_moment(home):
    for _ in range(4):
        process = busy(10**9)
        process.stdout.readline()
        time.sleep(random.random() * 0.1)
        process.kill()
        process.wait()
        assert_whole(home)


def test_a_record_of_before_there_were_saves_goes_on(home):
    before = next(i for i, step in enumerate(database.MIGRATIONS) if "CREATE TABLE saves" in step)
    home.mkdir()
    with contextlib.closing(sqlite3.connect(home / "dojo.db")) as db:
        for step in database.MIGRATIONS[:before]:
            db.executescript(step)
        db.execute(
            "INSERT INTO checks (kata, at, outcome, passed, total, seconds)"
            f" VALUES ('{KATA}', {START}, 'wrong', 7, 14, 1.0)"
        )
        db.execute(f"PRAGMA user_version = {before}")
        db.commit()
    with Database(home) as record:
        record.add_check(verdict(b"x = 1\n", 2))
        found, without = saves.of_kata(record, KATA)
    assert [save.progress for save in found] == ["2 of 3 clauses"]
    assert without == 1


# What was really checked


ANSWER = layout.source_file(KATA, layout.REFERENCE).read_bytes()


@pytest.fixture
def tree(tmp_path):
    file = layout.source_file(KATA, tmp_path / "answers")
    file.parent.mkdir(parents=True)
    file.write_bytes(STUB)
    return tmp_path / "answers"


def file_in(tree):
    return layout.source_file(KATA, tree)


def test_a_save_after_our_look_and_before_the_process_reads(tree, monkeypatch):
    def look(run):
        seen(run)
        if not looks:
            file_in(tree).write_bytes(ANSWER)
        looks.append(run._seen)

    looks, seen = [], Run.look
    monkeypatch.setattr(Run, "look", look)
    file_in(tree).write_bytes(b"before = 1\n")
    (result,) = Runner(tree).results([KATA])
    assert looks[0] == b"before = 1\n"
    assert result.passed == result.total > 0
    assert result.text == ANSWER


def test_a_save_while_the_tests_run(tree):
    text = ANSWER + b"\nimport pathlib\npathlib.Path(__file__).write_text('later = 1')\n"
    file_in(tree).write_bytes(text)
    (result,) = Runner(tree).results([KATA])
    assert file_in(tree).read_bytes() == b"later = 1"
    assert result.text == text


def test_a_text_that_nobody_has_seen_is_not_guessed(tree, monkeypatch):
    """It was changed before each of our looks: the row stands without a text."""
    monkeypatch.setattr(Run, "look", lambda run: setattr(run, "_seen", b"another = 1\n"))
    file_in(tree).write_bytes(ANSWER)
    (result,) = Runner(tree).results([KATA])
    assert result.passed == result.total > 0
    assert result.text is None


def test_the_text_of_a_process_that_waited_for_the_save(tree):
    with contextlib.closing(Runner(tree)) as runner:
        file_in(tree).write_bytes(b"before = 1\n")
        runner.prepare(KATA)
        wrong = ANSWER.replace(b"return ", b"return 2 * ") + b"# \xc3\xa9\r\n"
        file_in(tree).write_bytes(wrong)
        (result,) = runner.results([KATA])
    assert result.outcome is Outcome.WRONG
    assert result.text == wrong


def test_what_an_answer_puts_in_its_own_place_keeps_nobody_waiting(tree):
    """A pipe without a writer; a file that is as large as it likes; nothing; a folder."""
    file = file_in(tree)
    assert plain_content(file) == STUB
    file.unlink()
    assert plain_content(file) is None
    os.mkfifo(file)
    assert plain_content(file) is None
    file.unlink()
    with file.open("wb") as large:
        large.truncate(LARGEST + 1)
    assert plain_content(file) is None
    assert plain_content(file.parent) is None


UNREADABLE = {
    "a syntax error": b"def f(:\n",
    "latin-1": "# é\nx = 1\n".encode("latin-1"),
    "empty": b"",
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_the_text_of_a_verdict_without_tensorflow(tree, text):
    file_in(tree).write_bytes(text)
    assert static_verdict(KATA, tree).text == text


@pytest.mark.parametrize("own", [True, False])
def test_a_check_of_ones_own_tree_keeps_its_text(tree, record, monkeypatch, own, capsys):
    if own:
        monkeypatch.setattr(layout, "KATAS", tree)
    file_in(tree).write_bytes(b"def f(:\n")
    options = command.CheckOptions([KATA], tree, 60.0)
    assert command.check(options) == 1
    assert list(files().values()) == ([b"def f(:\n"] if own else [])
    if own:
        ((outcome, said),) = rows(record, "outcome, said")
        assert outcome == "wrong"
        assert "SyntaxError: invalid syntax" in said


def test_an_untouched_stub_is_not_kept(tree, record):
    command.record([static_verdict(KATA, tree)], Console(file=io.StringIO()))
    assert rows(record) == []
    assert files() == {}


# The replay


def add_three(record):
    """A first text, checked twice; a better one; one that was solved."""
    first = STUB + b"x = 1\n"
    record.add_check(verdict(first, 1), START)
    record.add_check(verdict(first, 1), START + 60)
    cause = "these are exactly the numbers of: the upstream dropped"
    record.add_check(verdict(STUB + b"x = 2\n", 2, cause=cause), START + 400)
    record.add_check(verdict(STUB + b"y = 3\n", 3), START + 400 + 3 * DAY)


def test_a_replay_prints_each_save_with_its_verdict_and_what_it_changed(here, record):
    record.add_check(verdict(None), START - 9)
    add_three(record)
    done = here("history", "clip_by_value", "--replay")
    assert done.returncode == 0, done.stderr
    head, first, second, third = done.stdout.split("\nsave ")
    assert "1 check left out" in head
    assert "2026-01-05 12:00:00, against the stub" in first
    assert "✗ wrong, 1 of 3 clauses, checked 2 times" in first
    assert "+x = 1" in first
    assert "6:40 after the one before" in second
    assert "test_3_x: the upstream dropped" in second
    assert "-x = 1\n+x = 2" in second
    assert "3 days after the one before" in third
    assert "✓ solved, 3 of 3 clauses" in third


def test_a_text_that_is_gone_or_damaged_is_told_and_the_replay_goes_on(here, record):
    add_three(record)
    lost, broken = (row[0] for row in rows(record)[1:3])
    texts.file_of(lost).unlink()
    texts.file_of(broken).write_bytes(b"\0")
    done = here("history", "clip_by_value", "--replay")
    _, first, second, third = done.stdout.split("\nsave ")
    # The path before it may be long, and is folded.
    assert "No such file" in " ".join(first.split())
    assert "is damaged" in " ".join(second.split())
    # Against what is known: the stub.
    changed = [line for line in third.splitlines() if line[:1] in ("+", "-")]
    assert changed == ["+y = 3"]


def test_a_replay_fits_a_narrow_terminal(here, record, monkeypatch):
    add_three(record)
    monkeypatch.setenv("COLUMNS", "40")
    shown = here("history", "clip_by_value", "--replay").stdout
    own = [line for line in shown.splitlines() if line[:1] not in ("+", "-", " ")]
    assert max(map(len, own)) <= 40


def test_a_replay_is_of_one_kata(here):
    for names in ((), ("clip_by_value", "focal_loss"), ("losses/",)):
        done = here("history", *names, "--replay")
        assert done.returncode == 2, names
        assert len(done.stderr.splitlines()) == 1
    assert "No saves of losses/focal_loss yet" in here("history", "focal_loss", "--replay").stdout


DIFFERENT = {
    "the same": (b"x\n", b"x\n", "the same text"),
    "line ends": (b"x\ny\n", b"x\r\ny\r\n", "only line ends"),
    "no end": (b"x\n", b"x", "only line ends"),
    "odd bytes": (b"x\n", b"x\n\xe9\n", "+\\xe9"),
    "control characters": (b"x\n", b"\x1b[31mx\n", "+\\x1b[31mx"),
    "too long": (b"x\n", b"x\n" * 200_000, "400,000 bytes"),
}


@pytest.mark.parametrize(("before", "after", "says"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_one_save_changed(before, after, says):
    assert says in between_saves(before, after).plain


def test_a_replay_goes_step_by_step_in_a_terminal(home, record):
    add_three(record)
    with Terminal(
        "history", "clip_by_value", "--replay", columns=40, env={"DOJO_HOME": str(home)}
    ) as terminal:
        terminal.until("save 1 of 3", "+x = 1", "Enter next")
        assert "save 2 of 3" not in terminal.text
        terminal.press("\r")
        terminal.until("save 2 of 3", "+x = 2")
        terminal.press("b\r")
        terminal.until("save 1 of 3", "against the stub")
        terminal.press("3\r")
        terminal.until("save 3 of 3", "+y = 3", "Enter ends")
        terminal.press("\r")
        assert terminal.end() == 0


@pytest.fixture
def walk(record, tree):
    """Walks through the saves with these answers, and returns what the screen showed."""

    def run(*answers):
        found, _ = saves.of_kata(record, KATA)
        kata, screen, left = catalogue.one(KATA), io.StringIO(), list(answers)
        console = Console(file=screen, width=60)
        console.input = lambda *_: left.pop(0)
        replay.walk(kata, replay.steps_of(kata, found), console, tree)
        assert left == []
        return screen.getvalue()

    return run


def test_r_brings_a_save_back_after_asking_and_keeps_what_is_there(record, walk, tree):
    add_three(record)
    file_in(tree).write_bytes(b"mine = 1\n")
    walk("", "r", "n", "q")
    assert file_in(tree).read_bytes() == b"mine = 1\n"
    shown = walk("", "r", "y", "q")
    assert file_in(tree).read_bytes() == STUB + b"x = 2\n"
    assert "is save 2." in shown
    assert [copy.read_bytes() for copy in archive.copies(KATA)] == [b"mine = 1\n"]


def test_a_save_that_is_gone_is_not_put_back(record, walk, tree):
    add_three(record)
    texts.file_of(rows(record)[0][0]).unlink()
    assert "No such file" in " ".join(walk("r", "q").split())
    assert file_in(tree).read_bytes() == STUB


def test_what_is_not_understood_is_asked_again(record, walk):
    add_three(record)
    shown = walk("x", "9", "", "", "")
    assert shown.count("is not understood") == 2
    assert [shown.count(f"save {number} of 3") for number in (1, 2, 3)] == [1, 1, 1]


# Bringing back


def test_restore_finds_a_save_by_its_time_and_keeps_what_stands_there(here, record, tree):
    add_three(record)
    file_in(tree).write_bytes(b"mine = 1\n")
    for when in (["2026-01-05", "12:06"], ["2026-01-05T12:06"], ["2026-01-05 12:06:40"]):
        done = here("restore", "clip_by_value", *when, "--tree", tree)
        assert done.returncode == 0, done.stderr
        assert file_in(tree).read_bytes() == STUB + b"x = 2\n"
    # What came back twice replaced nothing the second time.
    assert [copy.read_bytes() for copy in archive.copies(KATA)] == [b"mine = 1\n"]


def test_restore_finds_the_last_that_was_solved(here, record, tree):
    add_three(record)
    record.add_check(verdict(STUB + b"spoilt = 4\n", 1), START + 9 * DAY)
    done = here("restore", "clip_by_value", "solved", "--tree", tree)
    assert "2026-01-08 12:06:40, ✓ solved" in done.stdout
    assert file_in(tree).read_bytes() == STUB + b"y = 3\n"


def test_without_a_time_it_is_what_was_put_away_last(here, record, tree):
    """A later check is of what stands in the file already."""
    file_in(tree).write_bytes(b"mine = 1\n")
    archive.reset(KATA, tree)
    record.add_check(verdict(STUB + b"x = 1\n"), time.time() + 9)
    assert here("restore", "clip_by_value", "--tree", tree).returncode == 0
    assert file_in(tree).read_bytes() == b"mine = 1\n"


def test_the_list_is_newest_first_with_verdicts_each_text_once(here, record, tree):
    add_three(record)
    # Put away, too: the same text, later.
    file_in(tree).write_bytes(STUB + b"x = 2\n")
    archive.keep(KATA, tree)
    file_in(tree).write_bytes(b"never = 'checked'\n")
    archive.keep(KATA, tree)
    file_in(tree).write_bytes(STUB + b"y = 3\n")
    done = here("restore", "clip_by_value", "--list", "--tree", tree)
    assert done.returncode == 0
    lines = [line for line in done.stdout.splitlines() if line.startswith("20")]
    assert len(lines) == 4
    assert [line[:19] for line in lines] == sorted((line[:19] for line in lines), reverse=True)
    for line, words in zip(lines, ["not checked", "2 of 3", "✓ solved", "1 of 3"], strict=True):
        assert words in line
    assert "in the file now" in lines[2]
    # What can be pasted brings back something else than what is there.
    assert f"restore clip_by_value {lines[0][:19]}\n" in done.stdout
    assert done.stdout.endswith("restore clip_by_value solved\n")
    assert file_in(tree).read_bytes() == STUB + b"y = 3\n"


@pytest.mark.parametrize("when", [["1999"], ["nonsense"], ["."], ["- :"], []])
def test_where_nothing_fits_it_lists_what_is_kept(here, record, tree, when):
    add_three(record)
    done = here("restore", "clip_by_value", *when, "--tree", tree)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout.startswith("2026-01-08 12:06:40  ✓ solved")
    assert file_in(tree).read_bytes() == STUB


def test_a_damaged_save_is_not_brought_back(here, record, tree):
    add_three(record)
    texts.file_of(rows(record)[-1][0]).write_bytes(b"")
    done = here("restore", "clip_by_value", "solved", "--tree", tree)
    assert done.returncode == 1
    assert "is damaged" in done.stderr
    assert file_in(tree).read_bytes() == STUB


def test_without_the_record_what_was_put_away_comes_back(here, home, tree):
    file_in(tree).write_bytes(b"mine = 1\n")
    archive.reset(KATA, tree)
    (home / "dojo.db").write_bytes(b"no database" * 99)
    done = here("restore", "clip_by_value", "--tree", tree)
    assert done.returncode == 0
    assert "cannot be opened" in done.stderr
    assert file_in(tree).read_bytes() == b"mine = 1\n"


def test_the_name_of_a_copy_still_finds_it(record, tree):
    """The file's name is what `reset` has printed; it is UTC."""
    file_in(tree).write_bytes(b"mine = 1\n")
    copy = archive.keep(KATA, tree)
    found = kept.all_of(KATA, [])
    assert kept.choose(found, copy.stem).path == copy
    assert kept.choose(found, "2019") is None


# Where the time went


def saved(*spent):
    """Saves after so many seconds on the attempt's clock, each a clause further."""
    return [
        saves.Save(f"{i}", 0, 0, Outcome.WRONG, i, 9, "clause", "", "", spent=at)
        for i, at in enumerate(spent)
    ]


def ended(seconds, outcome=SOLVED):
    return Entry(KATA, 25, 1, START, seconds=seconds, outcome=outcome)


def test_the_debrief_says_where_the_time_went():
    assert debrief.time_spent(saved(400, 470, 700), ended(700)) == [
        "   6:40  to the first save: 0 of 9 clauses",
        "   1:10  to the next: 1 of 9 clauses",
        "   3:50  to the next: 2 of 9 clauses",
    ]
    assert debrief.time_spent([], ended(700, GIVEN_UP)) == []


def test_what_came_after_the_last_save_counts_too():
    assert debrief.time_spent(saved(60), ended(700, GIVEN_UP))[-1] == "  10:40  after the last"


@pytest.mark.parametrize("seed", range(3))
def test_of_many_saves_the_short_stretches_are_told_together(seed):
    chance = random.Random(seed)
    gaps = [chance.randrange(1, 30) for _ in range(40)]
    gaps[17] = gaps[23] = 600
    spent = [sum(gaps[: i + 1]) for i in range(40)]
    lines = debrief.time_spent(saved(*spent), ended(spent[-1]))
    assert len(lines) == debrief.MOST_STRETCHES
    # The long ones stand alone, and no second is lost.
    assert "  10:00  to the next: 17 of 9 clauses" in lines
    assert "  10:00  to the next: 23 of 9 clauses" in lines
    times = [line.split()[0].split(":") for line in lines]
    assert sum(int(minutes) * 60 + int(seconds) for minutes, seconds in times) == spent[-1]


def test_an_attempt_keeps_its_saves_by_its_own_clock(record):
    """Also after its process was killed: the record has them. A pause is no time spent."""
    book, now = Book(record), [0.0]
    attempt = Attempt(catalogue.one(KATA), Entry(KATA, 25, 0, time.time()), book, Clock(now.pop))
    for at, result in [
        (20, verdict(b"x\n", 1)),
        (29, verdict(b"x\n", 1)),
        (50, verdict(b"y\n", 2)),
    ]:
        attempt.clock = Clock(lambda: 0.0, spent=at)
        attempt.take(result)
    found = book.saves(attempt.entry)
    assert [(save.spent, save.checks, save.progress) for save in found] == [
        (20, 2, "1 of 3 clauses"),
        (50, 1, "2 of 3 clauses"),
    ]
    assert set(files().values()) == {b"x\n", b"y\n"}
    text = debrief.summary(dataclasses.replace(attempt.entry, seconds=50), None, found).plain
    assert "Where the time went\n   0:20  to the first save: 1 of 3 clauses" in text
    # A check outside of it, and attempts before and after it, are none of its saves.
    record.add_check(verdict(b"earlier\n"), at=attempt.entry.started - 100, spent=1.0)
    record.add_check(verdict(b"z\n"))
    Attempts(record).write(Entry(KATA, 25, 1, time.time()))
    record.add_check(verdict(b"later\n"), spent=1.0)
    assert len(book.saves(attempt.entry)) == 2


def test_an_attempt_says_that_a_text_is_not_kept(home, record):
    (home / "saves").write_text("a file where the folder should be")
    attempt = Attempt(catalogue.one(KATA), Entry(KATA, 25, 0, time.time()), Book(record))
    attempt.start()
    attempt.take(verdict(b"x\n"))
    assert "cannot be kept" in attempt.trouble
    (home / "saves").unlink()
    attempt.take(verdict(b"x\n"))
    assert attempt.trouble == ""


# To another machine


@pytest.fixture
def machines(tmp_path, here, monkeypatch):
    """Runs a command on machine "a", which is here, or "b"."""

    def run(machine, *arguments):
        with monkeypatch.context() as patch:
            patch.setenv("DOJO_HOME", str(tmp_path / ("home" if machine == "a" else machine)))
            return here(*arguments)

    return run


def texts_of(folder):
    return {path.stem: path.read_bytes() for path in (folder / "saves").glob("*")}


def test_saves_move_byte_for_byte_and_only_once(machines, record, tmp_path):
    for number, text in enumerate(ODD.values()):
        record.add_check(verdict(text[:50_000], 1), START + number)
    assert machines("a", "export", tmp_path / "out.json").returncode == 0
    done = machines("b", "import", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    assert texts_of(tmp_path / "b") == files()
    with Database(tmp_path / "b") as other:
        assert saves.of_kata(other, KATA) == saves.of_kata(record, KATA)
    again = machines("b", "import", tmp_path / "out.json")
    assert "0 checks" in again.stdout
    assert "0 files" in again.stdout


def test_an_export_of_before_there_were_saves_is_read(machines, record, tmp_path):
    add_three(record)
    machines("a", "export", tmp_path / "out.json")
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    for row in report["checks"]:
        for column in ("shown", "text", "clauses", "clauses_passed", "said", "spent"):
            del row[column]
    report["files"] = {}
    (tmp_path / "old.json").write_text(json.dumps(report))
    done = machines("b", "import", tmp_path / "old.json")
    assert done.returncode == 0, done.stderr
    with Database(tmp_path / "b") as other:
        assert saves.of_kata(other, KATA) == ([], 4)


def test_what_is_beyond_the_bound_does_not_come_along(record, tmp_path, monkeypatch):
    from dojo.record import transfer

    for number in range(8):
        record.add_check(verdict(b"x = %d\n" % number), START + number)
    transfer.export(tmp_path / "out.json")
    monkeypatch.setenv("DOJO_HOME", str(tmp_path / "b"))
    monkeypatch.setattr(texts, "MOST", 3)
    for _ in range(2):
        transfer.load(tmp_path / "out.json")
        assert set(texts_of(tmp_path / "b").values()) == {b"x = %d\n" % n for n in (5, 6, 7)}


HOSTILE = {
    "a way out": ("saves/../../evil.py", "x"),
    "no hash": ("saves/evil.py", "x"),
    "another text": (f"saves/{texts.digest_of(b'y')}.py", "x"),
    "no base64": (f"saves/{texts.digest_of(b'y')}.py", {"base64": "é"}),
    "a number": (f"saves/{texts.digest_of(b'y')}.py", 3),
    "half a character": (f"saves/{texts.digest_of(b'y')}.py", "\ud800"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_save_is_refused(machines, record, tmp_path, name):
    add_three(record)
    machines("a", "export", tmp_path / "out.json")
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    path, content = HOSTILE[name]
    report["files"][path] = content
    (tmp_path / "bad.json").write_text(json.dumps(report))
    done = machines("b", "import", tmp_path / "bad.json")
    assert done.returncode == 1
    assert "is no file of an export" in done.stderr
    assert not (tmp_path / "b" / "saves").exists()


def test_a_hash_that_is_none_is_refused(machines, record, tmp_path):
    add_three(record)
    machines("a", "export", tmp_path / "out.json")
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    report["checks"][0]["text"] = "../../evil"
    (tmp_path / "bad.json").write_text(json.dumps(report))
    done = machines("b", "import", tmp_path / "bad.json")
    assert done.returncode == 1
    assert "checks, entry 1: text" in done.stderr
