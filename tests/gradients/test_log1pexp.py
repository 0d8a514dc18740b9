"""log(1 + exp(x)), right at every x, and its gradient too.

Question (12 min). The documentation of tf.custom_gradient writes log(1 + exp(x)) and
repairs its gradient at large x. At 100 the value is still inf. Do it properly: value,
gradient and second derivative, for every x.

    y      = log(1 + e^x)
    dL/dx  = dL/dy sigmoid(x)
    y''    = sigmoid(x) (1 - sigmoid(x))

eps is the distance from 1 to the next number of a dtype: 1e-3 in float16, 1.2e-7 in
float32, 2.2e-16 in float64. Test k checks clause k:

    1. Values are right to 8 eps, relative, for every finite `x`, in its shape and dtype:
       float16, 32 and 64. That is e^x at -20 in float32, 12 at 12 in float16, and x
       itself at 89, 1e4 and 1e38. Where the value is below the smallest normal number
       (6e-5, 1e-38, 2e-308), it may be 0. Python floats and lists of them become
       float32 tensors.
    2. The gradient is upstream * sigmoid(x), to 32 eps of the upstream: 1/2 at exactly
       0, 0 at -1e4, 1 at 1e4.
    3. The second derivative can be taken, and is right to 32 eps of the upstream,
       everywhere.
    4. Eager mode, tf.function and XLA agree; so do calls by keyword and by position.

Run   nox -s check -- log1pexp
Read  https://www.tensorflow.org/api_docs/python/tf/custom_gradient
"""

import decimal

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.gradient_checks import (
    assert_gradient,
    random_upstream,
)
from tests.support.modes import graph

EPS = {dtype: float(np.finfo(dtype).eps) for dtype in ("float16", "float32", "float64")}
TINY = {dtype: float(np.finfo(dtype).tiny) for dtype in EPS}

# Each exp, log1p, sum and division errs by an ulp or two: 8 eps for the value. A gradient
# written exp(x - y) or exp(-log1pexp(-x)) turns the rounding of x, eps |x| / 2, into a
# relative one: 20 eps where it is compared, up to |x| = 40. s (1 - s) inherits that. The
# upstream is below 2.
VALUE_RTOL = {dtype: 8 * eps for dtype, eps in EPS.items()}
SLOPE_ATOL = {dtype: 2 * 32 * eps for dtype, eps in EPS.items()}
FLOAT32_VALUE = {"rtol": VALUE_RTOL["float32"], "atol": TINY["float32"]}
FLOAT32_SLOPE = {"rtol": 0.0, "atol": SLOPE_ATOL["float32"]}

NEAR = [-9, -8, -5.5, -2, -0.5, 0, 0.25, 1, 3, 8, 10.5]
# Around the places where exp overflows, 1 + exp rounds to 1 or x, and exp underflows.
FAR = {
    "float16": [-9.5, -7.5, 7.5, 11, 11.5, 12, 13, 17, 30],
    "float32": [-87, -80, -40, -30, -20, -17, 17, 30, 40, 88.5, 89, 100],
    "float64": [-708, -700, -200, -40, -37, -30, -21, -20, 20, 21, 30, 37, 40, 89, 709, 710, 1000],
}
GRID = {dtype: np.array(NEAR + FAR[dtype], dtype) for dtype in EPS}
LARGEST = {"float16": 6e4, "float32": 3e38, "float64": 1e308}
EXACTLY = "the formula in decimals"


def by_decimals(formula, x):
    """A formula of e^x, in more digits than e^-|x| or e^-700 has zeros: [...] float64."""
    flat = []
    for v in np.ravel(x).tolist():
        with decimal.localcontext(prec=min(400, 40 + int(abs(v) / 2.3))):
            flat.append(float(formula(decimal.Decimal(v).exp())))
    return np.reshape(flat, np.shape(x))


def value(x):
    return by_decimals(lambda e: (1 + e).ln(), x)


def slope(x):
    return by_decimals(lambda e: e / (1 + e), x)


def curvature(x):
    return by_decimals(lambda e: e / (1 + e) ** 2, x)


@np.errstate(over="ignore")
def naive(x):
    return np.log(1 + np.exp(x))


@np.errstate(over="ignore")
def overflowing(x):
    return np.log1p(np.exp(x))


VALUE_BUGS = {
    "log(1 + exp(x)) as it stands": naive,
    "log1p(exp(x)), where exp overflows": overflowing,
    "log for log1p: 1 + exp(-|x|) rounds to 1": lambda x: (
        np.maximum(x, 0) + np.log(1 + np.exp(-np.abs(x)))
    ),
    "log1p(exp(|x|)): even, where the function is not": lambda x: value(np.abs(x)),
    "max(x, 0) left out": lambda x: value(-np.abs(x)),
    "max(x, 0) alone, a relu": lambda x: np.maximum(x, 0),
}


@pytest.mark.parametrize("dtype", EPS)
def test_1_values_are_right_to_8_eps(kata, dtype):
    x = GRID[dtype]
    assert_close(
        kata.log1pexp(tf.constant(x)),
        value(x),
        call="log1pexp(x)",
        oracle=EXACTLY,
        rtol=VALUE_RTOL[dtype],
        atol=TINY[dtype],
        dtype=dtype,
        inputs={"x": x},
        bugs={cause: bug(x) for cause, bug in VALUE_BUGS.items()},
    )


@pytest.mark.parametrize("dtype", EPS)
def test_1_values_at_the_ends_of_the_range(kata, dtype):
    x = np.array([1e4, LARGEST[dtype], -1e4, -LARGEST[dtype]]).astype(dtype)
    assert_close(
        kata.log1pexp(tf.constant(x)),
        np.maximum(x, 0),
        call="log1pexp(x)",
        oracle="the limits x and 0",
        rtol=VALUE_RTOL[dtype],
        atol=TINY[dtype],
        dtype=dtype,
        inputs={"x": x},
    )


@pytest.mark.parametrize("x", [0.0, [-20.0, 3.0], np.ones((1, 0), "float32")], ids=str)
def test_1_any_shape(kata, x):
    how = {"oracle": EXACTLY, "rtol": VALUE_RTOL["float32"], "dtype": "float32"}
    assert_close(kata.log1pexp(x), value(x), call=f"log1pexp({x!r})", **how)


AUTODIFF = "max and abs differentiated at 0, where their slopes are 1 and 0"
SLOPE_BUGS = {
    AUTODIFF: lambda x: np.where(x == 0, 1, slope(x)),
    "relu and abs differentiated at 0, where their slopes are 0": lambda x: np.where(
        x == 0, 0, slope(x)
    ),
    "sigmoid(-x)": lambda x: slope(-x),
    "e^x, without the division": lambda x: by_decimals(lambda e: e, x),
}


@pytest.mark.parametrize("dtype", EPS)
def test_2_gradient_is_the_sigmoid(kata, dtype):
    x = GRID[dtype][np.abs(GRID[dtype]) <= 40]
    wrong = {cause: bug(x) for cause, bug in SLOPE_BUGS.items()}
    assert_gradient(
        kata.log1pexp,
        tf.constant(x),
        lambda up: up * slope(x),
        call="log1pexp(x)",
        oracle="upstream * sigmoid(x) in decimals",
        rtol=0.0,
        atol=SLOPE_ATOL[dtype],
        inputs={"x": x},
        bugs={cause: lambda up, array=array: up * array for cause, array in wrong.items()},
    )


@pytest.mark.parametrize("dtype", EPS)
def test_2_gradient_at_the_ends_of_the_range(kata, dtype):
    x = np.array([100, 1e4, LARGEST[dtype], -1e4, -LARGEST[dtype]]).astype(dtype)
    assert_gradient(
        kata.log1pexp,
        tf.constant(x),
        lambda up: np.where(x > 0, up, 0),
        call="log1pexp(x)",
        oracle="the limits 1 and 0 of sigmoid",
        rtol=0.0,
        atol=SLOPE_ATOL[dtype],
        inputs={"x": x},
    )


def derivatives(function, x, upstream, mode=lambda function: function):
    """The value, its gradient under `upstream`, and the gradient of that."""

    def compute():
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = function(x)
            first = inner.gradient(y, x, output_gradients=upstream)
        return y, first, None if first is None else outer.gradient(first, x)

    return mode(compute)()


def assert_second_derivative(second, want, dtype, x, upstream):
    __tracebackhide__ = True
    call = "the gradient of tape.gradient(log1pexp(x), x, output_gradients=upstream)"
    if second is None:
        cause = "grad() left TensorFlow, or was cut from the tape"
        raise mismatch(call, expected=f"a tensor, by {EXACTLY}", got="None", cause=cause)
    assert_close(
        second,
        upstream * want,
        call=call,
        oracle=f"upstream * sigmoid(x) (1 - sigmoid(x)), {EXACTLY}",
        rtol=0.0,
        atol=SLOPE_ATOL[dtype],
        inputs={"x": x},
        bugs={
            "the first derivative again": upstream * slope(x),
            "0 at 0: abs or max differentiated there": upstream * np.where(x == 0, 0, want),
        },
    )


@pytest.mark.parametrize("dtype", EPS)
def test_3_second_derivative_is_right(kata, dtype):
    x, upstream = GRID[dtype], random_upstream(GRID[dtype].shape)
    _, _, second = derivatives(kata.log1pexp, tf.constant(x), tf.cast(upstream, dtype))
    assert_second_derivative(second, curvature(x), dtype, x, upstream)


@pytest.mark.parametrize("dtype", EPS)
def test_3_second_derivative_at_the_ends_of_the_range(kata, dtype):
    x = tf.constant(np.array([100, 1e4, -100, -1e4, 0.0], dtype))
    _, _, second = derivatives(kata.log1pexp, x, tf.ones_like(x))
    want = np.array([0, 0, 0, 0, 0.25])
    assert_second_derivative(second, want, dtype, x.numpy(), np.ones(5))


def test_4_every_mode_has_the_same_derivatives(kata, mode):
    x = GRID["float32"][np.abs(GRID["float32"]) <= 40]
    upstream = random_upstream(x.shape)
    constants = tf.constant(x), tf.constant(upstream, tf.float32)
    y, first, second = derivatives(kata.log1pexp, *constants, mode)
    how = {"oracle": EXACTLY, "inputs": {"x": x}}
    assert_close(y, value(x), call="log1pexp(x)", **FLOAT32_VALUE, **how)
    assert_close(
        first,
        upstream * slope(x),
        call="tape.gradient(log1pexp(x), x, output_gradients=upstream)",
        **FLOAT32_SLOPE,
        **how,
    )
    assert_second_derivative(second, curvature(x), "float32", x, upstream)


@pytest.mark.parametrize("mode", [lambda f: f, graph], ids=["eager", "graph"])
def test_4_keywords_keep_the_gradient(kata, mode):
    assert_gradient(
        lambda x: kata.log1pexp(x=x),
        tf.constant(GRID["float32"]),
        lambda up: up * slope(GRID["float32"]),
        call="log1pexp(x=x)",
        oracle="the call by position",
        inputs={"x": GRID["float32"]},
        bugs={
            "tf.custom_gradient sees positional arguments only; autodiff took over": (
                lambda up: up * SLOPE_BUGS[AUTODIFF](GRID["float32"])
            )
        },
        mode=mode,
        **FLOAT32_SLOPE,
    )
