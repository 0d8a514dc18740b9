"""dojo.sitting.interview: the plan fits the time, one clock rules, and the debrief is kept."""

import asyncio
import datetime
import random
import re

import pytest

from dojo import layout
from dojo.check.runner import Event
from dojo.content import mistakes, stubs
from dojo.content.document import Kata, Question, read_document
from dojo.record import attempts
from dojo.record.attempts import Attempts
from dojo.record.database import Database, DatabaseError
from dojo.record.deck import kata_card, question_card
from dojo.record.follow_ups import FollowUps
from dojo.record.rounds import Rounds
from dojo.results import Outcome, RanTest, Result
from dojo.sitting import interview_plan, interview_report
from dojo.sitting.book import Book
from dojo.sitting.desk import Desk
from dojo.sitting.interview import InterviewApp
from dojo.sitting.interview_plan import InterviewOptions, Repair, TooShort
from dojo.sitting.interview_record import Interview
from dojo.sitting.round_book import RoundBook
from dojo.sitting.screens.ask import Ask
from dojo.sitting.screens.assess import AssessScreen
from dojo.sitting.screens.closing import ClosingScreen
from dojo.sitting.screens.code import CodeScreen, RepairScreen
from dojo.sitting.screens.follow_up import FollowUpScreen
from dojo.sitting.screens.name_it import NameScreen
from dojo.sitting.screens.opening import OpeningScreen
from dojo.sitting.screens.spoken import SpokenScreen
from tests.house.test_practice_screens import Checker, seen, until, until_screen

DOCUMENT = read_document()
KATA = next(kata for kata in DOCUMENT.katas if kata.path == "gradients/clip_by_value")
ASKED = [question for question in DOCUMENT.questions if question.kata != KATA.path][:2]
SOLVED = Result(KATA.path, Outcome.SOLVED, (), [RanTest("test_1_a", True, 0.1)], ["test_1_a"])
NOW = datetime.datetime(2026, 3, 1, 10, tzinfo=datetime.UTC)


def plan(minutes=45, track="", level="", solved=(), due=(), seed=0, kind="classic"):
    wish = InterviewOptions(minutes, track, level, layout.KATAS, kind)
    return interview_plan.plan(DOCUMENT, wish, set(solved), due, random.Random(seed))


@pytest.mark.parametrize("minutes", [11, 15, 20, 30, 45, 60, 90])
def test_a_plan_fits_the_time_and_fills_it(minutes):
    for seed in range(20):
        parts = plan(minutes, seed=seed)
        katas = [part for part in parts if isinstance(part, Kata)]
        asked = [part for part in parts if isinstance(part, Question)]
        total = sum(map(interview_plan.minutes_of, parts))
        assert total <= minutes
        assert 1 <= len(katas) <= 2
        assert 1 <= len(asked) <= interview_plan.MOST_QUESTIONS
        assert total >= 0.6 * minutes
        # No question gives an answer away, and none comes twice.
        assert not {q.kata for q in asked} & {kata.path for kata in katas}
        assert len(set(map(id, parts))) == len(parts)
        assert isinstance(parts[0], Question)


@pytest.mark.parametrize("track", layout.TRACKS)
def test_a_track_is_kept_to(track):
    assert {part.track for part in plan(60, track=track)} == {track}


@pytest.mark.parametrize("level", layout.LEVELS)
def test_a_level_is_aimed_at_and_never_exceeded(level):
    ranks = layout.LEVELS
    for seed in range(10):
        parts = plan(75, level=level, seed=seed)
        assert all(ranks.index(part.level) <= ranks.index(level) for part in parts)
        assert any(part.level == level for part in parts)


def test_sittings_differ_and_two_katas_come_from_two_tracks():
    plans = [plan(45, seed=seed) for seed in range(20)]
    assert len({tuple(map(str, parts)) for parts in plans}) > 10
    for parts in plans:
        tracks = [part.track for part in parts if isinstance(part, Kata)]
        assert len(set(tracks)) == len(tracks)


def test_unsolved_katas_and_due_questions_come_first():
    fresh = {"losses/focal_loss", "optimizers/momentum"}
    solved = {kata.path for kata in DOCUMENT.katas} - fresh
    due = [q.id for q in DOCUMENT.questions if q.kata == "losses/giou"]
    parts = plan(60, solved=solved, due=due)
    assert {part.path for part in parts if isinstance(part, Kata)} == fresh
    assert set(due[:2]) <= {part.id for part in parts if isinstance(part, Question)}


@pytest.mark.parametrize(("minutes", "track"), [(3, ""), (10, "training")])
def test_where_no_kata_fits_it_says_how_long_would_do(minutes, track):
    with pytest.raises(TooShort, match=r"try --minutes \d+") as refusal:
        plan(minutes, track=track)
    enough = int(re.search(r"--minutes (\d+)", str(refusal.value))[1])
    assert plan(enough, track=track)


def test_a_level_without_katas_is_refused():
    with pytest.raises(TooShort, match="there is no kata"):
        plan(45, track="training", level="screen")


@pytest.fixture
def sit(home, tmp_path):
    """Runs a coroutine in an interview of a question, a kata and another question."""
    file = layout.source_file(KATA.path, tmp_path / "answers")
    file.parent.mkdir(parents=True)
    file.write_text(stubs.pristine(KATA.path), encoding="utf-8")

    def run(play, minutes=20.0, parts=(ASKED[0], KATA, ASKED[1])):
        async def main():
            with Database(home) as database:
                book = Book(database, "interview", minutes)
                desk = Desk(DOCUMENT, book, Checker(), tmp_path / "answers")
                wish = InterviewOptions(minutes, "", "", tmp_path / "answers")
                second = Desk(DOCUMENT, RoundBook(database), Checker(), tmp_path / "debug")
                app = InterviewApp(desk, Interview(wish, parts, NOW), second)
                async with app.run_test(size=(80, 24)) as pilot:
                    await until_screen(pilot, OpeningScreen)
                    await play(app, pilot)
                return app

        return asyncio.run(main())

    return run


def kept(home):
    (report,) = (home / "sessions").glob("*.md")
    return report.read_text(encoding="utf-8")


async def to_the_kata(app, pilot):
    await pilot.press("enter")
    await until_screen(pilot, SpokenScreen)
    await pilot.press(*"tape", "enter")
    await until(pilot, lambda: "A follow-up" in seen(app))
    await pilot.press(*"slot", "enter")
    await until_screen(pilot, CodeScreen)


def test_a_whole_interview(sit, home):
    async def play(app, pilot):
        # Nothing runs before the learner says so, and no question is told in advance.
        assert app.interview.clock.paused
        assert ASKED[0].text not in seen(app)
        await to_the_kata(app, pilot)
        assert "interview " in seen(app)
        app.desk.checker.hear(Event("finished", KATA.path, result=SOLVED))
        await until_screen(pilot, SpokenScreen)
        assert ASKED[1].text.split()[0] in seen(app)
        await pilot.press("enter")
        await until(pilot, lambda: "A follow-up" in seen(app))
        await pilot.press("enter")
        await until_screen(pilot, AssessScreen)
        assert "You noted: tape" in seen(app)
        await pilot.press("1", "2", "2", "3", "enter")
        await until_screen(pilot, FollowUpScreen)
        assert "You noted: slot" in seen(app)
        await pilot.press("p")
        await until(pilot, lambda: getattr(app.screen, "answer", None) is app.interview.answers[1])
        await pilot.press("a", "enter")
        await until_screen(pilot, FollowUpScreen)
        await pilot.press("y")
        await until_screen(pilot, ClosingScreen)
        assert "Mock interview" in seen(app)
        await pilot.press("q")

    app = sit(play)
    report = kept(home)
    total = len(ASKED[0].points)
    assert f"2 of {total} points" in report
    assert "You noted: tape" in report
    assert f"- [x] {ASKED[0].points[0]}" in report
    assert f"- [ ] {ASKED[0].points[1]}" in report
    assert f"## {KATA.path}\n\nsolved in 0:0" in report
    assert "points, easy" in report
    assert "Your judgement: partly." in report
    assert "| Follow-ups | **solid** | 1.5 of 2 points: 1 answered, 1 partly, 0 no |" in report
    assert "| Correctness | **strong** | 1 of 1 point: `clip_by_value` solved |" in report
    assert "+    @tf.custom_gradient" in report
    assert "The debrief is kept" in app.parting[-1]
    with Database(home) as database:
        (row,) = Attempts(database).all()
        session = database.db.execute("SELECT * FROM sessions").fetchone()
        cards = {row["card"] for row in database.db.execute("SELECT card FROM reviews")}
        further = database.db.execute("SELECT question, text, answered, session FROM follow_ups")
        assert [tuple(row) for row in further] == [
            (ASKED[0].id, ASKED[0].follow_ups[0].text, 1, row.session),
            (ASKED[1].id, ASKED[1].follow_ups[0].text, 2, row.session),
        ]
    assert row.outcome == attempts.SOLVED
    assert (session["kind"], session["minutes"]) == ("interview", 20)
    assert cards == {kata_card(KATA.path), *(question_card(q.id) for q in ASKED)}


def test_nothing_pauses_an_interview(sit):
    async def play(app, pilot):
        await to_the_kata(app, pilot)
        await pilot.press("p")
        await pilot.pause(0.3)
        assert not app.attempt.clock.paused
        assert "p pause" not in seen(app)

    sit(play)


def test_when_the_whole_time_is_up_the_kata_ends_and_the_rest_is_not_reached(sit, home):
    async def play(app, pilot):
        await to_the_kata(app, pilot)
        app.interview.clock.spent = 20 * 60
        await until_screen(pilot, AssessScreen)
        await pilot.press("q")
        await until_screen(pilot, ClosingScreen)

    sit(play)
    report = kept(home)
    assert f"| {KATA.path} | {KATA.minutes}:00 | 0:0" in report
    assert "time up |" in report
    assert "not reached |" in report


def test_the_kata_gets_no_more_time_than_there_is(sit):
    async def play(app, pilot):
        await pilot.press("enter")
        await until_screen(pilot, SpokenScreen)
        app.interview.clock.spent = 17 * 60
        await pilot.press("enter")
        await until_screen(pilot, CodeScreen)
        assert 2.9 < app.attempt.entry.minutes <= 3

    sit(play)


def test_ending_early_keeps_what_was_done(sit, home):
    async def play(app, pilot):
        await to_the_kata(app, pilot)
        # What is said is on disk before the next part begins: kill -9 loses nothing of it.
        assert "You noted: tape" in kept(home)
        await pilot.press("q")
        await until_screen(pilot, Ask)
        await pilot.press("y")
        await until_screen(pilot, AssessScreen)

    sit(play)


def test_without_time_left_no_follow_up_is_asked(sit, home):
    async def play(app, pilot):
        await pilot.press("enter")
        await until_screen(pilot, SpokenScreen)
        app.interview.clock.spent = interview_plan.minutes_of(ASKED[0]) * 60 - 10
        await pilot.press("enter")
        await until_screen(pilot, CodeScreen)
        assert app.interview.answers[0].further is None

    sit(play)
    assert "Follow-up" not in kept(home).replace("Follow-ups", "")


def test_the_follow_up_that_was_asked_least_comes(sit, home):
    question = next(question for question in ASKED if len(question.follow_ups) > 1)
    with Database(home) as database:
        session = database.start_session("interview", 20)
        FollowUps(database).add(question.id, question.follow_ups[0].text, 0, session)

    async def play(app, pilot):
        await pilot.press("enter")
        await until_screen(pilot, SpokenScreen)
        assert app.screen.further == question.follow_ups[1]

    sit(play, parts=[question])


def test_what_was_noted_of_a_follow_up_is_kept_when_the_interview_ends_in_it(sit, home):
    async def play(app, pilot):
        await pilot.press("enter")
        await until_screen(pilot, SpokenScreen)
        await pilot.press(*"tape", "enter")
        await until(pilot, lambda: "A follow-up" in seen(app))
        # On disk before the follow-up is answered: kill -9 loses nothing of the answer.
        assert "You noted: tape" in kept(home)
        await pilot.press(*"slot", "escape")
        await until_screen(pilot, Ask)
        await pilot.press("y")
        await until_screen(pilot, AssessScreen)

    sit(play)
    assert "You noted: slot" in kept(home)


def test_ctrl_c_in_a_spoken_question_asks(sit):
    async def play(app, pilot):
        await pilot.press("enter")
        await until_screen(pilot, SpokenScreen)
        await pilot.press("ctrl+c")
        await until_screen(pilot, Ask)
        await pilot.press("n")
        await until_screen(pilot, SpokenScreen)

    sit(play)


def test_a_rating_that_could_not_be_recorded_is_told_at_the_end(sit, monkeypatch):
    def refuse(*_, **__):
        raise DatabaseError("disk is full")

    async def play(app, pilot):
        await pilot.press("enter")
        await until_screen(pilot, SpokenScreen)
        await pilot.press("escape")
        await until_screen(pilot, Ask)
        await pilot.press("y")
        await until_screen(pilot, AssessScreen)
        monkeypatch.setattr(app.desk.book.deck, "rate", refuse)
        await pilot.press("a", "enter")
        await until_screen(pilot, ClosingScreen)
        assert "not recorded: disk is full" in seen(app)

    sit(play)


def test_a_full_disk_under_the_report_is_told(home, tmp_path):
    home.mkdir()
    (home / "sessions").write_text("a file where the folder should be")
    interview = Interview(InterviewOptions(20, "", "", tmp_path), [KATA], NOW)
    interview_report.keep(interview)
    assert "cannot be written" in interview.trouble


SOME = {"losses/focal_loss", "optimizers/adam", "gradients/clip_by_value"}


@pytest.mark.parametrize("minutes", [20, 45, 90])
def test_a_debugging_interview_repairs_what_is_solved(minutes):
    for seed in range(10):
        parts = plan(minutes, solved=SOME, seed=seed, kind="debug")
        repairs = [part for part in parts if isinstance(part, Repair)]
        assert {part.kata.path for part in repairs} <= SOME
        assert len(repairs) == (2 if minutes >= 30 else 1)
        assert not any(isinstance(part, Kata) for part in parts)
        assert sum(map(interview_plan.minutes_of, parts)) <= minutes
        asked = {part.kata for part in parts if isinstance(part, Question)}
        assert not asked & {part.kata.path for part in repairs}


def test_a_mixed_interview_has_one_of_each():
    for seed in range(10):
        parts = plan(60, solved=SOME, seed=seed, kind="mixed")
        (repair,) = [part for part in parts if isinstance(part, Repair)]
        (kata,) = [part for part in parts if isinstance(part, Kata)]
        assert repair.kata.path in SOME - {kata.path}
        assert sum(map(interview_plan.minutes_of, parts)) <= 60


def test_without_a_solved_kata_there_is_nothing_to_debug():
    with pytest.raises(TooShort, match="--format classic"):
        plan(60, kind="debug")


def test_a_round_within_an_interview_is_named_and_reported(sit, home, tmp_path):
    async def play(app, pilot):
        await pilot.press("enter")
        await until_screen(pilot, RepairScreen)
        await until(pilot, lambda: "interview " in seen(app))
        file = layout.source_file(KATA.path, tmp_path / "debug")
        file.write_text(mistakes.repaired(KATA.path), encoding="utf-8")
        app.second.checker.hear(Event("finished", KATA.path, result=SOLVED))
        await until_screen(pilot, NameScreen)
        await pilot.press(*"grad", "enter", "enter")
        await until_screen(pilot, ClosingScreen)

    sit(play, parts=[Repair(KATA)])
    report = kept(home)
    assert f"| debug {KATA.path} | 4:00 | 0:0" in report
    assert f"## debug {KATA.path}\n\nsolved in 0:0" in report
    assert "You said: grad" in report
    with Database(home) as database:
        (found,) = Rounds(database).all()
        assert found.named is not None
        assert Attempts(database).all() == []
