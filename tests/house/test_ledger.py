"""A verdict is kept under all that it depends on, and outlives whatever kills the process."""

import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

from dojo import layout
from dojo.cohort import judges
from dojo.cohort.ledger import Ledger, LedgerError, key_of
from dojo.results import Failure, Kind, Outcome, RanTest, Result

KATA = "losses/focal_loss"
WRONG = Result(
    KATA,
    Outcome.WRONG,
    (Failure("test_1_a", "expected 1,\ngot 2", "the wrong sign", "printed \udc80", Kind.PROOF),),
    (RanTest("test_1_a", False, 0.25),),
    ("test_1_a", "test_2_b"),
    1.5,
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "report" / "grades.db"


def test_what_is_kept_is_found_as_it_was(file):
    with Ledger(file) as ledger:
        assert ledger.find("k", KATA) is None
        ledger.keep("k", WRONG, ["line 3: eval"])
    with Ledger(file) as ledger:
        assert ledger.find("k", KATA) == (WRONG, ["line 3: eval"])
        assert ledger.find("other", KATA) is None
        assert ledger.remark == ""


def test_a_later_verdict_takes_the_place_of_the_first(file):
    with Ledger(file) as ledger:
        ledger.keep("k", WRONG, [])
        ledger.keep("k", Result(KATA, Outcome.SOLVED), [])
        assert ledger.find("k", KATA)[0].outcome is Outcome.SOLVED


def test_a_fault_of_the_examiner_s_is_tried_again(file):
    with Ledger(file) as ledger:
        ledger.keep("k", Result(KATA, Outcome.BROKEN), [])
        assert ledger.find("k", KATA) is None


def test_any_difference_is_another_key():
    base = (KATA, b"x = 1\n", "judges", "60 s")
    other = ("losses/tversky", b"x = 2\n", "judges2", "61 s")
    keys = {key_of(*base)}
    for place in range(4):
        changed = [*base]
        changed[place] = other[place]
        keys.add(key_of(*changed))
    # Nor do two parts run into one another.
    keys.add(key_of(KATA, b"x = 1\n", "judges6", "0 s"))
    assert len(keys) == 6
    assert key_of(*base) in keys


WRITES = """
import sys
from pathlib import Path
from dojo.cohort.ledger import Ledger
from dojo.results import Outcome, Result

ledger = Ledger(Path(sys.argv[1]))
for number in range(10**6):
    ledger.keep(str(number), Result("losses/focal_loss", Outcome.SOLVED), ["x" * 3000])
    print(number, flush=True)
"""


def test_kill_9_loses_nothing_that_was_kept(file):
    for _ in range(3):
        writing = subprocess.Popen(
            [sys.executable, "-c", WRITES, file], cwd=layout.ROOT, stdout=subprocess.PIPE, text=True
        )
        for line in writing.stdout:
            if int(line) >= 40:
                break
        writing.send_signal(signal.SIGKILL)
        last = int(([line, *writing.stdout])[-1])
        writing.wait()
        with Ledger(file) as ledger:
            assert ledger.remark == ""
            assert all(ledger.find(str(number), KATA) for number in range(last + 1))


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(file):
    with Ledger(file) as ledger:
        ledger.keep("k", WRONG, [])
    file.write_bytes(b"no database" * 1000)
    with Ledger(file) as ledger:
        assert ledger.find("k", KATA) is None
        (aside,) = file.parent.glob("grades.db.damaged-*")
        assert aside.read_bytes().startswith(b"no database")
        assert (
            ledger.remark
            == f"{file} could not be read, and is now {aside.name}: all is graded anew"
        )


def test_a_verdict_that_cannot_be_read_is_graded_anew(file):
    with Ledger(file) as ledger:
        ledger.keep("k", WRONG, [])
    for text in ("{", "[]", '{"outcome": "perfect"}'):
        with sqlite3.connect(file) as db:
            db.execute("UPDATE verdicts SET verdict = ?", (text,))
        with Ledger(file) as ledger:
            assert ledger.find("k", KATA) is None


def test_two_runs_over_one_report_take_turns(file):
    with Ledger(file) as first, Ledger(file) as second:
        first.keep("a", WRONG, [])
        second.keep("b", WRONG, [])
        assert first.find("b", KATA)
        assert second.find("a", KATA)


def test_where_nothing_can_be_written_it_is_said(tmp_path):
    (tmp_path / "report").write_text("a file")
    with pytest.raises(LedgerError, match="cannot be written"):
        Ledger(tmp_path / "report" / "grades.db")


# What judges.


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the project that may be changed."""
    for folder in ("dojo", "tests/support", "tests/losses", "reference/losses"):
        shutil.copytree(layout.ROOT / folder, tmp_path / folder)
    shutil.copy(layout.ROOT / "tests/conftest.py", tmp_path / "tests")
    for name, folder in {"ROOT": ".", "TESTS": "tests", "REFERENCE": "reference"}.items():
        monkeypatch.setattr(layout, name, tmp_path / folder)
    return tmp_path


JUDGES = [
    *("tests/losses/test_focal_loss.py", "reference/losses/focal_loss.py", "tests/conftest.py"),
    *("tests/support/closeness.py", "dojo/check/worker.py", "dojo/shown.py"),
    *("dojo/cohort/oddities.py", "dojo/cohort/bounds.py", "dojo/cohort/cell.py"),
]
NO_JUDGES = ["tests/losses/test_tversky.py", "reference/losses/tversky.py", "dojo/cli.py"]


def test_a_verdict_depends_on_what_judges_and_on_nothing_else(copied):
    def digest():
        return judges.digests([KATA])[KATA]

    seen = {digest()}
    for number, name in enumerate(JUDGES, start=2):
        with (copied / name).open("a") as file:
            file.write("\n# changed\n")
        seen.add(digest())
        assert len(seen) == number, name
    for name in NO_JUDGES:
        (copied / name).write_text("# changed\n")
        assert digest() in seen, name


def test_a_verdict_depends_on_the_versions(monkeypatch):
    before = judges.digests([KATA])
    assert judges.digests([KATA]) == before
    monkeypatch.setattr(judges, "versions", lambda: {"tensorflow": "3.0"})
    assert judges.digests([KATA]) != before
