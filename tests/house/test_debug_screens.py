"""dojo.sitting.debug: a round from its first screen to its debrief, by textual's own Pilot.

The checker is played by the test: nothing here waits for TensorFlow.
"""

import ast
import asyncio
import dataclasses
import random
import subprocess
import sys
import time

import pytest

from dojo import layout
from dojo.check.messages import Probed
from dojo.check.runner import Event
from dojo.content import mistakes
from dojo.content.document import read_document
from dojo.content.traps import read_traps
from dojo.errors import UsageError
from dojo.record import attempts
from dojo.record.attempts import Attempts, Entry
from dojo.record.database import Database
from dojo.record.deck import Deck, family_card
from dojo.record.rounds import Round, Rounds
from dojo.results import Failure, Kind, Outcome, RanTest, Result
from dojo.sitting import handout, review_report, round_report
from dojo.sitting.debug import DebugApp, DebugOptions, NothingToDebug, eligible
from dojo.sitting.desk import Desk
from dojo.sitting.round_book import RoundBook
from dojo.sitting.round_choice import Past, choose
from dojo.sitting.screens.ask import Ask
from dojo.sitting.screens.name_it import NameScreen
from dojo.sitting.screens.review import ReviewScreen
from dojo.sitting.screens.round import RoundScreen
from dojo.sitting.screens.round_debrief import RoundDebriefScreen
from tests.house.test_practice_screens import Checker, seen, until, until_screen

DOCUMENT = read_document()
KATA = "gradients/clip_by_value"
NAMES = ["test_1_a", "test_2_b"]
SOLVED = Result(KATA, Outcome.SOLVED, (), [RanTest(n, True, 0.1) for n in NAMES], NAMES)
PROOF = "f(x)\n\n  expected  1\n  got       2\n  cause     these are exactly the numbers of: a slip"
WRONG = Result(
    KATA,
    Outcome.WRONG,
    [Failure("test_2_b", PROOF, "these are exactly the numbers of: a slip", kind=Kind.PROOF)],
    [RanTest("test_1_a", True, 0.1), RanTest("test_2_b", False, 0.1)],
    NAMES,
)


def options(tmp_path, **changes):
    plain = DebugOptions(
        KATA, None, False, False, True, False, tmp_path / "answers", tmp_path / "debug"
    )
    return dataclasses.replace(plain, **changes)


@pytest.fixture
def sit(home, tmp_path):
    """Runs `play(app, pilot)` in a sitting of rounds of KATA, which is solved unless told."""

    def run(play, size=(80, 24), solved=True, **changes):
        async def main():
            with Database(home) as database:
                if solved:
                    database.add_check(SOLVED)
                wanted = options(tmp_path, **changes)
                desk = Desk(DOCUMENT, RoundBook(database), Checker(), wanted.into)
                app = DebugApp(desk, wanted, [KATA])
                async with app.run_test(size=size) as pilot:
                    await until(pilot, lambda: len(app.screen_stack) > 1)
                    await play(app, pilot)
                return app

        return asyncio.run(main())

    return run


def broken_file(tmp_path):
    return layout.source_file(KATA, tmp_path / "debug")


def rounds(home):
    with Database(home) as database:
        return Rounds(database).all()


async def repair(app, pilot, tmp_path):
    """The tests have seen the broken file; the learner repairs it."""
    await until_screen(pilot, RoundScreen)
    app.desk.checker.say(WRONG)
    await until(pilot, lambda: app.screen.evidence is not None)
    broken_file(tmp_path).write_text(mistakes.repaired(KATA), encoding="utf-8")
    app.desk.checker.say(SOLVED)
    await until_screen(pilot, NameScreen)


async def pick(app, pilot, index, words="it drops a factor"):
    await pilot.press(*words.replace(" ", "_"), "enter")
    await pilot.press(*["down"] * index, "enter")
    await until_screen(pilot, RoundDebriefScreen)


def true_index(app):
    names = [trap.name for trap in read_traps(KATA)]
    offered = app.screen._options
    wanted = app.book.mistake.name
    assert wanted in names
    return list(offered).index(wanted)


def test_found_repaired_and_named(sit, home, tmp_path):
    async def play(app, pilot):
        await until_screen(pilot, Ask)
        await until(pilot, lambda: "is not solved yet. A round shows" in seen(app))
        assert not broken_file(tmp_path).exists()
        await pilot.press("y")
        await until_screen(pilot, RoundScreen)
        source = broken_file(tmp_path).read_text(encoding="utf-8")
        assert source != mistakes.repaired(KATA)
        assert "Find the mistake, and repair it" in seen(app)
        await repair(app, pilot, tmp_path)
        await pick(app, pilot, true_index(app))
        screen = seen(app)
        assert "solved in 0:0" in screen
        assert "✓" in screen
        assert f"The mistake: {app.book.mistake.name}"[:60] in screen
        await pilot.press("q")

    app = sit(play, size=(100, 60), solved=False)
    assert "mistake named" in app.parting[0]
    (found,) = rounds(home)
    # With the cause that the numbers proved, as it was handed out.
    assert found.entry.causes == ["these are exactly the numbers of: a slip"]
    assert (found.entry.outcome, found.named, found.kind) == (attempts.SOLVED, True, "repair")
    with Database(home) as database:
        assert family_card(found.family) in Deck(database).due_times()
        # The round is no attempt at the kata, and no check of the learner's answer.
        assert Attempts(database).all() == []
        assert not database.was_solved(KATA)


def test_who_would_rather_solve_it_first_is_shown_nothing(sit, home, tmp_path):
    async def play(app, pilot):
        await until_screen(pilot, Ask)
        await pilot.press("n")
        await until(pilot, lambda: not app.is_running)

    sit(play, solved=False)
    assert not broken_file(tmp_path).exists()
    assert rounds(home) == []


def test_the_round_shows_the_numbers_and_not_their_cause(sit, tmp_path):
    async def play(app, pilot):
        await until_screen(pilot, RoundScreen)
        app.desk.checker.say(WRONG)
        await until(pilot, lambda: app.screen.evidence is not None)
        assert "got       2" not in seen(app)
        word = Event("first", KATA, "test_2_b", failure=WRONG.failures[0])
        app.desk.checker.hear(word)
        await pilot.pause(0.1)
        assert "got       2" not in seen(app)
        broken_file(tmp_path).write_text("x = 1\n", encoding="utf-8")
        app.desk.checker.hear(word)
        await until(pilot, lambda: "still running" in seen(app))
        assert "slip" not in seen(app)
        app.desk.checker.say(WRONG)
        await until(pilot, lambda: "still running" not in seen(app))
        assert "got       2" in seen(app)
        assert "slip" not in seen(app)
        assert "1 check" in seen(app)

    sit(play)


def test_the_wrong_name_is_said_to_be_wrong_and_the_proof_shown(sit, home, tmp_path):
    async def play(app, pilot):
        await repair(app, pilot, tmp_path)
        await pick(app, pilot, (true_index(app) + 1) % 4)
        screen = seen(app)
        assert "you said:   it_drops_a_factor" in screen
        assert "✗" in screen
        assert "exactly the numbers of: a slip" in screen
        assert "The smallest repair" in screen

    sit(play, size=(100, 60))
    assert rounds(home)[0].named is False


def test_giving_up_is_named_too_and_comes_back_soon(sit, home):
    async def play(app, pilot):
        await until_screen(pilot, RoundScreen)
        await pilot.press("g")
        await until_screen(pilot, Ask)
        await pilot.press("y")
        await until_screen(pilot, NameScreen)
        await pilot.press("escape")
        await until_screen(pilot, RoundDebriefScreen)
        assert "given up" in seen(app)

    sit(play)
    assert (rounds(home)[0].entry.outcome, rounds(home)[0].named) == (attempts.GIVEN_UP, False)


def test_the_symptom_is_a_colleagues_or_the_clause_that_fails(sit):
    async def play(app, pilot):
        await until_screen(pilot, RoundScreen)
        app.screen.mistake = dataclasses.replace(app.screen.mistake, symptom="")
        app.desk.checker.say(WRONG)
        await until(pilot, lambda: "Clause 2 does not hold" in seen(app))

    sit(play)

    async def hard(app, pilot):
        await until_screen(pilot, RoundScreen)
        app.desk.checker.say(WRONG)
        await until(pilot, lambda: app.screen.evidence is not None)
        assert "Clause" not in seen(app)

    sit(hard, hard=True)


def test_a_mistake_that_the_tests_do_not_see_is_replaced(sit, home):
    async def play(app, pilot):
        await until_screen(pilot, RoundScreen)
        first = app.screen.mistake
        app.desk.checker.say(SOLVED)
        await until_screen(pilot, RoundScreen, lambda: app.screen.mistake.id != first.id)

    sit(play)
    # The second one still runs when the test ends.
    assert [found.entry.outcome for found in rounds(home)] == [attempts.LEFT, attempts.RUNNING]


def test_what_stood_in_the_file_is_kept(sit, home, tmp_path):
    broken_file(tmp_path).parent.mkdir(parents=True)
    broken_file(tmp_path).write_text("mine = 1\n", encoding="utf-8")

    async def play(app, pilot):
        await until_screen(pilot, RoundScreen)

    sit(play)
    (copy,) = (home / "rounds" / KATA).glob("*.py")
    assert copy.read_text(encoding="utf-8") == "mine = 1\n"


def test_a_killed_round_goes_on(sit, home, tmp_path):
    trap = read_traps(KATA)[0]
    mistake = mistakes.of_trap(trap)
    handout.hand_out(mistake, tmp_path / "debug")
    broken_file(tmp_path).write_text("half = 1\n", encoding="utf-8")
    with Database(home) as database:
        session = database.start_session("debug", None)
        entry = Entry(KATA, 4, session, time.time() - 200, seconds=77.0, pid=2**22 + 1)
        Rounds(database).write(Round(entry, trap.name, trap.family))
        database.db.execute("UPDATE rounds SET beat = 0")

    async def play(app, pilot):
        await until_screen(pilot, Ask)
        assert "broke off after 1:17" in seen(app)
        await pilot.press("c")
        await until_screen(pilot, RoundScreen)
        assert app.screen.mistake == mistake
        assert 75 < app.attempt.clock.spent < 90

    sit(play)
    assert broken_file(tmp_path).read_text(encoding="utf-8") == "half = 1\n"
    assert len(rounds(home)) == 1


def test_nothing_in_the_learners_tree_changes(sit, tmp_path):
    own = layout.source_file(KATA, tmp_path / "answers")
    own.parent.mkdir(parents=True)
    answer = layout.source_file(KATA, layout.REFERENCE).read_text(encoding="utf-8")
    own.write_text("# mine\n" + answer, encoding="utf-8")

    async def play(app, pilot):
        await repair(app, pilot, tmp_path)

    sit(play, own=True)
    assert own.read_text(encoding="utf-8") == "# mine\n" + answer


def test_ones_own_answer_is_broken_where_that_is_asked_for(sit, tmp_path):
    own = layout.source_file(KATA, tmp_path / "answers")
    own.parent.mkdir(parents=True)
    answer = layout.source_file(KATA, layout.REFERENCE).read_text(encoding="utf-8")
    own.write_text("# mine\n" + answer, encoding="utf-8")

    async def play(app, pilot):
        await until_screen(pilot, RoundScreen)
        assert broken_file(tmp_path).read_text(encoding="utf-8").startswith("# mine\n")

    sit(play, own=True)


def played(mistake, family="mask", at=0.0):
    entry = Entry(mistake.kata, 4, 1, at, id=1, outcome=attempts.SOLVED)
    return Round(entry, mistake.name, family)


def families(monkeypatch, *wanted):
    """KATA's traps, of these families in turn."""
    traps = read_traps(KATA)
    marked = [
        dataclasses.replace(trap, family=wanted[i % len(wanted)]) for i, trap in enumerate(traps)
    ]
    monkeypatch.setattr("dojo.sitting.round_choice.read_traps", lambda kata: marked)
    return marked


def test_what_is_due_comes_first_then_what_one_has_done_oneself(monkeypatch):
    families(monkeypatch, "mask", "sign", "order")
    chance = random.Random(0)
    for due, made, expected in [(["order"], ["sign"], "order"), ([], ["sign"], "sign")]:
        for _ in range(5):
            assert choose([KATA], Past(due, made), chance).family == expected


def test_nothing_comes_twice_until_all_was_seen_then_breaks_then_never_twice_in_a_row(monkeypatch):
    families(monkeypatch, "mask")
    chance, seen_so_far = random.Random(0), []
    total = len(read_traps(KATA))
    while len(seen_so_far) < total:
        mistake = choose([KATA], Past(rounds=seen_so_far), chance)
        assert mistake.edit is not None
        assert mistake.id not in [found.id for found in seen_so_far]
        seen_so_far.append(played(mistake))
    broken = choose([KATA], Past(rounds=seen_so_far), chance)
    assert broken.edit is None
    while broken.edit is None:
        seen_so_far.append(played(broken))
        broken = choose([KATA], Past(rounds=seen_so_far), chance)
    assert broken.id != seen_so_far[-1].id


def test_only_what_is_solved_is_put_up_unless_asked_for(tmp_path):
    wanted = options(tmp_path, any=False)
    with pytest.raises(NothingToDebug, match="not solved yet, and a round shows"):
        eligible(wanted, DOCUMENT, lambda kata: False)
    with pytest.raises(NothingToDebug, match="nox -s practice"):
        eligible(dataclasses.replace(wanted, name=""), DOCUMENT, lambda kata: False)
    solved = eligible(dataclasses.replace(wanted, name=""), DOCUMENT, lambda kata: kata == KATA)
    assert solved == [KATA]
    assert eligible(options(tmp_path), DOCUMENT, lambda kata: False) == [KATA]
    assert issubclass(NothingToDebug, UsageError)
    with pytest.raises(NothingToDebug, match="nox -s practice -- debug_loop"):
        eligible(dataclasses.replace(wanted, name="debug_loop"), DOCUMENT, lambda kata: True)


def test_in_a_pipe_it_says_that_it_needs_a_terminal():
    done = subprocess.run(
        [sys.executable, "-m", "dojo", "debug"], cwd=layout.ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr


# What a right and a wrong answer make of an input is tried in test_probe.
APART = Probed("[3. 3. 0.]", "[1. 1. 0.]", True)


async def review(app, pilot, line, clause, text="x = 0"):
    await until_screen(pilot, ReviewScreen)
    app.desk.checker.say(WRONG)
    await until(pilot, lambda: app.screen.evidence is not None)
    await pilot.press(*str(line), "enter", *str(clause), "enter", *text.replace(" ", "_"), "enter")
    await until(pilot, lambda: app.screen.review.probed is not None)
    await pilot.press("ctrl+s")
    await until_screen(pilot, RoundDebriefScreen)


def test_a_review_is_graded_by_line_clause_and_input(sit, home, monkeypatch):
    monkeypatch.setattr("dojo.check.probe.tell_apart", lambda right, wrong, text: APART)

    async def play(app, pilot):
        await until_screen(pilot, ReviewScreen)
        line = min(review_report.wrong_lines(app.screen.mistake))
        await review(app, pilot, line, 2)
        assert "✓ the line" in seen(app)
        assert "✓ the clause" in seen(app)
        assert "✓ the input" in seen(app)

    app = sit(play, size=(100, 50), review=True)
    assert "right: line, clause, input" in app.parting[0]
    (found,) = rounds(home)
    assert (found.kind, found.named, found.entry.outcome) == ("review", True, attempts.SOLVED)


def test_a_review_that_misses_says_which(sit, home, monkeypatch):
    same = Probed("1", "1", False)
    monkeypatch.setattr("dojo.check.probe.tell_apart", lambda right, wrong, text: same)

    async def play(app, pilot):
        await review(app, pilot, 1, 1)
        assert "✗ the line" in seen(app)
        assert "✗ the clause" in seen(app)
        assert "✗ the input" in seen(app)

    sit(play, size=(100, 50), review=True)
    (found,) = rounds(home)
    assert (found.named, found.entry.outcome) == (False, attempts.GIVEN_UP)


def test_a_review_shows_a_test_that_the_wrong_answer_passes(sit):
    suite = layout.test_file(KATA).read_text(encoding="utf-8")
    short = next(
        node.name
        for node in ast.parse(suite).body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_2_")
        and node.end_lineno - node.lineno < 15
    )
    evidence = dataclasses.replace(
        WRONG, tests=[RanTest(short, True, 0.1), RanTest("test_2_b", False, 0.1)]
    )
    assert f"def {short}(" in review_report.passing_test(evidence)
    failed = dataclasses.replace(WRONG, tests=[RanTest(short, False, 0.1)])
    assert review_report.passing_test(failed) == ""

    async def play(app, pilot):
        await until_screen(pilot, ReviewScreen)
        app.desk.checker.say(evidence)
        await until(pilot, lambda: "This test passes" in seen(app))

    sit(play, size=(160, 60), review=True)


def test_what_to_read_is_the_questions():
    assert round_report.reading(KATA).startswith("https://www.tensorflow.org/")
    for kata in DOCUMENT.katas:
        assert round_report.reading(kata.path), kata.path


def test_the_wrong_lines_are_those_that_differ_or_stand_beside_a_gap():
    right = mistakes.repaired(KATA).splitlines()
    mistake = mistakes.of_trap(read_traps(KATA)[0])
    changed = dataclasses.replace(mistake, source="\n".join([*right[:9], "other", *right[10:]]))
    assert review_report.wrong_lines(changed) == {10}
    gone = dataclasses.replace(mistake, source="\n".join(right[:9] + right[10:]))
    assert review_report.wrong_lines(gone) == {9, 10}
