"""Cross-entropy with smoothed labels.

Question (10 min). A classifier trained on hard labels drives its logits apart without
end. Szegedy et al. take a share s of the target and spread it over all C classes:

    target = (1 - s) onehot(label) + s / C
    loss   = -sum over the classes of target * log(softmax(logits))

The label is an integer, C may be 50,000, and no dense one-hot target is needed. Write
it from logits. Test k checks clause k:

    1. Values match the formula, one for each example, in the dtype of `logits`:
       float16, 32 and 64. The true class gets its part of s / C, too.
    2. Labels are [...] with logits [..., C], for any number of leading axes, none
       included.
    3. The gradient with respect to `logits` is softmax - target, times upstream. Eager
       mode, tf.function and XLA agree.
    4. For |logit| <= 1e4 loss and gradient are finite and right, in each of the dtypes.
    5. smoothing = 0 is cross-entropy, 1 ignores the label; a scalar tensor in the dtype
       of `logits` will do, and may be an argument of a tf.function.
    6. What was given still works: the checks of shape and range, labels of any integer
       dtype, and SmoothedCrossEntropy.

Run   nox -s check -- label_smoothing
Read  https://arxiv.org/abs/1512.00567, section 7
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import (
    assert_gradient,
    assert_gradient_by_differences,
    assert_gradient_in_every_mode,
)
from tests.support.keras_losses import assert_given_class_works
from tests.support.modes import graph
from tests.support.value_errors import assert_value_error

# Log-probabilities reach 12 and are off by eps * 12, as are the sums over C = 4; no loss
# is below 0.25: 5e-4 * 12 / 0.25 in float16, 6e-8 * 12 / 0.25 in float32, twice each.
RTOL = {"float16": 5e-2, "float32": 6e-6, "float64": 1e-6}  # s may pass float32

# Multiples of 1/8, exact in float16. Row 0 is right, row 1 undecided, row 2 wrong.
LABELS = np.array([2, 0, 1])
LOGITS = np.array([[-1.0, 0.5, 3.0, 0.0], [0.0, 0.0, 0.0, 0.0], [2.0, -6.5, 4.0, -1.25]])
INPUTS = {"label": LABELS}
PAPER = "the formula in float64"
# Eight log-probabilities of -1e4 and less sum to more than float16 holds.
CERTAIN = {
    "labels": np.array([0, 1, 2]),
    "logits": np.array([[1e4, -1e4, 0, 0, 0, 0, 0, 0]] * 3, "float32"),
    "softmax": np.array([[1, 0, 0, 0, 0, 0, 0, 0]] * 3),
}


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def target(labels, s, classes=4):
    return (1 - s) * (np.asarray(labels)[..., None] == np.arange(classes)) + s / classes


def cross_entropy(target, z):
    return -(target * np.log(softmax(z))).sum(axis=-1)


def oracle(labels, z, s):
    return cross_entropy(target(labels, s), np.float64(z))


def certain(s):
    """The losses of `CERTAIN`: log softmax is [0, -2e4, -1e4, …], and its mean -1e4."""
    return (1 - s) * np.array([0.0, 2e4, 1e4]) + s * 1e4


def on_the_others(labels, s):
    onehot = np.eye(4)[labels]
    return (1 - s) * onehot + s / 3 * (1 - onehot)


BUGS = {
    "s / (C - 1) on the wrong classes only": lambda y, z, s: cross_entropy(on_the_others(y, s), z),
    "(1 - s / C) onehot + s / C, which sums to more than 1": lambda y, z, s: cross_entropy(
        (1 - s / 4) * np.eye(4)[y] + s / 4, z
    ),
    "(1 - s) onehot + s, for s / C": lambda y, z, s: cross_entropy((1 - s) * np.eye(4)[y] + s, z),
    "(1 - s) onehot without + s / C": lambda y, z, s: cross_entropy((1 - s) * np.eye(4)[y], z),
    "onehot + s / C without the 1 - s": lambda y, z, s: cross_entropy(np.eye(4)[y] + s / 4, z),
    "s and 1 - s swapped": lambda y, z, s: oracle(y, z, 1 - s),
    "no smoothing": lambda y, z, s: oracle(y, z, 0),
    "softmax applied twice": lambda y, z, s: oracle(y, softmax(z), s),
    "the smoothed logits' log-softmax, without a target": lambda y, z, s: oracle(y, (1 - s) * z, 0),
    "the wrong sign": lambda y, z, s: -oracle(y, z, s),
    "a mean over the classes where it should be a sum": lambda y, z, s: oracle(y, z, s) / 4,
    "one mean for the whole batch": lambda y, z, s: oracle(y, z, s).mean(),
}


@pytest.mark.parametrize("s", [0.1, 0.3], ids="smoothing={}".format)
def test_1_values_match_the_formula(kata, s):
    assert_close(
        kata.smoothed_cross_entropy(LABELS, tf.constant(LOGITS, tf.float32), smoothing=s),
        oracle(LABELS, LOGITS, s),
        call=f"smoothed_cross_entropy(labels, logits, smoothing={s})",
        oracle=PAPER,
        rtol=RTOL["float32"],
        inputs=INPUTS,
        bugs={cause: bug(LABELS, LOGITS, s) for cause, bug in BUGS.items()},
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_1_keeps_the_dtype_of_the_logits(kata, dtype):
    logits = tf.constant(LOGITS, dtype)
    assert_close(
        kata.smoothed_cross_entropy(labels=LABELS, logits=logits, smoothing=0.3),
        oracle(LABELS, LOGITS, 0.3),
        call=f"smoothed_cross_entropy(labels=…, logits={dtype} tensor, smoothing=0.3)",
        oracle=PAPER,
        rtol=RTOL[dtype],
        dtype=dtype,
        inputs=INPUTS,
    )


def test_1_equals_the_dense_loss_of_keras(kata):
    dense = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=0.1, reduction="none"
    )
    assert_close(
        kata.smoothed_cross_entropy(LABELS, tf.constant(LOGITS, tf.float32)),
        dense(np.eye(4)[LABELS], LOGITS),
        call="smoothed_cross_entropy(labels, logits)",
        oracle="CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)",
        rtol=RTOL["float32"],
        inputs=INPUTS,
    )


SHAPES = {
    "no leading axis": (3, LOGITS[2]),
    "one example": ([1], LOGITS[2:]),
    "two axes": (np.array([[0, 1, 2], [3, 3, 0]]), np.stack([LOGITS, -LOGITS])),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_2_any_number_of_leading_axes(kata, shape):
    labels, logits = SHAPES[shape]
    assert_close(
        kata.smoothed_cross_entropy(labels, tf.constant(logits), smoothing=0.3),
        oracle(np.asarray(labels), logits, 0.3),
        call=f"smoothed_cross_entropy({labels}, logits, smoothing=0.3)".replace("\n", ""),
        oracle=PAPER,
        rtol=RTOL["float64"],
    )


def test_2_thousands_of_classes(kata):
    logits, labels = np.zeros([2, 5000]), np.array([3001, 0])
    logits[0, 3001], logits[1, 1] = 8.0, 4.0
    assert_close(
        kata.smoothed_cross_entropy(tf.constant(labels), tf.constant(logits, tf.float32)),
        cross_entropy(target(labels, 0.1, 5000), logits),
        call="smoothed_cross_entropy([3001, 0], logits [2, 5000])",
        oracle=PAPER,
        rtol=1e-5,  # sums over 5000 classes
        bugs={"labels through uint8": cross_entropy(target(labels % 256, 0.1, 5000), logits)},
    )


def test_3_gradient_is_softmax_minus_target(kata):
    p, s = softmax(LOGITS), 0.3
    rate = p - target(LABELS, s)
    assert_gradient(
        lambda z: kata.smoothed_cross_entropy(LABELS, z, smoothing=s),
        LOGITS.astype("float32"),
        lambda upstream: upstream[:, None] * rate,
        call="smoothed_cross_entropy(labels, x, smoothing=0.3)",
        oracle="softmax - target",
        rtol=1e-5,
        atol=1e-6,  # eps * C * |upstream|: p and target may cancel
        inputs={"label": LABELS[:, None], "logit": LOGITS},
        bugs={
            "softmax - onehot: no smoothing": lambda up: up[:, None] * (p - np.eye(4)[LABELS]),
            "s / (C - 1) on the wrong classes only": lambda up: (
                up[:, None] * (p - on_the_others(LABELS, s))
            ),
            "the uniform part detached": lambda up: up[:, None] * (1 - s) * (p - np.eye(4)[LABELS]),
            "the sign": lambda up: up[:, None] * -rate,
        },
    )


def test_3_every_mode_agrees_up_to_certain_logits(kata):
    labels = np.append(LABELS, CERTAIN["labels"])
    sure = {name: CERTAIN[name][:, :4] for name in ("logits", "softmax")}
    logits = np.vstack([LOGITS, sure["logits"]])
    rate = np.vstack([softmax(LOGITS), sure["softmax"]]) - target(labels, 0.3)
    assert_gradient_in_every_mode(
        lambda z: kata.smoothed_cross_entropy(labels, z, smoothing=0.3),
        logits.astype("float32"),
        lambda upstream: upstream[:, None] * rate,
        ordinary=len(LOGITS),
        inputs={"label": labels, "logit": logits},
        value=np.append(oracle(LABELS, LOGITS, 0.3), certain(0.3)),
        call="smoothed_cross_entropy(labels, x, smoothing=0.3)",
        oracle="the formula in float64, and its limits",
        rtol=1e-5,
        atol=1e-6,  # as in the test before
    )


def test_3_gradient_matches_finite_differences(kata):
    assert_gradient_by_differences(
        lambda z: kata.smoothed_cross_entropy(1, z, smoothing=0.3),
        [LOGITS[2]],
        call="smoothed_cross_entropy(1, x, smoothing=0.3)",
    )


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
def test_4_certain_logits_keep_loss_and_gradient_finite(kata, dtype):
    labels, logits = CERTAIN["labels"], tf.constant(CERTAIN["logits"], dtype)
    loss = lambda z: kata.smoothed_cross_entropy(labels, z, smoothing=0.2)
    smooth = target(labels, 0.2, classes=8)
    assert_close(
        loss(logits),
        certain(0.2),
        call=f"smoothed_cross_entropy([0, 1, 2], {dtype} logits, smoothing=0.2)",
        oracle="the limit as |logit| grows",
        rtol=RTOL[dtype],
        inputs={"label": labels},
        bugs={
            "log(softmax + 1e-7)": (1 - smooth[:, 0]) * -np.log(1e-7),
            "no smoothing": certain(0),
        },
    )
    rate = CERTAIN["softmax"] - smooth
    assert_gradient(
        loss,
        logits,
        lambda upstream: upstream[:, None] * rate,
        call="smoothed_cross_entropy([0, 1, 2], x, smoothing=0.2)",
        oracle="softmax - target",
        rtol=RTOL[dtype],
        inputs={"label": labels[:, None], "logit": CERTAIN["logits"]},
    )


def test_5_without_smoothing_it_is_cross_entropy(kata):
    assert_close(
        kata.smoothed_cross_entropy(LABELS, tf.constant(LOGITS, tf.float32), smoothing=0),
        tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, LOGITS),
        call="smoothed_cross_entropy(labels, logits, smoothing=0)",
        oracle="tf.nn.sparse_softmax_cross_entropy_with_logits",
        rtol=5e-5,  # the first loss is 0.13, and comes of terms up to 3
        inputs=INPUTS,
    )


def test_5_full_smoothing_ignores_the_label(kata):
    assert_close(
        kata.smoothed_cross_entropy(LABELS, tf.constant(LOGITS, tf.float32), smoothing=1.0),
        -np.log(softmax(LOGITS)).mean(axis=-1),
        call="smoothed_cross_entropy(labels, logits, smoothing=1.0)",
        oracle="the mean of -log softmax",
        rtol=RTOL["float32"],
        inputs=INPUTS,
        bugs={"s / (C - 1)": cross_entropy(on_the_others(LABELS, 1), LOGITS)},
    )


def test_5_smoothing_may_be_an_argument_of_a_graph(kata):
    compiled = graph(lambda y, z, s: kata.smoothed_cross_entropy(y, z, smoothing=s))
    for s in (0.1, 0.5):
        assert_close(
            compiled(tf.constant(LABELS), tf.constant(LOGITS, tf.float32), tf.constant(s)),
            oracle(LABELS, LOGITS, s),
            call=f"in a tf.function of s: smoothed_cross_entropy(y, z, smoothing={s})",
            oracle=PAPER,
            rtol=RTOL["float32"],
            inputs=INPUTS,
        )


BAD = {
    "labels [1] for three rows": {"labels": [0]},
    "labels [3, 1]": {"labels": LABELS[:, None]},
    "smoothing=-0.1": {"smoothing": -0.1},
    "smoothing=2": {"smoothing": 2},
}


@pytest.mark.parametrize("bad", BAD)
def test_6_bad_arguments_are_a_value_error(kata, bad):
    given = {"labels": LABELS, "logits": LOGITS} | BAD[bad]
    call = f"smoothed_cross_entropy(labels, logits) with {bad}"
    name = "smoothing" if "smoothing" in bad else "labels|logits"
    assert_value_error(lambda: kata.smoothed_cross_entropy(**given), name, call=call)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_6_labels_may_have_any_dtype(kata, dtype):
    labels = tf.constant(LABELS, dtype)
    assert_close(
        kata.smoothed_cross_entropy(labels, tf.constant(LOGITS, tf.float32)),
        oracle(LABELS, LOGITS, 0.1),
        call=f"smoothed_cross_entropy({dtype} labels, logits)",
        oracle=PAPER,
        rtol=RTOL["float32"],
        inputs=INPUTS,
    )


def test_6_defaults_are_those_of_the_signature(kata):
    assert_close(
        kata.SmoothedCrossEntropy()(LABELS, LOGITS),
        oracle(LABELS, LOGITS, 0.1).mean(),
        call="SmoothedCrossEntropy()(y_true, y_pred)",
        oracle=PAPER,
        rtol=RTOL["float32"],
    )


def test_6_the_class_works(kata, tmp_path):
    want = oracle(LABELS, LOGITS, 0.3)
    how = {"rtol": RTOL["float32"], "path": tmp_path, "smoothing": 0.3}
    assert_given_class_works(kata.SmoothedCrossEntropy, LABELS, LOGITS, want, **how)
