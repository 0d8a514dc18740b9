"""The plan command and today's agenda: learners of every kind, from the record to the screen."""

import datetime
import json
import re
import shlex
import time

import pytest

from dojo import cli, layout
from dojo.content import mistakes
from dojo.content.document import read_document
from dojo.content.order import FIELD
from dojo.content.traps import read_traps
from dojo.errors import UsageError
from dojo.record import transfer
from dojo.record.attempts import Attempts, Entry
from dojo.record.database import Database
from dojo.record.deck import Deck, kata_card, question_card
from dojo.record.goal import Agendas, Goal, Goals, NoGoal, day_of
from dojo.record.log import Answer
from dojo.record.rounds import Round, Rounds
from dojo.results import Outcome, Result
from dojo.sitting import plan, plan_text, rehearse
from dojo.sitting.agenda import read_agenda, speech
from dojo.sitting.interview_plan import SPOKEN
from dojo.sitting.plan import PlanOptions, days_off
from dojo.sitting.planner import Kind, lay
from dojo.sitting.planner import Learner as Known
from dojo.sitting.round_book import RoundBook
from tests.house.terminals import Terminal

DOCUMENT = read_document()
KATAS = {kata.path: kata for kata in DOCUMENT.katas}
START = datetime.date(2026, 11, 29)
DAY = datetime.timedelta(days=1)
WEEK = Goal(START + 7 * DAY, 60, "mid")


def instant(date, hour=19.0):
    """Seconds since 1970 of that hour of that day, here."""
    midnight = datetime.datetime.combine(date, datetime.time())
    return (midnight + datetime.timedelta(hours=hour)).timestamp()


class Learner:
    """Somebody who does what the plan says, in `share` of the time that it gives them."""

    def __init__(self, database, share=1.0):
        self.database, self.share = database, share

    def agenda(self, date, hour=19.0):
        return read_agenda(self.database, DOCUMENT, instant(date, hour))

    def do(self, item, date):
        at = instant(date)
        {Kind.WRITE: self.write, Kind.SPEAK: self.speak, Kind.DEBUG: self.play}.get(
            item.kind, self.sit
        )(item, at)

    def write(self, item, at):
        (kata,) = item.about
        session = self.database.start_session("practice", None)
        box = KATAS[kata].minutes
        self.database.add_check(Result(kata, Outcome.SOLVED), at)
        entry = Entry(kata, box, session, at, seconds=60 * box * self.share, outcome="solved")
        Attempts(self.database).write(entry)
        Deck(self.database).rate(kata_card(kata), 3, at=self.utc(at))

    def speak(self, item, at):
        for question in item.about:
            Deck(self.database).rate(question_card(question), 3, at=self.utc(at))

    def play(self, item, at):
        (kata,) = item.about
        session = self.database.start_session("debug", None)
        entry = Entry(kata, 4, session, at, seconds=120, outcome="solved")
        Rounds(self.database).write(Round(entry, "a mistake", "mask", named=True))

    def sit(self, item, at):
        with self.database.transaction() as db:
            db.execute(
                "INSERT INTO sessions (kind, started, ended) VALUES ('interview', ?, ?)",
                (at, at + 60),
            )

    @staticmethod
    def utc(at):
        return datetime.datetime.fromtimestamp(at, datetime.UTC)


@pytest.fixture
def learner(home):
    with Database(home) as database:
        Goals(database).set(WEEK, instant(START, 8))
        yield Learner(database)


def live(learner, days):
    """Does all of each day; returns each day's agenda as it was in the evening."""
    agendas = []
    for date in days:
        for entry in learner.agenda(date).entries:
            learner.do(entry.item, date)
        agendas.append(learner.agenda(date, 23.5))
    return agendas


def week(first=0, last=7):
    return [START + n * DAY for n in range(first, last)]


def test_who_does_all_of_each_day_slips_nothing_and_ends_each_day_done(learner):
    agendas = live(learner, week())
    assert all(entry.is_done for agenda in agendas for entry in agenda.entries)
    assert all(agenda.entries and not agenda.slipped for agenda in agendas)
    written = [
        i.about[0] for a in agendas for i in (e.item for e in a.entries) if i.kind == "write"
    ]
    assert tuple(written[:3]) == FIELD
    assert len(written) == len(set(written)) >= 9
    assert [a.entries[-1].item.kind for a in agendas[-2:]] == [Kind.MOCK, Kind.MOCK]
    # The last evening holds what is due, and nothing new.
    assert not any("new" in entry.item.why for entry in agendas[-1].entries)


def test_who_is_quick_gets_further_than_who_is_slow(home, tmp_path):
    counts = []
    for number, share in enumerate((0.5, 1.0, 2.0)):
        with Database(tmp_path / str(number)) as database:
            Goals(database).set(WEEK, instant(START, 8))
            agendas = live(Learner(database, share), week())
            kinds = [entry.item.kind for agenda in agendas for entry in agenda.entries]
            counts.append(kinds.count(Kind.WRITE))
            assert agendas[-1].learner.pace.count == kinds.count(Kind.WRITE)
            for agenda in agendas[3:]:
                minutes = sum(entry.item.minutes for entry in agenda.entries)
                assert minutes <= 60
    assert counts[0] > counts[1] > counts[2]


def test_who_was_away_three_days_sees_what_slipped_and_a_plan_that_fits(learner):
    live(learner, week(0, 2))
    planned = {day.date: day for day in learner.agenda(START + DAY).days}
    missed = [item for n in (2, 3, 4) for item in planned[START + n * DAY].items]
    back = learner.agenda(START + 5 * DAY)
    assert back.slipped == missed
    assert sum(item.minutes for item in back.days[0].items) <= 60
    # It is said on that day only: the next plan knows it.
    for entry in back.entries:
        learner.do(entry.item, START + 5 * DAY)
    assert learner.agenda(START + 6 * DAY).slipped == []


def test_what_is_half_done_has_slipped_by_the_other_half(learner):
    first = learner.agenda(START)
    for entry in first.entries[:2]:
        learner.do(entry.item, START)
    spoken = first.entries[-1].item
    Deck(learner.database).rate(question_card(spoken.about[0]), 3, at=Learner.utc(instant(START)))
    now = learner.agenda(START, 20)
    assert [entry.is_done for entry in now.entries] == [True, True, False, False]
    assert now.entries[-1].done == 1
    assert now.questions == list(spoken.about[1:])
    assert now.katas == ["optimizers/momentum"]
    tomorrow = learner.agenda(START + DAY)
    assert [item.about for item in tomorrow.slipped] == [FIELD[2:], spoken.about[1:]]
    assert f"speak {len(spoken.about) - 1}:" in "\n".join(plan_text.slipped(tomorrow, 80))
    assert tomorrow.katas[0] == "optimizers/momentum"


def test_the_plan_of_a_day_stays_while_the_day_lasts(learner):
    first = learner.agenda(START)
    for entry in first.entries:
        learner.do(entry.item, START)
    assert [e.item for e in learner.agenda(START, 23).entries] == [e.item for e in first.entries]
    # At one in the morning it is still that day; at four the next has begun.
    assert learner.agenda(START + DAY, 1).today == START
    assert learner.agenda(START + DAY, 4.1).today == START + DAY


def test_a_kata_that_was_begun_is_said_to_be(learner):
    learner.agenda(START)
    learner.database.add_check(Result(FIELD[0], Outcome.WRONG), instant(START))
    assert [entry.begun for entry in learner.agenda(START, 20).entries[:2]] == [True, False]
    assert learner.agenda(START + DAY).entries[0].item.why == "begun, not solved yet"


def test_the_day_itself_has_no_kata(learner):
    live(learner, week())
    agenda = learner.agenda(WEEK.date)
    assert {entry.item.kind for entry in agenda.entries} <= {Kind.SPEAK}


def test_one_day_left(home):
    with Database(home) as database:
        Goals(database).set(Goal(START + DAY, 60, "mid"), instant(START, 8))
        (agenda,) = live(Learner(database), [START])
    assert [e.item.about[0] for e in agenda.entries if e.item.kind == "write"] == list(FIELD)


def test_after_the_day_it_asks_for_the_next(learner):
    with pytest.raises(NoGoal, match=r"was on Sun 6 Dec; for the next one: nox -s plan"):
        learner.agenda(WEEK.date + DAY)


def test_a_clock_that_is_years_behind_keeps_nobody_waiting(learner):
    with pytest.raises(NoGoal, match=r"today is 2006-11-29 by .* on 2026-12-06, .*--date \+7"):
        learner.agenda(START.replace(year=2006))


def test_a_record_that_is_damaged_inside_is_told_in_one_line(home, capsys):
    with Database() as database:
        Goals(database).set(WEEK)
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'goals'"
        (page,) = database.db.execute(query).fetchone()
        (size,) = database.db.execute("PRAGMA page_size").fetchone()
    with database.path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x5a" * size)
    for command in ("plan", "progress"):
        assert cli.main([command]) == 1
        error = capsys.readouterr().err
        assert "dojo.db cannot be read: database disk image is malformed" in error
        assert len(error.splitlines()) == 1


def test_without_a_plan_it_says_how_to_make_one(home):
    with (
        Database(home) as database,
        pytest.raises(NoGoal, match=r"nox -s plan -- --date \+7 --minutes 60 --level mid"),
    ):
        read_agenda(database, DOCUMENT, instant(START))


@pytest.fixture
def zone(monkeypatch):
    def move(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("change", ["2026-03-29", "2026-10-25"])
def test_a_day_of_23_or_25_hours_is_a_day(zone, change):
    zone("Europe/Berlin")
    date = datetime.date.fromisoformat(change)
    for day in (date - DAY, date, date + DAY):
        assert day_of(instant(day, 4.01)) == day_of(instant(day, 23.9)) == day
        assert day_of(instant(day + DAY, 3.9)) == day


def test_over_the_end_of_summer_time_no_day_is_lost(home, zone):
    zone("Europe/Berlin")
    first = datetime.date(2026, 10, 22)
    with Database(home) as database:
        Goals(database).set(Goal(first + 7 * DAY, 60, "mid"), instant(first, 8))
        agendas = live(Learner(database), [first + n * DAY for n in range(7)])
    assert all(agenda.entries and not agenda.slipped for agenda in agendas)


def test_in_another_time_zone_the_day_is_that_of_the_place(learner, zone):
    zone("Asia/Tokyo")
    agenda = learner.agenda(START)
    learner.do(agenda.entries[0].item, START)
    assert learner.agenda(START, 20).entries[0].is_done
    zone("America/Los_Angeles")
    # There it was two in the morning: still the day before.
    assert day_of(learner.database.db.execute("SELECT at FROM checks").fetchone()[0]) == START - DAY
    there = learner.agenda(START + DAY)
    assert there.slipped
    ahead = [item for day in there.days for item in day.items if item.about == FIELD[:1]]
    assert {item.kind for item in ahead} == {Kind.DEBUG}


def test_a_record_that_moved_has_the_same_plan(home, tmp_path, monkeypatch, capsys):
    with Database(home) as database:
        Goals(database).set(WEEK, instant(START, 8))
        learner = Learner(database)
        live(learner, week(0, 2))
        there = learner.agenda(START + 2 * DAY)
    transfer.export(tmp_path / "record.json")
    monkeypatch.setenv("DOJO_HOME", str(tmp_path / "new"))
    for _ in range(2):
        transfer.load(tmp_path / "record.json")
    with Database() as database:
        here = Learner(database).agenda(START + 2 * DAY)
        assert database.db.execute("SELECT COUNT(*) FROM goals").fetchone()[0] == 1
    assert here.days == there.days
    assert here.goal.date == WEEK.date


def test_an_export_of_before_there_were_plans_is_read(home, tmp_path, monkeypatch, capsys):
    transfer.export(file := tmp_path / "record.json")
    file.write_text(file.read_text().replace('"goals": [],', ""))
    assert '"goals"' not in file.read_text()
    transfer.load(file)


@pytest.mark.parametrize(
    ("column", "value"),
    [("date", "2026-13-01"), ("minutes", 0), ("level", "guru"), ("off", "{}"), ("made", -1.0)],
)
def test_a_goal_that_cannot_be_is_not_imported(home, tmp_path, capsys, column, value):
    with Database() as database:
        Goals(database).set(WEEK)
    transfer.export(file := tmp_path / "record.json")
    content = json.loads(file.read_text())
    content["goals"][0][column] = value
    file.write_text(json.dumps(content))
    with pytest.raises(transfer.TransferError, match=rf"goals, entry 1: {column}"):
        transfer.load(file)


def test_the_newest_goal_counts_and_forgetting_it_keeps_the_record(home):
    with Database(home) as database:
        goals = Goals(database)
        goals.set(WEEK)
        goals.set(Goal(WEEK.date, 90, "senior"))
        assert goals.current().minutes == 90
        live(Learner(database), [START])
        goals.forget()
        assert goals.current() is None
        assert len(Attempts(database).all()) >= 3


def test_after_the_clock_was_set_back_the_goal_that_was_set_last_counts(home):
    later, earlier = instant(START + 9 * DAY), instant(START)
    with Database(home) as database:
        goals = Goals(database)
        goals.set(Goal(WEEK.date, 30), later)
        goals.set(WEEK, earlier)
        assert goals.current().minutes == 60
        # And its plan begins on its first day, as any other.
        katas = [i.about[0] for i in lay(goals.current(), DOCUMENT, Known(), START)[0].items[:3]]
        assert tuple(katas) == FIELD
        goals.forget()
        assert goals.current() is None


UNREADABLE = {
    "half": "'[{'",
    "no list": "'7'",
    "no such kind": """REPLACE(items, 'write', 'sing')""",
    "of a newer version": """REPLACE(items, '"why"', '"because"')""",
    "a kata that is gone": """REPLACE(items, 'losses/focal_loss', 'losses/gone')""",
}


@pytest.mark.parametrize("items", UNREADABLE.values(), ids=UNREADABLE)
def test_a_plan_that_cannot_be_read_is_laid_anew(learner, items):
    before = learner.agenda(START)
    with learner.database.transaction() as db:
        db.execute(f"UPDATE agendas SET items = {items}")
    assert learner.agenda(START).days == before.days


@pytest.mark.parametrize(
    ("column", "value"),
    [("date", "soon"), ("off", "["), ("level", "guru"), ("track", "poetry")],
)
def test_a_goal_that_cannot_be_read_is_none_and_another_can_be_set(learner, column, value):
    with learner.database.transaction() as db:
        db.execute(f"UPDATE goals SET {column} = ?", (value,))
    with pytest.raises(NoGoal, match="there is no plan yet"):
        learner.agenda(START)
    Goals(learner.database).set(WEEK)
    assert learner.agenda(START).entries


def test_what_is_laid_replaces_what_was_laid_for_the_days_to_come(home):
    with Database(home) as database:
        agendas = Agendas(database, Goals(database).set(WEEK))
        agendas.lay({START: [1], START + DAY: [2]}, START)
        agendas.lay({START + DAY: [3]}, START + DAY)
        assert [(laid.day, laid.items) for laid in agendas.all()] == [
            (START, [1]),
            (START + DAY, [3]),
        ]


def shown(capsys, **options):
    assert plan.plan(PlanOptions(**options)) == 0
    return capsys.readouterr().out


def soon(days=7):
    return day_of(time.time()) + days * DAY


def test_one_thing_can_be_changed_and_the_rest_is_kept(home, capsys):
    shown(capsys, date=soon(), minutes=45, level="senior", off="saturday, sun")
    text = shown(capsys, minutes=90)
    assert "90 minutes a day · up to level senior · off: sat, sun" in text
    assert "only metrics" in shown(capsys, track="metrics")
    text = shown(capsys, track="", off="")
    assert "only" not in text
    assert "off:" not in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": 60}, "when is the interview"),
        ({"date": soon(-1)}, "has passed; today is"),
        ({"date": soon(400)}, "more than a year away"),
        ({"date": soon(), "minutes": 2}, "5 to 720. Received: 2"),
        ({"date": soon(), "track": "repair", "level": "screen"}, "nothing up to level screen"),
        ({"date": soon(), "off": "sat,never"}, "Received: never"),
        ({"date": soon(), "off": "mon,tue,wed,thu,fri,sat,sun"}, "leaves no day"),
    ],
)
def test_what_cannot_be_planned_is_refused_and_changes_nothing(home, options, message):
    with pytest.raises(UsageError, match=message):
        plan.plan(PlanOptions(**options))
    with Database() as database:
        assert Goals(database).current() is None


@pytest.mark.parametrize("text", ["soon", "+", "+99999999999", "2026-02-30", "06.12.2026"])
def test_a_date_is_a_day_or_so_many_ahead(capsys, text):
    assert cli.parser().parse_args(["plan", "--date", "+7"]).date == soon(7)
    assert cli.parser().parse_args(["plan", "--date", "2026-12-06"]).date == WEEK.date
    with pytest.raises(SystemExit):
        cli.parser().parse_args(["plan", "--date", text])
    assert f"like 2026-12-06, or +7 for in a week. Received: {text}" in capsys.readouterr().err


def test_days_off_are_weekdays_and_dates():
    assert days_off("Sat, sunday,2026-12-03,sat") == ("sat", "sun", "2026-12-03")


def pasted(text):
    return re.findall(r"(?:nox -s|python -m dojo) .*?(?=   |$)", text, re.MULTILINE)


def test_every_line_to_paste_is_a_command(home, capsys):
    text = shown(capsys, date=soon(), minutes=60)
    with Database() as database:
        live(Learner(database), [soon(0)])
    text += shown(capsys, whole=True) + shown(capsys)
    with Database() as database:
        goal = Goals(database).current()
        lines = {
            item.line
            for laid in read_agenda(database, DOCUMENT, instant(soon(0))).days
            for item in laid.items
        }
    assert goal is not None
    lines |= set(pasted(text))
    sessions = re.findall(r"^def (\w+)\(session", (layout.ROOT / "noxfile.py").read_text(), re.M)
    assert len(lines) >= 10
    for line in lines:
        words = shlex.split(line)
        command = words[3:] if words[0] == "python" else [words[2], *words[4:]]
        assert words[0] == "python" or words[2] in sessions
        cli.parser().parse_args(command)


@pytest.mark.parametrize("columns", [80, 40])
def test_no_line_is_wider_than_the_terminal_but_those_to_paste(home, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    text = shown(capsys, date=soon(), minutes=60) + shown(capsys)
    for line in text.splitlines():
        assert len(line) <= columns or "nox -s" in line or "python -m" in line, line


def test_rehearsing_follows_the_plan(home):
    with Database() as database:
        Goals(database).set(Goal(soon(), 60, "mid"))
        learner = Learner(database)
        today = learner.agenda(soon(0))
        chosen = rehearse.chosen_for(DOCUMENT, database, rehearse.RehearsalOptions())
        assert [question.id for question in chosen] == today.questions
        learner.speak(today.entries[-1].item, time.time())
        later = rehearse.chosen_for(DOCUMENT, database, rehearse.RehearsalOptions())
    assert later
    assert not {question.id for question in later} & set(today.questions)


def test_the_lines_of_a_day_start_what_they_say(home):
    """Each kind of line in a real terminal, as it is pasted."""
    with Database(home) as database:
        Goals(database).set(Goal(soon(1), 240, "mid"))
        learner = Learner(database)
        learner.database.add_check(Result(FIELD[0], Outcome.SOLVED), instant(soon(-3)))
        entries = learner.agenda(soon(0), 12).entries
    lines = {entry.item.kind: entry.item.line for entry in entries}
    words = {
        Kind.WRITE: "Write your answer in",
        Kind.SPEAK: "1 of ",
        Kind.DEBUG: "clip_by_value",
        Kind.MOCK: "Mock interview",
    }
    assert lines.keys() == words.keys()
    for kind, line in lines.items():
        session, _, rest = line.removeprefix("nox -s ").partition(" -- ")
        with Terminal(session, *shlex.split(rest)) as terminal:
            terminal.until(words[kind])


def test_how_quickly_one_speaks_rests_on_the_answers_and_a_few_of_ours():
    mid = next(question for question in DOCUMENT.questions if question.level == "mid")
    box = 60 * SPOKEN["mid"]
    told = [Answer(mid.id, 2 * box, first=True)] * 10
    assert speech([], DOCUMENT) == 1
    assert speech(told, DOCUMENT) == pytest.approx(1.5)
    # Said again it has half the time; what was left open counts four times its own.
    assert speech([Answer(mid.id, box, first=False)] * 20, DOCUMENT) == pytest.approx(1.5)
    assert speech([Answer(mid.id, 99 * box, first=True)] * 10, DOCUMENT) == pytest.approx(2.5)
    assert speech([Answer("gone", box, first=True)], DOCUMENT) == 1


@pytest.mark.parametrize(("days", "rated"), [(-1, True), (3, False)])
def test_a_round_rates_the_kata_that_is_due(home, days, rated):
    with Database() as database:
        book = RoundBook(database)
        trap = read_traps(FIELD[0])[0]
        book.open(mistakes.of_trap(trap))
        card = kata_card(FIELD[0])
        now = datetime.datetime.now(datetime.UTC)
        book.deck.rate(card, 3, at=now + (days - 2) * DAY)
        before = book.deck.due_times()[card]
        session = database.start_session("debug", None)
        entry = Entry(FIELD[0], 4, session, time.time(), seconds=60, outcome="solved", checks=1)
        book.conclude(entry, named=True, evidence=None)
        assert (book.deck.due_times()[card] > before) is rated
