"""ROC-AUC as a streaming Keras metric.

Question (15 min). Write the area under the ROC curve without storing a score: that would
be state that grows, and that does not add up over replicas. Two histograms over bins of
equal width in [0, 1] are given, of positives and of negatives. Write `update_state`, which
fills them, and `result`. The area is that of the binned scores: over all pairs of a
positive and a negative,

    P(the positive's bin is higher) + P(both are in one bin) / 2

Test k checks clause k:

    1. y_true [B] is 0 or 1 (int), y_pred [B] holds scores (float32) in [0, 1]. The result
       is the formula's, exactly: a tie counts one half, in whatever order the rows come.
    2. A score s is in bin floor(s * num_bins), from 0; the score 1.0 is in the last bin.
       By default there are 1024 bins.
    3. Where a class is missing, or nothing has been seen, the result is 0.
    4. Any split into batches gives one result; sample_weight [B] (float32) counts a row
       that many times (a sixteenth of a time, too); reset_state forgets everything.
    5. In tf.function the result is the same.

Not asked: XLA, replicas, errors, other dtypes, scores outside [0, 1].

Run   nox -s check -- roc_auc
Read  https://doi.org/10.1016/j.patrec.2005.10.010, section 7
"""

import functools
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

# Counts are exact. Trapezoids in float32 round once a bin that is filled, 30 times 6e-8.
CLOSE = {"rtol": 2e-6}
PAIRS = "all pairs of a positive and a negative, in loops"
BINS = 16


def sample(count=30, seed=0):
    """Labels [count], and scores that are sixteenths, below 1, of which many are tied."""
    random = np.random.default_rng(seed)
    y_true = (random.random(count) < 0.4).astype("int64")
    sixteenths = np.clip(random.normal(6 + 3 * y_true, 3), 0, BINS - 1).round()
    return y_true, (sixteenths / BINS).astype("float32")


Y_TRUE, Y_PRED = sample()


def the_bin(score, bins=BINS):
    return min(math.floor(score * bins), bins - 1)


def area(y_true, y_pred, *, bins=BINS, bin_of=the_bin, tie=lambda i, j: 0.5):
    """The share of pairs that are won, loop by loop.

    Args:
        bin_of: A function of a score and the number of bins.
        tie: A function of the rows of a positive and a negative: what their tie counts.
    """
    binned = [bin_of(score, bins) for score in y_pred.tolist()]
    wins = [
        tie(i, j) if binned[i] == binned[j] else float(binned[i] > binned[j])
        for i in np.flatnonzero(y_true == 1)
        for j in np.flatnonzero(y_true == 0)
    ]
    return sum(wins) / len(wins) if wins else 0.0


def walk_last(y_true, y_pred, bins):
    """The area where a later row of a bin takes the place of an earlier one."""
    last = {the_bin(score, bins): row for row, score in enumerate(y_pred.tolist())}
    rows = sorted(last.values())
    return area(y_true[rows], y_pred[rows], bins=bins)


def without_the_corner(y_true, y_pred):
    """Trapezoids from the strictest threshold on, without the point (0, 0)."""
    top = np.array([the_bin(score) == BINS - 1 for score in y_pred.tolist()])
    hits, alarms = (np.sum(top & (y_true == label)) for label in (1, 0))
    pairs = np.sum(y_true == 1) * np.sum(y_true == 0)
    return area(y_true, y_pred) - hits * alarms / 2 / pairs


def bugs(y_true, y_pred, bins=BINS):
    """{cause: area} of the usual mistakes."""
    walk = functools.partial(area, y_true, y_pred, bins=bins)
    return {
        "a tie counted as 0 (as by rectangles)": walk(tie=lambda i, j: 0.0),
        "a tie counted as 1 (as by rectangles, or an inclusive sum)": walk(tie=lambda i, j: 1.0),
        "a tie counted one and a half times: the sum below holds the bin itself": walk(
            tie=lambda i, j: 1.5
        ),
        "ranks by argsort: ties broken by the order of the rows": walk(
            tie=lambda i, j: float(i > j)
        ),
        "summed from the wrong end: the negatives above": 1 - walk(),
        "accuracy at the threshold 0.5": np.mean((y_pred > 0.5) == y_true),
    }


def test_1_the_share_of_pairs_won(kata):
    assert_close(
        measure(kata.RocAuc(BINS), [(Y_TRUE, Y_PRED)]),
        area(Y_TRUE, Y_PRED),
        call=f"RocAuc({BINS}) after 30 scores that are sixteenths",
        oracle=PAIRS,
        bugs=bugs(Y_TRUE, Y_PRED),
        **CLOSE,
    )


def test_1_exchanged_labels_give_the_rest(kata):
    assert_close(
        measure(kata.RocAuc(BINS), [(1 - Y_TRUE, Y_PRED)]),
        1 - area(Y_TRUE, Y_PRED),
        call=f"RocAuc({BINS}) after the same scores, labels exchanged",
        oracle="1 - AUC",
        bugs=bugs(1 - Y_TRUE, Y_PRED),
        **CLOSE,
    )


LABELS = np.array([0, 0, 1, 0, 1])


@pytest.mark.parametrize("order", [1, -1], ids=["as they are", "reversed"])
def test_1_equal_scores_are_chance(kata, order):
    labels, scores = LABELS[::order], np.full(5, 0.3, "float32")
    wrong = bugs(labels, scores)
    wrong["only the last row of each bin counted"] = walk_last(labels, scores, BINS)
    del wrong["summed from the wrong end: the negatives above"]  # one half, too
    assert_close(
        measure(kata.RocAuc(BINS), [(labels, scores)]),
        0.5,
        call=f"RocAuc({BINS}) after the score 0.3 for each of the labels {labels.tolist()}",
        oracle="chance: every pair is a tie",
        bugs=wrong,
        **CLOSE,
    )


def test_2_a_bin_begins_at_its_lower_edge(kata):
    # Within bins and on their edges; no two of the mistakes give one area.
    sixteenths = np.array([5.125, 5, 5.875, 6, 6.875, 6.125, 0, 0.875, 9.5])
    labels, scores = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1]), (sixteenths / BINS).astype("float32")
    walk = functools.partial(area, labels, scores)
    assert_close(
        measure(kata.RocAuc(BINS), [(labels, scores)]),
        walk(),
        call=f"RocAuc({BINS}) after scores {sixteenths.tolist()} / {BINS}",
        oracle=PAIRS,
        bugs={
            "scores compared, not their bins": walk(bin_of=lambda s, n: s),
            "rounded to the nearest edge": walk(bin_of=lambda s, n: math.floor(s * n + 0.5)),
            "bins (a, b], not [a, b)": walk(bin_of=lambda s, n: max(math.ceil(s * n) - 1, 0)),
            "one bin too few": walk(bin_of=lambda s, n: math.floor(s * (n - 1))),
        },
        **CLOSE,
    )


def test_2_the_score_1_is_in_the_last_bin(kata):
    labels = np.array([1, 0, 0, 0, 0, 1])
    scores = np.array([1, 1, 15.5 / BINS, 15 / BINS, 0.5, 0], "float32")
    walk = functools.partial(area, labels, scores)
    below = scores < 1
    assert_close(
        measure(kata.RocAuc(BINS), [(labels, scores)]),
        walk(),
        call=f"RocAuc({BINS}) after scores 1, 1, 15.5/16, 15/16, 1/2, 0",
        oracle=PAIRS,
        bugs={
            "the scores 1.0 dropped": area(labels[below], scores[below]),
            "a bin of its own for 1.0": walk(bin_of=lambda s, n: math.floor(s * n)),
            "a curve that does not begin at (0, 0)": without_the_corner(labels, scores),
            "1.0 in the first bin": walk(bin_of=lambda s, n: math.floor(s * n) % n),
        },
        **CLOSE,
    )


def test_2_by_default_there_are_1024_bins(kata):
    bins = np.array([300.9, 301.05, 512.25, 512.75, 700, 701, 1022.5, 1023.5])
    labels, scores = np.array([0, 1, 1, 0, 0, 1, 0, 1]), (bins / 1024).astype("float32")
    walk = functools.partial(area, labels, scores)
    assert_close(
        measure(kata.RocAuc(), [(labels, scores)]),
        walk(bins=1024),
        call=f"RocAuc() after scores {bins.tolist()} / 1024",
        oracle=PAIRS,
        bugs={"200 bins, as keras.metrics.AUC has thresholds": walk(bins=200)},
        **CLOSE,
    )


def test_3_without_one_of_the_classes_it_is_0(kata):
    for label, kind in enumerate(["negatives", "positives"]):
        assert_close(
            measure(kata.RocAuc(BINS), [(np.full(len(Y_PRED), label), Y_PRED)]),
            0.0,
            call=f"RocAuc({BINS}) after {kind} only",
            oracle="the convention that 0 / 0 is 0",
            rtol=0.0,
            bugs={"one half where a class is missing": 0.5, "1 where a class is missing": 1.0},
        )


def test_3_nothing_seen_is_0(kata):
    assert_close(
        result_of(kata.RocAuc(BINS)),
        0.0,
        call=f"RocAuc({BINS}).result()",
        oracle="the convention that 0 / 0 is 0",
        rtol=0.0,
        bugs={"one half where nothing was seen": 0.5},
    )


def test_4_any_split_gives_one_result(kata):
    assert_streams(
        lambda: kata.RocAuc(BINS),
        Y_TRUE,
        Y_PRED,
        area(Y_TRUE, Y_PRED),
        mean_of_batches=lambda batches: np.mean([area(*batch) for batch in batches]),
        **CLOSE,
    )


def test_4_weights_repeat_rows(kata):
    assert_weights_repeat_rows(
        lambda: kata.RocAuc(BINS),
        Y_TRUE,
        Y_PRED,
        area,
        unweighted=area(Y_TRUE, Y_PRED),
        weight_dtype="float32",
        **CLOSE,
    )


def test_4_reset_forgets(kata):
    assert_resets(lambda: kata.RocAuc(BINS), Y_TRUE, Y_PRED, 0.0, **CLOSE)


def test_5_a_graph_gives_the_same(kata):
    assert_modes_agree(
        lambda: kata.RocAuc(BINS),
        Y_TRUE,
        Y_PRED,
        area,
        mode=MODES["graph"],
        weight_dtype="float32",
        **CLOSE,
    )
