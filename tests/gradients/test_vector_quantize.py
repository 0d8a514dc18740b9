"""The bottleneck of a VQ-VAE: each vector becomes the nearest row of a codebook.

Question (15 min). An encoder gives vectors z, and a decoder is to see nothing but rows of a
codebook: of each vector e, the row nearest to it. Choosing has no gradient, so all that
trains is put in by hand. With sg for stop_gradient,

    loss = mean of (sg(z) - e)^2  +  commitment_cost * mean of (z - sg(e))^2

where both means are over all elements, and the decoder's gradient goes straight through the
choice. Return the quantized vectors, the indices of the rows, and the loss. Test k checks
clause k:

    1. indices, int32 or int64: the row at the least Euclidean distance, the first one of
       equals, for any leading axes of z.
    2. quantized: those rows, in the shape of z, up to rounding of z.
    3. loss: a scalar, as above; commitment_cost is 0.25 by default.
    4. The gradients of the loss: by its first term to the codebook only, by the second to z
       only. A row that no vector chose gets 0.
    5. The gradient of quantized to z is the upstream, as it is; nothing to the codebook
       (None, or 0).
    6. Eager mode, tf.function and XLA agree.

z is a float32 tensor, the codebook a float32 variable. Not asked: distances that are small
beside the values, as those of rows 1 apart near 1,000.

Run   nox -s check -- vector_quantize
Read  https://arxiv.org/abs/1711.00937, equations 1 to 3
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.gradient_checks import every_mode, random_upstream, vjp

# Multiples of 1/4: differences, products and their sums are exact in float32, so only the
# final means round. z + sg(e - z) is right to a rounding of z, 2 at most: eps * 2 = 2.4e-7.
LOSS = {"rtol": 1e-6}
ROWS = {"rtol": 0.0, "atol": 5e-7}

# B = K = D, so that a wrong axis raises nothing. Row 3 is chosen by none, row 1 by two.
Z = np.array(
    [
        [0.25, -1.0, 0.25, -1.25],
        [1.0, 1.5, -2.0, 2.0],
        [0.75, 0.25, 1.25, 1.25],
        [1.75, 1.25, -0.75, 1.0],
    ]
)
CODEBOOK = np.array(
    [
        [-0.25, -0.75, -1.75, -0.25],
        [-1.0, 0.75, -1.0, 0.5],
        [0.75, 0.5, -2.0, -1.0],
        [-2.0, -1.5, 1.75, -2.0],
    ]
)
COST = 0.75
CALL = f"vector_quantize(z, codebook, {COST})"
SEARCH = "a loop over vectors and rows"


def distances(z, codebook):
    """[B, K] squared distances."""
    return np.array([[np.sum((vector - row) ** 2) for row in codebook] for vector in z])


def nearest(z, codebook):
    """[B]: for each vector the first of the rows at the least distance."""
    return np.array(
        [min(range(len(codebook)), key=list(d).__getitem__) for d in distances(z, codebook)]
    )


CHOSEN = nearest(Z, CODEBOOK)
GAP = Z - CODEBOOK[CHOSEN]


def wrong_choices():
    """{cause: [B] indices}."""
    product, lengths = Z @ CODEBOOK.T, np.linalg.norm(CODEBOOK, axis=1)
    return {
        "the farthest row": distances(Z, CODEBOOK).argmax(axis=1),
        "|e|^2 left out: the row of the largest product z.e": product.argmax(axis=1),
        "the row at the least angle": (product / lengths).argmax(axis=1),
        "the least sum of absolute differences": abs(Z[:, None] - CODEBOOK).sum(-1).argmin(1),
        "for each row its nearest vector: the wrong axis": distances(Z, CODEBOOK).argmin(axis=0),
    }


def quantize(kata, z=Z, codebook=CODEBOOK, **how):
    """quantized, indices, loss."""
    __tracebackhide__ = True
    z, codebook = tf.constant(z, tf.float32), tf.Variable(codebook, dtype=tf.float32)
    return three(kata.vector_quantize(z, codebook, **how))


def three(result):
    __tracebackhide__ = True
    if isinstance(result, (tuple, list)) and len(result) == 3:
        return result
    got = " ".join(f"{result!r}".split())[:60]
    raise mismatch("vector_quantize(z, codebook)", expected="quantized, indices, loss", got=got)


def test_1_the_nearest_row(kata):
    assert_close(
        quantize(kata, commitment_cost=COST)[1],
        CHOSEN,
        call=f"{CALL}: indices",
        oracle=SEARCH,
        bugs=wrong_choices(),
        rtol=0.0,
    )


def test_1_the_first_of_equals(kata):
    # 1 lies between 0 and 2, and 2 is there twice.
    z, codebook = [[1.0], [3.0], [0.0]], [[5.0], [2.0], [0.0], [2.0]]
    assert_close(
        quantize(kata, z, codebook)[1],
        [1, 1, 2],
        call="vector_quantize([[1], [3], [0]], codebook [[5], [2], [0], [2]]): indices",
        oracle="hand",
        bugs={"the last of equals": [3, 3, 2]},
        rtol=0.0,
    )


SHAPES = {"[D]": (2,), "[2, 3, D]": (2, 3, 2)}
CROSS = np.array([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0], [0.0, 0.0]])


def with_leading_axes(shape):
    """z and the indices of its rows in CROSS."""
    z = 2 * np.random.default_rng(0).normal(size=SHAPES[shape])
    return z, nearest(z.reshape(-1, 2), CROSS).reshape(z.shape[:-1])


@pytest.mark.parametrize("shape", SHAPES)
def test_1_any_leading_axes(kata, shape):
    z, chosen = with_leading_axes(shape)
    call = f"vector_quantize(z {shape}, codebook): indices"
    assert_close(quantize(kata, z, CROSS)[1], chosen, call=call, oracle=SEARCH, rtol=0.0)


def test_2_quantized_vectors_are_rows(kata):
    assert_close(
        quantize(kata, commitment_cost=COST)[0],
        CODEBOOK[CHOSEN],
        call=f"{CALL}: quantized",
        oracle="codebook[indices]",
        dtype="float32",
        bugs={
            "z itself": Z,
            "z + (z - e)": Z + GAP,
            "e - z, which is what is to be added to z": -GAP,
            **{cause: CODEBOOK[indices] for cause, indices in wrong_choices().items()},
        },
        **ROWS,
    )


@pytest.mark.parametrize("cost", [COST, None], ids="commitment_cost={}".format)
def test_3_the_loss_is_a_mean_over_all_elements(kata, cost):
    how = {} if cost is None else {"commitment_cost": cost}
    weight, squares = 0.25 if cost is None else cost, GAP**2
    bugs = {
        "summed over D, averaged over the vectors": (1 + weight) * squares.sum(axis=-1).mean(),
        "summed over all elements": (1 + weight) * squares.sum(),
        "one loss for each vector": (1 + weight) * squares.mean(axis=-1),
        "the commitment left out": squares.mean(),
        "the codebook's own term left out": weight * squares.mean(),
        "commitment_cost on both terms": 2 * weight * squares.mean(),
        "commitment_cost on neither term": 2 * squares.mean(),
        "the root of the distance": (1 + weight) * np.sqrt(squares.sum(axis=-1)).mean(),
    }
    if cost is None:
        bugs |= {f"{other} by default": (1 + other) * squares.mean() for other in (0.1, 0.5)}
    assert_close(
        quantize(kata, **how)[2],
        (1 + weight) * squares.mean(),
        call=f"{CALL if how else 'vector_quantize(z, codebook)'}: loss",
        oracle="the formula",
        dtype="float32",
        bugs=bugs,
        **LOSS,
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_3_any_leading_axes(kata, shape):
    z, chosen = with_leading_axes(shape)
    quantized, _, loss = quantize(kata, z, CROSS)
    call, rows = f"vector_quantize(z {shape}, codebook)", CROSS[chosen]
    # z reaches 4: one rounding of it.
    assert_close(quantized, rows, call=f"{call}: quantized", oracle="the rows", rtol=0.0, atol=1e-6)
    mean = 1.25 * np.mean((z - rows) ** 2)
    assert_close(loss, mean, call=f"{call}: loss", oracle="the formula", **LOSS)


def pulls(to_z, to_codebook):
    """Gradients of a loss: weights of 2 (z - e) / N to each vector, and against it to its row."""
    rows = np.zeros_like(CODEBOOK)
    for vector, row in enumerate(CHOSEN):
        rows[row] -= to_codebook * 2 * GAP[vector] / Z.size
    return to_z * 2 * GAP / Z.size, rows


# Weights of the pull on z, and of that on the codebook.
PULLS = {
    "the two stop_gradients exchanged": (1.0, COST),
    "no stop_gradient: each term moves both": (1 + COST, 1 + COST),
    "stop_gradient missing in the first term": (1 + COST, 1.0),
    "stop_gradient missing in the second term": (COST, 1 + COST),
    "the factor 2 of a square lost": (COST / 2, 0.5),
    "the sign": (-COST, -1.0),
}


def mean_pull():
    """Both gradients, if a row got the mean of its vectors' pulls and not their sum."""
    times = np.bincount(CHOSEN, minlength=len(CODEBOOK))
    to_z, to_codebook = pulls(COST, 1.0)
    return to_z, to_codebook / np.maximum(times, 1)[:, None]


def test_4_gradients_of_the_loss(kata):
    loss = lambda z, codebook: 3 * three(kata.vector_quantize(z, codebook, COST))[2]
    sources = {"z": tf.constant(Z, tf.float32), "codebook": tf.Variable(CODEBOOK, dtype=tf.float32)}
    found = vjp(loss, list(sources.values()))[1]
    for name, slope in zip(sources, found, strict=True):
        if slope is None:
            cause = f"no differentiable path leads from {name} to the loss"
            call = f"tape.gradient(loss, {name}), loss by {CALL}"
            raise mismatch(call, expected="a tensor", got="None", cause=cause)
    right = np.stack(pulls(COST, 1.0))
    bugs = {cause: 3 * np.stack(pulls(*weights)) for cause, weights in PULLS.items()}
    bugs["the mean over a row's vectors, not their sum"] = 3 * np.stack(mean_pull())
    bugs["the upstream gradient dropped"] = right
    assert_close(
        tf.stack([tf.convert_to_tensor(slope) for slope in found]),
        3 * right,
        call=f"tape.gradient(3 * loss, [z, codebook]), stacked, loss by {CALL}",
        oracle="a loop over vectors",
        bugs=bugs,
        rtol=1e-6,
    )


def test_5_the_upstream_goes_to_z_and_not_to_the_codebook(kata):
    quantized = lambda z, codebook: three(kata.vector_quantize(z, codebook, COST))[0]
    upstream = random_upstream(Z.shape)
    sources = [tf.constant(Z, tf.float32), tf.Variable(CODEBOOK, dtype=tf.float32)]
    to_z, to_codebook = vjp(quantized, sources, upstream)[1]
    call = "tape.gradient(quantized, {}, output_gradients=upstream)"
    if to_z is None:
        cause = "no differentiable path leads from z to quantized"
        raise mismatch(call.format("z"), expected="the upstream", got="None", cause=cause)
    assert_close(
        to_z,
        upstream,
        call=call.format("z"),
        oracle="the upstream",
        bugs={
            "z cancels out, as in z + (e - z) without a stop_gradient": 0 * upstream,
            "the sign": -upstream,
            "the upstream gradient dropped": np.ones_like(upstream),
        },
        rtol=1e-6,
    )
    if to_codebook is not None:
        leak = np.zeros_like(CODEBOOK)
        np.add.at(leak, CHOSEN, upstream)
        assert_close(
            to_codebook,
            np.zeros_like(CODEBOOK),
            call=call.format("codebook"),
            oracle="nothing, or 0",
            bugs={"the upstream leaks to the rows that were chosen": leak},
            rtol=0.0,
            atol=1e-6,
        )


def test_6_every_mode_agrees(kata):
    upstream = tf.constant(random_upstream(Z.shape), tf.float32)
    codebook = tf.Variable(CODEBOOK, dtype=tf.float32)

    def both(z):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(z)
            quantized, indices, loss = three(kata.vector_quantize(z, codebook, COST))
        slopes = tape.gradient(loss, [z, codebook])
        passed = tape.gradient(quantized, z, output_gradients=upstream)
        return quantized, indices, loss, *map(tf.convert_to_tensor, slopes), passed

    right = (CODEBOOK[CHOSEN], CHOSEN, (1 + COST) * np.mean(GAP**2), *pulls(COST, 1.0), upstream)
    names = ("quantized", "indices", "loss", "the gradient of the loss to z")
    names += ("the gradient of the loss to the codebook", "the gradient of quantized to z")
    z = tf.constant(Z, tf.float32)
    for said, compute in every_mode(both, z).items():
        for name, got, want in zip(names, compute(z), right, strict=True):
            call = f"{said}{CALL}: {name}"
            assert_close(got, want, call=call, oracle="eager mode", rtol=1e-6, atol=5e-7)
