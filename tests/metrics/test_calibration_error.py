"""Expected calibration error as a streaming Keras metric.

Question (15 min). How far can you trust a classifier's probabilities? Put the examples
into M bins by their confidence, and write the mean gap between accuracy and confidence:

    ECE = sum over bins m of (n_m / n) |acc_m - conf_m|

n_m of the n examples are in bin m; acc_m is the share of them that is correct, conf_m the
mean of their confidences. Three sums a bin are given; write `update_state`, which fills
them, and `result`. Test k checks clause k:

    1. y_true [B] holds class ids (int32 or int64), y_pred [B, C] probabilities (float32).
       The confidence of a row is its largest probability, and the row is correct where
       that probability's index is y_true. The result is the formula's.
    2. Bin m = 1, ..., M is ((m-1)/M, m/M]: a confidence on an edge is in the bin below,
       1.0 in the last bin. By default there are 15 bins.
    3. An empty bin adds 0, and the result is 0 where nothing has been seen.
    4. Any split into batches gives one result; sample_weight [B] (float32) counts a row
       that many times (a sixteenth of a time, too); reset_state forgets everything.
    5. In tf.function the result is the same.

Not asked: ties for the largest probability, edges that float32 cannot hold (M is a power of
two where it matters), rows that do not sum to 1; XLA, replicas, errors, other dtypes.

Run   nox -s check -- calibration_error
Read  https://arxiv.org/abs/1706.04599, equation 3
"""

import functools
import itertools
import math

import numpy as np
import pytest

from tests.support.closeness import assert_close
from tests.support.keras_metrics import (
    assert_modes_agree,
    assert_resets,
    assert_streams,
    assert_weights_repeat_rows,
    measure,
    result_of,
)
from tests.support.modes import MODES

# In float32 a bin's sum of up to 20 confidences rounds 20 times by 6e-7, and its gap by as
# much: over 40 examples that is at most 3e-7 an example.
CLOSE = {"rtol": 1e-6, "atol": 1e-6}
FORMULA = "the formula, bin by bin in float64"
MASKS = {"oracle": FORMULA, **CLOSE}


def sample(count=40, classes=3, seed=5):
    """Ids [count] and probabilities [count, classes] of an overconfident model."""
    random = np.random.default_rng(seed)
    y_pred = random.dirichlet(np.full(classes, 0.7), count).astype("float32")
    guess = y_pred.argmax(axis=1)
    other = random.integers(0, classes, count)
    return np.where(random.random(count) < 0.5, guess, other), y_pred


Y_TRUE, Y_PRED = sample()


def top(y_pred):
    """Each row's largest probability, in float64."""
    return y_pred.max(axis=1).astype("float64")


def gap(correct, confidence):
    return abs(correct.mean() - confidence.mean())


def weighted(bins, correct, confidence):
    """The formula: `bins` are boolean masks [B]."""
    full = [here for here in bins if here.any()]
    return sum(here.mean() * gap(correct[here], confidence[here]) for here in full)


def equally(bins, correct, confidence):
    return np.mean([gap(correct[here], confidence[here]) for here in bins if here.any()])


def largest(bins, correct, confidence):
    return max(gap(correct[here], confidence[here]) for here in bins if here.any())


def root_of_squares(bins, correct, confidence):
    full = [here for here in bins if here.any()]
    return math.sqrt(sum(here.mean() * gap(correct[here], confidence[here]) ** 2 for here in full))


def middles(bins, correct, confidence):
    middle = [np.full(len(here), (m + 0.5) / len(bins)) for m, here in enumerate(bins)]
    full = [(here, mid) for here, mid in zip(bins, middle, strict=True) if here.any()]
    return sum(here.mean() * gap(correct[here], mid[here]) for here, mid in full)


def closed_above(confidence, bins):
    edges = np.arange(bins + 1) / bins
    return [(low < confidence) & (confidence <= high) for low, high in itertools.pairwise(edges)]


def closed_below(confidence, bins):
    """As floor has it, 1.0 in the last bin."""
    edges = np.append(np.arange(bins) / bins, 2.0)
    return [(low <= confidence) & (confidence < high) for low, high in itertools.pairwise(edges)]


def oracle(y_true, y_pred, *, bins=15, confidence=top, masks=closed_above, error=weighted):
    p = confidence(y_pred)
    return error(masks(p, bins), y_pred.argmax(axis=1) == y_true, p)


def bugs(y_true, y_pred, bins):
    """{cause: error} of the usual mistakes."""
    walk = functools.partial(oracle, y_true, y_pred, bins=bins)
    correct, p = y_pred.argmax(axis=1) == y_true, top(y_pred)
    total = correct.mean() - p.mean()
    of_the_label = lambda q: q[np.arange(len(q)), y_true].astype("float64")
    return {
        "the probability of the true class for the confidence": walk(confidence=of_the_label),
        "bins weighed equally": walk(error=equally),
        "bins weighed equally, the empty ones too": (
            walk(error=equally) * sum(here.any() for here in closed_above(p, bins)) / bins
        ),
        "the largest gap": walk(error=largest),
        "the root of the mean square of the gaps": walk(error=root_of_squares),
        "the bin's middle for its mean confidence": walk(error=middles),
        "the absolute value taken of each example": np.abs(correct - p).mean(),
        "no absolute value, or one round the whole sum: bins cancel": abs(total),
        "no absolute value: bins cancel": -abs(total),
        "the sum over bins, not over n examples": walk() * len(p),
    }


@pytest.mark.parametrize("ids", ["int32", "int64"])
def test_1_the_gap_of_each_bin_by_its_share(kata, ids):
    assert_close(
        measure(kata.ExpectedCalibrationError(5), [(Y_TRUE.astype(ids), Y_PRED)]),
        oracle(Y_TRUE, Y_PRED, bins=5),
        call=f"ExpectedCalibrationError(5) after 40 rows of 3 classes, ids {ids}",
        bugs=bugs(Y_TRUE, Y_PRED, 5),
        **MASKS,
    )


def test_1_one_bin_is_the_gap_of_the_means(kata):
    correct = Y_PRED.argmax(axis=1) == Y_TRUE
    assert_close(
        measure(kata.ExpectedCalibrationError(1), [(Y_TRUE, Y_PRED)]),
        abs(correct.mean() - top(Y_PRED).mean()),
        call="ExpectedCalibrationError(1)",
        oracle="|accuracy - mean confidence|",
        **CLOSE,
    )


def two_classes(confidence):
    """Probabilities [B, 2] whose largest is `confidence`, in the first column of even rows."""
    rows = np.stack([confidence, 1 - np.asarray(confidence)], axis=1).astype("float32")
    rows[1::2] = rows[1::2, ::-1]
    return rows


def test_2_a_confidence_on_an_edge_is_in_the_bin_below(kata):
    # Edges of 8 bins: 5/8, 6/8, 7/8. Even rows are right where the label is 0.
    y_pred = two_classes([0.625, 0.75, 0.6875, 0.875, 0.625, 0.8125, 0.9375, 0.6])
    y_true = np.array([0, 0, 1, 1, 1, 0, 0, 1])
    assert_close(
        measure(kata.ExpectedCalibrationError(8), [(y_true, y_pred)]),
        oracle(y_true, y_pred, bins=8),
        call="ExpectedCalibrationError(8) after confidences of which half are eighths",
        bugs={
            "bins [a, b), as by floor": oracle(y_true, y_pred, bins=8, masks=closed_below),
            **bugs(y_true, y_pred, 8),
        },
        **MASKS,
    )


def test_2_confidence_1_is_in_the_last_bin(kata):
    y_pred = two_classes([1.0, 0.9375, 1.0, 0.5625, 1.0])
    y_true = np.array([0, 1, 1, 1, 0])
    below = top(y_pred) < 1
    assert_close(
        measure(kata.ExpectedCalibrationError(8), [(y_true, y_pred)]),
        oracle(y_true, y_pred, bins=8),
        call="ExpectedCalibrationError(8) after confidences 1, 15/16, 1, 9/16, 1",
        bugs={
            "the confidences 1.0 dropped": oracle(y_true[below], y_pred[below], bins=8),
            "a bin of its own for 1.0": oracle(
                y_true,
                y_pred,
                bins=8,
                masks=lambda p, n: [*closed_below(np.where(p < 1, p, -1), n), p == 1],
            ),
        },
        **MASKS,
    )


def test_2_by_default_there_are_15_bins(kata):
    walk = functools.partial(oracle, Y_TRUE, Y_PRED)
    assert_close(
        measure(kata.ExpectedCalibrationError(), [(Y_TRUE, Y_PRED)]),
        walk(),
        call="ExpectedCalibrationError()",
        bugs={"10 bins": walk(bins=10)},
        **MASKS,
    )


def test_3_an_empty_bin_adds_0(kata):
    y_pred = two_classes([0.62, 0.98, 0.62, 0.98, 0.98])
    y_true = np.array([0, 0, 0, 0, 1])
    wrong = bugs(y_true, y_pred, 10)
    assert_close(
        measure(kata.ExpectedCalibrationError(10), [(y_true, y_pred)]),
        oracle(y_true, y_pred, bins=10),
        call="ExpectedCalibrationError(10) after confidences 0.62 and 0.98 only",
        bugs={cause: error for cause, error in wrong.items() if "bins" in cause},
        **MASKS,
    )


def test_3_nothing_seen_is_0(kata):
    assert_close(
        result_of(kata.ExpectedCalibrationError(4)),
        0.0,
        call="ExpectedCalibrationError(4).result()",
        oracle="the convention that 0 / 0 is 0",
        rtol=0.0,
    )


five = functools.partial(oracle, bins=5)


def test_4_any_split_gives_one_result(kata):
    assert_streams(
        lambda: kata.ExpectedCalibrationError(5),
        Y_TRUE,
        Y_PRED,
        five(Y_TRUE, Y_PRED),
        mean_of_batches=lambda batches: np.mean([five(*batch) for batch in batches]),
        **CLOSE,
    )


def test_4_weights_repeat_rows(kata):
    assert_weights_repeat_rows(
        lambda: kata.ExpectedCalibrationError(5),
        Y_TRUE,
        Y_PRED,
        five,
        unweighted=five(Y_TRUE, Y_PRED),
        weight_dtype="float32",
        **CLOSE,
    )


def test_4_reset_forgets(kata):
    make = lambda: kata.ExpectedCalibrationError(5)
    assert_resets(make, Y_TRUE, Y_PRED, 0.0, rtol=CLOSE["rtol"])


def test_5_a_graph_gives_the_same(kata):
    assert_modes_agree(
        lambda: kata.ExpectedCalibrationError(5),
        Y_TRUE,
        Y_PRED,
        five,
        mode=MODES["graph"],
        weight_dtype="float32",
        **CLOSE,
    )
