"""Straight-through Gumbel-softmax: choose one class, and learn through the choice.

Question (10 min). A network is to pick one of C experts for each example, at random,
expert c with probability softmax(logits)_c, and to learn from how the pick turned out.
Gumbel noise makes the pick a function of the logits,

    one-hot of  argmax_c (logits_c + noise_c)

but argmax has no gradient. Return that pick forward; backward, pretend that it was the
softmax sample

    s = softmax((logits + noise) / temperature)

Test k checks clause k:

    1. The value is that one-hot vector over the last axis, exactly 0 and 1, for any
       leading axes. The noise is given; no two entries of logits + noise are equal.
    2. So over many draws of noise class c comes with probability softmax(logits)_c, at
       any temperature.
    3. The gradient to the logits is that of s, for any upstream. What the noise and the
       temperature get is up to you.
    4. Value and gradient are right for logits up to ±1e4 and temperatures down to 0.01.
       Eager mode, tf.function and XLA agree.

All tensors are float32.

Run   nox -s check -- gumbel_softmax
Read  https://arxiv.org/abs/1611.01144, section 2.2, equations 1 and 2
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import assert_gradient, assert_gradient_in_every_mode

EXACT = {"rtol": 0.0}
# exp and a division of float32 at order one, then u - sum(u s), which may cancel: 20 eps,
# of the largest term, which is upstream / temperature = 4.
SLOPE = {"rtol": 3e-6, "atol": 1e-5}
PICK = "one-hot of argmax(logits + noise)"
BY_SOFTMAX = "s (u - sum of u s) / temperature"

# B = C, so that a wrong axis raises nothing.
LOGITS = np.array(
    [
        [0.625, 0.75, 0.0, 0.875],
        [1.0, -0.25, -0.75, 0.75],
        [0.875, -0.25, 0.0, -0.375],
        [0.75, -0.5, -0.5, -1.0],
    ]
)
NOISE = np.array(
    [
        [2.0, -0.25, 0.875, 0.0],
        [0.75, 0.875, 0.625, 0.375],
        [2.0, 2.375, 1.25, 2.75],
        [-1.25, 1.0, -0.125, 0.25],
    ]
)
TEMPERATURE = 0.5
CALL = f"gumbel_softmax(logits, noise, {TEMPERATURE})"
INPUTS = {"logits": LOGITS, "noise": NOISE}


def softmax(z, axis=-1):
    powers = np.exp(z - z.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def one_hot(scores, axis=-1):
    """1 where a score is the largest along the axis, by looking at each."""
    return (scores == scores.max(axis=axis, keepdims=True)).astype("float64")


def product(s, upstream, axis=-1):
    """The upstream times the slope of a softmax whose value is s, row by row."""
    rows = zip(np.moveaxis(s, axis, -1), np.moveaxis(upstream, axis, -1), strict=True)
    return np.moveaxis([up @ (np.diag(p) - np.outer(p, p)) for p, up in rows], -1, axis)


def float32(array):
    return tf.constant(array, tf.float32)


def pick(kata, logits=LOGITS, noise=NOISE, **how):
    return kata.gumbel_softmax(float32(logits), float32(noise), **how)


def test_1_one_class_of_each_row(kata):
    assert_close(
        pick(kata, temperature=TEMPERATURE),
        one_hot(LOGITS + NOISE),
        call=CALL,
        oracle=PICK,
        dtype="float32",
        inputs=INPUTS,
        bugs={
            "the noise left out of the argmax": one_hot(LOGITS),
            "the noise outside of the division by the temperature": one_hot(
                LOGITS / TEMPERATURE + NOISE
            ),
            "the noise divided by the temperature, the logits not": one_hot(
                LOGITS + NOISE / TEMPERATURE
            ),
            "the noise subtracted": one_hot(LOGITS - NOISE),
            "argmax over the first axis, not the last": one_hot(LOGITS + NOISE, axis=0),
            "argmax over the first axis, one-hot over the last": one_hot((LOGITS + NOISE).T),
            "the index of the class, not its one-hot vector": (LOGITS + NOISE).argmax(axis=-1),
            "the smallest for the largest": one_hot(-LOGITS - NOISE),
        },
        **EXACT,
    )


# The soft sample is right to rounding only, so it is looked for with a tolerance.
def test_1_not_the_soft_sample(kata):
    assert_close(
        pick(kata, temperature=2.0),
        one_hot(LOGITS + NOISE),
        call="gumbel_softmax(logits, noise, 2.0)",
        oracle=PICK,
        inputs=INPUTS,
        bugs={
            "the soft sample s, where its argmax is asked": softmax((LOGITS + NOISE) / 2),
            "a soft sample whose temperature is lost": softmax(LOGITS + NOISE),
            "a soft sample, the noise outside of the division": softmax(LOGITS / 2 + NOISE),
            "softmax(logits / temperature): no sample": softmax(LOGITS / 2),
        },
        rtol=1e-6,
    )


@pytest.mark.parametrize("shape", [(3,), (10, 8, 3), (5, 1)], ids=str)
def test_1_any_leading_axes(kata, shape):
    logits, noise = np.random.default_rng(0).normal(size=(2, *shape))
    assert_close(
        pick(kata, logits, noise),
        one_hot(logits + noise),
        call=f"gumbel_softmax(logits {list(shape)}, noise {list(shape)})",
        oracle=PICK,
        **EXACT,
    )


DRAWS = 20_000


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_2_classes_come_as_often_as_softmax_says(kata, temperature):
    logits = np.array([1.0, 0.0, -1.0])
    p = softmax(logits)
    noise = np.random.default_rng(1).gumbel(size=(DRAWS, 3))
    drawn = pick(kata, np.tile(logits, [DRAWS, 1]), noise, temperature=temperature)
    assert_close(
        tf.reduce_mean(drawn, axis=0),
        p,
        call=f"the mean of {DRAWS:,} draws of gumbel_softmax([1, 0, -1], noise, {temperature})",
        oracle="softmax([1, 0, -1])",
        bugs={
            "the noise outside of the division by the temperature": softmax(logits / temperature),
            "the largest logit, whatever the noise is": one_hot(logits),
        },
        # Four standard deviations of a frequency; the largest is that of p = 1/2.
        rtol=0.0,
        atol=4 * 0.5 / DRAWS**0.5,
    )


def spoilt():
    """{cause: function from the upstream to the gradient that a wrong answer has}."""
    z, temperature = LOGITS + NOISE, TEMPERATURE
    s = softmax(z / temperature)
    return {
        "1 / temperature lost": lambda up: product(s, up),
        "1 / temperature taken twice": lambda up: product(s, up) / temperature**2,
        "the upstream passed straight through": lambda up: up,
        "the slope at temperature 1": lambda up: product(softmax(z), up),
        "the noise outside of the division by the temperature": (
            lambda up: product(softmax(LOGITS / temperature + NOISE), up) / temperature
        ),
        "the noise left out of the softmax": (
            lambda up: product(softmax(LOGITS / temperature), up) / temperature
        ),
        "softmax over the first axis, not the last": (
            lambda up: product(softmax(z / temperature, 0), up, axis=0) / temperature
        ),
        "the sum over classes left out: s u": lambda up: s * up / temperature,
        "s (1 - s) u, as if each class were alone": lambda up: s * (1 - s) * up / temperature,
        "the sign": lambda up: -product(s, up) / temperature,
        "the slope of argmax, which is 0": lambda up: 0 * up,
    }


def test_3_gradient_is_that_of_the_soft_sample(kata):
    s = softmax((LOGITS + NOISE) / TEMPERATURE)
    assert_gradient(
        lambda x: kata.gumbel_softmax(x, float32(NOISE), TEMPERATURE),
        float32(LOGITS),
        lambda up: product(s, up) / TEMPERATURE,
        call=f"gumbel_softmax(x, noise, {TEMPERATURE})",
        oracle=BY_SOFTMAX,
        inputs={"x": LOGITS, "noise": NOISE},
        bugs=spoilt(),
        **SLOPE,
    )


def test_3_the_temperature_is_1_by_default(kata):
    assert_gradient(
        lambda x: kata.gumbel_softmax(x, float32(NOISE)),
        float32(LOGITS),
        lambda up: product(softmax(LOGITS + NOISE), up),
        call="gumbel_softmax(x, noise)",
        oracle=BY_SOFTMAX,
        inputs={"x": LOGITS, "noise": NOISE},
        **SLOPE,
    )


def test_3_gradient_has_the_leading_axes(kata):
    logits, noise = np.random.default_rng(2).normal(size=(2, 4, 5))
    s = softmax((logits + noise) / 2).reshape(2, 2, 5)
    rows = lambda up: product(s.reshape(4, 5), up.reshape(4, 5)).reshape(2, 2, 5) / 2
    assert_gradient(
        lambda x: kata.gumbel_softmax(x, float32(noise.reshape(2, 2, 5)), 2.0),
        float32(logits.reshape(2, 2, 5)),
        rows,
        call="gumbel_softmax(x [2, 2, 5], noise, 2.0)",
        oracle=BY_SOFTMAX,
        **SLOPE,
    )


# Far apart, nearly tied in the third row, and below each other in the last.
EXTREME = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, 1e4], [0.02, 0.0, -0.01], [-1e4, -9e3, -8e3]])


def test_4_every_mode_and_extreme_logits(kata):
    s = softmax(EXTREME / 0.01)
    assert_gradient_in_every_mode(
        lambda x: kata.gumbel_softmax(x, tf.zeros_like(x), 0.01),
        float32(EXTREME),
        lambda up: product(s, up) / 0.01,
        value=one_hot(EXTREME),
        call="gumbel_softmax(x, 0 * x, 0.01)",
        oracle=BY_SOFTMAX,
        inputs={"x": EXTREME},
        rtol=1e-5,
        atol=1e-4,  # as above, for an upstream of order one over 0.01
    )
