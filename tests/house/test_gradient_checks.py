"""Extreme data in a test of every mode: they count where they are right, and say their input."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import Mismatch
from tests.support.gradient_checks import assert_gradient_in_every_mode

X = np.array([1.0, 2.0, 1e4], "float32")


def check(function):
    assert_gradient_in_every_mode(
        function,
        X,
        lambda upstream: 2 * X * upstream,
        ordinary=2,
        value=X**2,
        inputs={"x": X},
        call="square(x)",
        oracle="x²",
        rtol=1e-6,
    )


def test_extreme_data_that_are_wrong_eagerly_are_left_to_their_own_clause():
    check(tf.square)
    check(lambda x: tf.where(x > 100, x, x**2))


def wrong_in_graph(at):
    def square(x):
        return x**2 if tf.executing_eagerly() else tf.where(x >= at, x, x**2)

    return square


@pytest.mark.parametrize(
    ("function", "place"),
    [
        (lambda x: tf.where(x == 2, x, x**2), "^square.*with x 2:"),
        (wrong_in_graph(at=2), "^in a tf.function: square.*with x 10000:"),
        (wrong_in_graph(at=100), "^in a tf.function: square.*with x 10000:"),
    ],
    ids=["eagerly", "in a graph", "extreme data in a graph only"],
)
def test_what_is_wrong_is_shown_with_its_input(function, place):
    with pytest.raises(Mismatch, match=f"(?s){place}"):
        check(function)
