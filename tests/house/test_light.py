"""The light commands: fast, clear, and careful with the learner's files."""

import os
import time

import pytest

from dojo import layout
from dojo.content import stubs
from dojo.record.database import Database
from dojo.results import Outcome, Result

KATA = "losses/focal_loss"
STUB = stubs.pristine(KATA)


@pytest.fixture
def tree(tmp_path):
    file = layout.source_file(KATA, tmp_path / "answers")
    file.parent.mkdir(parents=True)
    file.write_text(STUB, encoding="utf-8")
    return tmp_path / "answers"


def edit(tree, text="mine = 1\n"):
    layout.source_file(KATA, tree).write_text(text, encoding="utf-8")


def content(tree):
    return layout.source_file(KATA, tree).read_text(encoding="utf-8")


def test_list_shows_level_minutes_how_often_and_state(dojo, tree):
    done = dojo("list", "--tree", tree)
    assert done.returncode == 0
    line = next(line for line in done.stdout.splitlines() if " focal_loss" in line)
    assert "not started" in line
    assert "25 min" in line
    assert "asked often" in line
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_list_of_all_ends_with_the_way_to_a_shorter_one(dojo, tree):
    last = dojo("list", "--tree", tree).stdout.splitlines()[-1]
    assert last.endswith("katas; `python -m dojo list gradients/` lists one track")
    assert "lists one track" not in dojo("list", "--tree", tree, "losses/").stdout


def test_a_terminal_without_a_size_is_written_to(dojo, tree):
    assert "focal_loss" in dojo("list", env=os.environ | {"COLUMNS": "0"}).stdout


def test_list_shows_the_last_verdict(dojo, tree, home):
    edit(tree)
    with Database(home) as database:
        database.add_check(Result(KATA, Outcome.WRONG))
    assert "✗ wrong" in dojo("list", "--tree", tree, "focal_loss").stdout


def test_hints_rise_and_the_last_one_stays(dojo):
    outputs = [dojo("hint", "focal_loss").stdout for _ in range(4)]
    assert [text.partition("\n")[0][-6:] for text in outputs] == [
        "1 of 3",
        "2 of 3",
        "3 of 3",
        "3 of 3",
    ]
    assert len(set(outputs)) == 3


def test_reset_keeps_the_answer_and_restore_brings_it_back(dojo, tree):
    edit(tree)
    assert "is kept" in dojo("reset", "focal_loss", "--tree", tree).stdout
    assert content(tree) == STUB
    assert dojo("restore", "focal_loss", "--tree", tree).returncode == 0
    assert content(tree) == "mine = 1\n"


def test_reset_of_an_untouched_stub_keeps_nothing(dojo, tree, home):
    assert dojo("reset", "focal_loss", "--tree", tree).returncode == 0
    assert not (home / "archive").exists()


def test_reset_starts_the_hints_again(dojo, tree):
    dojo("hint", "focal_loss")
    dojo("reset", "focal_loss", "--tree", tree)
    assert "hint 1 of 3" in dojo("hint", "focal_loss").stdout


def test_reset_brings_back_a_file_that_is_gone(dojo, tree):
    layout.source_file(KATA, tree).unlink()
    assert dojo("reset", "focal_loss", "--tree", tree).returncode == 0
    assert content(tree) == STUB


def test_reset_that_cannot_archive_leaves_the_answer(dojo, tree, home):
    edit(tree)
    home.mkdir()
    (home / "archive").write_text("a file where the folder should be")
    done = dojo("reset", "focal_loss", "--tree", tree)
    assert done.returncode == 1
    assert "left as it is" in done.stderr
    assert content(tree) == "mine = 1\n"


def test_restore_of_a_time_that_does_not_exist_lists_what_there_is(dojo, tree):
    edit(tree)
    dojo("reset", "focal_loss", "--tree", tree)
    done = dojo("restore", "focal_loss", "1999", "--tree", tree)
    assert done.returncode == 1
    assert "fits '1999'" in done.stderr
    assert done.stdout.startswith("20")


def test_restoring_keeps_what_it_replaces(dojo, tree):
    edit(tree)
    dojo("reset", "focal_loss", "--tree", tree)
    edit(tree, "second = 2\n")
    assert "is kept" in dojo("restore", "focal_loss", "--tree", tree).stdout
    assert content(tree) == "mine = 1\n"


def test_show_waits_for_a_pass(dojo, home):
    done = dojo("show", "focal_loss")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--give-up" in done.stderr
    with Database(home) as database:
        database.add_check(Result(KATA, Outcome.SOLVED))
    answer = layout.source_file(KATA, layout.REFERENCE).read_text(encoding="utf-8")
    assert dojo("show", "focal_loss").stdout == answer


def test_show_gives_up(dojo):
    assert "softplus" in dojo("show", "focal_loss", "--give-up").stdout


def test_an_unknown_name_is_answered_with_the_nearest(dojo):
    for command in (["hint"], ["check"], ["list"], ["reset"], ["show"]):
        done = dojo(*command, "focal_los")
        assert done.returncode == 2
        assert "Did you mean focal_loss" in done.stderr


USAGE = [
    ["check", "--limit", "0"],
    ["check", "--limit", "x"],
    ["check", "--jobs", "0"],
    ["check", "--tree", "no/such/folder"],
    ["check", "--json", "no/such/folder/out.json"],
    ["nonsense"],
    [],
    ["rehearse", "--track", "nonsense"],
    ["anki", "deck.txt"],
]


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_usage_errors_exit_2_and_say_what_is_wrong(dojo, arguments):
    done = dojo(*arguments)
    assert done.returncode == 2
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


LIGHT = [
    ["list"],
    ["hint", "focal_loss"],
    ["show", "focal_loss"],
    ["--help"],
    ["progress"],
    ["check"],
    ["check", "nonsense"],
]


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_light_commands_do_not_import_tensorflow(dojo, arguments, tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('tensorflow was imported')\n")
    (tmp_path / "keras.py").write_text("raise SystemExit('keras was imported')\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = dojo(*arguments, env=environment)
    assert "was imported" not in done.stdout + done.stderr


def test_the_archive_of_a_second_reset_does_not_replace_the_first(dojo, tree, home):
    for text in ("one = 1\n", "two = 2\n"):
        edit(tree, text)
        dojo("reset", "focal_loss", "--tree", tree)
        time.sleep(0.01)
    kept = sorted((home / "archive" / KATA).glob("*.py"))
    assert [path.read_text() for path in kept] == ["one = 1\n", "two = 2\n"]
