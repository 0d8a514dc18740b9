"""dojo.results and dojo.scoreboard: statuses, files, and the screen."""

import io
import json
import os
import re
import xml.etree.ElementTree as ET

import pytest
from rich.console import Console
from rich.text import Text

from dojo import layout, results
from dojo.check import reports, scoreboard
from dojo.content.document import Kata
from dojo.results import Failure, Outcome, RanTest, Result

KATA = Kata("losses/focal_loss", "mid", 25, "often", ())


def result(outcome=Outcome.WRONG, **how):
    names = ["test_1_a", "test_1_b", "test_2_c"]
    tests = [RanTest("test_1_a", True, 0.1), RanTest("test_1_b", False, 0.2)]
    failure = Failure("test_1_b", "f(x)\n\n  expected  1\n  got       2", "the sign", "hello")
    whole = {"tests": tests, "names": names, "failures": [failure], "seconds": 0.5}
    return Result("losses/focal_loss", outcome, **(whole | how))


def test_a_clause_passes_only_if_all_its_tests_ran_and_passed():
    assert result().clauses == {"1": "failed", "2": "failed"}
    tests = [RanTest(name, True, 0.1) for name in ["test_1_a", "test_1_b", "test_2_c"]]
    assert result(tests=tests).clauses == {"1": "passed", "2": "passed"}


@pytest.mark.parametrize(
    ("width", "there", "gone"),
    [
        (80, ["✗ wrong", "focal_loss", "0/2 clauses", "mid", "25 min", "0.5 s"], []),
        (46, ["✗ wrong", "focal_loss", "0/2 clauses", "mid"], ["25 min", "0.5 s"]),
        (38, ["✗ wrong", "focal_loss", "0/2 clauses"], ["mid", "25 min", "0.5 s"]),
        (30, ["✗ wrong", "focal_loss"], ["clauses", "mid", "…"]),
    ],
)
def test_a_narrow_board_keeps_the_name_and_how_it_ended(width, there, gone):
    console = Console(width=width)
    with console.capture() as captured:
        console.print(scoreboard.board([KATA], [result()], width))
    text = captured.get()
    assert [word for word in there if word not in text] == []
    assert [word for word in gone if word in text] == []


def board_of(results, width=80):
    """The board's lines for these results, one kata each."""
    katas = [Kata(found.kata, "mid", 9, "often", ()) for found in results]
    console = Console(width=width)
    with console.capture() as captured:
        console.print(scoreboard.board(katas, results, width))
    return captured.get().splitlines()


def test_a_board_of_several_tracks_counts_what_is_not_started():
    fresh = [Result(f"metrics/m{number}", Outcome.NOT_STARTED) for number in range(30)]
    track, wrong, counted = board_of([result(), *fresh])
    assert (track.strip(), wrong.split()[:3]) == ("losses", ["✗", "wrong", "focal_loss"])
    assert counted.split() == ["metrics", "30", "not", "started"]
    # Of one track each is listed; and nothing but counts is a board, too.
    assert len(board_of(fresh)) == 31
    for width in (80, 20):
        assert len(board_of([result(Outcome.NOT_STARTED), *fresh], width)) == 2


def test_the_command_keeps_them_in_40_columns(dojo, tmp_path):
    file = layout.source_file("losses/categorical_focal_loss", tmp_path)
    file.parent.mkdir()
    file.write_text("def f(:\n", encoding="utf-8")
    how = {"env": os.environ | {"COLUMNS": "40"}}
    done = dojo("check", "categorical_focal_loss", "--tree", tmp_path, **how)
    assert "✗ wrong  categorical_focal_loss" in done.stdout
    listed = dojo("list", "losses/", "--tree", tmp_path, **how).stdout.splitlines()
    assert "  · not started  focal_loss" in [line.rstrip() for line in listed]
    assert max(map(len, listed)) <= 40


@pytest.mark.parametrize(
    ("outcomes", "named", "status"),
    [
        (["solved"], True, 0),
        (["not started", "solved"], False, 0),
        (["not started", "solved"], True, 1),
        (["wrong", "solved"], False, 1),
        (["crashed"], False, 1),
        (["timed out"], False, 1),
        (["broken", "wrong"], False, 3),
        ([], False, 0),
    ],
)
def test_exit_statuses(outcomes, named, status):
    found = [result(Outcome(outcome)) for outcome in outcomes]
    assert results.exit_status(found, named) == status


def test_json_has_the_documented_form(tmp_path):
    reports.write_json(tmp_path / "out.json", "katas", [result()])
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == {
        "version": 2,
        "changed": [],
        "tree": "katas",
        "katas": [
            {
                "kata": "losses/focal_loss",
                "outcome": "wrong",
                "passed": 1,
                "total": 3,
                "seconds": 0.5,
                "clauses": {"1": "failed", "2": "failed"},
                "shown": 0,
                "failures": [
                    {
                        "test": "test_1_b",
                        "clause": "1",
                        "message": "f(x)\n\n  expected  1\n  got       2",
                        "cause": "the sign",
                        "kind": "basic",
                    }
                ],
            }
        ],
    }


def test_junit_counts_and_survives_control_characters(tmp_path):
    bad = Failure("test_1_b", "bell \x07 and \x1b[31mred")
    reports.write_junit(tmp_path / "out.xml", [result(failures=[bad])])
    suite = ET.parse(tmp_path / "out.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert [case.get("name") for case in suite] == ["test_1_a", "test_1_b", "test_2_c"]
    assert "bell \ufffd and" in suite[1][0].text


def test_junit_of_a_kata_without_tests_carries_its_reason(tmp_path):
    reason = Failure("", "katas/losses/focal_loss.py:3: SyntaxError")
    found = result(tests=[], names=[], failures=[reason])
    reports.write_junit(tmp_path / "out.xml", [found])
    suite = ET.parse(tmp_path / "out.xml").getroot()[0]
    assert "SyntaxError" in suite[0][0].get("message")


def screen(found, **how):
    text = io.StringIO()
    console = Console(file=text, width=80, highlight=False, **how)
    scoreboard.report(console, [KATA], [found], layout.KATAS)
    return text.getvalue()


def test_the_screen_shows_what_a_learner_needs():
    text = screen(result())
    assert "✗ wrong  focal_loss  0/2 clauses  mid  25 min  0.5 s" in text
    assert "1. Values and gradients match" in text  # the clause, in its own words
    assert "your code printed\n    hello" in text
    assert "Next: nox -s check -- focal_loss --watch" in text


def test_a_terminal_folds_a_long_row_under_itself():
    row = "  expected  [0.25 0.5 0.75]  by " + "the formula of the paper " * 5
    failure = Failure("test_1_x", f"f(x)\n\n{row}", None)
    shown = screen(result(failures=[failure]), force_terminal=True)
    lines = Text.from_ansi(shown).plain.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("  expected  "))
    assert max(map(len, lines)) <= 80
    assert lines[at + 1].startswith(" " * 12 + "paper the formula")


def test_colour_is_for_terminals_only():
    assert "\x1b[" not in screen(result())
    assert "\x1b[31m" in screen(result(), force_terminal=True, color_system="standard")


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    # 31 to 36 are colours; 1 and 3, bold and italic, are none.
    assert not re.search(r"\x1b\[3[1-6]m", screen(result(), force_terminal=True))


def test_markup_in_a_message_is_only_text():
    failure = Failure("test_1_b[x]", "[bold]f[/bold](x) [/nothing]")
    assert "[bold]f[/bold](x) [/nothing]" in screen(result(failures=[failure]))


def test_a_broken_suite_is_not_blamed_on_the_learner():
    text = screen(result(Outcome.BROKEN))
    assert "not in your file" in text
    assert "hint" not in text
