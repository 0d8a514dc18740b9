"""Clip with the gradient written by hand.

Question (12 min). How would you implement a custom gradient in TensorFlow? Show it on a
clip: limit x to [clip_min, clip_max], and let the gradient through only where x was not
clipped.

    y = min(max(x, clip_min), clip_max)
    dL/dx = dL/dy  where clip_min <= x <= clip_max,  0 elsewhere

Test k checks clause k:

    1. Values match the formula, to the last bit, in the shape and dtype of `x`: float16,
       32 and 64. Bounds are numbers or tensors, and broadcast to `x`.
    2. The gradient with respect to `x` is the upstream gradient where
       clip_min <= x <= clip_max, both bounds included, and 0 elsewhere.
    3. Bounds may be variables. They are read at each call, also by a tf.function that
       was traced before, and the gradient of a call goes by the bounds that were read
       then, even if a variable has changed before the backward pass. They get no
       gradient (None).
    4. Eager mode, tf.function and XLA agree; so do calls by keyword and by position.
    5. Python numbers with clip_min > clip_max raise ValueError naming both, as in
       `Received: clip_min=2, clip_max=1`.

Run   nox -s check -- clip_by_value
Read  https://www.tensorflow.org/api_docs/python/tf/custom_gradient
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.gradient_checks import (
    assert_each_call_keeps_its_value,
    assert_gradient,
    vjp,
)
from tests.support.modes import graph
from tests.support.value_errors import assert_value_error

# A clip selects one of its inputs and a mask selects the upstream: nothing is rounded
# but the bounds, which are exact in float16 here.
EXACT = {"rtol": 0.0}

X = np.array([[-3.0, -1.0, -0.5, 0.0], [0.1, 2.0, 2.5, 1e4]])
LOW, HIGH = -1.0, 2.0
INPUTS = {"x": X}
INSIDE = (LOW <= X) & (X <= HIGH)
FORMULA = "min(max(x, clip_min), clip_max)"
BY_BOUNDS = "upstream where clip_min <= x <= clip_max"
DTYPES = ["float16", "float32", "float64"]
LARGE = {"float16": 6e4, "float32": 3e38, "float64": 1e308}

BUGS = {
    "a mask taken from the clipped values, which are always inside": lambda up: up,
    "bounds excluded: < where it should be <=": lambda up: up * ((LOW < X) & (X < HIGH)),
    "the mask inverted": lambda up: up * ~INSIDE,
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_1_values_match_the_formula(kata, dtype):
    assert_close(
        kata.clip_by_value(tf.constant(X, dtype), LOW, HIGH),
        np.minimum(np.maximum(X.astype(dtype), LOW), HIGH),
        call=f"clip_by_value(x, {LOW}, {HIGH})",
        oracle=FORMULA,
        dtype=dtype,
        inputs=INPUTS,
        bugs={"the bounds swapped": np.maximum(np.minimum(X, LOW), HIGH)},
        **EXACT,
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_1_large_numbers_become_the_bounds(kata, dtype):
    x = np.array([-LARGE[dtype], LARGE[dtype], 0.75], dtype)
    drowned = x + (np.clip(x, LOW, HIGH).astype(dtype) - x)
    assert_close(
        kata.clip_by_value(tf.constant(x), LOW, HIGH),
        np.clip(x, LOW, HIGH),
        call=f"clip_by_value(x, {LOW}, {HIGH})",
        oracle=FORMULA,
        dtype=dtype,
        inputs={"x": x},
        bugs={"x + (the clipped x - x), where a bound is lost beside a large x": drowned},
        **EXACT,
    )


@pytest.mark.parametrize("bounds", [(-1, 2), (np.full(4, -1.0), [[1.0], [2.0]])])
def test_1_bounds_are_numbers_or_broadcast(kata, bounds):
    low, high = [b if isinstance(b, int) else tf.constant(b, tf.float32) for b in bounds]
    assert_close(
        kata.clip_by_value(tf.constant(X, tf.float32), low, high),
        np.minimum(np.maximum(X.astype("float32"), bounds[0]), bounds[1]),
        call=f"clip_by_value(x, bounds of shape {np.shape(low)}, {np.shape(high)})",
        oracle=FORMULA,
        inputs=INPUTS,
        **EXACT,
    )


def test_1_a_python_float_is_a_scalar_tensor(kata):
    call, oracle = "clip_by_value(3.0, 0, 1)", FORMULA
    assert_close(kata.clip_by_value(3.0, 0, 1), 1.0, call=call, oracle=oracle, **EXACT)


@pytest.mark.parametrize("dtype", DTYPES)
def test_2_gradient_is_the_upstream_inside(kata, dtype):
    assert_gradient(
        lambda x: kata.clip_by_value(x, LOW, HIGH),
        tf.constant(X, dtype),
        # The upstream reaches the learner's code in the dtype of x.
        lambda up: np.where(INSIDE, up.astype(dtype), 0),
        call=f"clip_by_value(x, {LOW}, {HIGH})",
        oracle=BY_BOUNDS,
        inputs=INPUTS,
        bugs=BUGS,
        **EXACT,
    )


def test_2_gradient_follows_broadcast_bounds(kata):
    low, high = np.array([-4.0, 0.0, -1.0, 0.0]), np.array([[1.0], [2.0]])
    assert_gradient(
        lambda x: kata.clip_by_value(x, tf.constant(low), tf.constant(high)),
        tf.constant(X),
        lambda up: np.where((low <= X) & (high >= X), up, 0),
        call="clip_by_value(x, clip_min [4], clip_max [2, 1])",
        oracle=BY_BOUNDS,
        inputs=INPUTS | {"clip_min": low, "clip_max": high},
        **EXACT,
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_2_the_mask_is_exact_at_the_bounds(kata, dtype):
    low, high = np.array([LOW, HIGH], dtype)
    x = np.array([np.nextafter(low, -high), low, high, np.nextafter(high, 2 * high)])
    assert_gradient(
        lambda x: kata.clip_by_value(x, LOW, HIGH),
        tf.constant(x),
        lambda up: up.astype(dtype) * [0, 1, 1, 0],
        call=f"clip_by_value(x, {LOW}, {HIGH})",
        oracle=f"upstream at the bounds, 0 one {dtype} beyond them",
        inputs={"x": x},
        bugs={"a mask open beyond the bounds": lambda up: up, "bounds excluded": lambda up: 0 * up},
        **EXACT,
    )


@pytest.mark.parametrize("bound", [tf.Variable, tf.constant])
def test_3_bounds_get_no_gradient(kata, bound, mode):
    inputs = [tf.constant(X, tf.float32), bound(LOW), bound(HIGH)]
    slopes = vjp(kata.clip_by_value, inputs, mode=mode)[1]
    for name, slope in zip(["clip_min", "clip_max"], slopes[1:], strict=True):
        if slope is not None:
            call = f"tape.gradient(clip_by_value(x, clip_min, clip_max), {name})"
            raise mismatch(call, expected="None", got=f"{slope}")


def test_3_a_traced_function_reads_its_variables_at_each_call(kata):
    high = tf.Variable(HIGH)
    clip = graph(lambda x: kata.clip_by_value(x, LOW, high))
    x = tf.constant(X, tf.float32)
    clip(x)
    high.assign(1.0)
    assert_close(
        clip(x),
        np.clip(X.astype("float32"), LOW, 1.0),
        call="clip_by_value(x, -1.0, clip_max), traced when clip_max was 2.0, now 1.0",
        oracle=FORMULA,
        inputs=INPUTS,
        bugs={"a bound read once, at tracing": np.clip(X.astype("float32"), LOW, HIGH)},
        **EXACT,
    )


@pytest.mark.parametrize("bound", ["clip_min", "clip_max"])
@pytest.mark.parametrize("mode", [lambda f: f, graph], ids=["eager", "graph"])
def test_3_each_call_keeps_the_bounds_that_it_read(kata, bound, mode):
    x, variable = tf.constant(X, tf.float32), tf.Variable(0.0)
    bounds = {"clip_min": -4.0, "clip_max": 4.0} | {bound: variable}

    def slope(value):
        low, high = (bounds | {bound: value}).values()
        return np.where((low <= X) & (high >= X), 1.0, 0.0)

    assert_each_call_keeps_its_value(
        lambda: kata.clip_by_value(x, *bounds.values()),
        variable,
        [LOW, HIGH],
        slope,
        call="clip_by_value(x, clip_min, clip_max)",
        name=bound,
        oracle=BY_BOUNDS,
        source=x,
        mode=mode,
        **EXACT,
    )


@pytest.mark.parametrize("bound", [float, tf.Variable])
def test_4_every_mode_has_the_same_gradient(kata, bound, mode):
    low, high = bound(LOW), bound(HIGH)
    assert_gradient(
        lambda x: kata.clip_by_value(x, low, high),
        tf.constant(X, tf.float32),
        lambda up: np.where(INSIDE, up, 0),
        call=f"clip_by_value(x, {LOW}, {HIGH})",
        oracle=BY_BOUNDS,
        inputs=INPUTS,
        mode=mode,
        rtol=1e-6,  # the upstream is rounded to float32
    )


def test_4_keywords_keep_the_custom_gradient(kata, mode):
    low, high = tf.Variable(LOW), tf.Variable(HIGH)
    by_keyword = lambda x, low, high: kata.clip_by_value(x=x, clip_min=low, clip_max=high)
    value, slopes = vjp(by_keyword, [tf.constant(X, tf.float32), low, high], mode=mode)
    call = "clip_by_value(x=x, clip_min=clip_min, clip_max=clip_max)"
    clipped = np.clip(X.astype("float32"), LOW, HIGH)
    assert_close(value, clipped, call=call, oracle="the call by position", **EXACT)
    assert_close(
        slopes[0],
        np.where(INSIDE, 1, 0),
        call=f"tape.gradient({call}, x)",
        oracle="the call by position",
        inputs=INPUTS,
        **EXACT,
    )
    if slopes[1:] != [None, None]:
        cause = "tf.custom_gradient sees positional arguments only; autodiff took over"
        call = f"tape.gradient({call}, [clip_min, clip_max])"
        raise mismatch(call, expected="[None, None]", got=f"{slopes[1:]}", cause=cause)


@pytest.mark.parametrize("bounds", [(2, 1), (2.5, 1.5), (2, 1.5)], ids=str)
@pytest.mark.parametrize("mode", [lambda f: f, graph], ids=["eager", "graph"])
def test_5_bounds_in_the_wrong_order_are_named(kata, mode, bounds):
    assert_value_error(
        mode(lambda: kata.clip_by_value(tf.constant(X), *bounds)),
        "clip_min",
        "clip_max",
        call="clip_by_value(x, {}, {})".format(*bounds),
    )


def test_5_equal_bounds_are_in_order(kata):
    call, oracle = "clip_by_value(3.0, 1, 1)", FORMULA
    assert_close(kata.clip_by_value(3.0, 1, 1), 1.0, call=call, oracle=oracle, **EXACT)
