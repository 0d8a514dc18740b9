"""What is kept of solved answers: as long as neither they nor their tests change."""

import pytest

from dojo import layout
from dojo.check import solved
from dojo.results import Outcome, Result

KATA = "losses/focal_loss"


@pytest.fixture(autouse=True)
def answer(tmp_path, monkeypatch):
    """The learner's file, in a project of the test's own."""
    monkeypatch.setattr(layout, "KATAS", tmp_path / "katas")
    monkeypatch.setattr(layout, "TESTS", tmp_path / "tests")
    monkeypatch.setattr(layout, "SUPPORT", tmp_path / "tests" / "support")
    needed = (layout.test_file(KATA), layout.source_file(KATA, layout.KATAS))
    for file in (*needed, layout.SUPPORT / "closeness.py", layout.TESTS / "conftest.py"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("pass\n")
    return layout.source_file(KATA, layout.KATAS)


def check(outcome=Outcome.SOLVED):
    solved.keep([Result(KATA, outcome)], solved.fingerprints([KATA]))


def test_a_solved_answer_is_known():
    assert solved.known([KATA]) == set()
    check()
    assert solved.known([KATA]) == {KATA}


@pytest.mark.parametrize(
    "changed",
    ["katas/losses/focal_loss.py", "tests/losses/test_focal_loss.py", "tests/support/closeness.py"],
)
def test_a_change_of_what_was_checked_is_noticed(tmp_path, changed):
    check()
    (tmp_path / changed).write_text("pass  # changed\n")
    assert solved.known([KATA]) == set()


def test_another_tensorflow_is_noticed(monkeypatch):
    check()
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.99")
    assert solved.known([KATA]) == set()


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.SOLVED])
def test_only_solved_is_kept_and_the_last_verdict_counts(outcome):
    check()
    check(outcome)
    assert solved.known([KATA]) == set()


def test_what_was_saved_during_the_check_is_not_kept(answer):
    before = solved.fingerprints([KATA])
    answer.write_text("pass  # saved meanwhile\n")
    solved.keep([Result(KATA, Outcome.SOLVED)], before)
    assert solved.known([KATA]) == set()


def test_a_file_that_is_gone_is_not_known(answer):
    check()
    answer.unlink()
    assert solved.known([KATA]) == set()


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_a_damaged_store_is_an_empty_one(home, text):
    check()
    (home / "solved.json").write_text(text, encoding="latin-1")
    assert solved.known([KATA]) == set()
    check()
    assert solved.known([KATA]) == {KATA}


def test_a_folder_that_cannot_be_written_hides_no_verdict(home):
    home.write_text("a file where the folder should be")
    check()
    assert solved.known([KATA]) == set()
