"""dojo.check.probe: whether an input tells a right answer from a wrong one."""

import pytest

from dojo.check.probe import ProbeError, arguments_only, tell_apart

RIGHT = """
import tensorflow as tf

def _helper(x):
    return x

def ramp(x, slope=2.0):
    return tf.where(x < 0, tf.zeros_like(x), slope * _helper(x))
"""
WRONG = RIGHT.replace("x < 0", "x <= 0").replace("zeros_like", "ones_like")
TWICE = RIGHT.replace("slope *", "(slope - slope + 2) *")


@pytest.mark.parametrize(
    "text, apart",
    [
        ("ramp(tf.constant([0.0, 2.0]))", True),
        ("ramp(tf.constant([1.0, 2.0]))", False),
        ("x = tf.constant([-1.0])", True),
        ("gradient(ramp, [3.0])", False),
        ("[ramp(tf.constant(5.0)), None, {'a': ramp(tf.constant(-5.0))}]", True),
        ("ramp(tf.constant([1.0]), slope='two')", False),
    ],
)
def test_values_gradients_and_structures_are_compared(text, apart):
    found = tell_apart(RIGHT, WRONG, text)
    assert found.apart is apart, found


def test_arguments_alone_go_to_the_first_public_function():
    found = tell_apart(RIGHT, TWICE, "x = tf.constant([1.0]), slope = 3.0")
    assert found.apart
    assert (found.right, found.wrong) == ("[3.]", "[2.]")


def test_the_last_digits_are_no_difference():
    other = RIGHT.replace("slope * _helper(x)", "(slope * 3.0) * (_helper(x) / 3.0)")
    assert not tell_apart(RIGHT, other, "ramp(tf.constant([0.1, 0.7, 1.3]))").apart


def test_an_input_that_raises_shows_how():
    found = tell_apart(RIGHT, WRONG, "ramp(")
    assert "SyntaxError" in found.right
    assert not found.apart
    assert "slop" in tell_apart(RIGHT, WRONG, "x = 1.0, slop = 2").right


def test_an_input_that_ends_the_process_or_hangs_is_no_answer():
    with pytest.raises(ProbeError, match="ended"):
        tell_apart(RIGHT, WRONG, "__import__('os')._exit(0)")
    with pytest.raises(ProbeError, match="no result after"):
        tell_apart(RIGHT, WRONG, "__import__('time').sleep(60)", limit=0.2)


def test_what_is_arguments():
    assert arguments_only("x = 0, gamma = 0.5")
    assert arguments_only("x=[1, 2]")
    assert not arguments_only("f(x)")
    assert not arguments_only("x == 0")
    assert not arguments_only("x = ")
