"""Layer normalization, forward and backward by hand.

Question (20 min). You are to write the layer norm of a fused kernel, and its backward
pass comes first as a tf.custom_gradient. For a row x of C numbers:

    mean = 1/C sum x        var = 1/C sum (x - mean)^2
    xhat = (x - mean) / sqrt(var + epsilon)        y = gamma * xhat + beta

Derive the gradients with respect to x, gamma and beta.

Test k checks clause k:

    1. Values match the formula: rows lie along the last axis, x has any rank. The
       variance is divided by C, and epsilon, 1e-5 by default, stands inside the root.
    2. The gradient with respect to x is that of the formula. The mean and the variance
       of a row depend on x, too.
    3. So are those with respect to gamma and beta, [C] for an x of any rank.
    4. Values and gradients hold for rows near 1e4 whose variance is near 1, to what
       float32 leaves of them (5e-3), and for a row of equal numbers, where xhat is 0.
    5. The backward pass is written by hand, in a tf.custom_gradient: no tape, no
       tf.gradients, nothing that has TensorFlow differentiate.
    6. Eager mode, tf.function and XLA agree.

x, gamma and beta are float tensors of one dtype; tests use float32 and float64.

Run   nox -s check -- layer_norm
Read  https://arxiv.org/abs/1607.06450, section 3
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.by_hand import by_hand, own_rules
from tests.support.closeness import assert_close, mismatch
from tests.support.gradient_checks import assert_gradients, random_upstream, vjp

# Means of four, a root, a quotient and sums of eight terms near 4: 32 roundings of eps/2
# are 2e-6 of the terms, which may cancel.
CLOSE = {
    "float32": {"rtol": 1e-5, "atol": 1e-5},
    "float64": {"rtol": 1e-12, "atol": 1e-12},
}

# B = C, so that statistics along the wrong axis run.
X = np.array(
    [
        [1.0, -2.0, 0.5, 3.0],
        [-0.25, 0.75, 0.125, -1.5],
        [2.0, 2.5, -1.0, 1.75],
        [0.5, -0.5, 4.0, 1.0],
    ]
)
GAMMA = np.array([1.5, -0.75, 2.0, 0.5])
BETA = np.array([0.25, -1.0, 0.5, 2.0])
DEEP = np.stack([X[:3], X[1:] * 0.5, X[:3] + 1])  # [3, 3, 4]
EPSILON = 0.25
CALL = f"layer_norm(x, gamma, beta, {EPSILON})"


def forward(x, gamma=GAMMA, beta=BETA, epsilon=EPSILON, axis=-1, ddof=0):
    """The formula in float64; complex numbers pass through."""
    centred = x - x.mean(axis=axis, keepdims=True)
    count = np.prod([x.shape[a] for a in np.atleast_1d(axis)]) - ddof
    variance = (centred**2).sum(axis=axis, keepdims=True) / count
    return gamma * centred / np.sqrt(variance + epsilon) + beta


def slopes(upstream, x=X, gamma=GAMMA, beta=BETA, **how):
    """The gradients of sum(upstream * forward), element by element.

    f(x + ih) = f(x) + ih f'(x) up to h^2: with h = 1e-30 the imaginary part has no error
    but rounding.
    """
    inputs = {"x": x, "gamma": gamma, "beta": beta}
    result = {}
    for name, array in inputs.items():
        slope = np.empty_like(array)
        for place in np.ndindex(array.shape):
            moved = array.astype(complex)
            moved[place] += 1e-30j
            slope[place] = (upstream * forward(**inputs | {name: moved}, **how)).imag.sum() / 1e-30
        result[name] = slope
    return result


BY_FORMULA = "the formula in float64"
BY_SLOPES = "the slope of the formula, element by element, in float64"


@pytest.mark.parametrize("dtype", CLOSE)
def test_1_values_match_the_formula(kata, dtype):
    sigma = np.sqrt(X.var(axis=-1, keepdims=True))
    centred = X - X.mean(axis=-1, keepdims=True)
    bugs = {
        "statistics along the first axis": forward(X, axis=0),
        "the variance divided by C - 1": forward(X, ddof=1),
        "epsilon outside the root": GAMMA * centred / (sigma + EPSILON) + BETA,
        "epsilon left out": forward(X, epsilon=0),
        "epsilon squared": forward(X, epsilon=EPSILON**2),
        "divided by the variance, no root": GAMMA * centred / (sigma**2 + EPSILON) + BETA,
        "the mean not subtracted": GAMMA * X / np.sqrt(sigma**2 + EPSILON) + BETA,
        "gamma and beta exchanged": forward(X, gamma=BETA, beta=GAMMA),
        "gamma forgotten": forward(X, gamma=1),
        "beta forgotten": forward(X, beta=0),
        "gamma * (xhat + beta)": forward(X, beta=GAMMA * BETA),
    }
    assert_close(
        kata.layer_norm(*tensors(X, dtype), EPSILON),
        forward(X),
        call=CALL,
        oracle=BY_FORMULA,
        dtype=dtype,
        inputs={"x": X},
        bugs=bugs,
        **CLOSE[dtype],
    )


def tensors(x, dtype="float32"):
    return [tf.constant(array, dtype) for array in (x, GAMMA, BETA)]


@pytest.mark.parametrize("x", [X[0], DEEP], ids=["[4]", "[3, 3, 4]"])
def test_1_any_rank(kata, x):
    call = f"layer_norm(x {list(x.shape)}, gamma, beta, {EPSILON})"
    how = CLOSE["float32"] | {"oracle": BY_FORMULA}
    bugs = (
        {"statistics over all axes but the first": forward(x, axis=(1, 2))} if x.ndim == 3 else {}
    )
    got = kata.layer_norm(*tensors(x), EPSILON)
    assert_close(got, forward(x), call=call, bugs=bugs, **how)


def test_1_epsilon_by_default(kata):
    small = X * 2.0**-9
    bugs = {f"epsilon={e:g} by default": forward(small, epsilon=e) for e in (1e-3, 1e-6, 1e-12)}
    assert_close(
        kata.layer_norm(*tensors(small)),
        forward(small, epsilon=1e-5),
        call="layer_norm(x, gamma, beta), x below 0.01",
        oracle=BY_FORMULA,
        bugs=bugs,
        **CLOSE["float32"],
    )


def wrong_slopes(upstream, x=X):
    """{mistake: the gradients that it spoils}."""
    mean = lambda array: array.mean(axis=-1, keepdims=True)
    sigma = np.sqrt(x.var(axis=-1, keepdims=True) + EPSILON)
    xhat, g = (x - mean(x)) / sigma, upstream * GAMMA
    plain = (upstream - mean(upstream) - xhat * mean(upstream * xhat)) / sigma
    right = (g - mean(g) - xhat * mean(g * xhat)) / sigma
    unscaled = x - mean(x)
    return {
        "mean and variance taken for constants": {"x": g / sigma},
        "the path through the variance lost": {"x": (g - mean(g)) / sigma},
        "the path through the mean lost": {"x": (g - xhat * mean(g * xhat)) / sigma},
        "gamma multiplied last, outside the means": {"x": GAMMA * plain},
        "gamma forgotten": {"x": plain},
        "1 / sigma forgotten": {"x": right * sigma},
        "divided by the variance": {"x": right / sigma},
        "sums for means: 1 / C forgotten": {
            "x": (g - 4 * mean(g) - 4 * xhat * mean(g * xhat)) / sigma
        },
        "x - mean where xhat belongs": {"x": (g - mean(g) - unscaled * mean(g * xhat)) / sigma},
        "the variance's path with the wrong sign": {
            "x": (g - mean(g) + xhat * mean(g * xhat)) / sigma
        },
        "means along the first axis": {"x": (g - g.mean(0) - xhat * (g * xhat).mean(0)) / sigma},
    }


@pytest.mark.parametrize("dtype", CLOSE)
def test_2_gradient_of_x(kata, dtype):
    x, gamma, beta = tensors(X, dtype)
    assert_gradients(
        lambda x: kata.layer_norm(x, gamma, beta, EPSILON),
        {"x": x},
        lambda up: {"x": slopes(up)["x"]},
        call=CALL,
        oracle=BY_SLOPES,
        bugs={cause: lambda up, c=cause: wrong_slopes(up)[c] for cause in wrong_slopes(0 * X)},
        **CLOSE[dtype],
    )


@pytest.mark.parametrize("x", [X[0], DEEP], ids=["[4]", "[3, 3, 4]"])
def test_2_gradient_of_x_at_any_rank(kata, x):
    _, gamma, beta = tensors(x)
    assert_gradients(
        lambda x: kata.layer_norm(x, gamma, beta, EPSILON),
        {"x": tf.constant(x, tf.float32)},
        lambda up: {"x": slopes(up, x)["x"]},
        call=f"layer_norm(x {list(x.shape)}, gamma, beta, {EPSILON})",
        oracle=BY_SLOPES,
        **CLOSE["float32"],
    )


def assert_parameter_gradients(kata, x, bugs, dtype="float32"):
    __tracebackhide__ = True
    rows, gamma, beta = tensors(x, dtype)
    assert_gradients(
        lambda gamma, beta: kata.layer_norm(rows, gamma, beta, EPSILON),
        {"gamma": gamma, "beta": beta},
        lambda up: {name: slopes(up, x)[name] for name in ("gamma", "beta")},
        call=f"layer_norm(x {list(x.shape)}, gamma, beta, {EPSILON})",
        oracle=BY_SLOPES,
        bugs=bugs,
        **CLOSE[dtype],
    )


def reduced(reduce, x):
    """A mistake that reduces upstream * xhat, and upstream, in another way."""
    xhat = forward(x, gamma=1, beta=0)
    return lambda up: {"gamma": reduce(up * xhat), "beta": reduce(up)}


@pytest.mark.parametrize("dtype", CLOSE)
def test_3_gradients_of_gamma_and_beta(kata, dtype):
    xhat = forward(X, gamma=1, beta=0)
    bugs = {
        "averaged over the rows, not summed": reduced(lambda a: a.mean(axis=0), X),
        "summed along the last axis": reduced(lambda a: a.sum(axis=-1), X),
        "not summed at all": reduced(lambda a: a, X),
        "summed over every axis": reduced(lambda a: a.sum(), X),
        "x for xhat": lambda up: {"gamma": (up * X).sum(axis=0)},
        "x - mean for xhat": lambda up: {
            "gamma": (up * (X - X.mean(-1, keepdims=True))).sum(axis=0)
        },
        "gamma multiplied in": lambda up: {
            "gamma": (up * GAMMA * xhat).sum(axis=0),
            "beta": (up * GAMMA).sum(axis=0),
        },
        "gamma's and beta's gradients exchanged": lambda up: {
            "gamma": up.sum(axis=0),
            "beta": (up * xhat).sum(axis=0),
        },
    }
    assert_parameter_gradients(kata, X, bugs, dtype)


@pytest.mark.parametrize("x", [X[0], DEEP], ids=["[4]", "[3, 3, 4]"])
def test_3_gradients_of_gamma_and_beta_at_any_rank(kata, x):
    # Of a single row the first axis is the last, and all of them.
    axes = "every axis" if x.ndim == 3 else "the first axis only, or over every axis"
    bugs = {f"summed over {axes}": reduced(lambda a: a.sum(), x)}
    if x.ndim == 3:
        bugs["summed over the first axis only"] = reduced(lambda a: a.sum(axis=0), x)
        bugs["averaged over the rows, not summed"] = reduced(lambda a: a.mean(axis=(0, 1)), x)
    assert_parameter_gradients(kata, x, bugs)


# Near 1e4 float32 has steps of 2^-10. Rows of four of those numbers have an exact sum; a
# product with 1 / sigma or a sum with beta, near 2e4, is rounded by 1e-3.
FAR = 1e4 + X * 0.5
FAR_CLOSE = {"rtol": 0.0, "atol": 5e-3}


def test_4_rows_far_from_zero(kata):
    x, gamma, beta = tensors(FAR)
    how = {"oracle": BY_FORMULA, "inputs": {"x": FAR}} | FAR_CLOSE
    got = kata.layer_norm(x, gamma, beta)
    want = forward(FAR, epsilon=1e-5)
    assert_close(got, want, call="layer_norm(x, gamma, beta), x near 1e4", **how)
    assert_gradients(
        lambda x: kata.layer_norm(x, gamma, beta),
        {"x": x},
        lambda up: {"x": slopes(up, FAR, epsilon=1e-5)["x"]},
        call="layer_norm(x, gamma, beta), x near 1e4",
        oracle=BY_SLOPES,
        **FAR_CLOSE,
    )


def test_4_a_row_of_equal_numbers(kata):
    x = np.array([[7.0] * 4, X[0], [0.0] * 4])
    call = "layer_norm(x, gamma, beta, 0.25), rows of 7 and of 0"
    how = {"oracle": BY_FORMULA, **CLOSE["float32"]}
    got = kata.layer_norm(*tensors(x), EPSILON)
    assert_close(got, forward(x), call=call, **how)
    _, gamma, beta = tensors(x)
    assert_gradients(
        lambda x: kata.layer_norm(x, gamma, beta, EPSILON),
        {"x": tf.constant(x, tf.float32)},
        lambda up: {"x": slopes(up, x)["x"]},
        call=call,
        oracle=BY_SLOPES,
        **CLOSE["float32"],
    )


def test_5_a_rule_of_its_own(kata):
    if not own_rules(lambda *inputs: kata.layer_norm(*inputs), *tensors(X)):
        cause = "TensorFlow differentiates the formula by itself"
        raise mismatch(
            "layer_norm(x, gamma, beta), traced",
            expected="a tf.custom_gradient",
            got="none",
            cause=cause,
        )


def test_5_no_autodiff_inside(kata):
    inputs = tensors(X)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        with by_hand("layer_norm(x, gamma, beta) and its backward pass"):
            y = kata.layer_norm(*inputs)
            got = tape.gradient(y, inputs)
    call = "tape.gradient(layer_norm(x, gamma, beta), x)"
    want = slopes(np.ones_like(X), epsilon=1e-5)["x"]
    assert_close(got[0], want, call=call, oracle=BY_SLOPES, **CLOSE["float32"])


def test_6_every_mode_has_the_same_values_and_gradients(kata, mode):
    upstream = random_upstream(DEEP.shape)
    call = f"layer_norm(x [3, 3, 4], gamma, beta, {EPSILON})"
    norm = lambda *inputs: kata.layer_norm(*inputs, EPSILON)
    value, got = vjp(norm, tensors(DEEP), upstream, mode=mode)
    assert_close(value, forward(DEEP), call=call, oracle=BY_FORMULA, **CLOSE["float32"])
    for slope, (name, want) in zip(got, slopes(upstream, DEEP).items(), strict=True):
        asked = f"tape.gradient({call}, {name}, output_gradients=upstream)"
        assert_close(slope, want, call=asked, oracle=BY_SLOPES, **CLOSE["float32"])
