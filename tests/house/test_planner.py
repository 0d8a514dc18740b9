"""dojo.sitting.planner: the rules of a plan, for learners of every kind."""

import dataclasses
import datetime
import math
import random
import shlex

import fsrs
import pytest

from dojo import cli, layout
from dojo.content.document import read_document
from dojo.content.order import FIELD
from dojo.record.deck import KATA_SCHEDULER, SCHEDULER
from dojo.record.goal import Goal
from dojo.record.pace import Pace
from dojo.sitting import interview_plan
from dojo.sitting.interview_plan import SPOKEN, InterviewOptions, repair_minutes
from dojo.sitting.planner import KATA_BACK, OVER, QUESTION_BACK, Kind, Learner, lay, left_out

DOCUMENT = read_document()
KATAS = {kata.path: kata for kata in DOCUMENT.katas}
QUESTIONS = {question.id: question for question in DOCUMENT.questions}
TODAY = datetime.date(2026, 11, 29)
DAY = datetime.timedelta(days=1)
# Days, minutes a day, level.
GOALS = [(1, 240, "mid"), (3, 120, "mid"), (7, 60, "mid"), (7, 60, "senior"), (14, 45, "screen")]
GOALS += [(30, 30, "staff"), (2, 60, "mid"), (7, 20, "mid"), (60, 30, "senior")]


def laid(days=7, minutes=60, level="mid", known=None, **more):
    goal = Goal(TODAY + days * DAY, minutes, level, **more)
    return lay(goal, DOCUMENT, known or Learner(), TODAY)


def items(days, kind):
    return [(day.date, item) for day in days for item in day.items if item.kind is kind]


def written(days):
    """Kata to the days on which it is written."""
    found = {}
    for date, item in items(days, Kind.WRITE):
        found.setdefault(item.about[0], []).append(date)
    return found


def asked(days):
    found = {}
    for date, item in items(days, Kind.SPEAK):
        for question in item.about:
            found.setdefault(question, []).append(date)
    return found


@pytest.fixture(params=GOALS, ids=lambda goal: "-".join(map(str, goal)))
def plan(request):
    return laid(*request.param)


def test_no_day_is_longer_than_its_minutes_and_the_first_by_a_tenth(plan, request):
    minutes = request.node.callspec.params["plan"][1]
    assert plan[0].minutes <= minutes * OVER
    for day in plan[1:]:
        alone = len(day.items) == 1 and day.items[0].about[:1] in [(kata,) for kata in FIELD]
        assert day.minutes <= minutes or alone


def test_nothing_new_is_written_twice_and_nothing_before_what_it_builds_on(plan):
    days = written(plan)
    new = {kata: dates for kata, dates in days.items() if not kata.startswith("repair/")}
    assert all(len(dates) == 1 for dates in new.values())
    for kata, dates in days.items():
        for before in KATAS[kata].after:
            assert days[before][0] <= dates[0]


def test_the_last_evening_holds_nothing_new_unless_it_is_the_first(plan, request):
    days = request.node.callspec.params["plan"][0]
    last = TODAY + (days - 1) * DAY
    if last == TODAY:
        return
    for kata, dates in written(plan).items():
        assert dates[0] < last, kata
    for question, dates in asked(plan).items():
        assert dates[0] < last, question


def test_a_mock_interview_on_the_last_two_evenings():
    assert [date for date, _ in items(laid(7), Kind.MOCK)] == [TODAY + 5 * DAY, TODAY + 6 * DAY]
    # The first day belongs to the three of the field.
    assert [date for date, _ in items(laid(2), Kind.MOCK)] == [TODAY + DAY]
    assert [date for date, _ in items(laid(1, 240), Kind.MOCK)] == [TODAY]
    assert items(laid(7, 15), Kind.MOCK) == []


def test_the_evenings_are_the_last_that_are_not_off():
    days = laid(7, off=("sat", "2026-12-03"))
    dates = {day.date for day in days}
    assert not dates & {datetime.date(2026, 12, 3), datetime.date(2026, 12, 5)}
    assert [date.day for date, _ in items(days, Kind.MOCK)] == [2, 4]


@pytest.mark.parametrize("level", layout.LEVELS)
def test_the_three_of_the_field_are_the_first_day_with_their_questions(level):
    first = laid(7, 60, level)[0]
    assert first.date == TODAY
    assert tuple(item.about[0] for item in first.items if item.kind is Kind.WRITE) == FIELD
    (spoken,) = [item for item in first.items if item.kind is Kind.SPEAK]
    assert {QUESTIONS[question].kata for question in spoken.about} <= set(FIELD)
    assert first.items[-1] is spoken


def test_a_kata_then_its_questions_the_next_day_then_a_round_two_days_later():
    days = laid(14, 150)
    on, spoken = written(days), asked(days)
    rounds = {}
    for date, item in items(days, Kind.DEBUG):
        rounds.setdefault(item.about[0], date)
    checked = 0
    for kata in [kata for kata, dates in on.items() if dates[0] < TODAY + 8 * DAY]:
        mine = [q.id for q in DOCUMENT.questions if q.kata == kata and q.id in spoken]
        often = [q for q in mine if QUESTIONS[q].asked == "often" and kata not in FIELD]
        # Another day may have asked one of them before its kata had its turn.
        after = [spoken[q][0] for q in often if spoken[q][0] > on[kata][0]]
        assert all(date == on[kata][0] + DAY for date in after), kata
        checked += len(after)
        if KATAS[kata].track != layout.REPAIR:
            assert rounds[kata] == on[kata][0] + 2 * DAY
    assert checked >= 5


def test_what_is_due_comes_before_what_is_new_and_leaves_room_for_katas():
    mid = [q.id for q in DOCUMENT.questions if q.level == "mid"]
    known = Learner(questions_due=dict.fromkeys(mid, TODAY - 9 * DAY))
    assert len(mid) * SPOKEN["mid"] / 2 > 2 * 60
    first = laid(known=known)[0]
    assert first.items[0].kind is Kind.SPEAK
    # As long as something is due, nothing new is asked; what is asked often comes first.
    assert set(first.items[0].about) < set(mid)
    assert {QUESTIONS[q].asked for q in first.items[0].about} == {"often"}
    assert "gradients/clip_by_value" in written([first])


def test_a_kata_that_comes_back_is_repaired_and_not_typed_again():
    known = Learner(solved=set(FIELD), katas_due=dict.fromkeys(FIELD, TODAY - DAY))
    (first, *_) = laid(known=known)
    rounds = {item.about[0]: item for item in first.items if item.kind is Kind.DEBUG}
    assert set(rounds) == set(FIELD)
    assert rounds["losses/focal_loss"].minutes == repair_minutes(KATAS["losses/focal_loss"])
    assert rounds["losses/focal_loss"].line == "nox -s debug -- focal_loss"
    assert not written([first]).keys() & set(FIELD)


def test_a_program_to_repair_comes_back_as_itself():
    solved = {"repair/debug_loop"}
    known = Learner(solved=solved, katas_due={"repair/debug_loop": TODAY})
    first = laid(known=known)[0]
    assert "repair/debug_loop" in written([first])
    assert not any(item.about == ("repair/debug_loop",) for _, item in items([first], Kind.DEBUG))


@pytest.mark.parametrize("track", ["", *layout.TRACKS])
@pytest.mark.parametrize("level", ["screen", "mid"])
def test_each_mock_interview_of_a_plan_can_be_held(level, track):
    held = 0
    for minutes in (20, 30, 60):
        solved = set(FIELD[1:2])
        for day in laid(3, minutes, level, Learner(solved=solved), track=track):
            solved |= {item.about[0] for item in day.items if item.kind is Kind.WRITE}
            for line in [item.line for item in day.items if item.kind is Kind.MOCK]:
                words = ["interview", *shlex.split(line.partition(" -- ")[2])]
                typed = cli.parser().parse_args(words)
                options = InterviewOptions(
                    typed.minutes, typed.track, typed.level, layout.KATAS, typed.format
                )
                assert interview_plan.plan(DOCUMENT, options, solved, [], random.Random(0))
                held += 1
    there_is = [kata for kata in KATAS.values() if kata.track == track and kata.level == "screen"]
    assert held > 0 or (level == "screen" and not there_is)


def test_what_was_begun_is_ended_first():
    known = Learner(tried={"losses/dpo"})
    assert next(iter(written(laid(known=known)))) == "losses/dpo"


@pytest.mark.parametrize("begun", ["gradients/sparsemax", "optimizers/radam"])
def test_what_was_begun_too_early_waits_and_holds_nothing_up(begun):
    on = written(laid(14, 120, "senior", known=Learner(tried={begun})))
    assert tuple(on)[:3] == FIELD
    assert all(on[path] <= on[begun] for path in KATAS[begun].after)


def test_what_builds_on_a_kata_that_no_day_holds_is_left_out_and_the_rest_is_not():
    goal = Goal(TODAY + 60 * DAY, 25, "senior")
    step = KATAS["training/train_step"].minutes
    known = Learner(pace=Pace((goal.minutes + 1) / step, 1.2, 9))
    days = lay(goal, DOCUMENT, known, TODAY)
    lost = {kata.path for kata in left_out(goal, DOCUMENT, known, days)[0]}
    builders = {path for path, kata in KATAS.items() if "training/train_step" in kata.after}
    shorter = {path for path in builders if known.pace.likely(KATAS[path].minutes) <= 25}
    assert shorter
    assert shorter <= lost
    assert {KATAS[path].asked for path in written(days)} >= {"often", "sometimes"}


def test_it_counts_with_the_learners_time_and_not_with_the_boxes():
    quick, slow = (
        laid(7, 60, known=Learner(pace=Pace(ratio, 1.2, 9), speech=ratio)) for ratio in (0.5, 2.0)
    )
    usual = laid(7, 60)
    assert len(written(quick)) > len(written(usual)) > len(written(slow)) >= len(FIELD)
    assert len(asked(quick)) > len(asked(usual)) > len(asked(slow))
    (_, item) = items(slow, Kind.WRITE)[0]
    assert item.minutes == 2 * KATAS[item.about[0]].minutes


def test_the_spread_says_between_which_times_a_day_is():
    day = laid()[0]
    least, most = day.between(1.5)
    assert least < day.minutes < most
    # Three katas of 12, 25 and 20 minutes even out.
    together = math.sqrt(12**2 + 25**2 + 20**2)
    assert most - day.minutes == pytest.approx(together / 2)
    assert day.minutes - least == pytest.approx(together / 3)
    assert day.between(1.0) == (day.minutes, day.minutes)


def test_a_kata_longer_than_its_share_gets_a_day_in_a_long_plan():
    days = written(laid(60, 30, "senior"))
    assert KATAS["training/exact_resume"].minutes > 30 * OVER / 2
    assert "training/exact_resume" in days


def test_of_one_track_only():
    days = laid(14, 60, track="metrics")
    assert {KATAS[kata].track for kata in written(days)} == {"metrics"}
    assert {QUESTIONS[q].track for q in asked(days)} == {"metrics"}
    assert "--track metrics" in items(days, Kind.MOCK)[0][1].line


def test_on_the_day_itself_only_what_is_due():
    assert laid(0) == []
    known = Learner(questions_due={q.id: TODAY for q in DOCUMENT.questions})
    (day,) = laid(0, known=known)
    (item,) = day.items
    assert item.kind is Kind.SPEAK
    assert item.minutes <= 20


def test_questions_are_spread_over_the_days_left():
    """What is asked often comes at once, all else as many a day as are left for each."""
    days = laid(60, 60)
    first = {question: dates[0] for question, dates in asked(days).items()}
    reachable = [q.id for q in DOCUMENT.questions if q.level in ("screen", "mid")]
    assert set(first) == set(reachable)
    often = [date for question, date in first.items() if QUESTIONS[question].asked == "often"]
    assert max(often) <= TODAY + 20 * DAY
    later = [date for date in first.values() if date > TODAY + 20 * DAY]
    assert max(later.count(date) for date in set(later)) <= 5
    assert max(later) >= TODAY + 45 * DAY


def test_what_does_not_fit_is_said_in_the_order_of_what_is_lost():
    goal = Goal(TODAY + 7 * DAY, 60, "mid")
    days = lay(goal, DOCUMENT, Learner(), TODAY)
    katas, questions = left_out(goal, DOCUMENT, Learner(), days)
    planned = set(written(days)), set(asked(days))
    assert {k.path for k in katas} | planned[0] >= {
        k.path for k in DOCUMENT.katas if k.level in ("screen", "mid")
    }
    assert not {k.path for k in katas} & planned[0]
    assert not {q.id for q in questions} & planned[1]
    for left in (katas, questions):
        ranks = [layout.ASKED.index(entry.asked) for entry in left]
        assert ranks == sorted(ranks)
    longer = dataclasses.replace(goal, minutes=240)
    enough = left_out(longer, DOCUMENT, Learner(), lay(longer, DOCUMENT, Learner(), TODAY))
    assert len(enough[0]) < len(katas)


def test_a_year_is_laid_quickly():
    days = laid(366, 60, "staff")
    assert len(written(days)) == len(DOCUMENT.katas)


def test_things_come_back_when_fsrs_says_so():
    """The planner's days are those of somebody who does well each time."""
    for scheduler, back in ((SCHEDULER, QUESTION_BACK), (KATA_SCHEDULER, KATA_BACK)):
        now = datetime.datetime(2026, 1, 5, 12, tzinfo=datetime.UTC)
        card = fsrs.Card(card_id=0, due=now)
        for days in back:
            card, _ = scheduler.review_card(card, fsrs.Rating.Good, now)
            # What is due within minutes is asked on the next day.
            later = max(card.due, now + DAY)
            assert (later - now).days == days
            now = later
