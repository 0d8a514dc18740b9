"""F-beta as a streaming Keras metric, in all four averages.

Question (20 min). Why is the mean of the batches' F1 not F1? Write the one that is, for K
classes, with recall worth beta times as much as precision. For each class, P = TP / (TP +
FP), R = TP / (TP + FN), and

    F = (1 + beta^2) P R / (beta^2 P + R)

The state is given, as is all that Keras wants of a metric: write `update_state` and
`result`. Test k checks clause k:

    1. y_true [B, K] is 0 or 1, y_pred [B, K] scores. With threshold=None one class a row
       is predicted, that of the highest score, whatever that is (of equals any one); with
       a number, every class whose score is strictly greater: none, one or several.
    2. average=None gives F of each class, [K]; "macro" their mean over all K classes;
       "weighted" their mean weighted by the number of true labels, TP + FN; "micro" F of
       the counts summed over classes. The last three are scalars.
    3. 0 / 0 is 0: a class with no label and no prediction has F = 0 (and counts in the
       macro mean), no label at all gives 0, and so does a metric that has seen nothing.
    4. Any split into batches, or over the replicas of a strategy in whose scope the
       metric is made, gives one result; sample_weight [B] counts a row that many times
       (a quarter of a time, too); reset_state forgets everything.
    5. Eager mode, tf.function and XLA agree. What was given still works: the errors, the
       config, a saved model.

Run   nox -s check -- f_beta
Read  https://scikit-learn.org/stable/modules/generated/sklearn.metrics.fbeta_score.html
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.keras_metrics import (
    assert_adds_up_over_replicas,
    assert_modes_agree,
    assert_reloads,
    assert_resets,
    assert_streams,
    assert_unequal_shapes_are_named,
    assert_weights_repeat_rows,
    measure,
)
from tests.support.serialization import assert_config_round_trip
from tests.support.value_errors import assert_value_error, keywords

# Counts are exact; a handful of float32 operations follow, 6e-8 each.
CLOSE = {"rtol": 1e-6}
FORMULA = "precision and recall, counted in loops"
AVERAGES = [None, "micro", "macro", "weighted"]

# Eighths, so that scores equal the thresholds exactly; no ties at the top of a row.
Y_TRUE = np.array(
    [[1, 0, 1], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 0], [0, 1, 1], [1, 0, 0], [1, 0, 0]]
)
Y_PRED = np.array(
    [[4, 1, 3], [6, 5, 2], [1, 4, 7], [5, 8, 0], [5, 4, 2], [4, 3, 6], [2, 1, 4], [7, 0, 5]],
    "float32",
) / np.float32(8)


def predicted(y_pred, threshold):
    """The 0/1 matrix of predictions, row by row."""
    if threshold is not None:
        return [[int(score > threshold) for score in row] for row in y_pred.tolist()]
    rows = y_pred.tolist()
    return [[int(k == row.index(max(row))) for k in range(len(row))] for row in rows]


def counts(y_true, guesses):
    """TP, FP and FN of each class: three arrays [K]."""
    table = np.zeros([3, np.shape(y_true)[1]])
    for truths, row in zip(y_true, guesses, strict=True):
        for k, (truth, guess) in enumerate(zip(truths, row, strict=True)):
            table[0, k] += truth == 1 and guess == 1
            table[1, k] += truth == 0 and guess == 1
            table[2, k] += truth == 1 and guess == 0
    return table


def ratio(a, b):
    return np.divide(a, b, out=np.zeros_like(np.float64(a)), where=np.asarray(b) > 0)


def f_score(tp, fp, fn, beta_squared):
    p, r = ratio(tp, tp + fp), ratio(tp, tp + fn)
    return ratio((1 + beta_squared) * p * r, beta_squared * p + r)


def oracle(y_true, y_pred, average=None, beta=1.0, threshold=None):
    return averaged(counts(y_true, predicted(y_pred, threshold)), average, beta**2)


def averaged(table, average, beta_squared):
    if average == "micro":
        return f_score(*table.sum(axis=1), beta_squared)
    scores = f_score(*table, beta_squared)
    if average is None:
        return scores
    weights = table[0] + table[2] if average == "weighted" else np.ones_like(scores)
    return ratio(scores @ weights, weights.sum())


def from_mean_precision_and_recall(table, beta_squared):
    p, r = ratio(table[0], table[0] + table[1]), ratio(table[0], table[0] + table[2])
    return (1 + beta_squared) * p.mean() * r.mean() / (beta_squared * p.mean() + r.mean())


def bugs(average, beta, threshold):
    """{cause: what that bug gives on Y_TRUE, Y_PRED}."""
    table = counts(Y_TRUE, predicted(Y_PRED, threshold))
    wrong = {
        "beta not squared": averaged(table, average, beta),
        "beta ignored: F1": averaged(table, average, 1.0),
        "precision and recall swapped": averaged(table, average, 1 / beta**2),
    }
    if threshold is not None:
        loose = counts(Y_TRUE, predicted(Y_PRED, threshold - 1e-6))
        wrong[">= threshold where it should be >"] = averaged(loose, average, beta**2)
        argmax = counts(Y_TRUE, predicted(Y_PRED, None))
        wrong["threshold ignored"] = averaged(argmax, average, beta**2)
    if average is not None:
        for other in sorted({"micro", "macro", "weighted"} - {average}):
            wrong[f"the {other} average"] = averaged(table, other, beta**2)
    if average in ("macro", "weighted"):
        mean = from_mean_precision_and_recall(table, beta**2)
        wrong["F of the mean precision and the mean recall"] = mean
    if average == "weighted":
        by_guess = ratio(f_score(*table, beta**2) @ (table[0] + table[1]), table[:2].sum())
        wrong["weighted by the number of predictions, TP + FP"] = by_guess
    return wrong


@pytest.mark.parametrize("beta", [0.5, 2.0], ids="beta={}".format)
@pytest.mark.parametrize("average", AVERAGES, ids="{}".format)
def test_1_threshold_is_strict(kata, average, beta):
    assert_close(
        measure(kata.FBeta(3, average=average, beta=beta, threshold=0.5), [(Y_TRUE, Y_PRED)]),
        oracle(Y_TRUE, Y_PRED, average, beta, 0.5),
        call=f"FBeta(3, average={average!r}, beta={beta}, threshold=0.5)",
        oracle=FORMULA,
        bugs=bugs(average, beta, 0.5),
        **CLOSE,
    )


@pytest.mark.parametrize("threshold", [0.0, -1, 2.5])
def test_1_threshold_may_be_any_number(kata, threshold):
    logits = 8 * Y_PRED - 4
    assert_close(
        measure(kata.FBeta(3, threshold=threshold), [(Y_TRUE, logits)]),
        oracle(Y_TRUE, logits, threshold=threshold),
        call=f"FBeta(3, threshold={threshold}) after logits from -4 to 4",
        oracle=FORMULA,
        bugs={"the threshold taken for None": oracle(Y_TRUE, logits)},
        **CLOSE,
    )


# Logits: the highest may be far below any probability, or exactly 0.
HIGHEST = {
    "scores": Y_PRED,
    "large": 100 * Y_PRED,
    "negative": 100 * Y_PRED - 200,
    "at most 0": Y_PRED - Y_PRED.max(axis=1, keepdims=True),
}


@pytest.mark.parametrize("kind", HIGHEST)
def test_1_the_highest_score_is_predicted(kata, kind):
    scores = HIGHEST[kind]
    above = lambda limit: averaged(counts(Y_TRUE, predicted(scores, limit)), None, 1)
    # Only scores below 1 can tell the two apart.
    bugs = {"threshold 0.5": above(0.5), "threshold 0": above(0.0)}
    if kind != "scores":
        bugs = {"a fixed threshold": above(0.5)}
    assert_close(
        measure(kata.FBeta(3), [(Y_TRUE, scores)]),
        oracle(Y_TRUE, scores),
        call=f"FBeta(3) after scores from {scores.min():g} to {scores.max():g}",
        oracle=FORMULA,
        bugs={f"{cause} where the highest score is asked for": f for cause, f in bugs.items()},
        **CLOSE,
    )


TIES = [[[0.5, 0.5]], [[4, 4, 2], [0, 0, 0], [-2, -1, -1]]]


@pytest.mark.parametrize("scores", TIES, ids=["two classes", "three classes"])
def test_1_of_equal_scores_one_is_predicted(kata, scores):
    # Every class is labelled: whichever of the equals is predicted is a hit.
    scores = np.array(scores, "float32")
    every = np.sum(scores == scores.max(axis=1, keepdims=True))
    rows, classes = scores.shape
    assert_close(
        measure(kata.FBeta(classes, average="micro"), [(np.ones_like(scores), scores)]),
        2 * rows / (rows * classes + rows),
        call=f'FBeta({classes}, average="micro") after {scores.tolist()}, every label 1',
        oracle="2 TP / (labels + predictions), with one hit a row",
        bugs={
            "every class with the highest score": 2 * every / (rows * classes + every),
            "no class where the highest score is not alone": 0.0,
        },
        **CLOSE,
    )


@pytest.mark.parametrize(
    "labels, dtype",
    [("bool", "float32"), ("int64", "float16"), ("int64", "float64"), ("float32", "float16")],
)
def test_1_labels_and_scores_of_any_dtype(kata, labels, dtype):
    assert_close(
        measure(
            kata.FBeta(3, threshold=0.5),
            [(tf.constant(Y_TRUE.astype(labels)), tf.constant(Y_PRED, dtype))],
        ),
        oracle(Y_TRUE, Y_PRED, threshold=0.5),
        call=f"FBeta(3, threshold=0.5) after {labels} labels and {dtype} scores",
        oracle=FORMULA,
        **CLOSE,
    )


@pytest.mark.parametrize("beta", [0.5, 2], ids="beta={}".format)
@pytest.mark.parametrize("average", AVERAGES, ids="{}".format)
def test_2_averages(kata, average, beta):
    assert_close(
        measure(kata.FBeta(3, average=average, beta=beta), [(Y_TRUE, Y_PRED)]),
        oracle(Y_TRUE, Y_PRED, average, beta),
        call=f"FBeta(3, average={average!r}, beta={beta})",
        oracle=FORMULA,
        bugs=bugs(average, beta, None),
        **CLOSE,
    )


def test_2_defaults_are_f1_of_each_class(kata):
    assert_close(
        measure(kata.FBeta(3), [(Y_TRUE.tolist(), Y_PRED.tolist())]),
        oracle(Y_TRUE, Y_PRED),
        call="FBeta(3) after lists",
        oracle=FORMULA,
        bugs={"beta = 2": oracle(Y_TRUE, Y_PRED, beta=2.0)},
        **CLOSE,
    )


WITH_EMPTY = [np.pad(Y_TRUE, [(0, 0), (0, 1)]), np.pad(Y_PRED, [(0, 0), (0, 1)])]


@pytest.mark.parametrize("threshold", [None, 0.5], ids="threshold={}".format)
@pytest.mark.parametrize("average", AVERAGES, ids="{}".format)
def test_3_an_empty_class_counts_zero(kata, average, threshold):
    want = oracle(*WITH_EMPTY, average, 2.0, threshold)
    dropped = oracle(Y_TRUE, Y_PRED, average, 2.0, threshold)
    assert_close(
        measure(kata.FBeta(4, average=average, beta=2.0, threshold=threshold), [WITH_EMPTY]),
        want,
        call=f"FBeta(4, average={average!r}, beta=2.0), class 3 neither true nor predicted",
        oracle=FORMULA,
        bugs={"the empty class left out": dropped} if average == "macro" else None,
        **CLOSE,
    )


@pytest.mark.parametrize("average", AVERAGES, ids="{}".format)
def test_3_no_label_or_no_prediction_is_zero(kata, average):
    none, low = np.zeros_like(Y_TRUE), np.zeros_like(Y_PRED)
    for y_true, y_pred in [(none, Y_PRED), (Y_TRUE, low), (none, low)]:
        assert_close(
            measure(kata.FBeta(3, average=average, threshold=0.5), [(y_true, y_pred)]),
            np.zeros(() if average else 3),
            call=f"FBeta(3, average={average!r}, threshold=0.5) without true positives",
            oracle="the convention that 0 / 0 is 0",
            rtol=0.0,
        )


SETTINGS = {"beta": 2.0, "threshold": 0.25}


@pytest.mark.parametrize("average", AVERAGES, ids="{}".format)
def test_4_any_split_gives_one_result(kata, average):
    of = functools.partial(oracle, average=average, **SETTINGS)
    assert_streams(
        lambda: kata.FBeta(3, average=average, **SETTINGS),
        Y_TRUE,
        Y_PRED,
        of(Y_TRUE, Y_PRED),
        mean_of_batches=lambda batches: np.mean([of(*batch) for batch in batches], axis=0),
        **CLOSE,
    )


@pytest.mark.parametrize("average", [None, "weighted"], ids="{}".format)
def test_4_integer_weights_repeat_rows(kata, average):
    of = functools.partial(oracle, average=average, **SETTINGS)
    assert_weights_repeat_rows(
        lambda: kata.FBeta(3, average=average, **SETTINGS),
        Y_TRUE,
        Y_PRED,
        of,
        unweighted=of(Y_TRUE, Y_PRED),
        **CLOSE,
    )


@pytest.mark.parametrize("average", [None, "micro"], ids="{}".format)
def test_4_replicas_add_up(kata, average):
    make = functools.partial(kata.FBeta, 3, average=average, **SETTINGS)
    of = functools.partial(oracle, average=average, **SETTINGS)
    assert_adds_up_over_replicas(make, Y_TRUE, Y_PRED, of, **CLOSE)


@pytest.mark.parametrize("average", [None, "macro"], ids="{}".format)
def test_4_reset_forgets(kata, average):
    make = lambda: kata.FBeta(3, average=average)
    assert_resets(make, Y_TRUE, Y_PRED, np.zeros(() if average else 3), **CLOSE)


def test_5_every_mode_agrees(kata, mode):
    make = lambda: kata.FBeta(3, average="weighted", beta=2.0)
    of = functools.partial(oracle, average="weighted", beta=2.0)
    assert_modes_agree(make, Y_TRUE, Y_PRED, of, mode=mode, **CLOSE)


def test_5_what_was_given_still_works(kata, tmp_path):
    settings = {"average": "micro", **SETTINGS}
    assert_config_round_trip(kata.FBeta, num_classes=3, name="mine", **settings)
    make = functools.partial(kata.FBeta, 3, **settings)
    assert_reloads(make, Y_TRUE, Y_PRED, oracle(Y_TRUE, Y_PRED, **settings), tmp_path, **CLOSE)


BAD = [{"num_classes": 1}, {"beta": 0}, {"average": "mean"}]


def test_5_errors_still_name_the_argument(kata):
    for bad in BAD:
        settings = {"num_classes": 3} | bad
        call = f"FBeta({keywords(settings)})"
        assert_value_error(lambda settings=settings: kata.FBeta(**settings), *bad, call=call)
    assert_unequal_shapes_are_named(kata.FBeta(3, threshold=0.5), Y_TRUE, Y_PRED[:, :1])
