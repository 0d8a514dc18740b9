"""tests.support.by_hand: no door to autodiff is left open, and nothing else is refused."""

import contextlib

import pytest
import tensorflow as tf

from tests.support.by_hand import by_hand, own_rules
from tests.support.closeness import Mismatch


def taped():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    return tape.gradient(y, x)


def caught():
    with contextlib.suppress(Exception):
        return taped()


def forward():
    x = tf.constant(1.0)
    with tf.autodiff.ForwardAccumulator(x, x) as accumulator:
        return accumulator.jvp(x * x)


def symbolic(function=tf.gradients):
    return tf.function(lambda x: function(x * x, x), autograph=False)(tf.constant(1.0))


def under_a_tape(function):
    """The gradient of `function` by a tape that was there before."""
    with tf.GradientTape() as tape:
        x = tf.constant([1.0, 2.0])
        tape.watch(x)
        with by_hand("f(x)"):
            y = function(x)
    with by_hand("tape.gradient(f(x), x)"):
        return tape.gradient(y, x)


def entered_again():
    with tf.GradientTape() as tape:
        pass
    with by_hand("f(x)"), tape:
        pass


@tf.custom_gradient
def square(x):
    return x * x, lambda upstream: 2 * x * upstream


WAYS = {
    "a tape": taped,
    "an error that is caught": caught,
    "a tape that is entered again": entered_again,
    "in a graph": tf.function(taped, autograph=False),
    "where autograph wraps the error": tf.function(taped),
    "forward mode": forward,
    "tf.gradients": symbolic,
    "tf.hessians": lambda: symbolic(tf.hessians),
    "tf.recompute_grad": lambda: under_a_tape(tf.recompute_grad(tf.square)),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_autodiff_is_refused(way):
    with pytest.raises(Mismatch, match=r"line \d+ of test_by_hand.py: "), by_hand("f(x)"):
        WAYS[way]()


def test_the_line_that_asked_is_shown():
    with pytest.raises(Mismatch, match=r"with tf.GradientTape\(\) as tape:"), by_hand("f(x)"):
        taped()


@pytest.mark.parametrize("mode", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_a_tape_that_was_there_before_is_not_refused(mode):
    assert under_a_tape(mode(square)).numpy().tolist() == [2, 4]


def test_afterwards_autodiff_is_back():
    with by_hand("f(x)"):
        pass
    assert taped().numpy().tolist() == [2, 4]


@pytest.mark.parametrize(
    ("function", "rules"),
    [
        (square, 1),
        (lambda x: square(x) + square(2 * x), 2),
        (tf.function(square), 1),
        (lambda x: tf.stop_gradient(tf.identity(x)) * x, 0),
    ],
)
def test_rules_of_ones_own_are_counted(function, rules):
    assert own_rules(function, tf.constant(3.0)) == rules
