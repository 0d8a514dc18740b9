"""dojo.sitting: an attempt without its screen, its clock, its record, and the choice of a kata."""

import dataclasses
import datetime
import subprocess
import sys
import time

import pytest

from dojo import layout
from dojo.check.runner import Event
from dojo.content import stubs
from dojo.content.document import read_document
from dojo.content.order import katas_in_order
from dojo.record import attempts
from dojo.record.archive import ArchiveError, copies
from dojo.record.attempts import Attempts, Entry, Refused
from dojo.record.database import Database, DatabaseError
from dojo.record.deck import kata_card, utc_now
from dojo.record.goal import Goal, Goals, day_of
from dojo.results import Failure, Outcome, RanTest, Result
from dojo.sitting import debrief, ratings
from dojo.sitting.agenda import read_agenda
from dojo.sitting.attempt import (
    RESUME_WITHIN,
    WRITE_EVERY,
    Attempt,
    begin,
    resumable,
    resume,
    settle,
)
from dojo.sitting.book import Book
from dojo.sitting.choices import choices, propose
from dojo.sitting.clock import LONGEST_SILENCE, Clock
from dojo.sitting.widgets.check_progress import CheckProgress
from dojo.words import minutes_and_seconds

KATA = next(kata for kata in read_document().katas if kata.path == "losses/focal_loss")
STUB = stubs.pristine(KATA.path)
SOLVED = Result(KATA.path, Outcome.SOLVED, tests=[RanTest("test_1_a", True, 0.1)], names=["a"])
WRONG = Result(KATA.path, Outcome.WRONG, [Failure("test_1_a", "no", "alpha swapped")])


class Time:
    """A clock that goes where it is told."""

    def __init__(self):
        self.at = 1000.0

    def __call__(self):
        return self.at


@pytest.fixture
def book(home):
    with Database(home) as database:
        yield Book(database)


@pytest.fixture
def tree(tmp_path):
    file = layout.source_file(KATA.path, tmp_path / "answers")
    file.parent.mkdir(parents=True)
    file.write_text(STUB, encoding="utf-8")
    return tmp_path / "answers"


def attempt_of(book, minutes=25.0):
    now = Time()
    attempt = Attempt(KATA, Entry(KATA.path, minutes, 0, time.time()), book, Clock(now))
    attempt.start()
    return attempt, now


def spend(attempt, now, seconds):
    for _ in range(int(seconds)):
        now.at += 1
        attempt.tick()


def rows(book):
    return Attempts(book.database).all()


def test_the_clock_counts_ticks_and_stands_while_paused():
    now = Time()
    clock = Clock(now, spent=5)
    clock.resume()
    now.at += 3
    assert clock.tick() == 0
    clock.pause()
    now.at += 1000
    clock.tick()
    clock.resume()
    now.at += 2
    clock.tick()
    assert clock.spent == 10


@pytest.mark.parametrize("jump", [-3600, LONGEST_SILENCE + 1, 86400])
def test_a_jump_of_the_clock_costs_nothing_and_is_told(jump):
    now = Time()
    clock = Clock(now)
    clock.resume()
    now.at += jump
    assert clock.tick() == jump
    now.at += 1
    clock.tick()
    assert clock.spent == 1


def test_the_time_in_the_shell_counts_however_long():
    now = Time()
    clock = Clock(now)
    clock.catch_up()
    assert clock.paused
    clock.resume()
    now.at += LONGEST_SILENCE + 100
    clock.catch_up()
    assert clock.spent == LONGEST_SILENCE + 100
    assert clock.tick() == 0


def test_the_wall_clock_may_jump(monkeypatch, book):
    """NTP, a change of the time zone, a learner who sets the time: the box is what it was."""
    attempt, now = attempt_of(book)
    for wall in (0.0, 4e9):
        monkeypatch.setattr(time, "time", lambda wall=wall: wall)
        spend(attempt, now, 10)
        attempt.write()
    assert attempt.left == 25 * 60 - 20
    assert rows(book)[0].seconds == 20


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (0.2, "0:01"), (60, "1:00"), (725, "12:05"), (-4, "0:00")]
)
def test_times_are_shown_as_minutes(seconds, text):
    assert minutes_and_seconds(seconds) == text


def test_an_attempt_is_in_the_record_from_its_first_moment(book):
    attempt_of(book)
    (row,) = rows(book)
    assert (row.kata, row.outcome, row.minutes) == (KATA.path, attempts.RUNNING, 25)


def test_every_event_is_written_at_once(book):
    attempt, now = attempt_of(book)
    now.at += 7
    attempt.take(WRONG)
    (row,) = rows(book)
    assert (row.checks, row.causes) == (1, ["alpha swapped"])
    now.at += 1
    attempt.hint()
    assert rows(book)[0].hints == 1
    attempt.take(WRONG)
    assert rows(book)[0].causes == ["alpha swapped"]
    attempt.take(SOLVED)
    assert (rows(book)[0].outcome, rows(book)[0].checks) == (attempts.SOLVED, 3)


def test_time_is_written_every_few_seconds(book, monkeypatch):
    attempt, now = attempt_of(book)
    attempt._written_at -= WRITE_EVERY
    now.at += 9
    attempt.tick()
    assert rows(book)[0].seconds == 9


def test_a_check_of_the_empty_stub_does_not_count(book):
    attempt, _ = attempt_of(book)
    attempt.take(Result(KATA.path, Outcome.NOT_STARTED))
    assert rows(book)[0].checks == 0


def test_verdicts_are_kept_like_those_of_check(book):
    attempt, _ = attempt_of(book)
    attempt.take(WRONG)
    assert book.database.last_outcomes() == {KATA.path: "wrong"}
    attempt.take(SOLVED)
    assert book.database.was_solved(KATA.path)


def test_there_are_three_hints(book):
    attempt, _ = attempt_of(book)
    given = [attempt.hint() for _ in range(4)]
    assert given == [*KATA.hints, ""]
    assert attempt.entry.hints == 3


def test_an_ended_attempt_stays_as_it_ended(book):
    attempt, now = attempt_of(book)
    attempt.end(attempts.GIVEN_UP)
    now.at += 100
    attempt.tick()
    attempt.take(SOLVED)
    attempt.end(attempts.LEFT)
    attempt.hint()
    (row,) = rows(book)
    assert (row.outcome, row.seconds, row.hints) == (attempts.GIVEN_UP, 0, 0)


def entry(outcome=attempts.SOLVED, seconds=1000.0, hints=0):
    return Entry(KATA.path, 25, 1, 0.0, seconds=seconds, outcome=outcome, hints=hints)


@pytest.mark.parametrize(
    ("ended", "rating"),
    [
        (entry(seconds=700), 4),
        (entry(), 3),
        (entry(hints=1), 2),
        (entry(seconds=700, hints=2), 2),
        (entry(seconds=1600), 2),
        (entry(hints=3), 1),
        (entry(seconds=3100), 1),
        (entry(attempts.TIME_UP), 1),
        (entry(attempts.GIVEN_UP, seconds=10), 1),
    ],
)
def test_help_and_lateness_lower_the_rating(ended, rating):
    assert ratings.of_attempt(ended) == rating


def test_a_kata_solved_with_help_comes_back_sooner(home):
    due = {}
    for name, hints, seconds in [("unaided", 0, 1000), ("hint", 1, 1000), ("late", 0, 1600)]:
        with Database(home / name) as database:
            ended = dataclasses.replace(entry(seconds=seconds, hints=hints), session=0)
            due[name], _ = Book(database).plan(ended)
    assert due["hint"] < due["unaided"]
    assert due["late"] < due["unaided"]
    # A kata is not due again in ten minutes, as a flash card would be.
    assert due["hint"] - utc_now() > datetime.timedelta(hours=23)


def test_leaving_is_no_review(book):
    attempt, _ = attempt_of(book)
    attempt.leave()
    assert rows(book)[0].outcome == attempts.LEFT
    assert book.deck.due_times() == {}


def test_leaving_over_time_is_time_up(book):
    attempt, now = attempt_of(book, minutes=0.1)
    spend(attempt, now, 7)
    attempt.leave()
    assert rows(book)[0].outcome == attempts.TIME_UP
    assert list(book.deck.due_times()) == [kata_card(KATA.path)]


def test_beginning_archives_what_is_there(book, tree):
    file = layout.source_file(KATA.path, tree)
    file.write_text("mine = 1\n")
    begin(KATA, 25, book, tree)
    assert file.read_text() == STUB
    assert [copy.read_text() for copy in copies(KATA.path)] == ["mine = 1\n"]


def test_beginning_does_not_touch_an_empty_stub(book, tree):
    file = layout.source_file(KATA.path, tree)
    before = file.stat().st_mtime_ns
    begin(KATA, 25, book, tree)
    assert file.stat().st_mtime_ns == before


def test_where_nothing_can_be_archived_the_file_stays(book, tree, home):
    file = layout.source_file(KATA.path, tree)
    file.write_text("mine = 1\n")
    (home / "archive").write_text("a file where the folder should be")
    with pytest.raises(ArchiveError, match="left as it is"):
        begin(KATA, 25, book, tree)
    assert file.read_text() == "mine = 1\n"
    assert rows(book) == []


def test_a_full_disk_is_told_and_made_up_for(book):
    """SQLite's own limit on the file's pages gives the error that a full disk gives."""
    attempt, now = attempt_of(book)
    pages = book.database.db.execute("PRAGMA page_count").fetchone()[0]
    book.database.db.execute(f"PRAGMA max_page_count = {pages}")
    attempt.take(dataclasses.replace(WRONG, failures=[Failure("t", "no", "x" * 100_000)]))
    assert "disk is full" in attempt.trouble
    spend(attempt, now, 5)
    book.database.db.execute("PRAGMA max_page_count = 1000000")
    attempt.write()
    assert attempt.trouble == ""
    assert (rows(book)[0].checks, rows(book)[0].seconds) == (1, 5)


def test_a_review_that_could_not_be_planned_is_told_and_made_up_for(book, monkeypatch):
    def refuse(*_, **__):
        raise DatabaseError("disk is full")

    attempt, _ = attempt_of(book)
    with monkeypatch.context() as patch:
        patch.setattr(book.deck, "rate", refuse)
        attempt.take(SOLVED)
    # That the row itself can be written again does not plan the review.
    attempt.write()
    assert "disk is full" in attempt.trouble
    attempt.make_up()
    assert attempt.trouble == ""
    assert list(book.deck.due_times()) == [kata_card(KATA.path)]


def test_nothing_runs_and_nothing_is_written_before_an_attempt_starts(book):
    attempt = Attempt(KATA, Entry(KATA.path, 25, 0, time.time()), book)
    assert attempt.clock.paused
    assert rows(book) == []


def test_a_kata_under_way_in_another_window_is_refused(book, tree):
    file = layout.source_file(KATA.path, tree)
    file.write_text("mine = 1\n")
    session = book.sitting()
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        book.attempts.write(Entry(KATA.path, 25, session, time.time(), pid=sleeper.pid))
        with pytest.raises(Refused, match="another window"):
            begin(KATA, 25, book, tree)
        assert file.read_text() == "mine = 1\n"
    finally:
        sleeper.kill()
        sleeper.wait()
    begin(KATA, 25, book, tree)


def test_an_attempt_whose_process_was_killed_can_go_on(book, tree, dead_pid):
    session = book.sitting()
    gone = Entry(KATA.path, 25, session, time.time(), seconds=300, checks=2, pid=dead_pid)
    book.attempts.write(gone)
    found = resumable(KATA, book, tree)
    attempt = resume(KATA, found, book)
    assert attempt.left == pytest.approx(20 * 60, abs=1)
    attempt.take(SOLVED)
    (row,) = rows(book)
    assert (row.outcome, row.checks) == (attempts.SOLVED, 3)


def test_beginning_anew_ends_what_broke_off(book, tree, dead_pid):
    session = book.sitting()
    for seconds in (300, 2000):
        started = time.time()
        lost = Entry(KATA.path, 25, session, started, seconds=seconds, pid=dead_pid)
        book.attempts.write(lost)
    begin(KATA, 25, book, tree)
    outcomes = [row.outcome for row in rows(book)]
    assert outcomes == [attempts.LEFT, attempts.TIME_UP, attempts.RUNNING]


def test_what_broke_off_long_ago_is_ended_and_not_offered(book, tree, dead_pid):
    session = book.sitting()
    for ago in (RESUME_WITHIN + 60, 60):
        lost = Entry(KATA.path, 25, session, time.time() - ago, pid=dead_pid)
        book.attempts.write(lost)
    settle(book)
    assert [row.outcome for row in rows(book)] == [attempts.LEFT, attempts.RUNNING]


def proposed(book, tree, planned=None):
    found = choices(read_document(), book, tree)
    choice, why = propose(found, book, planned)
    return choice.kata.path, why


def test_unsolved_katas_are_proposed_in_the_order_to_learn_them(book, tree):
    ordered = katas_in_order(read_document().katas)
    assert ordered[2].path == "optimizers/momentum"
    for kata in ordered:
        assert proposed(book, tree) == (kata.path, "not solved yet")
        book.database.add_check(Result(kata.path, Outcome.SOLVED))


def test_what_the_plan_has_for_today_goes_before_what_is_due(book, tree):
    book.deck.rate("kata:losses/giou", 1, at=utc_now() - datetime.timedelta(days=9))
    in_a_week = day_of(time.time()) + datetime.timedelta(days=7)
    Goals(book.database).set(Goal(in_a_week, 60, "senior"))
    agenda = read_agenda(book.database, read_document(), time.time())
    assert proposed(book, tree, agenda) == ("gradients/clip_by_value", "planned for today")
    book.database.add_check(Result("gradients/clip_by_value", Outcome.SOLVED))
    agenda = read_agenda(book.database, read_document(), time.time())
    assert proposed(book, tree, agenda) == ("losses/focal_loss", "planned for today")


def test_a_due_kata_goes_before_unsolved_ones_and_a_broken_one_before_both(book, tree, dead_pid):
    past = utc_now() - datetime.timedelta(days=9)
    book.deck.rate("kata:losses/giou", 1, at=past)
    assert proposed(book, tree) == ("losses/giou", "due for review")
    lost = Entry(KATA.path, 25, book.sitting(), time.time(), pid=dead_pid)
    book.attempts.write(lost)
    assert proposed(book, tree) == (KATA.path, "it broke off")


def test_when_all_are_solved_the_soonest_due_is_proposed(book, tree):
    for kata in read_document().katas:
        book.database.add_check(Result(kata.path, Outcome.SOLVED))
        book.deck.rate(kata_card(kata.path), 4 if kata.path != "losses/giou" else 1)
    assert proposed(book, tree)[0] == "losses/giou"


def test_the_list_knows_best_time_and_last_result(book, tree):
    session = book.sitting()
    for seconds, outcome in [(900, "solved"), (600, "solved"), (1500, "time up")]:
        book.attempts.write(
            Entry(KATA.path, 25, session, time.time(), seconds=seconds, outcome=outcome)
        )
    found = choices(read_document(), book, tree)
    choice = next(choice for choice in found if choice.kata == KATA)
    assert (choice.best, choice.last, choice.solved) == (600, "time up", True)


def test_the_progress_of_a_check_in_words():
    now = Time()
    progress = CheckProgress(now)
    assert progress.words(None) == ""
    progress.hear(Event("requested", KATA.path))
    assert progress.words(None) == "checking"
    now.at += 3
    assert progress.words(None) == "importing TensorFlow 3 s"
    progress.hear(Event("tested", KATA.path, done=2, total=9))
    assert progress.words(None) == "checking 2/9 3 s"
    progress.hear(Event("finished", KATA.path, result=WRONG))
    assert progress.words(WRONG) == "wrong"


def test_the_debrief_shows_the_code_to_learn_by_heart():
    first = debrief.follow_ups(read_document(), "gradients/clip_by_value")[0]
    assert "**In 20 seconds.** Decorate" in first.answer
    assert "```python\n@tf.custom_gradient\ndef square(x):\n" in first.answer
