"""The gradient penalty of a Wasserstein critic: a norm of a gradient, trained.

Question (12 min). The critic of your WGAN is to have a slope of 1 on the way from fake to
real examples. Write the penalty that asks for it:

    xhat = mix * real + (1 - mix) * fake
    penalty = mean over the B examples of (||d critic(xhat) / d xhat||_2 - 1)^2

Test k checks clause k:

    1. real and fake are [B, ...] of any rank; mix is [B], one number for each example.
    2. An example's norm is that of the gradient of its own score with respect to all of
       its own numbers. The critic gives [B] or [B, 1]; a score depends on its own example
       alone. The penalty is two-sided, a scalar.
    3. It trains the critic: its gradient with respect to the critic's variables is that
       of the formula.
    4. Where the critic is flat the penalty is 1 (to 1e-3), and gradients are finite.
    5. Eager mode, tf.function and XLA agree.

Gradients with respect to real, fake and mix are not asked.

Run   nox -s check -- gradient_penalty
Read  https://arxiv.org/abs/1704.00028, equation 3 and algorithm 1
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, brief, mismatch
from tests.support.gradient_checks import vjp

# Sums of four products below 20, a root, a square: 32 roundings of eps/2 are 2e-6, and
# norm - 1 cancels a digit.
CLOSE = {"rtol": 2e-5, "atol": 2e-5}

# B = D, so that a mix along the features runs.
RANDOM = np.random.default_rng(3)
REAL, FAKE = RANDOM.normal(size=[2, 4, 4])
MIX = np.array([0.125, 0.75, 0.375, 0.9375])
A = RANDOM.normal(size=[4, 4]) * 0.5
CALL = "gradient_penalty(critic, real, fake, mix)"
QUADRATIC = "critic(x) = x A x, by the formula in float64"


def between(mix=MIX, real=REAL, fake=FAKE):
    share = mix.reshape([-1] + [1] * (real.ndim - 1))
    return share * real + (1 - share) * fake


def input_gradients(matrix=A, points=None):
    """Of x A x: [B, ...], for rank 2 or for each channel of rank 3."""
    points = between() if points is None else points
    return points @ (matrix + matrix.T)


def penalty(slopes):
    """The formula, example by example."""
    return np.mean([(np.sqrt((slope**2).sum()) - 1) ** 2 for slope in slopes])


def critic_of(matrix, column=False):
    """x A x, summed over all axes but the first."""

    def critic(x):
        scores = tf.reduce_sum(tf.linalg.matmul(x, matrix) * x, axis=list(range(1, len(x.shape))))
        return scores[:, None] if column else scores

    return critic


def tensors(*arrays):
    return [tf.constant(array, tf.float32) for array in arrays]


def wrong(slopes):
    """{mistake: penalty} of what goes wrong after the gradient."""
    norms = np.sqrt((slopes**2).reshape(len(slopes), -1).sum(axis=1))
    inner = np.sqrt((slopes**2).sum(axis=-1))
    return {
        "the mean of the scores differentiated: every slope divided by B": penalty(
            slopes / len(slopes)
        ),
        "one norm for the whole batch": (np.sqrt((slopes**2).sum()) - 1) ** 2,
        "(norm^2 - 1)^2": np.mean((norms**2 - 1) ** 2),
        "(mean norm - 1)^2": (norms.mean() - 1) ** 2,
        "one-sided: norms below 1 not counted": np.mean(np.maximum(norms - 1, 0) ** 2),
        "norm^2, without - 1": np.mean(norms**2),
        "the sum over the examples": np.sum((norms - 1) ** 2),
        "|norm - 1|, not squared": np.mean(np.abs(norms - 1)),
        "the L1 norm": np.mean([(np.abs(s).sum() - 1) ** 2 for s in slopes]),
    } | ({} if slopes.ndim == 2 else {"the norm of the last axis alone": np.mean((inner - 1) ** 2)})


def test_1_one_mix_for_each_example(kata):
    got = kata.gradient_penalty(critic_of(tf.constant(A, tf.float32)), *tensors(REAL, FAKE, MIX))
    at = lambda points: penalty(input_gradients(points=points))
    bugs = {
        "mix along the features": at(MIX * REAL + (1 - MIX) * FAKE),
        "mix and 1 - mix exchanged": at(between(1 - MIX)),
        "at the real examples": at(REAL),
        "at the fake examples": at(FAKE),
        "the first example's mix for all": at(between(np.full(4, MIX[0]))),
        "half of each, whatever mix says": at(between(np.full(4, 0.5))),
        "real + mix * fake": at(REAL + MIX[:, None] * FAKE),
    }
    want = penalty(input_gradients())
    assert_close(got, want, call=CALL, oracle=QUADRATIC, bugs=bugs, dtype="float32", **CLOSE)


def test_1_the_mix_is_the_one_given(kata):
    critic = critic_of(tf.constant(A, tf.float32))
    calls = [kata.gradient_penalty(critic, *tensors(REAL, FAKE, MIX)) for _ in "12"]
    one, other = map(np.asarray, calls)
    if not np.allclose(one, other):
        cause = "random numbers of its own"
        got = f"{brief(one)}, then {brief(other)}"
        raise mismatch(f"{CALL}, called twice", expected="the same", got=got, cause=cause)


# Three axes: [B, 2, 4]. Norms lie on both sides of 1.
IMAGES = np.random.default_rng(4).normal(size=[2, 3, 2, 4]) * 0.3
SHARES = np.array([0.25, 0.875, 0.5])


def image_slopes():
    real, fake = IMAGES
    return input_gradients(points=between(SHARES, real, fake))


@pytest.mark.parametrize("column", [False, True], ids=["[B]", "[B, 1]"])
def test_1_any_rank(kata, column):
    critic = critic_of(tf.constant(A, tf.float32), column)
    got = kata.gradient_penalty(critic, *tensors(*IMAGES, SHARES))
    call = f"{CALL}, real [3, 2, 4], scores {'[3, 1]' if column else '[3]'}"
    bugs = wrong(image_slopes())
    assert_close(got, penalty(image_slopes()), call=call, oracle=QUADRATIC, bugs=bugs, **CLOSE)


@pytest.mark.parametrize("column", [False, True], ids=["[B]", "[B, 1]"])
def test_2_the_penalty_of_each_example(kata, column):
    critic = critic_of(tf.constant(A, tf.float32), column)
    got = kata.gradient_penalty(critic, *tensors(REAL, FAKE, MIX))
    call = f"{CALL}, scores {'[4, 1]' if column else '[4]'}"
    slopes = input_gradients()
    bugs = wrong(slopes)
    assert_close(got, penalty(slopes), call=call, oracle=QUADRATIC, bugs=bugs, **CLOSE)


def test_2_slopes_below_one_count(kata):
    w = np.array([0.5, -0.25, 0.125, 0.25])
    critic = lambda x: tf.linalg.matvec(x, tf.constant(w, tf.float32))
    got = kata.gradient_penalty(critic, *tensors(REAL, FAKE, MIX))
    bugs = wrong(np.broadcast_to(w, [4, 4]))
    # All norms are one.
    del bugs["(mean norm - 1)^2"]
    want = (np.sqrt((w**2).sum()) - 1) ** 2
    call = f"{CALL}, critic(x) = x · w, |w| = 0.625"
    assert_close(got, want, call=call, oracle="(|w| - 1)^2", bugs=bugs, **CLOSE)


def trained(kata, matrix, *inputs, mode=lambda function: function):
    """The penalty, and its gradient with respect to the critic's variable."""
    function = lambda matrix: kata.gradient_penalty(critic_of(matrix), *tensors(*inputs))
    return vjp(function, [tf.Variable(matrix, dtype=tf.float32)], mode=mode)


def slope(number, matrix, h=1e-5):
    """Central differences in float64: off by h^2 = 1e-10 and eps / h = 1e-11."""
    result = np.empty_like(matrix)
    for place in np.ndindex(matrix.shape):
        unit = np.zeros_like(matrix)
        unit[place] = h
        result[place] = (number(matrix + unit) - number(matrix - unit)) / (2 * h)
    return result


CAUSE = "no path leads from the critic's variables to the penalty: what cut it off?"


def assert_trains(got, want, call, bugs=None):
    __tracebackhide__ = True
    asked = f"tape.gradient({call}, critic's variable)"
    if got is None:
        raise mismatch(asked, expected="a tensor", got="None", cause=CAUSE)
    how = {"oracle": "central differences of the formula, in float64", "bugs": bugs}
    assert_close(got, want, call=asked, **how, rtol=1e-4, atol=1e-4)


def test_3_it_trains_the_critic(kata):
    _, (got,) = trained(kata, A, REAL, FAKE, MIX)
    number = lambda matrix: penalty(input_gradients(matrix))
    bugs = {"gradient 0: the norm taken for a constant": np.zeros_like(A)}
    assert_trains(got, slope(number, A), CALL, bugs)


def test_3_of_a_linear_critic(kata):
    w = np.array([[1.5], [-2.0], [0.5], [1.0]])
    kernel = tf.Variable(w, dtype=tf.float32)
    function = lambda kernel: kata.gradient_penalty(
        lambda x: tf.linalg.matmul(x, kernel), *tensors(REAL, FAKE, MIX)
    )
    _, (got,) = vjp(function, [kernel])
    norm = np.sqrt((w**2).sum())
    call = f"{CALL}, critic(x) = x w"
    # d(||w|| - 1)^2 / dw, and a mean over equal examples.
    assert_trains(got, 2 * (norm - 1) * w / norm, call)


@pytest.mark.parametrize("shape", [[4, 4], [4, 2, 4]], ids=str)
def test_4_a_flat_critic(kata, shape):
    zeros, half = np.zeros(shape), np.full(4, 0.5)
    value, (got,) = trained(kata, 0 * A, zeros + 1, zeros - 1, half)
    call = f"{CALL}, of a critic that is 0 everywhere"
    assert_close(value, 1.0, call=call, oracle="(0 - 1)^2", rtol=0.0, atol=1e-3)
    assert_finite(got, call)


def assert_finite(got, call):
    """Fails unless the gradient to the critic's variable is there, and finite."""
    __tracebackhide__ = True
    if got is None or not np.isfinite(got.numpy()).all():
        cause = None if got is None else "nan: look for the root at 0, whose slope is inf"
        found = "None" if got is None else brief(got.numpy())
        asked = f"tape.gradient({call}, critic's variable)"
        raise mismatch(asked, expected="finite numbers", got=found, cause=cause)


def test_4_one_flat_example_among_others(kata):
    # At x = 0 the quadratic critic is flat: the others keep their gradient.
    real, fake = REAL.copy(), FAKE.copy()
    real[1] = fake[1] = 0
    value, (got,) = trained(kata, A, real, fake, MIX)
    at = lambda matrix: input_gradients(matrix, between(MIX, real, fake))
    call = f"{CALL}, second example 0, where the critic is flat"
    want = slope(lambda matrix: penalty(at(matrix)), A)
    assert_close(value, penalty(at(A)), call=call, oracle=QUADRATIC, rtol=0.0, atol=1e-3)
    assert_trains(got, want, call)


def test_5_every_mode_trains_alike(kata, mode):
    # The critic is flat at the last example, which is 0.
    real, fake = IMAGES * np.array([1.0, 1.0, 0.0])[:, None, None]
    value, (got,) = trained(kata, A, real, fake, SHARES, mode=mode)
    points = between(SHARES, real, fake)
    call = f"{CALL}, real [3, 2, 4], third example 0, where the critic is flat"
    number = lambda matrix: penalty(input_gradients(matrix, points))
    assert_close(value, number(A), call=call, oracle=QUADRATIC, rtol=0.0, atol=1e-3)
    assert_finite(got, call)
    assert_trains(got, slope(number, A), call)
