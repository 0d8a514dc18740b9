"""The Euclidean norm with a gradient at zero, and squares that stay in range.

Question (12 min). You normalise embeddings, and one day a row is all zeros: the
gradient of its norm is nan, and so is the model after the next step. Write a norm that
is safe there, and at the ends of the range.

    y = sqrt(sum x^2)        dL/dx = dL/dy x / y,  0 where all of x is 0

Test k checks clause k:

    1. Values are the norm along `axis` (the last one by default; a tuple or list for
       several, None for all), in the dtype of `x`: float16, 32 and 64. With keepdims
       the reduced axes stay, with length 1. Lists of floats become float32 tensors.
    2. The gradient is upstream * x / norm.
    3. A vector of zeros has norm 0, exactly, and gradient 0. Its neighbours in the
       batch keep theirs. So under tf.function and XLA.
    4. Values and gradients are right wherever norm and `x` are in range, though squares
       or their sum are not: 1e30 and 1e-30 in float32, alone and in one vector; 1e200 in
       float64; 300, and a vector of 70,000 ones, in float16. Components below the
       smallest normal number (6e-5, 1e-38, 2e-308) may count as 0.
    5. Eager mode, tf.function and XLA agree; so do calls by keyword and by position.

Run   nox -s check -- safe_norm
Read  https://www.tensorflow.org/api_docs/python/tf/norm
"""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import (
    assert_gradient,
    assert_gradient_by_differences,
    vjp,
)
from tests.support.modes import graph

# A sum of twelve squares, a root, a product or two and the upstream: less than 16
# roundings of eps / 2 each, and x is taken as rounded.
RTOL = {"float16": 8e-3, "float32": 1e-6, "float64": 1e-12}

X = np.array(
    [
        [[3.0, -4.0, 0.5], [0.25, 1.5, -2.0], [0.0, -0.75, 0.0]],
        [[1.0, 2.0, 2.5], [-6.0, 0.125, 0.5], [2.25, -1.25, 8.0]],
    ]
)
FORMULA = "sqrt(sum(x^2)) in float64"
AXES = [-1, 0, 1, (0, 2), [1, 2], None]


def oracle(x, axis=-1, keepdims=False):
    axis = tuple(axis) if isinstance(axis, list) else axis
    return np.sqrt((np.float64(x) ** 2).sum(axis=axis, keepdims=keepdims))


def slope(x, upstream, axis=-1):
    """upstream * x / norm; `upstream` has the shape of the norm, its axes kept."""
    norm = oracle(x, axis, keepdims=True)
    return upstream * np.float64(x) / np.where(norm == 0, 1, norm)


def spread(upstream, axis=-1):
    """`upstream` with the reduced axes of X put back, of length 1."""
    return upstream.reshape(oracle(X, axis, keepdims=True).shape)


@pytest.mark.parametrize("dtype", RTOL)
def test_1_values_match_the_formula(kata, dtype):
    assert_close(
        kata.safe_norm(tf.constant(X, dtype)),
        oracle(X),
        call="safe_norm(x)",
        oracle=FORMULA,
        rtol=RTOL[dtype],
        dtype=dtype,
        bugs={
            "no root: the squared norm": oracle(X) ** 2,
            "the sum of |x|": np.abs(X).sum(axis=-1),
            "the largest |x|": np.abs(X).max(axis=-1),
            "the root of the mean square": oracle(X) / np.sqrt(3),
            "the first axis by default": oracle(X, 0),
            "all axes by default": oracle(X, None),
            "keepdims by default": oracle(X, -1, True),
        },
    )


@pytest.mark.parametrize("keepdims", [False, True], ids="keepdims={}".format)
@pytest.mark.parametrize("axis", AXES, ids="axis={}".format)
def test_1_any_axis_and_keepdims(kata, axis, keepdims):
    assert_close(
        kata.safe_norm(tf.constant(X, tf.float32), axis, keepdims),
        oracle(X, axis, keepdims),
        call=f"safe_norm(x, {axis}, {keepdims})",
        oracle=FORMULA,
        rtol=RTOL["float32"],
        bugs={"keepdims turned": oracle(X, axis, not keepdims)},
    )


@pytest.mark.parametrize("x", [[3.0, -4.0], [[-7.0]], [[[1.0, 2.0]], [[-2.0, 0.5]]]], ids=str)
def test_1_any_shape(kata, x):
    how = {"oracle": FORMULA, "rtol": RTOL["float32"], "dtype": "float32"}
    assert_close(kata.safe_norm(x), oracle(x), call=f"safe_norm({x!r})", **how)


@pytest.mark.parametrize("dtype", RTOL)
def test_2_gradient_is_the_direction(kata, dtype):
    assert_gradient(
        kata.safe_norm,
        tf.constant(X, dtype),
        lambda up: slope(X, spread(up)),
        call="safe_norm(x)",
        oracle="upstream * x / norm",
        rtol=RTOL[dtype],
        inputs={"x": X},
        bugs={
            "x, without the division": lambda up: spread(up) * X,
            "2 x / norm": lambda up: 2 * slope(X, spread(up)),
            "the squares' 2 x alone": lambda up: 2 * spread(up) * X,
            "x / norm^2": lambda up: slope(X, spread(up)) / oracle(X, -1, True),
            "the sign of x alone": lambda up: spread(up) * np.sign(X),
            "the upstream broadcast along the wrong axis": lambda up: slope(X, up[:, None]),
            "one scale for all of x": lambda up: (
                spread(up) * X / np.maximum(oracle(X, -1, True), np.abs(X).max())
            ),
        },
    )


@pytest.mark.parametrize("keepdims", [False, True], ids="keepdims={}".format)
@pytest.mark.parametrize("axis", AXES, ids="axis={}".format)
def test_2_gradient_along_any_axis(kata, axis, keepdims):
    assert_gradient(
        lambda x: kata.safe_norm(x, axis=axis, keepdims=keepdims),
        tf.constant(X, tf.float32),
        lambda up: slope(X, spread(up, axis), axis),
        call=f"safe_norm(x, axis={axis}, keepdims={keepdims})",
        oracle="upstream * x / norm",
        rtol=RTOL["float32"],
        inputs={"x": X},
    )


def test_2_gradient_matches_finite_differences(kata):
    assert_gradient_by_differences(kata.safe_norm, [X[1]], call="safe_norm(x)")


# One row of zeros between two that are not, and one of signed zeros.
ROWS = np.array([[3.0, -4.0], [0.0, 0.0], [0.0, 2.0], [-0.0, 0.0]])


def with_epsilon(epsilon):
    return np.sqrt((ROWS**2).sum(axis=-1) + epsilon)


@pytest.mark.parametrize("dtype", RTOL)
def test_3_the_norm_of_zeros_is_zero(kata, dtype):
    inside = {f"{e:g} added inside the root": with_epsilon(e) for e in (1e-6, 1e-7, 1e-8)}
    least = "{:g} added inside the root, or the least that is let into it"
    less = {least.format(e): with_epsilon(e) for e in (1e-12, 1e-16)}
    assert_close(
        kata.safe_norm(tf.constant(ROWS, dtype)),
        oracle(ROWS),
        call="safe_norm(x)",
        oracle=FORMULA,
        rtol=RTOL[dtype],
        dtype=dtype,
        bugs=inside | less,
    )


def zeros_have_no_slope(kata, dtype, mode=lambda function: function):
    __tracebackhide__ = True
    assert_gradient(
        kata.safe_norm,
        tf.constant(ROWS, dtype),
        lambda up: slope(ROWS, up[:, None]),
        call="safe_norm(x)",
        oracle="upstream * x / norm, 0 for a zero vector",
        rtol=RTOL[dtype],
        inputs={"x": ROWS},
        mode=mode,
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_3_the_gradient_of_zeros_is_zero(kata, dtype):
    zeros_have_no_slope(kata, dtype)


def test_3_the_gradient_of_zeros_is_zero_in_every_mode(kata, mode):
    zeros_have_no_slope(kata, "float32", mode)


@pytest.mark.parametrize("axis", [-1, None], ids="axis={}".format)
def test_3_nothing_but_zeros(kata, axis):
    _, (got,) = vjp(lambda x: kata.safe_norm(x, axis), [tf.zeros((2, 3))])
    call = f"tape.gradient(safe_norm(tf.zeros((2, 3)), {axis}), x)"
    assert_close(got, np.zeros((2, 3)), call=call, oracle="0 for a zero vector", rtol=0.0)


# The last two rows of each are near the ends of the range, as far as an upstream of 2
# times x is still in it.
RANGE = {
    "float16": [[300, -400], [3e-3, 4e-3], [250, 1e-3], [3e4, -3e4], [7e-5, 8e-5]],
    "float32": [
        [3e30, -4e30],
        [3e-30, 4e-30],
        [1e30, 1e-30],
        [0, -1e-30],
        [2e19, 1],
        [1.5e38, -1e38],
        [3e-38, 4e-38],
    ],
    "float64": [[3e200, -4e200], [3e-200, 4e-200], [1e200, 1], [8e307, 8e307], [5e-308, 5e-308]],
}
BY_HYPOT = "math.hypot"


def lengths(x):
    """The norm of each row, where squares leave float64 as well."""
    return np.array([math.hypot(*row) for row in x.tolist()])


@pytest.mark.parametrize("dtype", RANGE)
def test_4_squares_out_of_range_give_the_right_norm(kata, dtype):
    x = np.array(RANGE[dtype], dtype)
    with np.errstate(all="ignore"):
        plain = np.sqrt((x**2).sum(axis=-1))
    assert_close(
        kata.safe_norm(tf.constant(x)),
        lengths(x),
        call="safe_norm(x)",
        oracle=BY_HYPOT,
        rtol=RTOL[dtype],
        dtype=dtype,
        bugs={"the squares as they are: inf, or 0": plain},
    )


@pytest.mark.parametrize("dtype", RANGE)
def test_4_squares_out_of_range_give_the_right_gradient(kata, dtype):
    x, epsilon = np.array(RANGE[dtype], dtype), 1e-3 if dtype == "float16" else 1e-12
    norm = lengths(x)[:, None]
    assert_gradient(
        kata.safe_norm,
        tf.constant(x),
        lambda up: up[:, None] * (x / norm),
        call="safe_norm(x)",
        oracle=f"upstream * x / norm, by {BY_HYPOT}",
        rtol=RTOL[dtype],
        atol=1e-6 * RTOL[dtype],  # 1e-30 / 1e30 may be 0; slopes are near 1
        inputs={"x": x},
        bugs={
            f"{epsilon:g} added to the norm that divides": lambda up: (
                up[:, None] * (x / (norm + epsilon))
            )
        },
    )


def test_4_many_squares_in_float16(kata):
    x, norm = np.ones(70_000, "float16"), math.sqrt(70_000)
    assert_gradient(
        kata.safe_norm,
        tf.constant(x),
        lambda up: up * x / norm,
        call="safe_norm(tf.ones(70_000, tf.float16))",
        oracle="upstream / sqrt(70,000)",
        value=np.array(norm),
        rtol=RTOL["float16"],
        bugs={"the squares summed in float16, to inf": lambda up: 0 * x},
    )


# Far and near, and a row of zeros.
MIXED = np.array([[3e30, -4e30], [3e-30, 4e-30], [0.0, 0.0], [5.0, -12.0]], "float32")


def test_5_every_mode_has_the_same_value_and_gradient(kata, mode):
    upstream = np.array([0.5, -3.0, 2.0, -1.25])
    value, (got,) = vjp(kata.safe_norm, [tf.constant(MIXED)], upstream, mode=mode)
    how = {"rtol": RTOL["float32"]}
    assert_close(value, oracle(MIXED), call="safe_norm(x)", oracle=FORMULA, **how)
    assert_close(
        got,
        slope(MIXED, upstream[:, None]),
        call="tape.gradient(safe_norm(x), x, output_gradients=upstream)",
        oracle="upstream * x / norm",
        inputs={"x": MIXED},
        **how,
    )


@pytest.mark.parametrize("mode", [lambda f: f, graph], ids=["eager", "graph"])
def test_5_keywords_keep_value_and_gradient(kata, mode):
    x, upstream = MIXED.T.copy(), np.array([[0.5, -3.0, 2.0, -1.25]])
    by_keyword = lambda x: kata.safe_norm(x=x, axis=0, keepdims=True)
    value, (got,) = vjp(by_keyword, [tf.constant(x)], upstream, mode=mode)
    call = "safe_norm(x=x, axis=0, keepdims=True)"
    how = {"oracle": "the call by position", "rtol": RTOL["float32"]}
    assert_close(value, oracle(x, 0, True), call=call, **how)
    call = f"tape.gradient({call}, x, output_gradients=upstream)"
    assert_close(got, slope(x, upstream, 0), call=call, **how)
