"""dojo.record.follow_ups: kept, counted, and moved to another machine."""

import json
import sqlite3

import pytest

from dojo.record import database as record
from dojo.record import transfer
from dojo.record.database import Database
from dojo.record.follow_ups import FollowUps


def fill(folder):
    with Database(folder) as database:
        session = database.start_session("interview", 45)
        for text, answered in (("Why?", 2), ("Why not?", 0), ("Why?", 1)):
            FollowUps(database).add("G01", text, answered, session)


def rows(folder):
    query = (
        "SELECT question, text, answered, follow_ups.at, kind, started FROM follow_ups"
        " LEFT JOIN sessions ON sessions.id = session ORDER BY at"
    )
    with Database(folder) as database:
        return [tuple(row) for row in database.db.execute(query)]


def test_they_are_counted_by_question(home):
    fill(home)
    with Database(home) as database:
        assert FollowUps(database).asked("G01") == {"Why?": 2, "Why not?": 1}
        assert FollowUps(database).asked("G02") == {}


def test_a_record_of_before_is_taken_on(home):
    home.mkdir()
    old = sqlite3.connect(home / "dojo.db")
    with_follow_ups = next(i for i, sql in enumerate(record.MIGRATIONS) if "follow_ups" in sql)
    for sql in record.MIGRATIONS[:with_follow_ups]:
        old.executescript(sql)
    old.execute("INSERT INTO reviews (card, at, rating, seconds) VALUES ('question:G01', 1, 3, 9)")
    old.execute(f"PRAGMA user_version = {with_follow_ups}")
    old.commit()
    old.close()
    fill(home)
    with Database(home) as database:
        assert database.db.execute("SELECT COUNT(*) FROM reviews").fetchone()[0] == 1
        assert FollowUps(database).asked("G01").total() == 3


@pytest.fixture
def move(tmp_path, monkeypatch):
    """Exports on one machine, imports on another; `change` is done to the file between."""

    def run(one, other, change=lambda report: None):
        file = tmp_path / "out.json"
        monkeypatch.setenv("DOJO_HOME", str(tmp_path / one))
        transfer.export(file)
        report = json.loads(file.read_text(encoding="utf-8"))
        change(report)
        file.write_text(json.dumps(report), encoding="utf-8")
        monkeypatch.setenv("DOJO_HOME", str(tmp_path / other))
        transfer.load(file)

    return run


def test_they_move_with_their_sitting_and_twice_changes_nothing(move, tmp_path):
    fill(tmp_path / "a")
    with Database(tmp_path / "b") as database:
        database.start_session("rehearsal", None)
    move("a", "b")
    assert rows(tmp_path / "b") == rows(tmp_path / "a")
    assert {row[4] for row in rows(tmp_path / "b")} == {"interview"}
    move("a", "b")
    assert rows(tmp_path / "b") == rows(tmp_path / "a")


def test_an_export_of_before_can_be_read(move, tmp_path):
    fill(tmp_path / "b")
    before = rows(tmp_path / "b")
    move("a", "b", lambda report: report.pop("follow_ups"))
    assert rows(tmp_path / "b") == before


def test_a_worth_that_is_none_is_refused(move, tmp_path):
    fill(tmp_path / "a")
    with pytest.raises(transfer.TransferError, match="follow_ups, entry 2: answered"):
        move("a", "b", lambda report: report["follow_ups"][1].update(answered=7))
