"""Tversky loss: segmentation where misses cost more.

Question (12 min). A tumour covers fifty pixels of a million, and to miss it is worse than to
mark too much. Tversky's index counts, for each image, true positives, false positives and
false negatives, and none of the background. With p = σ(logits), y the mask, and sums over all
pixels of one image,

    TP = Σ p y        FP = Σ p (1 - y)        FN = Σ (1 - p) y
    loss = 1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth)

Write it. Test k checks clause k:

    1. Values match the formula: [B] losses, one for each image, for masks and logits
       [B, ...], float32, with any number of axes after the first. alpha goes with false
       positives, beta with false negatives.
    2. An empty mask that is predicted empty costs 0, an empty mask in all other cases what
       the formula says. One image's loss does not depend on the others.
    3. The gradient with respect to `logits` is that of the formula.
    4. Logits are right up to ±1e4, where the sums are counts. Eager mode, tf.function and
       XLA agree.

Run   nox -s check -- tversky
Read  https://arxiv.org/abs/1706.05721, equation 3 (which has no smooth)
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import (
    assert_gradient,
    assert_gradient_in_every_mode,
    differences,
)

# Sums of 12 probabilities, and a difference of numbers up to 1: a few eps, absolute.
CLOSE = {"rtol": 2e-6, "atol": 1e-6}

# [B, H, W] with B = H: a large object, a small one, none.
random = np.random.default_rng(11)
MASKS = np.zeros([3, 3, 4], "float32")
MASKS[0, :, 1:] = 1
MASKS[1, 2, 0] = 1
LOGITS = (random.normal(scale=1.5, size=MASKS.shape) + 2 * MASKS - 1).astype("float32")
PAPER = "the formula in float64, pixel by pixel"


def sigmoid(z):
    return 1 / (1 + np.exp(-np.float64(z)))


def counts(y, p):
    """Soft true positives, false positives and false negatives."""
    tp = fp = fn = 0.0
    for at in np.ndindex(y.shape):
        tp += p[at] * y[at]
        fp += p[at] * (1 - y[at])
        fn += (1 - p[at]) * y[at]
    return tp, fp, fn


def loss_of(tp, fp, fn, alpha, beta, smooth):
    return 1 - (tp + smooth) / (tp + alpha * fp + beta * fn + smooth)


def oracle(masks, logits, alpha, beta, smooth, p=sigmoid):
    pairs = zip(masks, logits, strict=True)
    return np.array([loss_of(*counts(y, p(z)), alpha, beta, smooth) for y, z in pairs])


def bugs(masks, logits, alpha, beta, smooth):
    args, p = (masks, logits, alpha, beta, smooth), sigmoid(logits)
    images = [counts(y, q) for y, q in zip(masks, p, strict=True)]
    each = lambda loss: np.array([loss(*image) for image in images])
    squares = [np.sum(p[i] ** 2) + np.sum(masks[i]) for i in range(len(masks))]
    exponential = lambda z: np.exp(z) / np.exp(z).sum()
    return {
        "alpha and beta exchanged": oracle(masks, logits, beta, alpha, smooth),
        "sums over the batch: one loss for all": loss_of(*np.sum(images, axis=0), *args[2:]),
        "sums over the batch, repeated for each image": np.full(
            len(masks), loss_of(*np.sum(images, axis=0), *args[2:])
        ),
        "sums over the last axis only": np.array(
            [
                [loss_of(*counts(y, q), *args[2:]) for y, q in zip(*rows, strict=True)]
                for rows in zip(masks, p, strict=True)
            ]
        ),
        "smooth below only": each(
            lambda tp, fp, fn: 1 - tp / (tp + alpha * fp + beta * fn + smooth)
        ),
        "smooth above only": each(
            lambda tp, fp, fn: 1 - (tp + smooth) / (tp + alpha * fp + beta * fn)
        ),
        "smooth ignored": each(lambda *image: loss_of(*image, alpha, beta, 1e-7)),
        "smooth doubled": oracle(*args[:4], 2 * smooth),
        "smooth = 1 whatever is given": oracle(*args[:4], 1.0),
        "the logits taken for probabilities": oracle(*args, p=np.float64),
        "the probabilities cut at 1/2": oracle(*args, p=lambda z: np.float64(z > 0)),
        "a softmax over the pixels, not a sigmoid": oracle(*args, p=exponential),
        "the sigmoid applied twice": oracle(*args, p=lambda z: sigmoid(sigmoid(z))),
        "Dice: alpha and beta ignored": oracle(masks, logits, 0.5, 0.5, smooth),
        "squares in the denominator": np.array(
            [
                1 - (2 * tp + 2 * smooth) / (area + 2 * smooth)
                for (tp, _, _), area in zip(images, squares, strict=True)
            ]
        ),
        "alpha + beta taken for 1: FP and FN weighed by their sum": each(
            lambda tp, fp, fn: loss_of(tp, fp, fn, *2 * [alpha + beta], smooth)
        ),
        "Σ p for FP: the hits counted as false positives": each(
            lambda tp, fp, fn: loss_of(tp, tp + fp, fn, alpha, beta, smooth)
        ),
        "Σ y for FN: the hits counted as missed": each(
            lambda tp, fp, fn: loss_of(tp, fp, tp + fn, alpha, beta, smooth)
        ),
        "the index, not 1 - index": 1 - oracle(*args),
        "one mean for the whole batch": oracle(*args).mean(),
        "means over the pixels where they should be sums": each(
            lambda *image: loss_of(*np.array(image) / masks[0].size, alpha, beta, smooth)
        ),
        "the logarithm of the index": -np.log(1 - oracle(*args)),
        "masks inverted: background taken for the object": oracle(1 - masks, -logits, *args[2:]),
    }


SETTINGS = {"alpha": 0.3, "beta": 1.2, "smooth": 0.5}
SAID = "alpha=0.3, beta=1.2, smooth=0.5"


def test_1_values_match_the_formula(kata):
    assert_close(
        kata.tversky_loss(tf.constant(MASKS), tf.constant(LOGITS), **SETTINGS),
        oracle(MASKS, LOGITS, **SETTINGS),
        call=f"tversky_loss(masks, logits, {SAID})",
        oracle=PAPER,
        dtype="float32",
        bugs=bugs(MASKS, LOGITS, **SETTINGS),
        **CLOSE,
    )


@pytest.mark.parametrize("shape", [(3, 12), (3, 3, 4, 1), (1, 3, 3, 4)], ids=str)
def test_1_any_number_of_axes(kata, shape):
    masks, logits = MASKS.reshape(shape), LOGITS.reshape(shape)
    assert_close(
        kata.tversky_loss(tf.constant(masks), tf.constant(logits), **SETTINGS),
        oracle(masks, logits, **SETTINGS),
        call=f"tversky_loss(masks {shape}, logits {shape}, {SAID})",
        oracle=PAPER,
        **CLOSE,
    )


def test_1_the_defaults_are_soft_dice(kata):
    p = sigmoid(LOGITS)
    both = [np.sum(q * y) for q, y in zip(p, MASKS, strict=True)]
    sizes = [np.sum(q) + np.sum(y) for q, y in zip(p, MASKS, strict=True)]
    dice = lambda smooth: 1 - (2 * np.array(both) + smooth) / (np.array(sizes) + smooth)
    assert_close(
        kata.tversky_loss(tf.constant(MASKS), tf.constant(LOGITS)),
        dice(2.0),
        call="tversky_loss(masks, logits)",
        oracle="soft Dice with a smooth of 2",
        bugs={"smooth = 1/2: Dice's own smooth of 1": dice(1.0)},
        **CLOSE,
    )


# Nothing, one pixel, all pixels predicted for an empty mask; then all missed.
EMPTY = np.zeros([4, 2, 2], "float32")
EMPTY[3] = 1
MARKED = np.array([[[0, 0], [0, 0]], [[0, 0], [0, 1]], [[1, 1], [1, 1]], [[0, 0], [0, 0]]])
EMPTY_LOGITS = np.where(MARKED, 1e4, -1e4).astype("float32")


def test_2_empty_masks(kata):
    want = [0, 1 - 0.5 / 0.8, 1 - 0.5 / 1.7, 1 - 0.5 / 5.3]
    assert_close(
        kata.tversky_loss(tf.constant(EMPTY), tf.constant(EMPTY_LOGITS), **SETTINGS),
        want,
        call=f"tversky_loss(masks, logits, {SAID}): three empty masks, one full",
        oracle="the formula by hand",
        bugs={
            "smooth below only": [1, 1, 1, 1],
            "1 for every empty mask": [1, 1, 1, want[3]],
            "0 for every empty mask": [0, 0, 0, want[3]],
        },
        **CLOSE,
    )


@pytest.mark.parametrize("image", range(3))
def test_2_each_image_stands_alone(kata, image):
    alone = slice(image, image + 1)
    assert_close(
        kata.tversky_loss(tf.constant(MASKS[alone]), tf.constant(LOGITS[alone]), **SETTINGS),
        oracle(MASKS, LOGITS, **SETTINGS)[alone],
        call=f"tversky_loss(masks[{image}:{image + 1}], logits[{image}:{image + 1}], {SAID})",
        oracle="the loss of this image among the others",
        **CLOSE,
    )


def slope(alpha, beta, smooth):
    """d loss of an image / d its logits, by central differences."""
    total = lambda z: np.sum(oracle(MASKS, z, alpha, beta, smooth))
    return differences(total, np.float64(LOGITS))


def test_3_gradient_matches_the_formula(kata):
    rate, exchanged = slope(**SETTINGS), slope(alpha=1.2, beta=0.3, smooth=0.5)
    p = sigmoid(LOGITS)
    assert_gradient(
        lambda logits: kata.tversky_loss(tf.constant(MASKS), logits, **SETTINGS),
        LOGITS,
        lambda upstream: upstream[:, None, None] * rate,
        call=f"tversky_loss(masks, x, {SAID})",
        oracle="central differences of the formula in float64",
        bugs={
            "alpha and beta exchanged": lambda up: up[:, None, None] * exchanged,
            "the slope of the sigmoid lost": lambda up: up[:, None, None] * rate / (p * (1 - p)),
            "the denominator taken for a constant": lambda up: (
                up[:, None, None] * numerator_only(p)
            ),
        },
        **CLOSE,
    )


def numerator_only(p):
    """The gradient through TP in the numerator alone."""
    alpha, beta, smooth = SETTINGS.values()
    below = [
        tp + alpha * fp + beta * fn + smooth
        for tp, fp, fn in (counts(y, q) for y, q in zip(MASKS, p, strict=True))
    ]
    return -MASKS * p * (1 - p) / np.array(below)[:, None, None]


def test_4_every_mode_agrees(kata):
    # The ordinary images, and the empty ones padded with pixels that cost nothing.
    masks, far = (
        np.concatenate([ordinary, np.pad(empty, [(0, 0), (0, 1), (0, 2)], constant_values=fill)])
        for ordinary, empty, fill in ((MASKS, EMPTY, 0), (LOGITS, EMPTY_LOGITS, -1e4))
    )
    rate = np.concatenate([slope(**SETTINGS), np.zeros([4, 3, 4])])
    assert_gradient_in_every_mode(
        lambda logits: kata.tversky_loss(tf.constant(masks), logits, **SETTINGS),
        far,
        lambda upstream: upstream[:, None, None] * rate,
        call=f"tversky_loss(masks, x, {SAID})",
        oracle=PAPER,
        value=np.append(
            oracle(MASKS, LOGITS, **SETTINGS), [0, 1 - 0.5 / 0.8, 1 - 0.5 / 1.7, 1 - 0.5 / 5.3]
        ),
        **CLOSE,
    )


def test_4_certain_pixels_are_counted(kata):
    sets = random.integers(0, 2, size=(2, 5, 3, 4)).astype("float32")
    hits = (sets[0] * sets[1]).sum(axis=(1, 2))
    extra, missed = ((sets[i] > sets[1 - i]).sum(axis=(1, 2)) for i in (1, 0))
    assert_close(
        kata.tversky_loss(tf.constant(sets[0]), tf.constant(2e4 * sets[1] - 1e4), **SETTINGS),
        loss_of(hits, extra, missed, **SETTINGS),
        call=f"tversky_loss(masks, logits of ±1e4, {SAID})",
        oracle="the counts of two sets of pixels",
        **CLOSE,
    )
