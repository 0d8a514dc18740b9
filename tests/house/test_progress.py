"""python -m dojo progress: its numbers against brute force and fsrs itself, its words, its cost."""

import datetime
import itertools
import math
import os
import time

import fsrs
import pytest
from PIL import Image

from dojo.content.document import Document, read_document
from dojo.record import progress
from dojo.record.attempts import GIVEN_UP, LEFT, SOLVED, TIME_UP, Attempts, Entry
from dojo.record.database import Database
from dojo.record.deck import Deck, kata_card, question_card
from dojo.record.gains import Gains
from dojo.record.goal import Goal, Goals, day_of
from dojo.record.pace import Pace
from dojo.record.progress_picture import MINUTES, days_since, minutes_by_day
from dojo.record.standing import (
    Known,
    Standing,
    chance_of,
    distribution,
    known_at,
    known_now,
    often_asked,
    standing,
)
from dojo.results import Outcome, Result
from dojo.sitting import rehearse

NOW = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
DOCUMENT = read_document()
KATA = next(kata for kata in DOCUMENT.katas if kata.path == "losses/focal_loss")
QUESTION = next(question for question in DOCUMENT.questions if question.asked == "often")
SESSION = 1


@pytest.fixture
def database(home):
    with Database(home) as database:
        database.start_session("practice", None)
        yield database


def attempt(database, share, outcome=SOLVED, *, ago=0, rating=3, hints=0, kata=KATA):
    """One attempt at a share of the kata's own box, and its review."""
    at = NOW - ago * DAY
    seconds = share * kata.minutes * 60
    entry = Entry(kata.path, kata.minutes, SESSION, at.timestamp(), 0, seconds, outcome, 1, hints)
    Attempts(database).write(entry)
    if outcome != LEFT:
        Deck(database).rate(kata_card(kata.path), rating, at=at)


def chance(database, item, at=NOW):
    return chance_of(item, known_now(database, DOCUMENT), at)


def test_the_distribution_is_that_of_all_outcomes_one_by_one():
    chances = [0.1, 0.5, 0.8, 0.95]
    expected = [0.0] * 5
    for outcome in itertools.product((0, 1), repeat=4):
        shares = [p if done else 1 - p for p, done in zip(chances, outcome, strict=True)]
        expected[sum(outcome)] += math.prod(shares)
    assert distribution(chances) == pytest.approx(expected)
    assert distribution([]) == [1]


@pytest.mark.parametrize("chances", [[0.5] * 12, [0.9] * 40, [0.2, 0.99, 0.6], [0.0, 1.0], []])
def test_the_range_holds_four_fifths_and_leaves_out_at_most_a_tenth_on_each_side(chances):
    low, high = Standing(chances, len(chances)).range()
    shares = distribution(chances)
    assert sum(shares[low : high + 1]) >= 0.8 - 1e-9
    assert sum(shares[:low]) <= 0.1
    assert sum(shares[high + 1 :]) <= 0.1 + 1e-9
    assert low <= sum(chances) + 1
    assert high >= sum(chances) - 1


def test_a_question_is_recalled_as_fsrs_says(database):
    card = fsrs.Card(card_id=0, due=NOW - 40 * DAY)
    scheduler = fsrs.Scheduler(enable_fuzzing=False)
    for ago, rating in ((40, 3), (30, 2)):
        Deck(database).rate(question_card(QUESTION.id), rating, at=NOW - ago * DAY)
        card, _ = scheduler.review_card(card, fsrs.Rating(rating), NOW - ago * DAY)
    expected = scheduler.get_card_retrievability(card, NOW)
    assert 0.5 < expected < 0.95
    assert chance(database, QUESTION) == pytest.approx(expected)


def test_a_question_last_rated_again_is_not_known_though_just_read(database):
    Deck(database).rate(question_card(QUESTION.id), 4, at=NOW - DAY)
    assert chance(database, QUESTION) > 0.9
    Deck(database).rate(question_card(QUESTION.id), 1, at=NOW)
    assert chance(database, QUESTION) == 0


def test_what_was_never_asked_has_no_chance(database):
    assert chance(database, QUESTION) is None
    assert chance(database, KATA) is None
    attempt(database, 0.9, LEFT)
    assert chance(database, KATA) is None


def test_a_kata_solved_just_in_its_box_is_done_again_half_the_time(database):
    attempt(database, 1.0)
    assert chance(database, KATA) == pytest.approx(0.5)


def test_quicker_is_surer_and_it_fades(database):
    attempt(database, 0.6)
    today, later = chance(database, KATA), chance(database, KATA, NOW + 60 * DAY)
    card = Deck(database).cards()[kata_card(KATA.path)]
    recall = fsrs.Scheduler().get_card_retrievability(card, NOW + 60 * DAY)
    assert 0.5 < recall < 0.95
    assert 0.8 < today < 1
    assert later == pytest.approx(recall * today)


@pytest.mark.parametrize(
    "last", [{"outcome": TIME_UP}, {"outcome": GIVEN_UP}, {"outcome": SOLVED, "hints": 1}]
)
def test_a_kata_counts_by_its_last_attempt(database, last):
    attempt(database, 0.5, ago=3)
    attempt(database, 0.5, ago=1, **last)
    assert chance(database, KATA) == 0
    attempt(database, 0.5)
    assert chance(database, KATA) > 0.8


def test_a_box_cut_short_by_an_interview_is_not_the_katas(database):
    attempt(database, 0.5)
    whole = chance(database, KATA)
    database.db.execute("UPDATE attempts SET minutes = minutes / 2")
    assert chance(database, KATA) == pytest.approx(whole)


def test_often_asked_up_to_a_level():
    mid, every = (often_asked(DOCUMENT, level).questions for level in ("mid", ""))
    assert {(q.asked, q.level) for q in mid} == {("often", "screen"), ("often", "mid")}
    assert len(mid) < len(every) < len(DOCUMENT.questions)
    losses = often_asked(DOCUMENT, "", "losses")
    assert {kata.track for kata in losses.katas} == {"losses"}
    assert {kata.path for kata in losses.katas} < {kata.path for kata in DOCUMENT.katas}


def test_what_is_not_on_record_is_left_out_of_the_number(database):
    attempt(database, 0.25)
    found = standing(DOCUMENT.katas, known_now(database, DOCUMENT), NOW)
    assert 0.9 < found.expected <= 1
    assert (found.new, found.failed, found.total) == (len(DOCUMENT.katas) - 1, 0, found.total)


def a_month(database):
    """Attempts and ratings of a month, among them what counts for nothing."""
    katas, questions = DOCUMENT.katas[:6], DOCUMENT.questions[:9]
    for ago in range(30, 0, -1):
        outcome = (SOLVED, TIME_UP, SOLVED, LEFT)[ago % 4]
        attempt(database, 0.3 + ago / 20, outcome, ago=ago, kata=katas[ago % 6])
        for question in questions[ago % 3 :: 3]:
            at = NOW - ago * DAY
            rating = 1 + ago % 4
            Deck(database).rate(question_card(question.id), rating, seconds=90, at=at)


def test_the_days_gone_by_end_in_what_is_known_now(database):
    """The picture's last point is what the table says; the day before begins it at nothing."""
    a_month(database)
    moments = [NOW - 31 * DAY, NOW - 26.5 * DAY, NOW]
    before, between, last = known_at(database, DOCUMENT, DOCUMENT, moments)
    assert before == Known({}, {}, {}, Pace(1.0, pytest.approx(1.5), 0))
    now = known_now(database, DOCUMENT)
    assert last == now
    assert 0 < between.pace.count < now.pace.count
    database.db.execute("DELETE FROM attempts WHERE started > ?", (moments[1].timestamp(),))
    assert known_now(database, DOCUMENT).ended == between.ended


def gains(database, counting=DOCUMENT):
    known = known_now(database, DOCUMENT)
    return Gains(DOCUMENT, counting, known, Deck(database).lately(), NOW)


def test_one_step_of_each_kind_and_the_best_first(database):
    a_month(database)
    steps = gains(database).best()
    assert len(steps) == 3
    kinds = [("rehearse" in s.command, "not on record" in s.reason) for s in steps]
    assert sorted(kinds) == [(False, False), (False, True), (True, False)]
    assert [s.worth for s in steps] == sorted((s.worth for s in steps), reverse=True)


def test_what_failed_gains_more_than_what_is_known(database):
    failed = DOCUMENT.katas[0]
    attempt(database, 0.2, ago=1)
    attempt(database, 1.0, TIME_UP, kata=failed)
    steps = gains(database).best(1000)
    (again,) = [s for s in steps if s.command.endswith(f" {failed.name}")]
    assert again.gain > 0.3
    assert f"time up after {failed.minutes}:00 of {failed.minutes}:00, today" in again.reason
    (known,) = [s for s in steps if s.command.endswith(f" {KATA.name}")] or [again]
    assert known == again or known.gain < 0.1


def test_rehearsal_asks_what_was_promised(database):
    """The questions of each step are those that the pasted command would ask; they gain it."""
    a_month(database)
    often = Document([], often_asked(DOCUMENT).questions)
    deck, found = Deck(database), gains(database, often)
    for step in found.best(1000):
        if "rehearse" not in step.command:
            continue
        words = step.command.split()
        options = rehearse.RehearsalOptions(track=words[5], level=words[7], count=int(words[9]))
        chosen = rehearse.pick(DOCUMENT, deck, options, NOW)
        due = sum(question_card(q.id) in deck.cards() for q in chosen)
        told = [f"{due} due"] * (due > 0)
        told += [f"{len(chosen) - due} never asked"] * (len(chosen) > due)
        assert step.reason.startswith(", ".join(told) + "; ")
        chances = [chance(database, q) for q in chosen if q.asked == "often"]
        gained = [1 - p if p else found.recalled for p in chances]
        assert step.gain == pytest.approx(sum(gained))


def test_a_question_that_interviews_rarely_ask_gains_nothing(database):
    a_month(database)
    rare = Document([], [])
    assert gains(database, rare).best() == []


def test_an_empty_record_has_one_line(dojo):
    done = dojo("progress")
    assert done.returncode == 0
    (line,) = done.stdout.splitlines()
    assert "python -m dojo practice" in line


def test_what_the_record_does_not_support_is_said(database, dojo):
    attempt(database, 0.2)
    attempt(database, 1.0, TIME_UP, kata=DOCUMENT.katas[0])
    mid = often_asked(DOCUMENT, "mid")
    untimed = next(k for k in mid.katas if k != KATA)
    database.add_check(Result(untimed.path, Outcome.SOLVED))
    database.db.execute("DELETE FROM attempts WHERE kata = ?", (untimed.path,))
    done = dojo("progress", "--level", "mid", env=os.environ | {"COLUMNS": "200"})
    questions = len(mid.questions)
    assert "up to mid" in done.stdout
    assert "1 kata solved, never timed" in done.stdout
    assert f"{questions} questions never asked" in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith("questions"))
    assert row.split() == ["questions", "not", "known", str(questions)]
    assert done.stdout.count("\npython -m dojo ") == 3
    assert "%" not in done.stdout


def test_the_goal_says_what_counts_unless_an_option_does(database, dojo):
    attempt(database, 0.2)
    Goals(database).set(Goal(NOW.date(), level="senior", track="losses"))
    assert "asked often of losses, up to senior\n" in dojo("progress").stdout
    shown = dojo("progress", "--level", "mid").stdout
    assert "asked often of losses, up to mid\n" in shown
    row = next(line for line in shown.splitlines() if line.startswith("katas in time"))
    assert row.split()[-1] == str(len(often_asked(DOCUMENT, "mid", "losses").katas))


def test_forty_columns_are_enough(database, dojo):
    a_month(database)
    shown = dojo("progress", env=os.environ | {"COLUMNS": "40"}).stdout
    lines = [line for line in shown.splitlines() if not line.startswith("python -m dojo")]
    assert max(map(len, lines)) <= 40
    assert "katas in time" in shown


def test_due_now_and_within_two_weeks():
    times = [NOW - DAY, NOW, NOW + DAY, NOW + 14 * DAY, NOW + 15 * DAY]
    assert progress.due_line(times, NOW) == "Due for review: 2 now, 2 more within two weeks."


def test_the_picture_is_drawn(database, dojo, tmp_path):
    a_month(database)
    done = dojo("progress", "--plot", tmp_path / "me.png")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "me.png") as picture:
        assert picture.size[0] > 800
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 20


def test_without_a_picture_nothing_heavy_is_imported(database, dojo, tmp_path):
    attempt(database, 0.5)
    for name in ("matplotlib", "numpy", "tensorflow"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')\n")
    done = dojo("progress", env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert "was imported" not in done.stdout + done.stderr
    assert "katas in time" in done.stdout


def test_days_are_local_and_thinned_out():
    first = day_of((NOW - 3 * DAY).timestamp())
    moments = days_since(first, NOW)
    assert moments[-1] == NOW
    # Who studies at one in the morning has not begun a new day.
    assert [moment.astimezone().hour for moment in moments[:-1]] == [4, 4, 4, 4]
    assert len(days_since(first - 1000 * DAY, NOW)) <= 91


def test_minutes_of_a_day_are_those_of_attempts_and_of_questions(database):
    attempt(database, 0.5)
    # At two in the morning after.
    night = datetime.datetime.combine(NOW.astimezone() + DAY, datetime.time(2)).astimezone()
    utc = night.astimezone(datetime.UTC)
    Deck(database).rate(question_card(QUESTION.id), 3, seconds=90, at=utc)
    spent = {kind: minutes_by_day(database, query) for kind, (_, query) in MINUTES.items()}
    day = day_of(NOW.timestamp())
    assert spent == {
        "practice": {day: KATA.minutes / 2},
        "rounds of debugging": {},
        "questions": {day: 1.5},
    }


def test_a_long_record_is_not_read_whole(database):
    """Of 20,000 attempts and ratings only what is needed: a fraction of reading them all."""
    values = [(SESSION, KATA.path, float(n), 20.0, 600.0, SOLVED) for n in range(20_000)]
    with database.transaction() as db:
        db.executemany(
            "INSERT INTO attempts (session, kata, started, minutes, seconds, outcome)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            values,
        )
    start = time.process_time()
    assert len(Attempts(database).all()) == 20_000
    middle = time.process_time()
    assert known_now(database, DOCUMENT).pace.count == 1
    assert time.process_time() - middle < 0.2 * (middle - start)
