"""Contrastive loss: similar pairs close, the others a margin apart.

Question (8 min). Two photos go through one network, and d is the distance between the
two embeddings. Photos of one person should end up close, photos of two people at least
a margin apart. With y = 1 for a similar pair and 0 otherwise:

    loss = y d^2 + (1 - y) max(margin - d, 0)^2

elementwise: no factor 1/2, no mean. Write it. Test k checks clause k:

    1. Values match the formula, in the shape and dtype of `distance`: float16, 32 and
       64, as long as d^2 fits into it (in float16, to d = 255).
    2. margin is a number (0 included) or a tensor that broadcasts to `distance`. It may
       be an argument of a tf.function.
    3. The gradient with respect to `distance` matches the formula, also at d = 0, at
       d = margin and at 1e4. Eager mode, tf.function and XLA agree.
    4. What was given still works: the checks of shape and range, and ContrastiveLoss,
       which takes the distances as y_pred and averages nothing.

Run   nox -s check -- contrastive
Read  http://yann.lecun.com/exdb/publis/pdf/hadsell-chopra-lecun-06.pdf, equation 4
      (which writes Y = 0 for a similar pair, and a factor 1/2)
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import (
    assert_gradient,
    assert_gradient_by_differences,
    assert_gradient_in_every_mode,
)
from tests.support.keras_losses import assert_given_class_works
from tests.support.modes import graph
from tests.support.value_errors import assert_value_error

# Distances and margins are multiples of 1/8, so margin - d is exact. A square, a product
# and a sum with 0 round three times, 3 * 5e-4 in float16 and 3 * 6e-8 in float32; a power
# by way of logarithms loses a little more.
RTOL = {"float16": 4e-3, "float32": 1e-6, "float64": 1e-12}

LABELS = np.array([[1, 1, 1, 1], [0, 0, 0, 0]])
DISTANCE = np.array([[0.0, 0.625, 2.5, 9.0], [0.0, 0.625, 2.5, 9.0]])
INPUTS = {"label": LABELS, "distance": DISTANCE}
PAPER = "the formula in float64"


def oracle(y_true, distance, margin):
    """The formula, one pair after another."""
    losses = [
        d**2 if y else max(m - d, 0.0) ** 2 for y, d, m in np.broadcast(y_true, distance, margin)
    ]
    return np.reshape(losses, np.shape(distance))


def slope(y_true, distance, margin):
    return np.where(y_true, 2 * distance, -2 * np.maximum(margin - distance, 0))


def negatives(penalty):
    """The loss with another penalty of (d, margin) where label = 0."""
    return lambda y, d, m: np.where(y, d**2, penalty(d, m))


BUGS = {
    "labels flipped: 0 taken for a similar pair": lambda y, d, m: oracle(1 - y, d, m),
    "the margin on d^2: max(margin - d^2, 0)": negatives(lambda d, m: np.maximum(m - d**2, 0)),
    "max(margin - d^2, 0)^2": negatives(lambda d, m: np.maximum(m - d**2, 0) ** 2),
    "max(margin^2 - d^2, 0)": negatives(lambda d, m: np.maximum(m**2 - d**2, 0)),
    "no max(..., 0): a pair beyond the margin pays": negatives(lambda d, m: (m - d) ** 2),
    "no square on max(margin - d, 0)": negatives(lambda d, m: np.maximum(m - d, 0)),
    "max(d - margin, 0) where it should be max(margin - d, 0)": negatives(
        lambda d, m: np.maximum(d - m, 0) ** 2
    ),
    "no square on d": lambda y, d, m: np.where(y, d, oracle(y, d, m)),
    "the paper's factor 1/2": lambda y, d, m: oracle(y, d, m) / 2,
    "one term for both labels": lambda y, d, m: oracle(y, d, m) + oracle(1 - y, d, m),
    "margin ignored: 1 stands in for it": lambda y, d, m: oracle(y, d, 1.0),
    "a mean over the last axis": lambda y, d, m: oracle(y, d, m).mean(axis=-1),
    "one mean for the whole batch": lambda y, d, m: oracle(y, d, m).mean(),
}


@pytest.mark.parametrize("margin", [2.5, 4.0], ids="margin={}".format)
def test_1_values_match_the_formula(kata, margin):
    assert_close(
        kata.contrastive_loss(LABELS, tf.constant(DISTANCE, tf.float32), margin=margin),
        oracle(LABELS, DISTANCE, margin),
        call=f"contrastive_loss(y_true, distance, margin={margin})",
        oracle=PAPER,
        rtol=RTOL["float32"],
        inputs=INPUTS,
        bugs={cause: bug(LABELS, DISTANCE, margin) for cause, bug in BUGS.items()},
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_1_keeps_the_dtype_of_the_distance(kata, dtype):
    distance = tf.constant(DISTANCE, dtype)
    assert_close(
        kata.contrastive_loss(y_true=LABELS, distance=distance, margin=2.5),
        oracle(LABELS, DISTANCE, 2.5),
        call=f"contrastive_loss(y_true=…, distance={dtype} tensor, margin=2.5)",
        oracle=PAPER,
        rtol=RTOL[dtype],
        dtype=dtype,
        inputs=INPUTS,
    )


def test_1_one_pair_is_a_scalar(kata):
    call = "contrastive_loss(0, 0.25)"
    loss = kata.contrastive_loss(0, 0.25)
    assert_close(loss, 0.5625, call=call, oracle="(1 - 0.25)^2", rtol=RTOL["float32"])


def test_1_columns_stay_columns(kata):
    assert_close(
        kata.contrastive_loss([[1], [0]], [[0.5], [0.75]]),
        [[0.25], [0.0625]],
        call="contrastive_loss([[1], [0]], [[0.5], [0.75]])",
        oracle="the formula by hand, margin = 1",
        rtol=RTOL["float32"],
    )


def test_2_margin_may_be_zero(kata):
    assert_close(
        kata.contrastive_loss([1, 0, 0], [0.5, 0.0, 2.0], margin=0),
        [0.25, 0.0, 0.0],
        call="contrastive_loss([1, 0, 0], [0.5, 0, 2], margin=0)",
        oracle="the formula by hand",
        rtol=RTOL["float32"],
    )


def test_2_margin_may_be_a_tensor(kata):
    margin = np.array([1.0, 2.0, 4.0, 16.0], "float32")
    assert_close(
        kata.contrastive_loss(
            LABELS, tf.constant(DISTANCE, tf.float32), margin=tf.constant(margin)
        ),
        oracle(LABELS, DISTANCE, margin),
        call="contrastive_loss(y_true, distance, margin=[1, 2, 4, 16])",
        oracle=PAPER,
        rtol=RTOL["float32"],
        inputs=INPUTS | {"margin": margin},
    )


def test_2_margin_may_be_an_argument_of_a_graph(kata):
    compiled = graph(lambda y, d, margin: kata.contrastive_loss(y, d, margin=margin))
    for margin in (1.0, 4.0):
        distance = tf.constant(DISTANCE, tf.float32)
        assert_close(
            compiled(tf.constant(LABELS), distance, tf.constant(margin)),
            oracle(LABELS, DISTANCE, margin),
            call=f"in a tf.function of margin: contrastive_loss(y, d, margin={margin})",
            oracle=PAPER,
            rtol=RTOL["float32"],
            inputs=INPUTS,
        )


def test_3_gradient_matches_the_formula(kata):
    args = (LABELS, DISTANCE, 2.5)
    assert_gradient(
        lambda d: kata.contrastive_loss(LABELS, d, margin=2.5),
        DISTANCE.astype("float32"),
        lambda upstream: upstream * slope(*args),
        call="contrastive_loss(y_true, x, margin=2.5)",
        oracle="2 d where label = 1, else -2 max(margin - d, 0)",
        rtol=1e-6,  # the upstream and three products are rounded to float32
        inputs=INPUTS,
        bugs={
            "the sign where label = 0": lambda up: up * abs(slope(*args)),
            "labels flipped: 0 taken for a similar pair": (
                lambda up: up * slope(1 - LABELS, DISTANCE, 2.5)
            ),
            "no gradient where label = 0": lambda up: up * 2 * DISTANCE * LABELS,
        },
    )


def test_3_gradient_matches_finite_differences(kata):
    smooth = DISTANCE + 0.25  # not at the margin, where the slope itself has a kink
    assert_gradient_by_differences(
        lambda d: kata.contrastive_loss(LABELS, d, margin=2.5),
        [smooth],
        call="contrastive_loss(y_true, x, margin=2.5)",
    )


def test_3_every_mode_agrees_up_to_far_pairs(kata):
    labels, distance = np.append(LABELS, [1, 0]), np.append(DISTANCE, [1e4, 1e4])
    assert_gradient_in_every_mode(
        lambda d: kata.contrastive_loss(labels, d, margin=2.5),
        distance.astype("float32"),
        lambda upstream: upstream * slope(labels, distance, 2.5),
        value=oracle(labels, distance, 2.5),
        call="contrastive_loss(y_true, x, margin=2.5)",
        oracle=PAPER,
        rtol=1e-6,  # as in the test of the gradient
        inputs={"label": labels, "distance": distance},
    )


BAD = {
    "a column of y_true": {"y_true": LABELS[:, :1]},
    "y_true [2], distance [2, 1]": {"y_true": [1, 0], "distance": [[1.0], [2.0]]},
    "a scalar y_true": {"y_true": 1},
    "margin=-0.25": {"margin": -0.25},
    "margin=-2": {"margin": -2},
}


@pytest.mark.parametrize("bad", BAD)
def test_4_bad_arguments_are_a_value_error(kata, bad):
    given = {"y_true": LABELS, "distance": DISTANCE} | BAD[bad]
    call = f"contrastive_loss(y_true, distance) with {bad}"
    name = "margin" if "margin" in bad else "y_true|distance"
    assert_value_error(lambda: kata.contrastive_loss(**given), name, call=call)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float64"])
def test_4_labels_may_have_any_dtype(kata, dtype):
    assert_close(
        kata.contrastive_loss(tf.cast([1, 0], dtype), [0.5, 0.75]),
        [0.25, 0.0625],
        call=f"contrastive_loss({dtype} [1, 0], [0.5, 0.75])",
        oracle="the formula by hand, margin = 1",
        rtol=RTOL["float32"],
        dtype="float32",
    )


def test_4_the_class_averages_nothing(kata):
    want = oracle(LABELS, DISTANCE, 1.0)
    assert_close(
        kata.ContrastiveLoss(reduction="none")(LABELS, DISTANCE),
        want,
        call="ContrastiveLoss(reduction='none')(y_true, y_pred)",
        oracle=PAPER,
        rtol=RTOL["float32"],
        bugs={"a mean over the last axis": want.mean(axis=-1)},
    )


def test_4_the_class_works(kata, tmp_path):
    labels, distance = np.append(LABELS[0], 0), np.append(DISTANCE[0], 0.625)
    want = oracle(labels, distance, 2.5)
    how = {"rtol": 1e-6, "path": tmp_path, "margin": 2.5}  # a sum of five
    assert_given_class_works(kata.ContrastiveLoss, labels, distance, want, **how)
