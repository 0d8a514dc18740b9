"""dojo.sitting.screens: every key of every screen, by textual's own Pilot.

The checker is played by the test: nothing here waits for TensorFlow.
"""

import asyncio
import dataclasses
import time

import pytest
from rich.console import Console

from dojo import layout
from dojo.check.runner import Event
from dojo.content import model_answer, stubs
from dojo.content.asked import asked
from dojo.content.document import read_document
from dojo.record import attempts
from dojo.record.archive import copies
from dojo.record.attempts import Attempts, Entry
from dojo.record.database import Database
from dojo.results import Failure, Outcome, RanTest, Result
from dojo.sitting.book import Book
from dojo.sitting.desk import Desk
from dojo.sitting.difference import SAME, code_of, difference
from dojo.sitting.practice import PracticeApp
from dojo.sitting.prose import prose
from dojo.sitting.screens.ask import Ask
from dojo.sitting.screens.attempt import AttemptScreen
from dojo.sitting.screens.choose import ChooseScreen
from dojo.sitting.screens.debrief import DebriefScreen
from dojo.sitting.widgets.head import countdown
from dojo.sitting.widgets.question_pane import question

DOCUMENT = read_document()
KATA = next(kata for kata in DOCUMENT.katas if kata.path == "gradients/clip_by_value")
STUB = stubs.pristine(KATA.path)
NAMES = ["test_1_a", "test_2_b"]
SOLVED = Result(KATA.path, Outcome.SOLVED, (), [RanTest(n, True, 0.1) for n in NAMES], NAMES)
WRONG = Result(
    KATA.path,
    Outcome.WRONG,
    [Failure("test_2_b", "f(x)\n\n  expected  1\n  got       2", "the upstream dropped")],
    [RanTest("test_1_a", True, 0.1), RanTest("test_2_b", False, 0.1)],
    NAMES,
)


class Checker:
    """Checks nothing; remembers what was asked, and says what it is told to say."""

    def __init__(self):
        self.asked = 0
        self.hear = lambda event: None

    def attend(self, kata, hear):
        self.hear = hear

    def check(self):
        self.asked += 1

    def rest(self):
        self.hear = lambda event: None

    def say(self, result):
        self.hear(Event("finished", result.kata, result=result))


@pytest.fixture
def file(tmp_path):
    file = layout.source_file(KATA.path, tmp_path / "answers")
    file.parent.mkdir(parents=True)
    file.write_text(STUB, encoding="utf-8")
    return file


@pytest.fixture
def sit(home, file):
    """Runs a coroutine in a sitting: `sit(play, KATA)`, where `play(app, pilot)` is the test."""

    def run(play, kata=KATA, minutes=None, size=(80, 24)):
        async def main():
            with Database(home) as database:
                desk = Desk(DOCUMENT, Book(database), Checker(), file.parent.parent)
                app = PracticeApp(desk, kata, minutes)
                async with app.run_test(size=size) as pilot:
                    await until(pilot, lambda: len(app.screen_stack) > 1)
                    await play(app, pilot)
                return app

        return asyncio.run(main())

    return run


async def until(pilot, there, seconds=30):
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, pilot.app.screen
        await pilot.pause(0.02)


async def until_screen(pilot, kind, that=lambda: True):
    """Waits for a screen of that kind, with all that is on it."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind) and that())
    await until(pilot, lambda: pilot.app.screen.is_mounted)
    await pilot.pause()


async def answer(pilot, *keys):
    """Presses a key that asks, then the answer."""
    await pilot.press(keys[0])
    await until_screen(pilot, Ask)
    await pilot.press(*keys[1:])


def seen(app):
    """What is on the screen, as text."""
    return "\n".join(
        "".join(segment.text for segment in line) for line in app.screen._compositor.render_strips()
    )


def told(app):
    """What pops up in a corner; there it is broken into lines."""
    return " ".join(notification.message for notification in app._notifications)


def rows(home):
    with Database(home) as database:
        return Attempts(database).all()


def test_wrong_then_solved_then_the_debrief(sit, home):
    async def play(app, pilot):
        await until_screen(pilot, AttemptScreen)
        app.desk.checker.say(WRONG)
        await until(pilot, lambda: "2✗" in seen(app))
        assert "1✓" in seen(app)
        assert "got       2" in seen(app)
        app.desk.checker.say(SOLVED)
        await until_screen(pilot, DebriefScreen)
        assert "solved in 0:0" in seen(app)
        assert "the upstream dropped" in seen(app)
        assert "It comes back for review in 8 days: easy" in seen(app)
        await pilot.press("q")

    assert sit(play).parting[0].startswith(f"{KATA.path}: solved in")
    (row,) = rows(home)
    assert (row.outcome, row.checks) == (attempts.SOLVED, 2)


def test_the_first_word_is_shown_until_the_verdict(sit):
    again = WRONG.failures[0]
    other = dataclasses.replace(again, message="f(x)\n\n  expected  1\n  got       3")

    async def play(app, pilot):
        hear = app.desk.checker.hear
        app.desk.checker.say(WRONG)
        await until(pilot, lambda: "got       2" in seen(app))
        hear(Event("first", KATA.path, "test_2_b", 1, 2, failure=other))
        await until(pilot, lambda: "━ still running ━" in seen(app))
        await until(pilot, lambda: "got       3" in seen(app))
        hear(Event("first", KATA.path, "test_2_b", 1, 2))
        await until(pilot, lambda: "test_2_b passes now; still running" in seen(app))
        app.desk.checker.say(WRONG)
        await until(pilot, lambda: "got       2" in seen(app))
        assert "still running" not in seen(app)

    sit(play)


def test_the_list_proposes_and_enter_starts(sit):
    async def play(app, pilot):
        await until_screen(pilot, ChooseScreen)
        assert "next: gradients/clip_by_value, not solved yet" in seen(app)
        assert "asked     min" in seen(app)
        assert "screen often " in seen(app)
        await pilot.press("enter")
        await until_screen(pilot, AttemptScreen)
        assert app.attempt.kata == KATA

    sit(play, kata=None)


def test_the_list_can_be_left(sit, home):
    async def play(app, pilot):
        await pilot.press("q")

    assert sit(play, kata=None).parting == []
    assert rows(home) == []


def test_key_points_come_one_by_one(sit):
    asked = [question for question in DOCUMENT.questions if question.kata == KATA.path]

    async def play(app, pilot):
        app.desk.checker.say(SOLVED)
        await until_screen(pilot, DebriefScreen)
        total = len(asked) + sum(len(question.follow_ups) for question in asked)
        shown = app.screen.query("#debrief Static")
        before = len(shown)
        for count in range(1, total + 3):
            await pilot.press("k")
            assert app.screen.revealed == min(count, total)
        assert len(app.screen.query("#debrief Static")) == before + total

    sit(play)


def test_giving_up_asks_then_shows_the_answer(sit, home):
    async def play(app, pilot):
        await answer(pilot, "g", "n")
        await until_screen(pilot, AttemptScreen)
        assert app.attempt.running
        await answer(pilot, "g", "y")
        await until_screen(pilot, DebriefScreen)
        assert "given up after" in seen(app)
        assert "+    @tf.custom_gradient" in seen(app)
        assert "again, not solved" in seen(app)

    sit(play, size=(80, 60))
    assert rows(home)[0].outcome == attempts.GIVEN_UP


def test_escape_never_does_what_was_asked(sit):
    async def play(app, pilot):
        for key in ("g", "r", "n", "q"):
            await answer(pilot, key, "escape")
            await until_screen(pilot, AttemptScreen)
            assert app.attempt.running

    sit(play)


def test_next_leaves_and_shows_the_list(sit, home):
    async def play(app, pilot):
        await answer(pilot, "n", "y")
        await until_screen(pilot, ChooseScreen)

    sit(play)
    assert rows(home)[0].outcome == attempts.LEFT


def test_pause_stops_the_clock_and_covers_the_question(sit):
    async def play(app, pilot):
        await pilot.press("p")
        spent = app.attempt.clock.spent
        assert "paused" in seen(app)
        assert "Question (12 min)" not in seen(app)
        await pilot.pause(0.6)
        assert app.attempt.clock.spent == spent
        # A verdict that comes meanwhile is not lost: the file is checked again.
        app.desk.checker.say(SOLVED)
        await pilot.pause(0.1)
        assert app.attempt.running
        before = app.desk.checker.asked
        await pilot.press("p")
        assert app.desk.checker.asked == before + 1
        await until(pilot, lambda: app.attempt.clock.spent > spent)
        assert "Question (12 min)" in seen(app)

    sit(play)


def test_hints_are_three_and_counted(sit):
    async def play(app, pilot):
        for count in (1, 2, 3):
            await pilot.press("h")
            await until(pilot, lambda count=count: f"Hint {count} of 3" in seen(app))
        await pilot.press("h")
        await until(pilot, lambda: "all three hints" in told(app))
        assert "3 hints" in seen(app)

    sit(play)


def test_reset_keeps_what_was_written(sit, file):
    async def play(app, pilot):
        file.write_text("mine = 1\n")
        await answer(pilot, "r", "y")
        await until(pilot, lambda: file.read_text(encoding="utf-8") == STUB)

    sit(play)
    assert [copy.read_text() for copy in copies(KATA.path)] == ["mine = 1\n"]


def test_reset_that_cannot_archive_says_so(sit, file, home):
    async def play(app, pilot):
        file.write_text("mine = 1\n")
        (home / "archive").write_text("a file where the folder should be")
        await answer(pilot, "r", "y")
        await until(pilot, lambda: "It is left as it is" in told(app))

    sit(play)
    assert file.read_text() == "mine = 1\n"


def test_a_named_kata_that_cannot_begin_leads_to_the_list(sit, file, home):
    file.write_text("mine = 1\n")
    home.mkdir()
    (home / "archive").write_text("a file where the folder should be")

    async def play(app, pilot):
        await until_screen(pilot, ChooseScreen)
        await until(pilot, lambda: "It is left as it is" in told(app))

    sit(play)
    assert file.read_text() == "mine = 1\n"


@pytest.fixture
def broken_off(home, dead_pid):
    """An attempt of five minutes whose process was killed."""
    with Database(home) as database:
        book = Book(database)
        lost = Entry(KATA.path, 25, book.sitting(), time.time(), seconds=300, pid=dead_pid)
        book.attempts.write(lost)


@pytest.mark.parametrize(
    ("key", "outcomes"),
    [
        ("c", [attempts.RUNNING]),
        ("n", [attempts.LEFT, attempts.RUNNING]),
        ("q", [attempts.RUNNING]),
        ("escape", [attempts.RUNNING]),
    ],
)
def test_what_broke_off_goes_on_or_starts_anew_or_waits(sit, home, broken_off, key, outcomes):
    async def play(app, pilot):
        await until_screen(pilot, Ask)
        assert "broke off after 5:00" in seen(app)
        await pilot.press(key)
        await until(pilot, lambda: app.attempt is not None or not app.is_running)
        assert [row.outcome for row in rows(home)] == outcomes
        assert (app.attempt is None) == (key in ("q", "escape"))

    sit(play)


def test_c_asks_for_a_check(sit):
    async def play(app, pilot):
        before = app.desk.checker.asked
        await pilot.press("c")
        assert app.desk.checker.asked == before + 1

    sit(play)


def test_a_jump_of_the_clock_is_told_and_not_counted(sit):
    async def play(app, pilot):
        app.attempt.clock._last -= 7200
        await until(pilot, lambda: "The clock jumped by 120:0" in told(app))
        assert app.attempt.clock.spent < 30

    sit(play)


def test_time_up_asks_once_and_debriefs(sit, home):
    async def play(app, pilot):
        await until_screen(pilot, Ask)
        await pilot.press("o")
        await until_screen(pilot, AttemptScreen)
        await pilot.pause(0.7)
        assert isinstance(app.screen, AttemptScreen)
        await until(pilot, lambda: "time is up, +" in seen(app))
        await answer(pilot, "q", "y")

    sit(play, minutes=0.005)
    assert rows(home)[0].outcome == attempts.TIME_UP


def test_solved_under_an_open_question_is_still_the_end(sit):
    async def play(app, pilot):
        await pilot.press("q")
        await until_screen(pilot, Ask)
        app.desk.checker.say(SOLVED)
        await until_screen(pilot, DebriefScreen)
        assert len([s for s in app.screen_stack if isinstance(s, Ask)]) == 0

    sit(play)


def test_an_untold_trouble_stays_on_the_screen(sit):
    async def play(app, pilot):
        pages = app.desk.book.database.db.execute("PRAGMA page_count").fetchone()[0]
        app.desk.book.database.db.execute(f"PRAGMA max_page_count = {pages}")
        big = Failure("test_2_b", "no", "x" * 100_000)
        app.desk.checker.say(Result(KATA.path, Outcome.WRONG, [big], (), NAMES))
        await until(pilot, lambda: "not recorded:" in seen(app))
        assert "disk is full" in seen(app)
        app.desk.book.database.db.execute("PRAGMA max_page_count = 1000000")
        app.attempt._written_at = 0
        await until(pilot, lambda: "not recorded:" not in seen(app))

    sit(play, size=(120, 24))


def test_the_question_mark_lists_every_key(sit):
    async def play(app, pilot):
        await answer(pilot, "question_mark")
        for word in ("check now", "hint", "$EDITOR", "clock", "stub", "answer", "go on"):
            assert word in seen(app)
        await pilot.press("x")
        await until_screen(pilot, AttemptScreen)

    sit(play)


@pytest.mark.parametrize("size", [(80, 24), (60, 16), (160, 50)])
def test_all_keys_are_in_sight(sit, size):
    async def play(app, pilot):
        await until(pilot, lambda: "c check" in seen(app))
        foot = seen(app).splitlines()[-1]
        for key in ("c check", "h hint", "e edit", "p pause", "r reset", "g give up"):
            assert key in foot
        if size[0] >= 80:
            assert "n next  q quit  ? keys" in foot

    sit(play, size=size)


def test_in_40_columns_the_list_keeps_the_kata_and_how_it_went(sit, home):
    with Database(home) as database:
        book = Book(database)
        lost = Entry(KATA.path, 12, book.sitting(), time.time(), outcome=attempts.TIME_UP)
        book.attempts.write(lost)

    async def play(app, pilot):
        await until(pilot, lambda: "clip_by_value" in seen(app))
        (line,) = [line for line in seen(app).splitlines() if "  clip_by_value" in line]
        assert attempts.TIME_UP in line
        assert "categorical_focal_loss" in seen(app) or "softmax_cross_entropy" in seen(app)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "asked     min" in seen(app))

    sit(play, kata=None, size=(40, 20))


def test_in_40_columns_the_attempt_keeps_name_time_and_verdict(sit):
    async def play(app, pilot):
        app.desk.checker.say(WRONG)
        await until(pilot, lambda: "2✗" in seen(app))
        head, found = seen(app).splitlines()[:2]
        assert KATA.name in head
        assert " left" in head
        assert " wrong" in found
        app.desk.checker.hear(Event("tested", KATA.path, "test_1_a", 1, 43))
        await until(pilot, lambda: "checking 1/43" in seen(app))

    sit(play, size=(40, 20))


def test_the_countdown_turns_colour(sit):
    async def play(app, pilot):
        styles = []
        for left in (0.9, 0.2, 0.05, -0.01):
            app.attempt.clock.spent = KATA.minutes * 60 * (1 - left)
            styles.append(str(countdown(app.attempt).style))
        app.attempt.clock.spent = 0.0
        assert len(set(styles)) == 4

    sit(play)


def test_events_of_another_kata_are_not_taken(sit):
    async def play(app, pilot):
        app.desk.checker.hear(
            Event("finished", "losses/giou", result=Result("losses/giou", Outcome.SOLVED))
        )
        await pilot.pause(0.1)
        assert app.attempt.running

    sit(play)


@pytest.mark.parametrize("path", [kata.path for kata in DOCUMENT.katas])
def test_every_question_renders_with_all_its_clauses(path):
    console = Console(width=78)
    with console.capture() as captured:
        console.print(question(path, {"1": "passed"}, ["a `hint`"]))
    text = captured.get()
    for number in asked(path).clauses:
        assert f" {number}. " in text
    assert "✓ 1." in text
    assert "nox -s check" not in text
    assert max(map(len, text.splitlines())) <= 78


OWN = '''"""Asks."""

x = 1


def f(x):
    """Says."""
    # Mine.
    return x


class Abstract:
    """All there is."""
'''
MODEL = OWN.replace("Asks", "Explains").replace("Says", "Tells").replace("return x", "return -x")


def test_the_diff_is_of_code_without_docstrings():
    narrow = str(difference(OWN, MODEL, 80))
    assert not any(word in narrow for word in ("Asks", "Explains", "Says", "Tells", "@@"))
    assert "     # Mine.\n-    return x\n+    return -x\n" in narrow
    assert str(difference(OWN, OWN.replace("Says", "Tells"), 80)) == SAME
    wide = difference(OWN, MODEL, 160)
    cells = [str(cell) for column in wide.columns for cell in column.cells]
    assert {"    return x", "    return -x", "x = 1"} <= set(cells)
    assert "Tells" not in "".join(cells)


def test_what_is_left_without_docstrings_is_a_program_still():
    for kata in DOCUMENT.katas:
        code = "\n".join(code_of(model_answer.source(kata.path)))
        compile(code, kata.path, "exec")
    assert '    """All there is."""' in code_of(OWN)


def test_bullets_stay_apart():
    console = Console(width=30)
    with console.capture() as captured:
        console.print(prose("Two ways,\nsay:\n- one that is\n  folded\n- `two`\n\nNext."))
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert lines == ["", "Two ways, say:", "- one that is folded", "- `two`", "", "Next."]


def test_the_debrief_shows_them(sit, file):
    async def play(app, pilot):
        file.write_text(OWN, encoding="utf-8")
        app.desk.checker.say(SOLVED)
        await until_screen(pilot, DebriefScreen)
        await until(pilot, lambda: "Why it is so" in seen(app))
        screen = seen(app)
        assert "-    return x" in screen
        assert "Says" not in screen
        assert any(line.startswith(" - The mask is taken from x") for line in screen.splitlines())

    sit(play, size=(80, 100))


def test_a_broken_file_is_compared_all_the_same():
    assert "-def f(:" in str(difference("def f(:\n", "x = 1\n", 80))
