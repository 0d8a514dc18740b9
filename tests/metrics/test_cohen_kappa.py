"""Cohen's kappa as a streaming Keras metric, with graded penalties.

Question (15 min). Two raters who both say "benign" nine times in ten agree on 82% by
chance alone. Cohen's kappa asks how much of the disagreement expected by chance is gone:

    kappa = 1 - sum_ij w_ij O_ij / sum_ij w_ij E_ij

O is the confusion matrix of the n examples; E = (row sums of O) (column sums of O)^T / n
is what independent raters with the same habits would give; w_ij is the penalty of saying
j where the other said i:

    weightage=None         0 where i = j, else 1
    weightage="linear"     |i - j|
    weightage="quadratic"  (i - j)^2

The state is given, as is all that Keras wants of a metric: write `update_state` and
`result`. Test k checks clause k:

    1. For class ids y_true [B] and y_pred [B], all from 0 to num_classes - 1, result() is
       kappa without weightage, a scalar tensor.
    2. The same with linear and with quadratic penalties, over num_classes classes.
    3. Where kappa is 0 / 0 it is 0: all labels and predictions one class, nothing seen.
    4. Any split into batches, or over the replicas of a strategy in whose scope the
       metric is made, gives one result; sample_weight [B] counts a row that many times
       (a quarter of a time, too); reset_state forgets everything.
    5. Eager mode, tf.function and XLA agree. What was given still works: ids of any
       integer dtype, the errors, the config, a saved model.

Run   nox -s check -- cohen_kappa
Read  https://doi.org/10.1037/h0026256 (Cohen 1968, weighted kappa)
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
    result_of,
)
from tests.support.serialization import assert_config_round_trip
from tests.support.value_errors import assert_value_error, keywords

# The counts are exact in float32; a dozen operations follow, 6e-8 each, and 1 - x loses
# as much again where kappa is small.
CLOSE = {"rtol": 2e-6, "atol": 1e-6}
PAIRS = "the mean penalty of the pairs over that of all re-pairings"
WEIGHTAGES = [None, "linear", "quadratic"]

# Neither symmetric nor balanced: the labels never say 3, the predictions never say 4.
Y_TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 4, 2, 4, 0, 2])
Y_PRED = np.array([0, 0, 1, 0, 1, 0, 1, 2, 0, 1, 0, 3])

PENALTIES = {
    None: lambda i, j: int(i != j),
    "linear": lambda i, j: abs(i - j),
    "quadratic": lambda i, j: (i - j) ** 2,
}


def oracle(y_true, y_pred, weightage=None, penalty=None):
    """The definition by pairs: each label with its prediction, then with every one."""
    penalty = penalty or PENALTIES[weightage]
    truths, guesses = y_true.tolist(), y_pred.tolist()
    seen = np.mean([penalty(i, j) for i, j in zip(truths, guesses, strict=True)])
    chance = np.mean([[penalty(i, j) for j in guesses] for i in truths])
    return 1 - seen / chance if chance else 0.0


def by_matrix(y_true, y_pred, weightage, expected, classes=5):
    """1 - sum w O / sum w E for a function from O to another E."""
    i, j = np.indices([classes, classes])
    w = np.vectorize(PENALTIES[weightage])(i, j)
    observed = np.zeros([classes, classes])
    np.add.at(observed, (y_true, y_pred), 1)
    return 1 - (w * observed).sum() / (w * expected(observed)).sum()


def outer(matrix):
    return np.outer(matrix.sum(axis=1), matrix.sum(axis=0))


def squared(habit):
    return np.outer(habit, habit)


def bugs(y_true, y_pred, weightage):
    """{cause: what that bug gives}."""
    other = functools.partial(by_matrix, y_true, y_pred, weightage)
    most = PENALTIES[weightage](0, 4)
    agreement = lambda i, j: 1 - PENALTIES[weightage](i, j) / most
    hits = (y_true == y_pred).mean()
    wrong = {
        "E not divided by n": other(outer),
        "E divided by n squared": other(lambda o: outer(o) / o.sum() ** 2),
        "weights of agreement for penalties": oracle(y_true, y_pred, penalty=agreement),
        "E from the predictions only": other(lambda o: squared(o.sum(axis=0)) / o.sum()),
        "E from the labels only": other(lambda o: squared(o.sum(axis=1)) / o.sum()),
        "E from the mean of both habits: Scott's pi": other(
            lambda o: squared((o.sum(axis=0) + o.sum(axis=1)) / 2) / o.sum()
        ),
        "chance agreement 1 / num_classes": 1 - (1 - hits) / (1 - 1 / 5),
        "the ratio without 1 - ": 1 - oracle(y_true, y_pred, weightage),
        "accuracy": hits,
    }
    for name in WEIGHTAGES:
        if name != weightage:
            wrong[f"weightage={name!r}"] = oracle(y_true, y_pred, name)
    return wrong


@pytest.mark.parametrize("arrays", ["lists", "arrays"])
def test_1_result_is_kappa(kata, arrays):
    batch = (Y_TRUE, Y_PRED) if arrays == "arrays" else (Y_TRUE.tolist(), Y_PRED.tolist())
    assert_close(
        measure(kata.CohenKappa(5), [batch]),
        oracle(Y_TRUE, Y_PRED),
        call=f"CohenKappa(5) after y_true={Y_TRUE}, y_pred={Y_PRED}",
        oracle=PAIRS,
        bugs=bugs(Y_TRUE, Y_PRED, None),
        **CLOSE,
    )


BY_HAND = [
    ([0, 1, 1], [0, 1, 1], 1.0),
    ([0, 1, 0, 1], [1, 0, 1, 0], -1.0),
    ([0, 0, 1, 1], [0, 1, 0, 1], 0.0),
    ([0, 1, 1, 1], [0, 0, 1, 1], 1 - (1 / 4) / (1 / 2)),
]


@pytest.mark.parametrize("y_true, y_pred, want", BY_HAND)
@pytest.mark.parametrize("weightage", WEIGHTAGES, ids="{}".format)
def test_2_for_two_classes_all_penalties_agree(kata, weightage, y_true, y_pred, want):
    assert_close(
        measure(kata.CohenKappa(2, weightage=weightage), [(y_true, y_pred)]),
        want,
        call=f"CohenKappa(2, weightage={weightage!r}) after {y_true}, {y_pred}",
        oracle="the formula by hand",
        **CLOSE,
    )


@pytest.mark.parametrize("weightage", ["linear", "quadratic"])
def test_2_penalties_grow_with_the_distance(kata, weightage):
    assert_close(
        measure(kata.CohenKappa(5, weightage=weightage), [(Y_TRUE, Y_PRED)]),
        oracle(Y_TRUE, Y_PRED, weightage),
        call=f"CohenKappa(5, weightage={weightage!r}) after y_true={Y_TRUE}, y_pred={Y_PRED}",
        oracle=PAIRS,
        bugs=bugs(Y_TRUE, Y_PRED, weightage),
        **CLOSE,
    )


@pytest.mark.parametrize("weightage", WEIGHTAGES, ids="{}".format)
@pytest.mark.parametrize("seed", range(3))
def test_2_random_raters_match_the_definition(kata, weightage, seed):
    random = np.random.default_rng(seed)
    y_true, y_pred = random.integers(0, 7, [2, 40 + seed])
    assert_close(
        measure(kata.CohenKappa(7, weightage=weightage), [(y_true, y_pred)]),
        oracle(y_true, y_pred, weightage),
        call=f"CohenKappa(7, weightage={weightage!r}) after random ratings (seed {seed})",
        oracle=PAIRS,
        **CLOSE,
    )


@pytest.mark.parametrize("weightage", WEIGHTAGES, ids="{}".format)
def test_3_undefined_is_zero(kata, weightage):
    for ids, weights in [([1, 1, 1], None), ([2], None), ([0, 0, 0], [0.1, 0.2, 0.7])]:
        assert_close(
            measure(kata.CohenKappa(3, weightage=weightage), [(ids, ids, weights)]),
            0.0,
            call=f"CohenKappa(3, weightage={weightage!r}) after y_true = y_pred = {ids}",
            oracle="the convention that 0 / 0 is 0",
            rtol=0.0,
            bugs={"1 where it should be 0: 1 - 0 by divide_no_nan": 1.0},
        )


@pytest.mark.parametrize("weightage", WEIGHTAGES, ids="{}".format)
def test_3_nothing_seen_is_zero(kata, weightage):
    assert_close(
        result_of(kata.CohenKappa(3, weightage=weightage)),
        0.0,
        call=f"CohenKappa(3, weightage={weightage!r}).result()",
        oracle="the convention that 0 / 0 is 0",
        rtol=0.0,
        bugs={"1 where it should be 0: 1 - 0 by divide_no_nan": 1.0},
    )


def test_3_one_constant_rater_is_no_better_than_chance(kata):
    for y_true, y_pred in [([0, 1, 2, 1], [1, 1, 1, 1]), ([0, 0], [1, 1])]:
        assert_close(
            measure(kata.CohenKappa(3), [(y_true, y_pred)]),
            0.0,
            call=f"CohenKappa(3) after y_true={y_true}, y_pred={y_pred}",
            oracle="O = E for a constant rater",
            **CLOSE,
        )


@pytest.mark.parametrize("weightage", WEIGHTAGES, ids="{}".format)
def test_4_any_split_gives_one_result(kata, weightage):
    of = functools.partial(oracle, weightage=weightage)
    assert_streams(
        lambda: kata.CohenKappa(5, weightage=weightage),
        Y_TRUE,
        Y_PRED,
        of(Y_TRUE, Y_PRED),
        mean_of_batches=lambda batches: np.mean([of(*batch) for batch in batches]),
        **CLOSE,
    )


@pytest.mark.parametrize("weightage", WEIGHTAGES, ids="{}".format)
def test_4_integer_weights_repeat_rows(kata, weightage):
    of = functools.partial(oracle, weightage=weightage)
    assert_weights_repeat_rows(
        lambda: kata.CohenKappa(5, weightage=weightage),
        Y_TRUE,
        Y_PRED,
        of,
        unweighted=of(Y_TRUE, Y_PRED),
        **CLOSE,
    )


@pytest.mark.parametrize("weightage", [None, "quadratic"], ids="{}".format)
def test_4_replicas_add_up(kata, weightage):
    make = functools.partial(kata.CohenKappa, 5, weightage=weightage)
    of = functools.partial(oracle, weightage=weightage)
    assert_adds_up_over_replicas(make, Y_TRUE, Y_PRED, of, **CLOSE)


def test_4_reset_forgets(kata):
    assert_resets(lambda: kata.CohenKappa(5), Y_TRUE, Y_PRED, 0.0, rtol=CLOSE["rtol"])


def test_5_every_mode_agrees(kata, mode):
    make = lambda: kata.CohenKappa(5, weightage="linear")
    of = functools.partial(oracle, weightage="linear")
    assert_modes_agree(make, Y_TRUE, Y_PRED, of, mode=mode, **CLOSE)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_5_ids_fill_their_dtype(kata, dtype):
    # 8 bits hold every id, but neither the number of classes nor that of a cell.
    classes = np.iinfo(dtype).max + 1
    labels, predictions = (tf.constant(ids + classes - 5, dtype) for ids in (Y_TRUE, Y_PRED))
    assert_close(
        measure(kata.CohenKappa(classes, weightage="quadratic"), [(labels, predictions)]),
        oracle(Y_TRUE, Y_PRED, "quadratic"),
        call=f"CohenKappa({classes}, weightage='quadratic') after {dtype} tensors of the last ids",
        oracle=PAIRS,
        **CLOSE,
    )


def test_5_what_was_given_still_works(kata, tmp_path):
    settings = {"num_classes": 5, "weightage": "quadratic", "name": "mine"}
    assert_config_round_trip(kata.CohenKappa, **settings)
    make, want = lambda: kata.CohenKappa(**settings), oracle(Y_TRUE, Y_PRED, "quadratic")
    assert_reloads(make, Y_TRUE, Y_PRED, want, tmp_path, **CLOSE)


def test_5_errors_still_name_the_argument(kata):
    for bad in [{"num_classes": 1}, {"weightage": "cubic"}]:
        settings = {"num_classes": 3} | bad
        call = f"CohenKappa({keywords(settings)})"
        assert_value_error(lambda settings=settings: kata.CohenKappa(**settings), *bad, call=call)
    assert_unequal_shapes_are_named(kata.CohenKappa(5), Y_TRUE, Y_PRED[:, None])
