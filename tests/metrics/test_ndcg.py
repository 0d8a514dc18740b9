"""NDCG@k as a streaming Keras metric.

Question (20 min). A ranker gives each item of a list a score; how good is the order? For
each list, over its first k ranks,

    DCG = sum of (2^rel - 1) / log2(1 + rank)       rank = 1, 2, ..., k
    NDCG = DCG of the order by score / DCG of the best order

The state of a mean over lists is given; write `update_state`, which adds a batch of lists,
and `result`. Test k checks clause k:

    1. y_true [B, L] holds relevances (float32, at least 0), y_pred [B, L] scores (float32,
       any sign); the highest score has rank 1. The result is the mean of the lists' NDCG.
       k is 10 by default, and may be above L: then the list ends before.
    2. The best order is that of the whole list by relevance, cut at k as well.
    3. Of items with equal scores that with the lower index comes first.
    4. A negative relevance marks padding: whatever its score, it takes no rank from an item
       and has no gain.
    5. A list whose best order has a DCG of 0 is not counted: it is as if it were not there.
       Where no list counts, or none has been seen, the result is 0.
    6. Any split into batches gives one result; sample_weight [B] (float32) counts a list
       that many times (a sixteenth of a time, too); reset_state forgets everything; in
       tf.function the result is the same.

Not asked: XLA, replicas, errors, other dtypes, scores that are not finite.

Run   nox -s check -- ndcg
Read  https://www.microsoft.com/en-us/research/wp-content/uploads/2016/02/MSR-TR-2010-82.pdf
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
)
from tests.support.modes import MODES

# Ten terms, a ratio and a mean in float32 round some twenty times, 6e-8 each.
CLOSE = {"rtol": 2e-6}
FORMULA = {"oracle": "the formula, list by list, ordered by Python's sorted", **CLOSE}

# As many lists as items: what runs along the wrong axis runs.
Y_TRUE = np.array(
    [
        [1, 3, 0, 2, 0, 1],
        [0, 0, 2, 1, 3, 0],
        [2, 0, 1, 0, 0, 3],
        [0, 1, 0, 2, 2, 1],
        [3, 2, 0, 0, 1, 0],
        [0, 0, 1, 3, 0, 2],
    ],
    "float32",
)
# Eighths from -2 to 2, no two of a list equal.
Y_PRED = np.array(
    [
        [7, -3, 12, 5, -9, 1],
        [-2, 9, 4, 6, -11, 3],
        [10, -16, -1, 8, 2, 0],
        [5, -6, -4, 11, -13, 14],
        [-5, 16, 3, 1, 13, -7],
        [6, -12, 15, -8, -10, 4],
    ],
    "float32",
) / np.float32(8)


def by_score(scores):
    """Indices, the highest score first; `sorted` leaves equals in their order."""
    return sorted(range(len(scores)), key=lambda i: -scores[i])


def ascending(scores):
    return sorted(range(len(scores)), key=lambda i: scores[i])


def reversed_ascending(scores):
    return ascending(scores)[::-1]


def order_for_ranks(scores):
    """The items at the places that an argsort names: it names items, not places."""
    order = by_score(scores)
    return sorted(range(len(scores)), key=lambda i: order[i])


exponential = lambda rel: 2.0**rel - 1
logarithmic = lambda rank: math.log2(1 + rank)


def dcg(gains, k, discount=logarithmic):
    return sum(gain / discount(rank) for rank, gain in enumerate(gains[:k], 1))


def of_list(
    relevances,
    scores,
    k=3,
    *,
    gain=exponential,
    discount=logarithmic,
    order=by_score,
    cut=lambda gains, ranked, k: (ranked[:k], gains, k),
    keep=lambda rel, score: (rel, score) if rel >= 0 else None,
):
    """DCG and best DCG of one list.

    Args:
        order: A function of the scores: the items' indices, the first rank first.
        cut: A function of the gains of all items, those by rank, and k: the ranked gains
            that count, the gains of the ideal, and where that is cut.
        keep: A function of relevance and score, which changes them; None drops the item.
    """
    kept = [keep(*item) for item in zip(relevances, scores, strict=True)]
    kept = [item for item in kept if item is not None]
    gains = [gain(rel) for rel, _ in kept]
    ranked = [gains[i] for i in order([score for _, score in kept])]
    counted, ideal, end = cut(gains, ranked, k)
    return dcg(counted, len(counted), discount), dcg(sorted(ideal, reverse=True), end, discount)


def mean_of_ratios(pairs):
    ratios = [a / best for a, best in pairs if best > 0]
    return sum(ratios) / len(ratios) if ratios else 0.0


def ratio_of_sums(pairs):
    return sum(a for a, _ in pairs) / sum(best for _, best in pairs)


def counting_empty_as(value):
    return lambda pairs: np.mean([a / best if best > 0 else value for a, best in pairs])


def oracle(y_true, y_pred, k=3, *, mean=mean_of_ratios, **change):
    lists = zip(y_true.tolist(), y_pred.tolist(), strict=True)
    return mean([of_list(*arrays, k, **change) for arrays in lists])


FIRST_K = {
    "linear gain: rel for 2^rel - 1": {"gain": lambda rel: rel},
    "gain 2^rel, without the 1": {"gain": lambda rel: 2.0**rel},
    "discount log2(rank), none at rank 1 (Järvelin and Kekäläinen)": {
        "discount": lambda rank: max(1.0, math.log2(rank))
    },
    "discount log2(2 + rank): ranks one too high": {"discount": lambda rank: math.log2(2 + rank)},
    "discount 1 / rank": {"discount": lambda rank: rank},
    "no discount": {"discount": lambda rank: 1.0},
    "the lowest score first": {"order": ascending},
    "an argsort taken for the ranks: it lists items by rank": {"order": order_for_ranks},
    "no cut at k": {"cut": lambda gains, ranked, k: (ranked, gains, None)},
    "the ratio of the lists' sums, not the mean of their ratios": {"mean": ratio_of_sums},
    "DCG, not divided by the best": {"mean": lambda pairs: np.mean([a for a, _ in pairs])},
}
IDEAL = {
    "the best order of the retrieved k only": {
        "cut": lambda gains, ranked, k: (ranked[:k],) * 2 + (k,)
    },
    "the best order not cut at k": {"cut": lambda gains, ranked, k: (ranked[:k], gains, None)},
}


def wrong(changes, y_true, y_pred, k):
    return {cause: oracle(y_true, y_pred, k, **change) for cause, change in changes.items()}


def test_1_the_mean_of_the_lists(kata):
    assert_close(
        measure(kata.NDCG(k=3), [(Y_TRUE, Y_PRED)]),
        oracle(Y_TRUE, Y_PRED),
        call="NDCG(k=3) after 6 lists of 6 items",
        bugs=wrong(FIRST_K | IDEAL, Y_TRUE, Y_PRED, 3),
        **FORMULA,
    )


@pytest.mark.parametrize("k", [1, 6, 7, 100], ids="k={}".format)
def test_1_k_may_be_1_or_above_the_length(kata, k):
    assert_close(
        measure(kata.NDCG(k=k), [(Y_TRUE, Y_PRED)]),
        oracle(Y_TRUE, Y_PRED, k),
        call=f"NDCG(k={k}) after 6 lists of 6 items",
        **FORMULA,
    )


def test_1_by_default_ten_ranks_count(kata):
    wide = Y_TRUE.reshape(3, 12), Y_PRED.reshape(3, 12) + np.linspace(0, 0.1, 12, dtype="float32")
    assert_close(
        measure(kata.NDCG(), [wide]),
        oracle(*wide, 10),
        call="NDCG() after 3 lists of 12 items",
        bugs={"k = 5": oracle(*wide, 5), "every rank counts": oracle(*wide, 12)},
        **FORMULA,
    )


def test_2_the_ideal_is_the_best_of_all_orders(kata):
    relevances, scores = [3, 0, 2, 3, 1], [0.1, 0.5, 0.4, -0.2, 0.3]
    arrays = np.array([relevances], "float32"), np.array([scores], "float32")
    gains = [exponential(rel) for rel in relevances]
    best = max(dcg(order, 3) for order in itertools.permutations(gains))
    assert_close(
        measure(kata.NDCG(k=3), [arrays]),
        dcg([gains[i] for i in by_score(scores)], 3) / best,
        call=f"NDCG(k=3) after relevances {relevances} with scores {scores}",
        oracle="DCG over the highest DCG of all 120 orders",
        bugs=wrong(IDEAL, *arrays, 3),
        **CLOSE,
    )


def test_2_a_perfect_order_is_1(kata):
    assert_close(
        measure(kata.NDCG(k=3), [(Y_TRUE, Y_TRUE)]),
        1.0,
        call="NDCG(k=3) of lists whose scores are their relevances",
        oracle="the order is the best one",
        bugs={
            "the best order not cut at k": oracle(
                Y_TRUE, Y_TRUE, **IDEAL["the best order not cut at k"]
            )
        },
        **CLOSE,
    )


HIGHER = {"of equal scores the higher index first: an ascending sort, reversed": reversed_ascending}


def test_3_of_equal_scores_the_lower_index_comes_first(kata):
    scores = np.round(Y_PRED)  # -2, ..., 2: each list has ties
    walk = functools.partial(oracle, Y_TRUE, scores)
    assert_close(
        measure(kata.NDCG(k=3), [(Y_TRUE, scores)]),
        walk(),
        call="NDCG(k=3) after scores -2, -1, 0, 1, 2, many of them equal",
        bugs={cause: walk(order=order) for cause, order in HIGHER.items()},
        **FORMULA,
    )


def test_3_a_constant_scorer_keeps_the_order_of_the_columns(kata):
    relevances = np.array([[3, 2, 0, 1]], "float32")
    scores = np.zeros_like(relevances)
    orders = itertools.permutations(exponential(rel) for rel in [3, 2, 0, 1])
    mean = np.mean([dcg(order, 4) for order in orders]) / dcg([7, 3, 1, 0], 4)
    walk = functools.partial(oracle, relevances, scores, 4)
    assert_close(
        measure(kata.NDCG(k=4), [(relevances, scores)]),
        walk(),
        call="NDCG(k=4) after relevances [3, 2, 0, 1] that all score 0",
        bugs={cause: walk(order=order) for cause, order in HIGHER.items()}
        | {"the mean over all orders of equals": mean},
        **FORMULA,
    )


# Two to four items of each list stay, some with scores below 0. All padding scores above 0.
PADDED = np.where(np.arange(6) % 3 == np.arange(6)[:, None] % 3, -1, Y_TRUE).astype("float32")
PADDED[::2, 4:] = -2
LOUD = np.where(PADDED < 0, np.abs(Y_PRED), Y_PRED).astype("float32")

as_it_is = lambda rel, score: (rel, score)
PADDING = {
    "padding not masked at all": as_it_is,
    "padding ranked by its own score": lambda rel, score: (max(rel, 0), score),
    "padding ranked with score 0, above negative scores": lambda rel, score: (
        max(rel, 0),
        score if rel >= 0 else 0.0,
    ),
    "padding ranked last, with a gain of -1": lambda rel, score: (
        (rel, score) if rel >= 0 else (-math.inf, -math.inf)
    ),
    "padding ranked last, with a gain of 2^rel - 1 below 0": lambda rel, score: (
        rel,
        score if rel >= 0 else -math.inf,
    ),
}


def test_4_padding_takes_no_rank_and_has_no_gain(kata):
    walk = functools.partial(oracle, PADDED, LOUD, 5)
    assert_close(
        measure(kata.NDCG(k=5), [(PADDED, LOUD)]),
        walk(),
        call="NDCG(k=5) after lists with padding of relevance -1 or -2, whose scores are positive",
        bugs={cause: walk(keep=keep) for cause, keep in PADDING.items()},
        **FORMULA,
    )


def test_4_padding_at_the_end_changes_nothing(kata):
    ends = [(0, 0), (0, 4)]
    y_true, y_pred = np.pad(Y_TRUE, ends, constant_values=-1), np.pad(Y_PRED, ends)
    assert_close(
        measure(kata.NDCG(k=8), [(y_true, y_pred)]),
        oracle(Y_TRUE, Y_PRED, 8),
        call="NDCG(k=8) after 6 lists of 6 items and 4 of padding, whose scores are 0",
        bugs={
            "padding ranked with its score": oracle(
                y_true, y_pred, 8, keep=PADDING["padding ranked by its own score"]
            ),
        },
        **FORMULA,
    )


# The first list has only padding and such, the second no relevant item, the third the least.
SPARSE = Y_TRUE.copy()
SPARSE[:3] = [[0, -1, 0, -1, -1, -1], [0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0]]


def test_5_a_list_without_a_relevant_item_is_not_counted(kata):
    walk = functools.partial(oracle, SPARSE, Y_PRED)
    assert_close(
        measure(kata.NDCG(k=3), [(SPARSE, Y_PRED)]),
        walk(),
        call="NDCG(k=3) after 6 lists, two without a relevant item",
        bugs={
            "a list without a relevant item counted as 0": walk(mean=counting_empty_as(0.0)),
            "a list without a relevant item counted as 1": walk(mean=counting_empty_as(1.0)),
        },
        **FORMULA,
    )


def test_5_where_no_list_counts_it_is_0(kata):
    for relevance, said in [(0, "relevant items"), (-1, "items")]:
        assert_close(
            measure(kata.NDCG(k=3), [(np.full_like(Y_TRUE, relevance), Y_PRED)]),
            0.0,
            call=f"NDCG(k=3) after lists without {said}",
            oracle="the convention that 0 / 0 is 0",
            rtol=0.0,
        )


three = functools.partial(oracle, k=3)


def test_6_any_split_gives_one_result(kata):
    assert_streams(
        lambda: kata.NDCG(k=3),
        SPARSE,
        Y_PRED,
        three(SPARSE, Y_PRED),
        mean_of_batches=lambda batches: np.mean([three(*batch) for batch in batches]),
        **CLOSE,
    )


def test_6_weights_repeat_lists(kata):
    assert_weights_repeat_rows(
        lambda: kata.NDCG(k=3),
        SPARSE,
        Y_PRED,
        three,
        unweighted=three(SPARSE, Y_PRED),
        weight_dtype="float32",
        **CLOSE,
    )


def test_6_reset_forgets(kata):
    assert_resets(lambda: kata.NDCG(k=3), Y_TRUE, Y_PRED, 0.0, **CLOSE)


def test_6_a_graph_gives_the_same(kata):
    assert_modes_agree(
        lambda: kata.NDCG(k=3),
        SPARSE,
        Y_PRED,
        three,
        mode=MODES["graph"],
        weight_dtype="float32",
        **CLOSE,
    )
