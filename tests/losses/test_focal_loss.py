"""Binary focal loss that stays finite when the model is certain.

Question (25 min). In a detector 99.9% of anchors are easy background, and the
sum of their small cross-entropies drowns the few hard objects. Lin et al. scale
each term by how wrong the prediction is:

    FL = -alpha_t (1 - p_t)^gamma log(p_t)        p = sigmoid(logit)

    p_t     = p       where label = 1,   1 - p      where label = 0
    alpha_t = alpha   where label = 1,   1 - alpha  where label = 0

Write it from logits. Test k checks clause k:

    1. Values and gradients match the formula; the result has the shape and dtype of
       `logits`: float16, 32 and 64. `alpha` and `gamma` are numbers, or scalar tensors in
       that dtype. Eager mode, tf.function and XLA agree.
    2. With gamma = 0 and alpha = None it is sigmoid cross-entropy, gradient included.
    3. For |logit| <= 1e4 and any gamma >= 0, loss and gradient are finite and right, in
       each of the dtypes.
    4. Unequal shapes (nothing broadcasts), alpha outside (0, 1) and gamma < 0 raise
       ValueError naming the argument, as in `Received: gamma=-1.0`.
    5. BinaryFocalLoss averages the last axis and gives one value per example, so that
       sample_weight, reduction and dtype work.
    6. It is registered with Keras, comes back from its config, and a model trained with
       it comes back from its file.

Run   nox -s check -- focal_loss
Read  https://arxiv.org/abs/1708.02002, equation 5
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import (
    assert_gradient,
    assert_gradient_by_differences,
    assert_gradient_in_every_mode,
)
from tests.support.keras_losses import (
    assert_config_keeps_the_loss,
    assert_one_value_per_example,
    assert_trains_and_reloads,
)
from tests.support.modes import graph
from tests.support.serialization import assert_config_round_trip
from tests.support.value_errors import assert_value_error, keywords

# exp(x) turns an absolute error in x into a relative one: eps * gamma * |z| is at most
# 6e-8 * 5 * 8 = 2.4e-6 in float32. Four times that; for float16 eps is 5e-4, so 8e-2.
RTOL = {"float16": 8e-2, "float32": 1e-5, "float64": 1e-6}  # gamma may pass float32

LABELS = np.array([[1, 0, 1], [0, 1, 0]])
LOGITS = np.array([[2.0, 0.1, -8.0], [-0.3, 0.0, 5.0]], "float32")
INPUTS = {"label": LABELS, "logit": LOGITS}
PAPER = "the formula in float64"

# In the limit the loss is 0, or |logit| where the model is certain and wrong.
CERTAIN = {
    "labels": np.array([1, 1, 1, 0, 0, 0]),
    "logits": np.array([40.0, 1e4, -1e4, 1e4, -1e4, -40.0], "float32"),
    "loss": np.array([0, 0, 1e4, 1e4, 0, 0]),
    "slope": np.array([0, 0, -1, 1, 0, 0]),
}
# gamma log(1 - p_t) and the like are differences of numbers near 2e4, off by eps * 2e4
# each; float64 may meet a gamma that passed float32.
CERTAIN_RTOL = {"float32": 5e-3, "float16": 2e-2, "float64": 1e-6}


def parts(y, z, alpha):
    """alpha_t, p_t and dp_t/dz in float64: good while |z| < 30."""
    p = 1 / (1 + np.exp(-np.float64(z)))
    alpha_t = 1.0 if alpha is None else np.where(y, alpha, 1 - alpha)
    return alpha_t, np.where(y, p, 1 - p), np.where(y, 1, -1) * p * (1 - p)


def oracle(y, z, alpha, gamma):
    """The paper's formula, term by term."""
    alpha_t, p_t, _ = parts(y, z, alpha)
    return -alpha_t * (1 - p_t) ** gamma * np.log(p_t)


def slope(y, z, alpha, gamma):
    """The formula's derivative with respect to the logit, by the product rule."""
    alpha_t, p_t, dp_t = parts(y, z, alpha)
    modulator = gamma * (1 - p_t) ** (gamma - 1) * np.log(p_t)
    return alpha_t * (modulator - (1 - p_t) ** gamma / p_t) * dp_t


def detached(y, z, alpha, gamma):
    """The slope when (1 - p_t)^gamma counts as a constant."""
    alpha_t, p_t, dp_t = parts(y, z, alpha)
    return -alpha_t * (1 - p_t) ** gamma / p_t * dp_t


def focused_on_p(y, z, alpha, gamma):
    alpha_t, p_t, _ = parts(y, z, alpha)
    return -alpha_t * (1 - np.where(y, p_t, 1 - p_t)) ** gamma * np.log(p_t)


BUGS = {
    "the wrong sign": lambda y, z, a, g: -oracle(y, z, a, g),
    "alpha and 1 - alpha swapped": lambda y, z, a, g: oracle(y, z, 1 - a, g),
    "alpha where label = 0 too": lambda y, z, a, g: a * oracle(y, z, None, g),
    "alpha ignored": lambda y, z, a, g: oracle(y, z, None, g),
    "1 where label = 0, for 1 - alpha": lambda y, z, a, g: (
        np.where(y, a, 1) * oracle(y, z, None, g)
    ),
    "no (1 - p_t)^gamma": lambda y, z, a, g: oracle(y, z, a, 0),
    "(1 - p)^gamma where it should be (1 - p_t)^gamma": focused_on_p,
    "p_t^gamma where it should be (1 - p_t)^gamma": lambda y, z, a, g: (
        oracle(y, z, a, 0) * parts(y, z, a)[1] ** g
    ),
    "labels flipped": lambda y, z, a, g: oracle(1 - y, z, a, g),
    "sigmoid applied twice": lambda y, z, a, g: oracle(y, 1 / (1 + np.exp(-z)), a, g),
}


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0], ids="gamma={}".format)
def test_1_values_match_the_formula(kata, gamma):
    assert_close(
        kata.sigmoid_focal_loss(LABELS, LOGITS, alpha=0.25, gamma=gamma),
        oracle(LABELS, LOGITS, 0.25, gamma),
        call=f"sigmoid_focal_loss(labels, logits, alpha=0.25, gamma={gamma})",
        oracle=PAPER,
        rtol=RTOL["float32"],
        inputs=INPUTS,
        bugs={cause: bug(LABELS, LOGITS, 0.25, gamma) for cause, bug in BUGS.items()},
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_1_keeps_the_dtype_of_the_logits(kata, dtype):
    assert_close(
        kata.sigmoid_focal_loss(LABELS, tf.constant(LOGITS, dtype), alpha=0.3, gamma=1.5),
        # The logits as the learner's code gets them: 0.1 has no exact float16.
        oracle(LABELS, LOGITS.astype(dtype), 0.3, 1.5),
        call=f"sigmoid_focal_loss(labels, {dtype} logits, alpha=0.3, gamma=1.5)",
        oracle=PAPER,
        rtol=RTOL[dtype],
        dtype=dtype,
        inputs=INPUTS,
    )


ONE_AND_ZERO = [[1, 0], [1.0, 0.0], [True, False], np.uint8([1, 0]), np.int64([1, 0])]


@pytest.mark.parametrize("labels", ONE_AND_ZERO, ids=repr)
def test_1_labels_may_have_any_dtype(kata, labels):
    labels = tf.constant(labels) if isinstance(labels, np.ndarray) else labels
    assert_close(
        kata.sigmoid_focal_loss(labels, [0.5, 0.5]),
        oracle(np.array([1, 0]), np.array([0.5, 0.5]), None, 2.0),
        call=f"sigmoid_focal_loss({labels}, [0.5, 0.5])",
        oracle=PAPER,
        rtol=RTOL["float32"],
    )


def test_1_gradient_matches_the_formula(kata):
    args = (LABELS, LOGITS, 0.25, 1.5)
    assert_gradient(
        lambda z: kata.sigmoid_focal_loss(LABELS, z, alpha=0.25, gamma=1.5),
        LOGITS,
        lambda upstream: upstream * slope(*args),
        call="sigmoid_focal_loss(labels, x, alpha=0.25, gamma=1.5)",
        oracle="the derivative of the formula in float64",
        rtol=RTOL["float32"],
        inputs=INPUTS,
        bugs={"(1 - p_t)^gamma detached": lambda upstream: upstream * detached(*args)},
    )


def test_1_every_mode_agrees_up_to_certain_logits(kata):
    labels, logits = np.append(LABELS, CERTAIN["labels"]), np.append(LOGITS, CERTAIN["logits"])
    weights = np.where(CERTAIN["labels"], 0.25, 0.75)
    args = (LABELS, LOGITS, 0.25, 0.5)
    slopes = np.append(slope(*args), weights * CERTAIN["slope"])
    assert_gradient_in_every_mode(
        lambda z: kata.sigmoid_focal_loss(labels, z, alpha=0.25, gamma=0.5),
        logits,
        lambda upstream: upstream * slopes,
        ordinary=LOGITS.size,
        inputs={"label": labels, "logit": logits},
        value=np.append(oracle(*args), weights * CERTAIN["loss"]),
        call="sigmoid_focal_loss(labels, x, alpha=0.25, gamma=0.5)",
        oracle="the formula in float64, and its limits",
        rtol=CERTAIN_RTOL["float32"],
        atol=1e-12,  # At 40 the limit is off by exp(-40) = 4e-18.
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_1_hyperparameters_may_be_tensors(kata, dtype):
    logits = tf.constant(LOGITS, dtype)
    loss = graph(lambda a, g: kata.sigmoid_focal_loss(LABELS, logits, alpha=a, gamma=g))
    assert_close(
        loss(tf.constant(0.25, dtype), tf.constant(1.5, dtype)),
        oracle(LABELS, LOGITS.astype(dtype), 0.25, 1.5),
        call=f"in a tf.function of {dtype} alpha and gamma: "
        "sigmoid_focal_loss(labels, logits, alpha=0.25, gamma=1.5)",
        oracle=PAPER,
        rtol=RTOL[dtype],
        dtype=dtype,
        inputs=INPUTS,
    )


def test_1_gradient_matches_finite_differences(kata):
    assert_gradient_by_differences(
        lambda z: kata.sigmoid_focal_loss(LABELS[0], z, alpha=0.25, gamma=1.5),
        [LOGITS[0]],
        call="sigmoid_focal_loss(labels, x, alpha=0.25, gamma=1.5)",
    )


def test_2_without_alpha_and_gamma_it_is_cross_entropy(kata):
    assert_close(
        kata.sigmoid_focal_loss(LABELS, LOGITS, gamma=0.0),
        tf.nn.sigmoid_cross_entropy_with_logits(LABELS.astype("float32"), LOGITS),
        call="sigmoid_focal_loss(labels, logits, gamma=0.0)",
        oracle="tf.nn.sigmoid_cross_entropy_with_logits",
        rtol=RTOL["float32"],
        inputs=INPUTS,
        bugs={"alpha = 0.5 standing in for None": oracle(LABELS, LOGITS, 0.5, 0)},
    )


def test_2_gradient_is_p_minus_y_also_at_logit_0(kata):
    labels, logits = np.array([1, 0, 1, 0]), np.array([0.0, 0.0, 3.0, -1.5], "float32")
    p = 1 / (1 + np.exp(-np.float64(logits)))
    one_sided = np.where(logits == 0, 1, p) - labels
    assert_gradient(
        lambda z: kata.sigmoid_focal_loss(labels, z, gamma=0.0),
        logits,
        lambda upstream: upstream * (p - labels),
        call="sigmoid_focal_loss(labels, x, gamma=0.0)",
        oracle="p - y",
        rtol=RTOL["float32"],
        inputs={"label": labels, "logit": logits},
        bugs={
            "max(z, 0) and abs(z) differentiated at 0, where their slopes are 1 and 0": (
                lambda upstream: upstream * one_sided
            )
        },
    )


# 20 * 1e4 is beyond float16, even times the smallest |upstream|, 0.5.
@pytest.mark.parametrize("dtype", CERTAIN_RTOL)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 20.0], ids="gamma={}".format)
def test_3_certain_logits_keep_loss_and_gradient_finite(kata, gamma, dtype):
    assert_gradient(
        lambda z: kata.sigmoid_focal_loss(CERTAIN["labels"], z, gamma=gamma),
        tf.constant(CERTAIN["logits"], dtype),
        lambda upstream: upstream * CERTAIN["slope"],
        value=CERTAIN["loss"],
        call=f"sigmoid_focal_loss(labels, {dtype} x, gamma={gamma})",
        oracle="the limit as |logit| grows",
        rtol=CERTAIN_RTOL[dtype],
        atol=1e-12,  # At 40 the limit is off by exp(-40) = 4e-18.
        inputs={"label": CERTAIN["labels"], "logit": CERTAIN["logits"]},
    )


@pytest.mark.parametrize("gamma", [0.5, 2.0], ids="gamma={}".format)
def test_3_between_17_and_25_loss_and_gradient_are_right(kata, gamma):
    labels, logits = np.ones(3), np.array([17.0, 20.0, 25.0])
    # With q = exp(-z), 1 - p_t = q / (1 + q) and log p_t = -log1p(q): nothing cancels.
    q = np.exp(-logits)
    want = (q / (1 + q)) ** gamma * np.log1p(q)
    # d/dz of the above, where dq/dz = -q and d(1 - p_t)/dz = -p_t (1 - p_t).
    rise = -((q / (1 + q)) ** gamma) * (gamma / (1 + q) * np.log1p(q) + q / (1 + q))
    assert_gradient(
        lambda z: kata.sigmoid_focal_loss(labels, z, gamma=gamma),
        tf.constant(logits, tf.float32),
        lambda upstream: upstream * rise,
        value=want,
        call=f"sigmoid_focal_loss([1, 1, 1], x, gamma={gamma})",
        oracle="the formula in exp(-z)",
        rtol=2e-5,  # eps * gamma * |z| is 6e-8 * 2 * 25 = 3e-6 here.
        inputs={"logit": logits},
    )


SHAPES = [([2, 1], [2, 3]), ([3], [2, 3]), ([2], [2, 1]), ([3, 2], [2, 3])]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_4_unequal_shapes_are_a_value_error(kata, shapes):
    labels, logits = (np.ones(shape, "float32") for shape in shapes)
    call = "sigmoid_focal_loss(labels {}, logits {})".format(*shapes)
    assert_value_error(lambda: kata.sigmoid_focal_loss(labels, logits), "labels|logits", call=call)


BAD = [{"gamma": -1.0}, {"gamma": -2}] + [{"alpha": a} for a in (0.0, 1.0, -0.25, 1.5)]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_4_bad_settings_are_named_in_a_value_error(kata, bad):
    call = f"sigmoid_focal_loss(labels, logits, {keywords(bad)})"
    assert_value_error(lambda: kata.sigmoid_focal_loss(LABELS, LOGITS, **bad), *bad, call=call)


def test_5_each_example_is_averaged_then_weighted(kata):
    assert_one_value_per_example(
        lambda reduction: kata.BinaryFocalLoss(0.25, 1.5, reduction=reduction),
        LABELS,
        LOGITS,
        oracle(LABELS, LOGITS, 0.25, 1.5).mean(axis=-1),
        rtol=RTOL["float32"],
    )


def test_5_float64_is_kept_on_request(kata):
    assert_one_value_per_example(
        lambda reduction: kata.BinaryFocalLoss(0.25, 1.5, reduction=reduction, dtype="float64"),
        LABELS,
        LOGITS,
        oracle(LABELS, LOGITS, 0.25, 1.5).mean(axis=-1),
        rtol=RTOL["float64"],
        dtype="float64",
    )


def test_5_only_the_last_axis_is_averaged(kata):
    labels, logits = np.stack([LABELS] * 3, axis=1), np.stack([LOGITS, 2 * LOGITS, -LOGITS], axis=1)
    assert_close(
        kata.BinaryFocalLoss(gamma=1.5, reduction="none")(labels, logits),
        oracle(labels, logits, None, 1.5).mean(axis=-1),
        call="BinaryFocalLoss(gamma=1.5, reduction='none')(y_true [2, 3, 3], y_pred [2, 3, 3])",
        oracle=PAPER,
        rtol=RTOL["float32"],
        bugs={"axis 1 averaged": oracle(labels, logits, None, 1.5).mean(axis=1)},
    )


def test_5_defaults_are_those_of_the_signature(kata):
    assert_close(
        kata.BinaryFocalLoss()(LABELS, LOGITS),
        oracle(LABELS, LOGITS, None, 2.0).mean(),
        call="BinaryFocalLoss()(y_true, y_pred)",
        oracle=PAPER,
        rtol=RTOL["float32"],
        bugs={"alpha = 0.25 by default": oracle(LABELS, LOGITS, 0.25, 2.0).mean()},
    )


def test_6_a_model_trained_with_it_comes_back(kata, tmp_path):
    loss = kata.BinaryFocalLoss(alpha=0.25, gamma=1.5)
    assert_trains_and_reloads(loss, LABELS, LOGITS, tmp_path)


def test_6_alpha_none_comes_back_from_its_config(kata):
    assert_config_round_trip(kata.BinaryFocalLoss, alpha=None, gamma=1.5)


def test_6_comes_back_from_its_config(kata):
    assert_config_keeps_the_loss(
        kata.BinaryFocalLoss,
        LABELS,
        LOGITS,
        oracle(LABELS, LOGITS, 0.25, 1.5).mean(axis=-1),
        rtol=RTOL["float32"],
        alpha=0.25,
        gamma=1.5,
    )
