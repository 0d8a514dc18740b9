"""Sparsemax: the nearest point of the simplex, with exact zeros and a gradient to match.

Question (20 min). You want attention weights that can be exactly zero, in place of
softmax. For a row z of C logits take the nearest point of the probability simplex,

    p = argmin ||p - z||^2  over all p >= 0 that sum to 1
      = max(z - tau, 0),  with the one tau for which the row sums to 1

and make it trainable. The built-in of Keras 3.15 gets it wrong, so write your own.

Test k checks clause k:

    1. Values are that point, for each row along the last axis, whatever the rank.
    2. What is cut off is exactly 0. Equal logits get equal shares; a single logit gets 1.
    3. The gradient is that of p. Where it has a kink, the derivative is that of the
       support, the p > 0: an entry with p = 0 does not move, as in z = (1, 0).
    4. A row shifted by 1e4 has the p and the gradient of the row that was not; logits
       1e4 apart are safe.
    5. Eager mode, tf.function and XLA agree.

Logits are finite, float32 or float64.

Run   nox -s check -- sparsemax
Read  https://arxiv.org/abs/1602.02068, algorithm 1 and section 2.5
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.gradient_checks import assert_gradient, random_upstream, vjp

# Sums of four numbers below 4, a quotient, a difference: 12 roundings of 4 * eps/2 are
# 3e-6. Half of that in float64 is 6e-15.
CLOSE = {"float32": {"rtol": 0.0, "atol": 3e-6}, "float64": {"rtol": 0.0, "atol": 1e-14}}

# Supports of 1, 2, 3 and 3; B = C, so that the wrong axis runs. Thirds are never exact.
Z = np.array(
    [
        [3.0, 0.5, -1.0, 1.0],
        [-0.5, 1.0, 0.625, -1.0],
        [0.5, 0.25, -2.0, 0.375],
        [0.125, 0.25, -0.75, 0.3125],
    ]
)
DEEP = np.stack([Z[:3], Z[1:] * 0.5, Z[:3] * 2])  # [3, 3, 4]
BY_BISECTION = "bisection for tau, in float64"


def project(z):
    """max(z - tau, 0) of each row, tau by bisection: the sum falls as tau rises."""
    low, high = z.max(axis=-1, keepdims=True) - 1, z.max(axis=-1, keepdims=True)
    for _ in range(80):
        middle = (low + high) / 2
        above = np.maximum(z - middle, 0).sum(axis=-1, keepdims=True) >= 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(z - low, 0)


def slope(upstream, z):
    """Central differences of the bisection: p is linear between kinks, so h can be large."""
    h, result = 2.0**-12, np.empty_like(z)
    for place in np.ndindex(z.shape):
        unit = np.zeros_like(z)
        unit[place] = h
        moved = project(z + unit) - project(z - unit)
        result[place] = (upstream * moved).sum() / (2 * h)
    return result


def cut(z, count, total):
    """max(z - tau, 0) with tau from a wrong count or total."""
    return np.maximum(z - (total - 1) / count, 0)


def sorted_parts(z):
    """What algorithm 1 computes on its way: ranked, sums, rank, support size."""
    ranked = -np.sort(-z, axis=-1)
    sums = ranked.cumsum(axis=-1)
    rank = np.arange(1, z.shape[-1] + 1)
    return ranked, sums, rank, (project(z) > 0).sum(axis=-1, keepdims=True)


def wrong_values(z):
    """{mistake: what it gives}, for logits as they are and with each row's maximum taken off."""
    shifted = cut_wrongly(z - z.max(axis=-1, keepdims=True))
    plain = cut_wrongly(z)
    moved = {
        f"{cause} (of the shifted logits)": values
        for cause, values in shifted.items()
        if not np.allclose(values, plain[cause])
    }
    return plain | moved


def cut_wrongly(z):
    ranked, sums, rank, k = sorted_parts(z)
    at = lambda count: np.take_along_axis(sums, count - 1, axis=-1)
    added = np.where(rank <= k, sums, 0).sum(axis=-1, keepdims=True)
    everything, most = np.full_like(k, z.shape[-1]), np.full_like(k, k.max())
    next_one = np.minimum(k + 1, z.shape[-1])
    no_rank = np.maximum((1 + ranked > sums).sum(axis=-1, keepdims=True), 1)
    positive, exponent = np.maximum(z, 0), np.exp(z)
    turned = 1 + rank * ranked < sums
    with np.errstate(divide="ignore", invalid="ignore"):
        count, total = turned.sum(-1, keepdims=True), (turned * ranked).sum(-1, keepdims=True)
        other_side = cut(z, count, total)
    return {
        "softmax": exponent / exponent.sum(axis=-1, keepdims=True),
        "the cumulative sums added up, where the k-th is the sum": cut(z, k, added),
        "k of the largest support in the batch for every row": cut(z, most, at(most)),
        "all C logits taken for the support": cut(z, everything, at(everything)),
        "k one too large": cut(z, next_one, at(next_one)),
        "divided by k + 1": cut(z, k + 1, at(k)),
        "the 1 forgotten: tau = sum / k": cut(z, k, at(k) + 1),
        "1 + z_k > sum, without the factor k": cut(z, no_rank, at(no_rank)),
        "the inequality turned round": other_side,
        "relu, divided by its sum": positive / positive.sum(axis=-1, keepdims=True),
        "along the first axis": project(z.T).T,
        "one-hot of the largest": (z == z.max(axis=-1, keepdims=True)).astype(float),
    }


@pytest.mark.parametrize("dtype", CLOSE)
def test_1_values_are_the_nearest_point(kata, dtype):
    assert_close(
        kata.sparsemax(tf.constant(Z, dtype)),
        project(Z),
        call="sparsemax(logits)",
        oracle=BY_BISECTION,
        dtype=dtype,
        inputs={"logits": Z},
        bugs=wrong_values(Z),
        **CLOSE[dtype],
    )


@pytest.mark.parametrize("z", [Z[1], DEEP, Z[:, :3]], ids=["[4]", "[3, 3, 4]", "[4, 3]"])
def test_1_any_shape(kata, z):
    call, how = f"sparsemax(logits {list(z.shape)})", CLOSE["float32"]
    got = kata.sparsemax(tf.constant(z, tf.float32))
    assert_close(got, project(z), call=call, oracle=BY_BISECTION, **how)


def test_2_zeros_are_exact(kata):
    call, want = "sparsemax(logits)", project(Z)
    got = kata.sparsemax(tf.constant(Z, tf.float32))
    assert_close(got, want, call=call, oracle=BY_BISECTION, **CLOSE["float32"])
    almost = got.numpy()[want == 0]
    if almost.any():
        raise mismatch(f"{call}, where it cuts off", expected="0, exactly", got=str(almost))


TIES = np.array([[0.5] * 4, [1.0, 1.0, 0.0, 1.0], [2.0, 2.0, 1.75, 1.75], [0.0, -1.0, 0.0, -1.0]])


@pytest.mark.parametrize("z", [TIES, np.array([[-3.0], [0.0], [7.0]])], ids=["ties", "C = 1"])
def test_2_ties_and_a_single_logit(kata, z):
    how = {"oracle": BY_BISECTION, "inputs": {"logits": z}} | CLOSE["float32"]
    got = kata.sparsemax(tf.constant(z, tf.float32))
    assert_close(got, project(z), call="sparsemax(logits)", **how)


def wrong_slopes(z):
    """{mistake: function of the upstream}."""
    p = project(z)
    inside = (p > 0).astype(float)
    k = inside.sum(axis=-1, keepdims=True)
    mean = lambda up: (inside * up).sum(axis=-1, keepdims=True) / k
    soft = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    return {
        "the upstream on the support, no mean taken off": lambda up: inside * up,
        "the upstream, passed straight": lambda up: up,
        "the mean over all C, not over the support": lambda up: (
            inside * (up - up.mean(axis=-1, keepdims=True))
        ),
        "the support's sum divided by C": lambda up: inside * (up - mean(up) * k / z.shape[-1]),
        "the sum over the support, not divided by k": lambda up: inside * (up - mean(up) * k),
        "the mean taken off outside the support, too": lambda up: inside * up - mean(up),
        "softmax's gradient": lambda up: soft * (up - (soft * up).sum(axis=-1, keepdims=True)),
        "softmax's rule applied to p": lambda up: p * (up - (p * up).sum(axis=-1, keepdims=True)),
        "the mean weighted by p": lambda up: inside * (up - (p * up).sum(axis=-1, keepdims=True)),
    }


@pytest.mark.parametrize("dtype", CLOSE)
def test_3_gradient(kata, dtype):
    assert_gradient(
        kata.sparsemax,
        tf.constant(Z, dtype),
        lambda up: slope(up, Z),
        call="sparsemax(logits)",
        oracle="central differences of the bisection, in float64",
        inputs={"logits": Z},
        bugs=wrong_slopes(Z),
        rtol=0.0,
        atol=3e-6 if dtype == "float32" else 1e-11,  # eps / h of the differences
    )


# In three rows a logit lies exactly at tau, two in the third.
KINKS = np.array([[1.0, 0.0, -2.0], [0.5, 0.5, 0.0], [2.0, 1.0, 1.0], [0.25, 0.25, 0.25]])
TAU = np.array([[0.0], [0.0], [1.0], [-1 / 12]])
OPEN, CLOSED = (KINKS > TAU).astype(float), (KINKS >= TAU).astype(float)


def at_kinks(slopes, support):
    """The gradient where max(z - tau, 0) has `slopes`, and tau is the mean of a `support`."""

    def rule(up):
        kept = (slopes * up).sum(axis=-1, keepdims=True)
        return slopes * up - support * kept / support.sum(axis=-1, keepdims=True)

    return rule


def test_3_gradient_at_kinks(kata):
    assert_gradient(
        kata.sparsemax,
        tf.constant(KINKS, tf.float32),
        at_kinks(OPEN, OPEN),
        call="sparsemax(logits)",
        oracle="upstream - its mean over p > 0",
        inputs={"logits": KINKS},
        bugs={
            "entries with p = 0 counted into the support": at_kinks(CLOSED, CLOSED),
            "entries with p = 0 counted into tau": at_kinks(OPEN, CLOSED),
            "slope 1 where z - tau is 0, as tf.maximum has it": at_kinks(CLOSED, OPEN),
        },
        **CLOSE["float32"],
    )


def test_3_a_single_logit_does_not_move(kata):
    z = tf.constant([[3.0], [-2.0]])
    _, (got,) = vjp(kata.sparsemax, [z], np.array([[2.0], [-1.0]]))
    call = "tape.gradient(sparsemax(logits [2, 1]), logits)"
    assert_close(got, np.zeros([2, 1]), call=call, oracle="p is always 1", **CLOSE["float32"])


# Near 1e4 float32 has steps of 2^-10: these rows are exact.
FAR = Z + np.array([[1e4], [-1e4], [1e4], [-1e4]])
APART = np.array(
    [[1e4, -1e4, 0.0, -1e4], [1e4, 1e4 - 0.25, 1e4 - 0.375, -1e4], [1e4, 1e4, 0.0, -1e4]]
)


def with_float32_tau(z):
    """max(z - tau, 0), where the sum of the survivors is exact and tau is rounded."""
    _, sums, _, k = sorted_parts(z)
    tau = (np.take_along_axis(sums, k - 1, axis=-1) - 1) / k
    return np.maximum(z - np.float32(tau).astype("float64"), 0)


def test_4_values_of_shifted_rows(kata):
    assert_close(
        kata.sparsemax(tf.constant(FAR, tf.float32)),
        project(FAR),
        call="sparsemax(logits ± 1e4)",
        oracle=BY_BISECTION,
        inputs={"logits": FAR},
        bugs={
            "no shift by the row's maximum: tau near 1e4 is rounded": with_float32_tau(FAR),
            "shifted by the batch's maximum, not the row's: tau near 2e4 is rounded": (
                with_float32_tau(FAR - FAR.max())
            ),
        },
        **CLOSE["float32"],
    )


@pytest.mark.parametrize("far", [FAR, APART], ids=["shifted", "apart"])
def test_4_far_from_zero(kata, far):
    assert_gradient(
        kata.sparsemax,
        tf.constant(far, tf.float32),
        lambda up: slope(up, far),
        value=project(far),
        call=f"sparsemax({'logits + 1e4' if far is FAR else 'logits of 1e4 and -1e4'})",
        oracle=BY_BISECTION,
        inputs={"logits": far},
        # Differences near 1e4 are off by 1e4 * 2e-16 / h.
        rtol=0.0,
        atol=3e-6,
    )


def test_5_every_mode_has_the_same_values_and_gradients(kata, mode):
    upstream = random_upstream(DEEP.shape)
    value, (got,) = vjp(kata.sparsemax, [tf.constant(DEEP, tf.float32)], upstream, mode=mode)
    call, how = "sparsemax(logits [3, 3, 4])", CLOSE["float32"]
    assert_close(value, project(DEEP), call=call, oracle=BY_BISECTION, **how)
    call = f"tape.gradient({call}, logits, output_gradients=upstream)"
    assert_close(got, slope(upstream, DEEP), call=call, oracle="central differences", **how)
