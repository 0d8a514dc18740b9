"""dojo.transfer: the record moves to another machine whole, and merges with what is there."""

import datetime
import json
import os
import random
import time

import pytest

from dojo import layout
from dojo.record import archive
from dojo.record.attempts import Attempts, Entry
from dojo.record.database import Database
from dojo.record.deck import Deck, kata_card
from dojo.results import Outcome, Result

KATA = "losses/focal_loss"
START = datetime.datetime(2026, 1, 5, 8, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
TABLES = ("sessions", "attempts", "checks", "hints", "reviews", "cards")


def fill(folder, seed):
    """A learner's month on one machine."""
    chance = random.Random(seed)
    with Database(folder) as database:
        session = database.start_session("practice", None)
        database.next_hint(KATA, 3)
        for day in range(10):
            at = START + day * DAY + datetime.timedelta(seconds=chance.random() * 9999)
            database.add_check(Result(KATA, Outcome.WRONG, seconds=chance.random()), at.timestamp())
            for card in (kata_card(KATA), "question:G01"):
                Deck(database).rate(card, chance.choice([1, 2, 3, 4]), session=session, at=at)
            entry = Entry(KATA, 25, session, at.timestamp(), outcome="solved", causes=("x",))
            Attempts(database).write(entry)


def content(folder):
    """All that the file holds, without the numbers that differ from machine to machine."""
    with Database(folder) as database:
        found = {}
        for table in TABLES:
            rows = [dict(row) for row in database.db.execute(f"SELECT * FROM {table}")]
            for row in rows:
                for column in ("session", "pid", "beat") + (("id",) if table != "cards" else ()):
                    row.pop(column, None)
            found[table] = sorted(rows, key=str)
    return found


@pytest.fixture
def machines(tmp_path, dojo):
    """Runs a command on machine "a" or "b"."""

    def run(machine, *arguments):
        return dojo(*arguments, env=os.environ | {"DOJO_HOME": str(tmp_path / machine)})

    return run


def test_an_empty_machine_becomes_the_same(machines, tmp_path, monkeypatch):
    fill(tmp_path / "a", 1)
    monkeypatch.setenv("DOJO_HOME", str(tmp_path / "a"))
    tree = tmp_path / "answers"
    layout.source_file(KATA, tree).parent.mkdir(parents=True)
    layout.source_file(KATA, tree).write_text("mine = 1  # ü\n", encoding="utf-8")
    copy = archive.keep(KATA, tree)
    assert machines("a", "export", tmp_path / "out.json").returncode == 0
    done = machines("b", "import", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "b") == content(tmp_path / "a")
    moved = tmp_path / "b" / copy.relative_to(tmp_path / "a")
    assert moved.read_text(encoding="utf-8") == "mine = 1  # ü\n"


def test_importing_twice_changes_nothing(machines, tmp_path):
    fill(tmp_path / "a", 1)
    machines("a", "export", tmp_path / "out.json")
    machines("b", "import", tmp_path / "out.json")
    before = content(tmp_path / "b")
    done = machines("b", "import", tmp_path / "out.json")
    assert "0 attempts, 0 checks, 0 reviews, 0 files" in done.stdout
    assert content(tmp_path / "b") == before


def test_two_machines_become_one_in_either_direction(machines, tmp_path):
    for name, seed in [("a", 1), ("b", 2)]:
        fill(tmp_path / name, seed)
        machines(name, "export", tmp_path / f"{name}.json")
    machines("a", "import", tmp_path / "b.json")
    machines("b", "import", tmp_path / "a.json")
    both = content(tmp_path / "a")
    assert len(both["attempts"]) == 20
    assert both == content(tmp_path / "b")


def test_attempts_stay_with_their_sitting(machines, tmp_path):
    fill(tmp_path / "a", 1)
    with Database(tmp_path / "b") as database:
        for _ in range(3):
            database.start_session("rehearsal", None)
    machines("a", "export", tmp_path / "out.json")
    machines("b", "import", tmp_path / "out.json")
    with Database(tmp_path / "b") as database:
        query = "SELECT DISTINCT kind FROM attempts JOIN sessions ON sessions.id = session"
        assert [row[0] for row in database.db.execute(query)] == ["practice"]


def test_what_ran_there_does_not_run_here(machines, tmp_path):
    with Database(tmp_path / "a") as database:
        session = database.start_session("practice", None)
        Attempts(database).write(Entry(KATA, 25, session, time.time(), pid=os.getpid()))
    machines("a", "export", tmp_path / "out.json")
    machines("b", "import", tmp_path / "out.json")
    assert content(tmp_path / "b")["attempts"][0]["outcome"] == "left"


@pytest.fixture
def exported(machines, tmp_path):
    fill(tmp_path / "a", 1)
    machines("a", "export", tmp_path / "out.json")
    return json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))


def change(path, value):
    """Returns a function that sets one thing in an export."""

    def apply(report):
        *way, last = path
        for step in way:
            report = report[step]
        report[last] = value

    return apply


BROKEN = {
    "of another program": (change(["dojo"], "x"), "no export"),
    "of a newer version": (change(["version"], 99), "version 99"),
    "a table is missing": (lambda report: report.pop("attempts"), "attempts is no list"),
    "a column is missing": (lambda report: report["checks"][3].pop("at"), "checks, entry 4: at"),
    "a text for a number": (change(["attempts", 0, "seconds"], "1"), "entry 1: seconds"),
    "true for a number": (change(["attempts", 0, "hints"], True), "entry 1: hints"),
    "not finite": (change(["attempts", 0, "seconds"], float("nan")), "entry 1: seconds"),
    "no such rating": (change(["reviews", 0, "rating"], 9), "entry 1: rating"),
    "no such outcome": (change(["checks", 0, "outcome"], "fine"), "entry 1: outcome"),
    "causes that are no list": (change(["attempts", 0, "causes"], "{"), "entry 1: causes"),
    "a time beyond time": (change(["reviews", 0, "at"], 1e300), "entry 1: at"),
    "less than no time": (change(["attempts", 0, "seconds"], -60), "entry 1: seconds"),
    "an answer in less": (change(["reviews", 0, "seconds"], -0.5), "entry 1: seconds"),
    "more than 64 bits": (change(["attempts", 0, "hints"], 2**63), "entry 1: hints"),
    "half a character": (change(["checks", 0, "said"], "\ud800"), "entry 1: said"),
    "a kata that moves the cursor": (change(["attempts", 0, "kata"], "a/\x1b[2J"), "1: kata"),
    "a row that is no object": (change(["checks", 0], 3), "entry 1: it is no object"),
    "a file elsewhere": (change(["files", "../../evil.py"], "x"), "no file of an export"),
    "an absolute file": (change(["files", "/tmp/evil.py"], "x"), "no file of an export"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_damaged_file_is_refused_whole_in_one_line(machines, tmp_path, exported, name):
    damage, says = BROKEN[name]
    damage(exported)
    (tmp_path / "bad.json").write_text(json.dumps(exported), encoding="utf-8")
    before = content(tmp_path / "b")
    done = machines("b", "import", tmp_path / "bad.json")
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert content(tmp_path / "b") == before


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"dojo": 1', "\udcff"])
def test_what_is_no_export_is_refused(machines, tmp_path, text):
    (tmp_path / "bad.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    done = machines("b", "import", tmp_path / "bad.json")
    assert done.returncode == 1
    assert "is no export" in done.stderr


def test_a_file_that_is_not_there_is_told(machines, tmp_path):
    done = machines("b", "import", tmp_path / "none.json")
    assert done.returncode == 1
    assert "No such file" in done.stderr


def test_an_export_replaces_an_export_and_nothing_else(machines, tmp_path, exported):
    assert machines("a", "export", tmp_path / "out.json").returncode == 0
    (tmp_path / "mine.json").write_text('{"mine": 1}')
    done = machines("a", "export", tmp_path / "mine.json")
    assert done.returncode == 1
    assert (tmp_path / "mine.json").read_text() == '{"mine": 1}'


def test_an_export_has_a_name_that_says_so(machines, tmp_path):
    assert machines("a", "export", tmp_path / "answer.py").returncode == 2
