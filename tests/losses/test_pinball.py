"""Pinball loss: teach a network a quantile.

Question (8 min). A courier wants to promise a time that nine parcels in ten will keep.
Squared error would learn the mean. Which loss learns the 0.9 quantile? Write it, with

    e = y_true - y_pred
    loss = mean over the last axis of   max(tau e, (tau - 1) e)

Test k checks clause k:

    1. Values match the formula, in the dtype of `y_pred`: float16, 32 and 64. (float16
       ends at 65,504: the errors of a row sum to less.) The best constant prediction is
       the tau quantile of the targets.
    2. tau is a number, or an array or tensor that broadcasts to `y_pred`: [D] holds one
       quantile per column. It may be an argument of a tf.function.
    3. The gradient with respect to `y_pred` matches the formula where y_true != y_pred;
       at equality it is finite. Eager mode, tf.function and XLA agree.
    4. What was given still works: the checks of shape and range, and PinballLoss.

Run   nox -s check -- pinball
Read  https://en.wikipedia.org/wiki/Quantile_regression
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.gradient_checks import (
    assert_gradient,
    assert_gradient_by_differences,
    every_mode,
    vjp,
)
from tests.support.keras_losses import assert_given_class_works
from tests.support.modes import graph
from tests.support.value_errors import assert_value_error

# No term is negative, so relative errors do not grow: six roundings at most, and 1 - tau
# at tau = 0.9 is ten times less exact than tau. 16 * eps covers both; float64 may meet a
# tau that passed float32.
RTOL = {"float16": 1e-2, "float32": 1e-6, "float64": 1e-6}

# Multiples of 1/8, exact in float16: e loses nothing. Errors of both signs, and one 0.
TRUE = np.array([[1.0, -2.5, 0.0], [4.0, 0.75, -6.0]])
PRED = np.array([[3.5, -3.0, 0.25], [0.5, 0.75, 64.0]])
INPUTS = {"y_true": TRUE, "y_pred": PRED}
PAPER = "the formula in float64"


def terms(y_true, y_pred, tau):
    """The two branches of the formula, told apart by an if."""
    losses = np.zeros(np.shape(y_true))
    for at, y in np.ndenumerate(y_true):
        e, t = y - y_pred[at], np.broadcast_to(tau, losses.shape)[at]
        losses[at] = t * e if e > 0 else (1 - t) * -e
    return losses


def oracle(y_true, y_pred, tau):
    return terms(y_true, y_pred, tau).mean(axis=-1)


def slope(y_true, y_pred, tau):
    """d loss / d y_pred where y_true != y_pred, before the mean's 1 / D."""
    return np.where(y_true > y_pred, -tau, np.where(y_true < y_pred, 1 - tau, 0.0))


SIGN = "e = y_pred - y_true, which learns the 1 - tau quantile"
BUGS = {
    SIGN: lambda y, p, t: oracle(p, y, t),
    "(1 - tau) e where it should be (tau - 1) e": lambda y, p, t: np.mean(
        np.maximum(t * (y - p), (1 - t) * (y - p)), axis=-1
    ),
    "tau on both sides": lambda y, p, t: np.mean(t * abs(y - p), axis=-1),
    "the absolute error, tau ignored": lambda y, p, t: np.mean(abs(y - p), axis=-1),
    "tau ignored: the median's loss": lambda y, p, t: oracle(y, p, 0.5),
    "min where it should be max": lambda y, p, t: -oracle(p, y, t),
    "a sum where it should be a mean": lambda y, p, t: terms(y, p, t).sum(axis=-1),
    "no mean over the last axis": terms,
    "one mean for the whole batch": lambda y, p, t: terms(y, p, t).mean(),
    "a factor of 2": lambda y, p, t: 2 * oracle(y, p, t),
    "squared errors": lambda y, p, t: np.mean(np.where(y > p, t, 1 - t) * (y - p) ** 2, axis=-1),
}


@pytest.mark.parametrize("tau", [0.9, 0.25, 0.0, 1.0], ids="tau={}".format)
def test_1_values_match_the_formula(kata, tau):
    assert_close(
        kata.pinball_loss(TRUE, PRED.astype("float32"), tau=tau),
        oracle(TRUE, PRED, tau),
        call=f"pinball_loss(y_true, y_pred, tau={tau})",
        oracle=PAPER,
        rtol=RTOL["float32"],
        dtype="float32",
        # At 0 and 1 several mistakes give the same numbers.
        bugs={cause: bug(TRUE, PRED, tau) for cause, bug in BUGS.items() if 0 < tau < 1},
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_1_keeps_the_dtype_of_y_pred(kata, dtype):
    assert_close(
        kata.pinball_loss(y_true=TRUE, y_pred=tf.constant(PRED, dtype), tau=0.9),
        oracle(TRUE, PRED, 0.9),
        call=f"pinball_loss(y_true=…, y_pred={dtype} tensor, tau=0.9)",
        oracle=PAPER,
        rtol=RTOL[dtype],
        dtype=dtype,
    )


def test_1_integers_and_defaults(kata):
    assert_close(
        kata.pinball_loss(tf.constant([3, 1, 2]), tf.constant([1.0, 1.0, 3.0])),
        0.5,  # (1 + 0 + 0.5) / 3
        call="pinball_loss([3, 1, 2], [1.0, 1.0, 3.0])",
        oracle="the formula by hand, tau = 0.5",
        rtol=RTOL["float32"],
    )


def test_1_three_axes_keep_the_first_two(kata):
    true, pred = np.stack([TRUE, -TRUE]), np.stack([PRED, TRUE])
    assert_close(
        kata.pinball_loss(true, tf.constant(pred), tau=0.3),
        oracle(true, pred, 0.3),
        call="pinball_loss(y_true [2, 2, 3], y_pred [2, 2, 3], tau=0.3)",
        oracle=PAPER,
        rtol=RTOL["float64"],
    )


@pytest.mark.parametrize("size", [1e4, 1e-4], ids="{:g}".format)
def test_1_large_and_small_errors(kata, size):
    assert_close(
        kata.pinball_loss(size * TRUE, tf.constant(size * PRED, tf.float32), tau=0.9),
        oracle(size * TRUE, size * PRED, 0.9),
        call=f"pinball_loss({size:g} * y_true, {size:g} * y_pred, tau=0.9)",
        oracle=PAPER,
        rtol=1e-5,  # both inputs are rounded here, and e = 0.5 comes from 3
    )


def test_1_the_best_constant_is_the_quantile(kata):
    y, tau = np.arange(101.0) ** 2, 0.9
    guesses = y[:, None] * np.ones_like(y)
    losses = kata.pinball_loss(guesses * 0 + y, tf.constant(guesses), tau=tau)
    best = y[np.argmin(losses)]
    if best != np.quantile(y, tau):
        call = "the constant of least pinball_loss(y_true, constant, tau=0.9)"
        cause = SIGN if best == np.quantile(y, 0.1) else None
        raise mismatch(call, expected=np.quantile(y, tau), got=best, cause=cause)


PER_COLUMN = np.array([0.1, 0.5, 0.9])


@pytest.mark.parametrize("kind", [np.asarray, tf.constant])
def test_2_one_tau_per_column(kata, kind):
    tau = kind(PER_COLUMN.astype("float32"))
    assert_close(
        kata.pinball_loss(TRUE, tf.constant(PRED, tf.float32), tau=tau),
        oracle(TRUE, PRED, PER_COLUMN),
        call="pinball_loss(y_true, y_pred, tau=[0.1, 0.5, 0.9])",
        oracle=PAPER,
        rtol=RTOL["float32"],
        dtype="float32",
        bugs={SIGN: oracle(PRED, TRUE, PER_COLUMN)},
    )


def test_2_one_tau_per_row(kata):
    tau = np.array([[0.2], [0.9]])
    assert_close(
        kata.pinball_loss(TRUE, tf.constant(PRED), tau=tf.constant(tau)),
        oracle(TRUE, PRED, tau),
        call="pinball_loss(y_true, y_pred, tau=[[0.2], [0.9]])",
        oracle=PAPER,
        rtol=RTOL["float64"],
    )


def test_2_tau_may_be_an_argument_of_a_graph(kata):
    compiled = graph(lambda y, p, tau: kata.pinball_loss(y, p, tau=tau))
    for tau in (0.1, 0.8):
        y_true, y_pred = tf.constant(TRUE, tf.float32), tf.constant(PRED, tf.float32)
        assert_close(
            compiled(y_true, y_pred, tf.constant(tau)),
            oracle(TRUE, PRED, tau),
            call=f"in a tf.function of tau: pinball_loss(y_true, y_pred, tau={tau})",
            oracle=PAPER,
            rtol=RTOL["float32"],
        )


UNEQUAL = {"y_true": TRUE + 1.0, "y_pred": PRED}  # no tie


def test_3_gradient_matches_the_formula(kata):
    rate = slope(**UNEQUAL, tau=PER_COLUMN) / 3
    flipped = -slope(UNEQUAL["y_pred"], UNEQUAL["y_true"], PER_COLUMN) / 3
    assert_gradient(
        lambda p: kata.pinball_loss(UNEQUAL["y_true"], p, tau=PER_COLUMN),
        UNEQUAL["y_pred"].astype("float32"),
        lambda upstream: upstream[:, None] * rate,
        call="pinball_loss(y_true, x, tau=[0.1, 0.5, 0.9])",
        oracle="-tau where y_true > x, else 1 - tau, over D",
        rtol=RTOL["float32"],
        inputs=UNEQUAL,
        bugs={
            "the sign": lambda up: up[:, None] * -rate,
            SIGN: lambda up: up[:, None] * flipped,
            "no 1 / D of the mean": lambda up: up[:, None] * 3 * rate,
        },
    )


def test_3_gradient_matches_finite_differences(kata):
    assert_gradient_by_differences(
        lambda p: kata.pinball_loss(UNEQUAL["y_true"], p, tau=0.3),
        [UNEQUAL["y_pred"]],
        call="pinball_loss(y_true, x, tau=0.3)",
    )


def assert_finite(gradient, *, call):
    __tracebackhide__ = True
    if gradient is None or not np.isfinite(gradient).all():
        raise mismatch(call, expected="finite numbers", got=f"{gradient}")


def test_3_equality_costs_nothing_and_has_a_finite_gradient(kata):
    loss = lambda p: kata.pinball_loss([[2.0, 0.0]], p, tau=0.9)
    value, (gradient,) = vjp(loss, [tf.constant([[2.0, 0.0]])])
    call = "pinball_loss([[2, 0]], [[2, 0]], tau=0.9)"
    assert_close(value, [0.0], call=call, oracle="the formula", rtol=0.0)
    assert_finite(gradient, call=f"tape.gradient({call}, y_pred)")


def test_3_every_mode_agrees(kata):
    y_true, y_pred = (np.vstack([rows, [2.0, 0.0, -1.0]]) for rows in UNEQUAL.values())
    rate = slope(**UNEQUAL, tau=PER_COLUMN) / 3
    x = tf.constant(y_pred, tf.float32)
    modes = every_mode(lambda: vjp(lambda p: kata.pinball_loss(y_true, p, tau=PER_COLUMN), [x]))
    for said, compute in modes.items():
        value, (gradient,) = compute()
        call = f"{said}pinball_loss(y_true, x, tau=[0.1, 0.5, 0.9])"
        how = {"oracle": PAPER, "rtol": RTOL["float32"]}
        assert_close(value, oracle(y_true, y_pred, PER_COLUMN), call=call, **how)
        call = f"tape.gradient({call}, x)"
        # The last row is a tie, where any finite slope will do.
        assert_finite(gradient, call=call)
        assert_close(gradient[:-1], rate, call=call, **how)


BAD = {
    "a row of y_true": {"y_true": TRUE[0]},
    "y_true [2], y_pred [2, 1]": {"y_true": [1.0, 2.0], "y_pred": [[1.0], [2.0]]},
    "tau=-0.1": {"tau": -0.1},
    "tau=2": {"tau": 2},
}


@pytest.mark.parametrize("bad", BAD)
def test_4_bad_arguments_are_a_value_error(kata, bad):
    given = {"y_true": TRUE, "y_pred": PRED} | BAD[bad]
    call = f"pinball_loss(y_true, y_pred) with {bad}"
    name = "tau" if "tau" in bad else "y_true|y_pred"
    assert_value_error(lambda: kata.pinball_loss(**given), name, call=call)


def test_4_defaults_are_those_of_the_signature(kata):
    assert_close(
        kata.PinballLoss()(TRUE, PRED),
        oracle(TRUE, PRED, 0.5).mean(),
        call="PinballLoss()(y_true, y_pred)",
        oracle=PAPER,
        rtol=RTOL["float32"],
    )


def test_4_the_class_works(kata, tmp_path):
    want = oracle(TRUE, PRED, 0.9)
    how = {"rtol": RTOL["float32"], "path": tmp_path, "tau": 0.9}
    assert_given_class_works(kata.PinballLoss, TRUE, PRED, want, **how)
