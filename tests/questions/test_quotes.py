"""`assert_quoted` itself: it accepts a sentence in its own section, and nowhere else."""

import re

import pytest

from tests.questions.quotes import assert_quoted, question_of

IN_G09 = "with bounds -1 and 1 the gradients are [0, 1, 1, 1, 0]"
IN_L04 = "that of cross-entropy -1.0"
IN_HINTS = "Then `p_t` is `sigmoid(z_t)`."


def test_a_sentence_of_the_question_itself():
    assert_quoted("G09", IN_G09)


def test_a_question_without_a_kata():
    assert_quoted("L04", IN_L04)


def test_line_breaks_do_not_count():
    assert_quoted("G09", IN_G09.replace(" ", "\n"))


@pytest.mark.parametrize("section", ["G01", "G09", "losses/focal_loss hints"])
def test_a_sentence_of_another_question_is_refused(section):
    with pytest.raises(AssertionError, match=r"It stands in L04\."):
        assert_quoted(section, IN_L04)


def test_a_sentence_that_stands_nowhere_is_refused():
    with pytest.raises(AssertionError, match=re.escape(f"not what L04 says:\n  {IN_G09}0") + "$"):
        assert_quoted("L04", IN_G09 + "0")


def test_a_sentence_does_not_run_from_one_point_into_the_next():
    with pytest.raises(AssertionError, match="not what G09 says"):
        assert_quoted("G09", "agrees. The bounds are inputs too.")


def test_hints_belong_to_their_kata():
    assert_quoted("losses/focal_loss hints", IN_HINTS)


@pytest.mark.parametrize("section", ["L02", "gradients/safe_norm hints"])
def test_hints_of_a_kata_stand_in_no_question_and_no_other_kata(section):
    with pytest.raises(AssertionError, match="It stands in losses/focal_loss hints"):
        assert_quoted(section, IN_HINTS)


def test_a_section_that_does_not_exist():
    with pytest.raises(AssertionError, match=r"QUESTIONS\.md has no G99"):
        assert_quoted("G99", IN_G09)


def test_the_question_is_in_the_name_of_the_test():
    assert question_of("test_g09_clip_gradients_at_the_bounds", "test_gradients") == "G09"


@pytest.mark.parametrize("test", ["test_l04_in_the_wrong_file", "test_g99_is_no_question"])
def test_a_test_stands_in_the_file_of_its_track(test):
    with pytest.raises(AssertionError, match="is no question of the track gradients"):
        question_of(test, "test_gradients")
