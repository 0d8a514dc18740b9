"""Matthews' correlation as a streaming Keras metric.

Question (12 min). Accuracy is .95 for a model that calls everything positive on 95/5 data;
Matthews' correlation is 0. It is the correlation of two class assignments: with one
indicator column per class, x from the labels and y from the predictions,

    R = sum_k cov(x_k, y_k) / sqrt(sum_k cov(x_k, x_k) * sum_k cov(y_k, y_k))

In terms of the confusion matrix of n examples, with c hits on its diagonal, row sums t_k
(labels) and column sums p_k (predictions):

    R = (n c - sum_k t_k p_k) / sqrt((n^2 - sum_k p_k^2) (n^2 - sum_k t_k^2))

For two classes that is (TP TN - FP FN) / sqrt((TP+FP) (TP+FN) (TN+FP) (TN+FN)). Write it
as a `keras.metrics.Metric` that streams. Test k checks clause k:

    1. For class ids y_true [B] and y_pred [B], all from 0 to num_classes - 1, in lists,
       arrays or tensors of any integer dtype, result() is R, a scalar tensor.
    2. Where R is 0 / 0 it is 0: labels or predictions of one class only, nothing seen.
    3. Counts of 10^8 neither overflow, nor stop growing, nor lose a small class beside
       them: R is right to 1e-6.
    4. Any split into batches, or over the replicas of a strategy in whose scope the
       metric is made, gives one result; sample_weight [B] counts a row that many times
       (a quarter of a time, too); reset_state forgets everything.
    5. Eager mode, tf.function, XLA and `model.evaluate` agree. The class is registered
       with Keras, comes back from its config, and with a saved model.
    6. num_classes < 2, and y_true and y_pred of unequal shape ((B,) against (B, 1), too),
       raise a ValueError that names them, as in `Received: num_classes=1`.

Run   nox -s check -- matthews_correlation
Read  https://doi.org/10.1016/j.compbiolchem.2004.09.006, equation 8
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.keras_metrics import (
    assert_adds_up_over_replicas,
    assert_measures_in_evaluate,
    assert_modes_agree,
    assert_reloads,
    assert_resets,
    assert_streams,
    assert_unequal_shapes_are_named,
    assert_weights_repeat_rows,
    measure,
    result_of,
)
from tests.support.serialization import assert_config_round_trip
from tests.support.value_errors import assert_value_error

# A float32 result is rounded once, 6e-8; the counts below are exact in any float.
CLOSE = {"rtol": 1e-6}

# Neither symmetric nor balanced; class 3 is never predicted.
Y_TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 0, 2])
Y_PRED = np.array([0, 0, 1, 0, 1, 2, 1, 2, 0, 2, 0, 2])


def oracle(y_true, y_pred, classes=4):
    """The definition: covariances of indicator columns, over the examples."""
    x, y = (np.eye(classes)[labels] for labels in (y_true, y_pred))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())


def exact(confusion):
    """The formula on a confusion matrix, in integers up to the root."""
    rows = [[int(count) for count in row] for row in confusion]
    t, p = [sum(row) for row in rows], [sum(column) for column in zip(*rows, strict=True)]
    n, hits = sum(t), sum(rows[k][k] for k in range(len(rows)))
    covariance = n * hits - sum(a * b for a, b in zip(t, p, strict=True))
    spreads = [n * n - sum(count * count for count in counts) for counts in (t, p)]
    return covariance / np.sqrt(float(spreads[0] * spreads[1]))


def one_against_rest(y_true, y_pred):
    """The binary coefficient of each class against the others, averaged."""
    binary = [oracle(1 * (y_true == k), 1 * (y_pred == k), 2) for k in range(3)]
    return np.mean([*binary, 0.0])  # class 3 is never predicted


def kappa(y_true, y_pred):
    t, p = (np.bincount(y, minlength=4) / len(y) for y in (y_true, y_pred))
    chance = t @ p
    return ((y_true == y_pred).mean() - chance) / (1 - chance)


def without_root(y_true, y_pred):
    x, y = (np.eye(4)[labels] for labels in (y_true, y_pred))
    return oracle(y_true, y_pred) / np.sqrt(x.var(axis=0).sum() * y.var(axis=0).sum())


def squared(y_true, y_pred):
    return oracle(y_true, y_pred) ** 2


BUGS = {
    "the mean of each class against the rest": one_against_rest,
    "accuracy": lambda y_true, y_pred: (y_true == y_pred).mean(),
    "Cohen's kappa: the mean of the spreads for their geometric mean": kappa,
    "no square root in the denominator": without_root,
    "R squared": squared,
}


def test_1_result_is_the_correlation(kata):
    assert_close(
        measure(kata.MatthewsCorrelation(4), [(Y_TRUE, Y_PRED)]),
        oracle(Y_TRUE, Y_PRED),
        call=f"MatthewsCorrelation(4) after y_true={Y_TRUE}, y_pred={Y_PRED}",
        oracle="the covariances of indicator columns",
        bugs={cause: bug(Y_TRUE, Y_PRED) for cause, bug in BUGS.items()},
        **CLOSE,
    )


@pytest.mark.parametrize("seed", range(3))
def test_1_random_confusions_match_the_formula(kata, seed):
    random = np.random.default_rng(seed)
    classes = 2 + 3 * seed
    confusion = random.integers(0, 9, [classes, classes])
    cells = np.indices(confusion.shape).reshape(2, -1)
    y_true, y_pred = (np.repeat(labels, confusion.ravel()) for labels in cells)
    assert_close(
        measure(kata.MatthewsCorrelation(classes), [(y_true, y_pred)]),
        exact(confusion),
        call=f"MatthewsCorrelation({classes}) after confusion matrix {confusion.tolist()}",
        oracle="the formula in integers",
        atol=1e-7,  # of a correlation, which may be near 0
        **CLOSE,
    )


BY_HAND = [
    ([0, 1, 1], [0, 1, 1], 1.0),
    ([0, 1, 1], [1, 0, 0], -1.0),
    # n c - sum t p = 0 - (2 * 1 + 1 * 2 + 1 * 1) and n^2 - sum t^2 = 16 - (4 + 1 + 1)
    ([0, 1, 2, 0], [1, 2, 0, 1], -5 / 10),
]


@pytest.mark.parametrize("y_true, y_pred, want", BY_HAND)
def test_1_values_by_hand(kata, y_true, y_pred, want):
    assert_close(
        measure(kata.MatthewsCorrelation(3), [(y_true, y_pred)]),
        want,
        call=f"MatthewsCorrelation(3) after y_true={y_true}, y_pred={y_pred}",
        oracle="the formula by hand",
        **CLOSE,
    )


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "int64"])
def test_1_class_ids_have_any_integer_dtype(kata, dtype):
    # 8 bits hold every id, but neither the number of classes nor that of a cell.
    classes = min(256, np.iinfo(dtype).max + 1)
    labels, predictions = (tf.constant(ids + classes - 4, dtype) for ids in (Y_TRUE, Y_PRED))
    assert_close(
        measure(kata.MatthewsCorrelation(classes), [(labels, predictions)]),
        oracle(Y_TRUE, Y_PRED),
        call=f"MatthewsCorrelation({classes}) after {dtype} tensors of the last four ids",
        oracle="the covariances of indicator columns",
        **CLOSE,
    )


UNDEFINED = {
    "one class predicted": ([0, 1, 2, 1], [1, 1, 1, 1]),
    "one class labelled": ([2, 2, 2, 2], [0, 1, 2, 1]),
    "one class, always hit": ([1, 1, 1, 1], [1, 1, 1, 1]),
    "one class, always missed": ([1, 1, 1, 1], [0, 0, 0, 0]),
}


@pytest.mark.parametrize("weights", [None, [0.1, 0.2, 0.3, 0.7]], ids=["", "weighted"])
@pytest.mark.parametrize("case", UNDEFINED)
def test_2_undefined_is_zero(kata, case, weights):
    y_true, y_pred = UNDEFINED[case]
    assert_close(
        measure(kata.MatthewsCorrelation(3), [(y_true, y_pred, weights)]),
        0.0,
        call=f"MatthewsCorrelation(3) after y_true={y_true}, y_pred={y_pred}",
        oracle="the convention that 0 / 0 is 0",
        rtol=0.0,
        atol=1e-6,  # sums of weights such as 0.1 differ by 1e-16, whose root is 1e-8
    )


def test_2_nothing_seen_is_zero(kata):
    assert_close(
        result_of(kata.MatthewsCorrelation(2)),
        0.0,
        call="MatthewsCorrelation(2).result()",
        oracle="the convention that 0 / 0 is 0",
        rtol=0.0,
    )


LARGE = {
    "a small class beside 10^8": [[100_000_000, 30], [50, 20]],
    "10^8 in each class": [
        [100_000_000, 20_000_000, 5_000_000],
        [10_000_000, 100_000_000, 0],
        [30_000_000, 0, 100_000_000],
    ],
}


def in_float32(confusion):
    """The formula as printed, in float32."""
    counts = np.array(confusion, "float32")
    n, t, p = counts.sum(), counts.sum(axis=1), counts.sum(axis=0)
    root = np.sqrt((n * n - (p * p).sum()) * (n * n - (t * t).sum()))
    return (n * np.trace(counts) - (t * p).sum()) / root


@pytest.mark.parametrize("case", LARGE)
def test_3_counts_of_10_to_the_8_are_right(kata, case):
    confusion = np.array(LARGE[case])
    y_true, y_pred = np.indices(confusion.shape).reshape(2, -1)
    bugs = {"the formula in float32": in_float32(confusion)}
    assert_close(
        measure(
            kata.MatthewsCorrelation(len(confusion)),
            [(y_true, y_pred, confusion.ravel().astype("float64"))],
        ),
        exact(confusion),
        call=f"MatthewsCorrelation({len(confusion)}) after weights {confusion.tolist()}",
        oracle="the formula in integers",
        bugs=bugs if len(confusion) == 2 else None,
        **CLOSE,
    )


def test_3_counts_go_on_after_2_to_the_24(kata):
    metric = kata.MatthewsCorrelation(2)
    # Nearly uncorrelated, so that a few more hits show; both kinds of hits end float32.
    rare = 2**24 - 2**12
    confusion = np.array([[2**24, rare], [rare, 2**24]])
    y_true, y_pred = np.indices([2, 2]).reshape(2, -1)
    metric.update_state(y_true, y_pred, sample_weight=confusion.ravel().astype("float64"))
    both = tf.constant([0, 1])
    for _ in range(16):
        metric.update_state(both, both)
    assert_close(
        metric.result(),
        exact(confusion + 16 * np.eye(2)),
        call="MatthewsCorrelation(2) after 2^24 hits of each class and 16 more, one by one",
        oracle="the formula in integers",
        bugs={
            "float32 counts, which stop at 2^24 = 16777216": exact(confusion),
            "the mean of the batches' results": (exact(confusion) + 16) / 17,
        },
        **CLOSE,
    )


def test_4_any_split_gives_one_result(kata):
    assert_streams(
        lambda: kata.MatthewsCorrelation(4),
        Y_TRUE,
        Y_PRED,
        oracle(Y_TRUE, Y_PRED),
        mean_of_batches=lambda batches: np.mean([of_batch(*batch) for batch in batches]),
        **CLOSE,
    )


def test_4_replicas_add_up(kata):
    make = functools.partial(kata.MatthewsCorrelation, 4)
    assert_adds_up_over_replicas(make, Y_TRUE, Y_PRED, of_batch, **CLOSE)


def of_batch(y_true, y_pred):
    """The coefficient of a batch, 0 where it is undefined."""
    constant = len(set(y_true)) == 1 or len(set(y_pred)) == 1
    return 0.0 if constant else oracle(y_true, y_pred)


def test_4_integer_weights_repeat_rows(kata):
    assert_weights_repeat_rows(
        lambda: kata.MatthewsCorrelation(4),
        Y_TRUE,
        Y_PRED,
        oracle,
        unweighted=oracle(Y_TRUE, Y_PRED),
        **CLOSE,
    )


def test_4_reset_forgets(kata):
    assert_resets(lambda: kata.MatthewsCorrelation(4), Y_TRUE, Y_PRED, 0.0, **CLOSE)


@pytest.mark.parametrize("mode", ["eager", "XLA"], indirect=True)
def test_5_eager_and_compiled_agree(kata, mode):
    make = lambda: kata.MatthewsCorrelation(4)
    assert_modes_agree(make, Y_TRUE, Y_PRED, oracle, mode=mode, **CLOSE)


def test_5_measures_in_evaluate(kata):
    make = lambda: kata.MatthewsCorrelation(4)
    assert_measures_in_evaluate(make, Y_TRUE, Y_PRED, oracle, **CLOSE)


def test_5_comes_back_from_its_config(kata):
    settings = {"num_classes": 4, "name": "mine", "dtype": "float64"}
    revived = assert_config_round_trip(kata.MatthewsCorrelation, **settings)
    assert_close(
        measure(revived, [(Y_TRUE, Y_PRED)]),
        oracle(Y_TRUE, Y_PRED),
        call="the revived MatthewsCorrelation(4, name='mine', dtype='float64')",
        oracle="the covariances of indicator columns",
        **CLOSE,
    )


def test_5_comes_back_with_a_saved_model(kata, tmp_path):
    make, want = functools.partial(kata.MatthewsCorrelation, 4), oracle(Y_TRUE, Y_PRED)
    assert_reloads(make, Y_TRUE, Y_PRED, want, tmp_path, **CLOSE)


@pytest.mark.parametrize("num_classes", [1, 0, -3])
def test_6_bad_num_classes_is_named(kata, num_classes):
    call = f"MatthewsCorrelation({num_classes})"
    assert_value_error(lambda: kata.MatthewsCorrelation(num_classes), "num_classes", call=call)


@pytest.mark.parametrize("y_pred", [Y_PRED[:, None], Y_PRED[:-1], Y_PRED[:1]], ids=np.shape)
def test_6_unequal_shapes_are_named(kata, y_pred):
    assert_unequal_shapes_are_named(kata.MatthewsCorrelation(4), Y_TRUE, y_pred)
