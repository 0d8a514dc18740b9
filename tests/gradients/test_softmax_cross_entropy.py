"""Softmax cross-entropy with a fused backward pass.

Question (12 min). Everybody knows that the gradient of softmax cross-entropy is
softmax - labels. Write the loss for labels that are any non-negative weights, as class
weights or several classes per row make them, and give it that backward pass:

    loss    = -sum_c labels_c log softmax(logits)_c                 [..., C] -> [...]
    dlogits = upstream (sum(labels) softmax(logits) - labels)
    dlabels = -upstream log softmax(logits)

Test k checks clause k:

    1. Values match the formula for any leading axes, in the dtype of `logits`: float16,
       32 and 64. A row of labels need not sum to 1; a row of zeros has loss 0.
    2. `logits` get the gradient above. The upstream has one number per row.
    3. `labels` get the gradient above.
    4. For |logit| <= 1e4, the loss and both gradients are finite and right, in each dtype.
    5. Eager mode, tf.function and XLA agree; so do calls by keyword and by position.
    6. What was given still works: labels have any numeric dtype, and unequal shapes
       raise ValueError: nothing broadcasts.

Run   nox -s check -- softmax_cross_entropy
Read  https://www.tensorflow.org/api_docs/python/tf/custom_gradient
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import (
    assert_gradient,
    assert_gradient_by_differences,
    assert_gradients,
    vjp,
)
from tests.support.modes import graph
from tests.support.value_errors import assert_value_error

# log_softmax subtracts logits and a log of order 10, each rounded: eps * 10, once per
# class. As an absolute error that is 3 * 10 * eps * 1.5 (the labels): 5e-2, 3e-6, 1e-14;
# relative, the products add a few eps.
RTOL = {"float16": 1e-2, "float32": 1e-5, "float64": 1e-12}
ATOL = {"float16": 5e-2, "float32": 5e-6, "float64": 1e-13}
FLOAT32 = {"rtol": RTOL["float32"], "atol": ATOL["float32"]}

# As many rows as classes: an upstream that broadcasts over the wrong axis is silent here.
LABELS = np.array([[0.2, 0.5, 0.3], [1.5, 0.0, 1.0], [0.0, 0.0, 0.0]])
LOGITS = np.array([[2.0, 0.0, -1.0], [0.5, 0.5, -4.0], [1.0, 3.0, 0.25]])
INPUTS = {"label": LABELS, "logit": LOGITS}
PAPER = "the formula in float64"
UNIT_MASS = "softmax - labels, which assumes that each row of labels sums to 1"
WRONG_AXIS = "the upstream of row i applied to class i: it lacks an axis for the classes"


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))  # only e^z overflows, ratios do not
    return e / e.sum(axis=-1, keepdims=True)


def oracle(y, z):
    """The formula, term by term: good while gaps between logits are below 700."""
    return -np.sum(y * np.log(softmax(z)), axis=-1)


def slope(y, z):
    """d loss / d logits, [..., C]."""
    return y.sum(axis=-1, keepdims=True) * softmax(z) - y


def per_row(upstream, rows):
    return upstream[..., np.newaxis] * rows


BUGS = {
    "the wrong sign": -oracle(LABELS, LOGITS),
    "labels made to sum to 1": oracle(
        LABELS / np.maximum(LABELS.sum(-1, keepdims=True), 1e-9), LOGITS
    ),
    "the mean over classes where the sum is asked": oracle(LABELS, LOGITS) / 3,
    "softmax applied twice": oracle(LABELS, softmax(LOGITS)),
    "softmax over the wrong axis": -np.sum(LABELS * np.log(softmax(LOGITS.T).T), -1),
    "one mean for the whole batch": oracle(LABELS, LOGITS).mean(),
    "labels and logits swapped": -np.sum(LOGITS * np.log(softmax(LABELS)), -1),
}


@pytest.mark.parametrize("dtype", RTOL)
def test_1_values_match_the_formula(kata, dtype):
    # Labels and logits as the learner's code gets them: 0.2 has no exact float16.
    labels, logits = LABELS.astype(dtype), LOGITS.astype(dtype)
    # Too little to be seen in another dtype.
    kept = {"labels kept above 1e-7": oracle(np.maximum(LABELS, 1e-7), LOGITS)}
    assert_close(
        kata.softmax_cross_entropy(tf.constant(labels), tf.constant(logits)),
        oracle(np.float64(labels), np.float64(logits)),
        call=f"softmax_cross_entropy(labels, {dtype} logits)",
        oracle=PAPER,
        rtol=RTOL[dtype],
        atol=ATOL[dtype],
        dtype=dtype,
        bugs=BUGS | kept if dtype == "float64" else BUGS,
    )


@pytest.mark.parametrize("shape", [(4,), (2, 1, 5), (2, 3, 1, 2), (0, 3)], ids=str)
def test_1_any_leading_axes(kata, shape):
    random = np.random.default_rng(1)
    labels, logits = random.uniform(0, 2, shape), random.normal(0, 3, shape)
    assert_close(
        kata.softmax_cross_entropy(tf.constant(labels), tf.constant(logits)),
        oracle(labels, logits),
        call=f"softmax_cross_entropy(labels {shape}, logits {shape})",
        oracle=PAPER,
        rtol=RTOL["float64"],
        atol=ATOL["float64"],
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_2_gradient_to_logits(kata, dtype):
    p = softmax(LOGITS)
    assert_gradient(
        lambda z: kata.softmax_cross_entropy(LABELS, z),
        tf.constant(LOGITS, dtype),
        lambda upstream: per_row(upstream, slope(LABELS, LOGITS)),
        call="softmax_cross_entropy(labels, x)",
        oracle="upstream (sum(labels) softmax - labels)",
        rtol=RTOL[dtype],
        # softmax is off by eps times a gap of 5; times labels of 2.5 and an upstream of 2.
        atol=ATOL[dtype],
        inputs=INPUTS,
        bugs={
            UNIT_MASS: lambda upstream: per_row(upstream, p - LABELS),
            WRONG_AXIS: lambda upstream: upstream * slope(LABELS, LOGITS),
            "the sign flipped": lambda upstream: -per_row(upstream, slope(LABELS, LOGITS)),
            "the softmax term left out": lambda upstream: per_row(upstream, -LABELS),
        },
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_3_gradient_to_labels(kata, dtype):
    log_p = np.log(softmax(LOGITS))
    assert_gradient(
        lambda y: kata.softmax_cross_entropy(y, tf.constant(LOGITS, dtype)),
        tf.constant(LABELS, dtype),
        lambda upstream: per_row(upstream, -log_p),
        call="softmax_cross_entropy(x, logits)",
        oracle="-upstream log_softmax",
        rtol=RTOL[dtype],
        atol=ATOL[dtype],
        inputs=INPUTS,
        bugs={
            "labels taken as constants": lambda upstream: np.zeros_like(LABELS),
            "the sign flipped": lambda upstream: per_row(upstream, log_p),
            WRONG_AXIS: lambda upstream: upstream * -log_p,
            "the logits for their log_softmax": lambda upstream: per_row(upstream, -LOGITS),
            "the gradients of labels and logits in the wrong order": lambda upstream: per_row(
                upstream, slope(LABELS, LOGITS)
            ),
        },
    )


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2)], ids=str)
def test_3_both_gradients_match_finite_differences(kata, shape):
    random = np.random.default_rng(2)
    assert_gradient_by_differences(
        kata.softmax_cross_entropy,
        [random.uniform(0.1, 2, shape), random.normal(0, 1, shape)],
        call="softmax_cross_entropy(labels, logits)",
    )


# Each row has one logit far above the others, or one pair: softmax is 0, 1/2 or 1. The
# last but one is far below the largest logit of the batch.
CERTAIN = {
    "label": np.array(
        [[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0.5], [1, 0, 1], [0, 2, 0], [1, 0, 1], [0, 0, 0]]
    ),
    "logit": np.array([[1e4, -1e4, 0]] * 3 + [[0, 1e4, 1e4], [-1e4, 1e4, 0], [0] * 3, [1e4, 0, 0]]),
}
CERTAIN_P = np.array([[1, 0, 0]] * 3 + [[0, 0.5, 0.5], [0, 1, 0], [1 / 3] * 3, [1, 0, 0]])
CERTAIN_LOG_P = np.array(
    [[0, -2e4, -1e4]] * 3
    + [[-1e4 - np.log(2), -np.log(2), -np.log(2)], [-2e4, 0, -1e4], [-np.log(3)] * 3]
    + [[0, -1e4, -1e4]]
)
# A logit less the log of the sum is a difference of numbers near 1e4: eps * 1e4, times an
# upstream of 2. In float16 that is no digit at all: there the largest logit goes first, and
# what is left is as near as for small logits.
CERTAIN_CLOSE = {
    "float16": {"rtol": RTOL["float16"], "atol": ATOL["float16"]},
    "float32": {"rtol": 1e-4, "atol": 2.5e-3},
    "float64": {"rtol": 1e-12, "atol": 5e-12},
}
CERTAIN_LOSS = -np.sum(CERTAIN["label"] * CERTAIN_LOG_P, axis=-1)


def of_one_peak(label, logit):
    """The loss where the largest logit of all rows is subtracted, and e^-1e4 is 0."""
    shifted = logit - logit.max()
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        return -np.sum(label * log_p, axis=-1)


@pytest.mark.parametrize("dtype", RTOL)
def test_4_certain_logits_have_a_finite_loss(kata, dtype):
    p = np.where(CERTAIN_P, CERTAIN_P, 1e-7)  # as Keras clips it
    assert_close(
        kata.softmax_cross_entropy(CERTAIN["label"], tf.constant(CERTAIN["logit"], dtype)),
        CERTAIN_LOSS,
        call=f"softmax_cross_entropy(labels, {dtype} logits up to 1e4)",
        oracle="the limit of the formula",
        rtol=RTOL[dtype],
        dtype=dtype,
        bugs={
            "softmax clipped at 1e-7": -np.sum(CERTAIN["label"] * np.log(p), axis=-1),
            "the largest logit of the whole batch subtracted": of_one_peak(**CERTAIN),
        },
    )


def certain_slopes(log_p, p):
    """Functions of the upstream: the gradients of the certain rows, from log p and p."""
    mass = CERTAIN["label"].sum(-1, keepdims=True)
    slopes = {"labels": -log_p, "logits": mass * p - CERTAIN["label"]}
    return lambda upstream: {name: per_row(upstream, slope) for name, slope in slopes.items()}


def assert_certain_gradients(kata, dtype, bugs=None, **how):
    __tracebackhide__ = True
    unit = CERTAIN_P - CERTAIN["label"]
    assert_gradients(
        kata.softmax_cross_entropy,
        {f"{name}s": tf.constant(a, dtype) for name, a in CERTAIN.items()},
        certain_slopes(CERTAIN_LOG_P, CERTAIN_P),
        call="softmax_cross_entropy(labels, logits)",
        oracle="the limit of the formula",
        bugs={UNIT_MASS: lambda upstream: {"logits": per_row(upstream, unit)}} | (bugs or {}),
        **CERTAIN_CLOSE[dtype],
        **how,
    )


def test_4_certain_logits_have_finite_gradients(kata, mode):
    assert_certain_gradients(kata, "float32", mode=mode)


def test_4_certain_logits_have_finite_gradients_in_float64(kata):
    assert_certain_gradients(kata, "float64")


def test_4_certain_logits_have_finite_gradients_in_float16(kata):
    # Where the largest logit is 1e4, the log of the sum is 1e4 + ln 2, and rounds to it.
    peak = CERTAIN["logit"].max(-1, keepdims=True)
    rounded = np.where(peak > 0, CERTAIN["logit"] - peak, CERTAIN_LOG_P)
    bugs = {
        "logits - logsumexp(logits), both near 1e4, where float16 has steps of 8": (
            certain_slopes(rounded, np.exp(rounded))
        )
    }
    assert_certain_gradients(kata, "float16", bugs)


def test_5_keywords_and_modes_agree(kata, mode):
    call = "softmax_cross_entropy(labels=labels, logits=logits)"
    inputs = [tf.constant(LABELS, tf.float32), tf.constant(LOGITS, tf.float32)]
    by_keyword = lambda y, z: kata.softmax_cross_entropy(logits=z, labels=y)
    value, (to_labels, to_logits) = vjp(by_keyword, inputs, mode=mode)
    assert_close(value, oracle(LABELS, LOGITS), call=call, oracle=PAPER, **FLOAT32)
    assert_close(
        to_logits,
        slope(LABELS, LOGITS),
        call=f"tape.gradient({call}, logits)",
        oracle="sum(labels) softmax - labels",
        inputs=INPUTS,
        bugs={UNIT_MASS: softmax(LOGITS) - LABELS},
        **FLOAT32,
    )
    assert_close(
        to_labels,
        -np.log(softmax(LOGITS)),
        call=f"tape.gradient({call}, labels)",
        oracle="-log_softmax",
        inputs=INPUTS,
        **FLOAT32,
    )


@pytest.mark.parametrize("labels", [[0, 1], [False, True], [0.5, 2.0]], ids=str)
def test_6_labels_may_be_a_list(kata, labels):
    assert_close(
        kata.softmax_cross_entropy(labels, [1.0, 2.0]),
        oracle(np.array(labels, float), np.array([1.0, 2.0])),
        call=f"softmax_cross_entropy({labels}, [1.0, 2.0])",
        oracle=PAPER,
        dtype="float32",
        **FLOAT32,
    )


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_6_labels_may_be_a_tensor_of_any_dtype(kata, dtype):
    labels = np.round(2 * LABELS)
    assert_close(
        kata.softmax_cross_entropy(tf.constant(labels, dtype), tf.constant(LOGITS, tf.float32)),
        oracle(labels, LOGITS),
        call=f"softmax_cross_entropy({dtype} labels, float32 logits)",
        oracle=PAPER,
        dtype="float32",
        **FLOAT32,
    )


@pytest.mark.parametrize("shape", [(3, 1), (1, 3), (1, 3, 3)], ids=str)
@pytest.mark.parametrize("mode", [lambda f: f, graph], ids=["eager", "graph"])
def test_6_unequal_shapes_are_named(kata, mode, shape):
    assert_value_error(
        mode(lambda: kata.softmax_cross_entropy(np.ones(shape), LOGITS)),
        "labels",
        "logits",
        call=f"softmax_cross_entropy(labels {list(shape)}, logits {list(LOGITS.shape)})",
    )
