"""Round and sign with a gradient that passes straight through.

Question (8 min). You train a network whose weights will be stored as integers, or as
single bits. Rounding has slope 0, so nothing learns through it. Write both steps with
the straight-through estimator: the step forward, and backward as if it were not there.

    y = round(x)    dL/dx = dL/dy
    y = sign(x)     dL/dx = dL/dy  where |x| <= 1,  0 elsewhere

Test k checks clause k:

    1. round_ste: `x` rounded to the nearest integer, halves to the even one (0.5 to 0,
       1.5 to 2), for every finite `x`, in its shape and dtype: float16, 32 and 64.
       Python floats and lists of them become float32 tensors.
    2. The gradient of round_ste is the upstream gradient, everywhere.
    3. sign_ste: +1 where x >= 0, at 0 too, and -1 elsewhere, for every finite `x`, in
       its shape and dtype, as above. A negative number so small that TensorFlow takes
       it for 0 (above -1e-38 in float32, above -2e-308 in float64) may have either sign.
    4. The gradient of sign_ste is the upstream gradient where |x| <= 1, both ends
       included, and 0 elsewhere.
    5. Eager mode, tf.function and XLA agree; so do calls by keyword and by position.

Run   nox -s check -- straight_through
Read  https://arxiv.org/abs/1308.3432, section 4; https://arxiv.org/abs/1602.02830,
      equation 4
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import assert_gradient

# Integers, and the upstream as rounded to the dtype of x. x + (round(x) - x) is exact as
# well: the difference of a number and its nearest integer is, and so is their sum.
EXACT = {"rtol": 0.0}
DTYPES = ["float16", "float32", "float64"]

X = np.array([[-2.5, -1.75, -1.5, -1.0, -0.5, -0.25], [0.0, 0.375, 0.5, 1.0, 1.5, 2.5]])
LARGE = {"float16": 6e4, "float32": 3e38, "float64": 1e308}
ROUNDED = np.array([[-2, -2, -2, -1, 0, 0], [0, 0, 0, 1, 2, 2]], "float64")
SIGNS = np.array([[-1, -1, -1, -1, -1, -1], [1, 1, 1, 1, 1, 1]], "float64")
INSIDE = np.array([[0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 0, 0]], bool)
INPUTS = {"x": X}


@pytest.mark.parametrize("dtype", DTYPES)
def test_1_round_goes_to_the_nearest_and_halves_to_even(kata, dtype):
    assert_close(
        kata.round_ste(tf.constant(X, dtype)),
        ROUNDED,
        call="round_ste(x)",
        oracle="the table by hand",
        dtype=dtype,
        inputs=INPUTS,
        bugs={
            "halves rounded up, floor(x + 0.5)": np.floor(X + 0.5),
            "halves rounded away from zero": np.sign(X) * np.floor(np.abs(X) + 0.5),
            "halves rounded down, ceil(x - 0.5)": np.ceil(X - 0.5),
            "halves rounded to zero": np.sign(X) * np.ceil(np.abs(X) - 0.5),
            "the fraction cut off": np.trunc(X),
            "floor": np.floor(X),
            "x not rounded": X,
        },
        **EXACT,
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_1_small_and_large_numbers_are_rounded_exactly(kata, dtype):
    half, bits = np.array(0.5, dtype), np.finfo(dtype).nmant
    beside = [np.nextafter(half, np.array(to, dtype)) for to in (0, 1)]
    # Where halves are the last digits, and where units are.
    last = [2.0 ** (bits - 1) + 1.5, 2.0 ** (bits - 1) + 0.5, 2.0**bits + 1]
    x = np.array([*beside, *last, LARGE[dtype], 1e4, 1e-7]).astype(dtype)
    x = np.concatenate([x, -x])
    bugs = {"floor(x + 0.5), whose sum is rounded, too": np.floor(x + half)}
    if dtype == "float64":
        with np.errstate(over="ignore"):
            bugs["rounded in float32"] = np.round(x.astype("float32"))
    assert_close(
        kata.round_ste(tf.constant(x)),
        np.round(x),
        call="round_ste(x)",
        oracle="np.round",
        dtype=dtype,
        inputs={"x": x},
        bugs=bugs,
        **EXACT,
    )


SHAPES = [2.25, [2.25, -1.0], np.ones((1, 0), "float32")]


@pytest.mark.parametrize("x", SHAPES, ids=str)
def test_1_any_shape_is_rounded(kata, x):
    value, how = kata.round_ste(x), {"dtype": "float32"} | EXACT
    assert_close(value, np.round(x), call=f"round_ste({x!r})", oracle="np.round", **how)


@pytest.mark.parametrize("dtype", DTYPES)
def test_2_gradient_of_round_is_the_upstream(kata, dtype):
    x = np.append(X, [[1e4, -1e4], [LARGE[dtype], -LARGE[dtype]]], axis=1)
    assert_gradient(
        kata.round_ste,
        tf.constant(x, dtype),
        lambda up: up.astype(dtype),
        call="round_ste(x)",
        oracle="the upstream gradient",
        inputs={"x": x},
        bugs={
            "the upstream stopped where |x| > 1, which is for sign": (
                lambda up: up * (np.abs(x) <= 1)
            ),
            "the sign of the upstream turned": lambda up: -up,
            "the slope of round, which is 0": lambda up: 0 * up,
        },
        **EXACT,
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_3_sign_is_plus_or_minus_one(kata, dtype):
    assert_close(
        kata.sign_ste(tf.constant(X, dtype)),
        SIGNS,
        call="sign_ste(x)",
        oracle="+1 where x >= 0, else -1",
        dtype=dtype,
        inputs=INPUTS,
        bugs={
            "sign(0) = 0": np.sign(X),
            "sign(0) = -1": np.where(X > 0, 1, -1),
            "0 for -1: a step, not a sign": np.where(X >= 0, 1, 0),
            "the signs turned": -SIGNS,
            "x clipped to [-1, 1], not its sign": np.clip(X, -1, 1),
        },
        **EXACT,
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_3_sign_of_extremes(kata, dtype):
    large, small = LARGE[dtype], np.finfo(dtype).tiny
    x = np.array([-large, large, -1e4, 1e4, small, -small, -0.0])
    assert_close(
        kata.sign_ste(tf.constant(x, dtype)),
        [-1, 1, -1, 1, 1, -1, 1],
        call="sign_ste(x)",
        oracle="+1 where x >= 0, else -1",
        dtype=dtype,
        inputs={"x": x},
        bugs={
            "x + stop_gradient(sign(x) - x), where 1 is lost beside a large x": (
                np.array(x, dtype) + (np.where(x < 0, -1, 1).astype(dtype) - x.astype(dtype))
            ),
        },
        **EXACT,
    )


def test_3_sign_of_the_subnormal_numbers_of_float16(kata):
    # Its kernels count in float32, where these are ordinary numbers.
    x = np.array([-6e-8, 6e-8, -5e-5, 5e-5], "float16")
    call, oracle = "sign_ste(x)", "+1 where x >= 0, else -1"
    signs = kata.sign_ste(tf.constant(x))
    assert_close(signs, [-1, 1, -1, 1], call=call, oracle=oracle, inputs={"x": x}, **EXACT)


@pytest.mark.parametrize("x", SHAPES, ids=str)
def test_3_any_shape_has_signs(kata, x):
    value, how = kata.sign_ste(x), {"dtype": "float32"} | EXACT
    assert_close(value, np.sign(x), call=f"sign_ste({x!r})", oracle="np.sign", **how)


# How other estimators weigh the upstream.
SLOPES = {
    "passed everywhere": np.ones_like(X),
    "the ends excluded: < where it should be <=": np.abs(X) < 1,
    "the mask inverted": ~INSIDE,
    "no lower end: x <= 1 for |x| <= 1": X <= 1,
    "no upper end: x >= -1 for |x| <= 1": X >= -1,
    "the slope of sign, which is 0": np.zeros_like(X),
    "the slope of tanh": 1 - np.tanh(X) ** 2,
    "the upstream times x": np.where(INSIDE, X, 0),
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_4_gradient_of_sign_is_the_upstream_inside(kata, dtype):
    assert_gradient(
        kata.sign_ste,
        tf.constant(X, dtype),
        lambda up: np.where(INSIDE, up.astype(dtype), 0),
        call="sign_ste(x)",
        oracle="upstream where |x| <= 1",
        inputs=INPUTS,
        bugs={cause: lambda up, slope=slope: up * slope for cause, slope in SLOPES.items()},
        **EXACT,
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_4_gradient_of_sign_just_beside_the_ends(kata, dtype):
    one, up, down = (np.array(a, dtype) for a in (1, 2, 0))
    x = np.array([np.nextafter(one, down), np.nextafter(one, up), -0.0, 1e4])
    x = np.append(x, -x)
    assert_gradient(
        kata.sign_ste,
        tf.constant(x, dtype),
        lambda up: np.where(np.abs(x) <= 1, up.astype(dtype), 0),
        call="sign_ste(x)",
        oracle="upstream where |x| <= 1",
        inputs={"x": x},
        **EXACT,
    )


STEPS = {
    "round_ste": (ROUNDED, np.ones_like(INSIDE)),
    "sign_ste": (SIGNS, INSIDE),
}


@pytest.mark.parametrize("name", STEPS)
def test_5_every_mode_has_the_same_value_and_gradient(kata, name, mode):
    step, (value, passes) = getattr(kata, name), STEPS[name]
    x = tf.constant(X, tf.float32)
    how = {"inputs": INPUTS, "oracle": "eager mode"} | EXACT
    assert_close(mode(step)(x), value, call=f"{name}(x)", **how)
    want = lambda up: np.where(passes, up.astype("float32"), 0)
    assert_gradient(step, x, want, call=f"{name}(x)", mode=mode, **how)


@pytest.mark.parametrize("name", STEPS)
def test_5_keywords_keep_the_gradient(kata, name, mode):
    by_keyword, passes = lambda x: getattr(kata, name)(x=x), STEPS[name][1]
    assert_gradient(
        by_keyword,
        tf.constant(X, tf.float32),
        lambda up: np.where(passes, up.astype("float32"), 0),
        call=f"{name}(x=x)",
        oracle="the call by position",
        inputs=INPUTS,
        bugs={
            "tf.custom_gradient sees positional arguments only; autodiff took over": (
                lambda up: 0 * up
            )
        },
        mode=mode,
        **EXACT,
    )
