"""In-batch softmax: the loss of a retrieval model.

Question (15 min). Two towers embed queries and items. Row i of a batch is a query and the
item that was clicked; the other rows' items serve as negatives. They are no fair sample:
popular items are in more batches. So each score is corrected by the log of the item's
probability of being in a batch, log_q:

    score_ij = queries_i · items_j / temperature - log_q_j
    loss_i   = -log softmax of row i's scores, at j = i

And another row may have clicked the same item. Write it. Test k checks clause k:

    1. Values match the formulas where all ids differ: [B] losses, none averaged.
    2. Columns j != i with the id of row i's item take no part in row i. Any other item
       counts as often as it is there. Ids are any int32 or int64.
    3. The gradient with respect to queries and items is that of the formula.
    4. Scores are right up to ±1e4, in loss and gradient. Eager mode, tf.function and XLA
       agree.

Run   nox -s check -- in_batch_softmax
Read  https://research.google/pubs/sampling-bias-corrected-neural-modeling-for-large-corpus-item-recommendations/,
      section 3
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import assert_gradient, every_mode, vjp

# Scores reach 20 and are off by a few eps of that; a loss is a difference of two.
CLOSE = {"rtol": 2e-6, "atol": 1e-5}
PAPER = "the formula in float64, row by row"

# B = D = 5: an axis taken for another runs. Each query is near its item.
random = np.random.default_rng(2)
ITEMS = random.normal(size=(5, 5)).astype("float32")
QUERIES = (0.5 * ITEMS + 0.7 * random.normal(size=(5, 5))).astype("float32")
LOG_Q = np.log([0.3, 0.02, 0.1, 0.005, 0.15]).astype("float32")
IDS = np.array([11, 4, 0, 7, 5])
UNIQUE = (QUERIES, ITEMS, IDS, LOG_Q)

# Items 0 and 1 are clicked twice: rows 0 and 2, 1 and 4. Row 3 sees both twice.
CLICKED = [0, 1, 0, 3, 1]
REPEATED = (QUERIES, ITEMS[CLICKED], IDS[CLICKED], LOG_Q[CLICKED])


def score(q, v, log_q, t):
    return np.dot(np.float64(q), v) / t - log_q


def every_other(ids, i):
    """Columns of row i: its own, and those with another id."""
    return [j for j in range(len(ids)) if j == i or ids[j] != ids[i]]


def oracle(queries, items, ids, log_q, t, *, score=score, columns=every_other):
    losses = []
    for i, q in enumerate(queries):
        s = {j: score(q, items[j], log_q[j], t) for j in columns(ids, i)}
        losses.append(np.logaddexp.reduce(list(s.values())) - s[i])
    return np.array(losses)


def corrected(by):
    """The loss with another correction: a function of the dot product, log q and t."""
    return lambda *args: oracle(*args, score=lambda q, v, p, t: by(np.dot(np.float64(q), v), p, t))


def negatives_only(queries, items, ids, log_q, t):
    s = np.float64(queries) @ np.float64(items).T / t
    s = s - np.where(np.eye(len(s)), 0, log_q)
    return np.logaddexp.reduce(s, axis=1) - np.diag(s)


def over_queries(queries, items, ids, log_q, t):
    s = np.float64(queries) @ np.float64(items).T / t - log_q
    return np.logaddexp.reduce(s, axis=0) - np.diag(s)


def diagonal_masked(low):
    """The right column masked as well, by a score of `low`."""

    def losses(queries, items, ids, log_q, t):
        s = np.float64(queries) @ np.float64(items).T / t - log_q
        return np.logaddexp.reduce(np.where(np.eye(len(s)), low, s), axis=1) - low

    return losses


def cosines(q, v, p, t):
    return np.dot(np.float64(q), v) / (np.linalg.norm(q) * np.linalg.norm(v)) / t - p


BUGS = {
    "log_q added": corrected(lambda s, p, t: s / t + p),
    "no log_q; or log_q by row, where it cancels": corrected(lambda s, p, t: s / t),
    "log_q off the negatives only": negatives_only,
    "log_q divided by the temperature": corrected(lambda s, p, t: (s - p) / t),
    "q for log q": corrected(lambda s, p, t: s / t - np.exp(p)),
    "the log of log_q's probability taken twice": corrected(lambda s, p, t: s / t - np.log(-p)),
    "the temperature ignored": corrected(lambda s, p, t: s - p),
    "times the temperature": corrected(lambda s, p, t: s * t - p),
    "a softmax over the queries": over_queries,
    "items not transposed": lambda queries, items, *rest: oracle(queries, items.T, *rest),
    "cosines for dot products": lambda *args: oracle(*args, score=cosines),
    "the diagonal masked too, with the lowest float": diagonal_masked(np.finfo("float32").min),
    "the diagonal masked too, with -1e9": diagonal_masked(-1e9),
    "one mean for the whole batch": lambda *args: oracle(*args).mean(),
    "a sum over the batch": lambda *args: oracle(*args).sum(),
    "the wrong sign": lambda *args: -oracle(*args),
    "the right column left out of the sum": lambda queries, items, ids, log_q, t: np.array(
        [
            np.logaddexp.reduce([score(q, items[j], log_q[j], t) for j in range(5) if j != i])
            - score(q, items[i], log_q[i], t)
            for i, q in enumerate(queries)
        ]
    ),
}


def loss(kata, queries, items, ids, log_q, dtype="int32", **how):
    ids, log_q = tf.constant(ids, dtype), tf.constant(log_q)
    return kata.in_batch_softmax_loss(queries, items, ids, log_q, **how)


def given(batch):
    """The same batch, queries and items as tensors."""
    return [tf.constant(batch[0]), tf.constant(batch[1]), *batch[2:]]


@pytest.mark.parametrize("temperature", [0.5, 1.0], ids="temperature={}".format)
def test_1_values_match_the_formula(kata, temperature):
    how = {} if temperature == 1 else {"temperature": temperature}
    bugs = {cause: bug(*UNIQUE, temperature) for cause, bug in BUGS.items()}
    hidden = [cause for cause in bugs if "temperature" in cause and temperature == 1]
    assert_close(
        loss(kata, *given(UNIQUE), **how),
        oracle(*UNIQUE, temperature),
        call=f"in_batch_softmax_loss(queries, items, item_ids, log_q, {temperature=})",
        oracle=PAPER,
        dtype="float32",
        bugs={cause: bug for cause, bug in bugs.items() if cause not in hidden},
        **CLOSE,
    )


def test_1_a_constant_in_log_q_changes_nothing(kata):
    queries, items, ids, log_q = given(UNIQUE)
    assert_close(
        loss(kata, queries, items, ids, log_q + np.float32(3.0), temperature=0.5),
        oracle(*UNIQUE, 0.5),
        call="in_batch_softmax_loss(queries, items, item_ids, log_q + 3, temperature=0.5)",
        oracle="the loss without this constant",
        bugs={"log_q off the negatives only": negatives_only(*UNIQUE[:3], LOG_Q + 3, 0.5)},
        **CLOSE,
    )


def once_each(ids, i):
    """Columns of row i, each other id once."""
    return [j for j in every_other(ids, i) if ids[j] not in ids[:j] or j == i]


def as_zero(queries, items, ids, log_q, t):
    losses = []
    for i, q in enumerate(queries):
        kept = every_other(ids, i)
        s = [score(q, items[j], log_q[j], t) if j in kept else 0.0 for j in range(len(ids))]
        losses.append(np.logaddexp.reduce(s) - s[i])
    return np.array(losses)


def all_right(queries, items, ids, log_q, t):
    """The columns of row i's id all right: minus the log of their summed probabilities."""
    s = np.float64(queries) @ np.float64(items).T / t - log_q
    same = np.where(ids[:, None] == ids, s, -np.inf)
    return np.logaddexp.reduce(s, axis=1) - np.logaddexp.reduce(same, axis=1)


def soft_targets(queries, items, ids, log_q, t):
    """The columns of row i's id as targets of equal weight."""
    s = np.float64(queries) @ np.float64(items).T / t - log_q
    same = ids[:, None] == ids
    return np.logaddexp.reduce(s, axis=1) - (s * same).sum(axis=1) / same.sum(axis=1)


# Two of them are one number in float32, and in float64, and in 32 bits.
ANY_IDS = {"int32": [2**24, 2**24 + 1, 0, -(2**31)], "int64": [2**60, 2**60 + 1, 0, 2**32 + 2**60]}


@pytest.mark.parametrize("dtype", ANY_IDS)
def test_2_an_item_is_no_negative_of_its_own(kata, dtype):
    queries, items, ids, log_q = given(REPEATED)
    ids = np.array(ANY_IDS[dtype])[CLICKED]
    args = (*REPEATED[:2], ids, log_q, 0.5)
    whole = oracle(*args, columns=lambda ids, i: range(len(ids)))
    merged = np.where(ids == 2**60 + 1, 2**60, np.where(ids == 2**24 + 1, 2**24, ids))
    narrow = ids & 0xFFFFFFFF
    bugs = {
        "an item of row i's id left among the negatives": whole,
        "its score set to 0, so that exp(0) = 1 stays in the sum": as_zero(*args),
        "each other item counted once": oracle(*args, columns=once_each),
        "every column of row i's id taken for the right one": all_right(*args),
        "every column of row i's id a target of equal weight": soft_targets(*args),
        "ids compared as floats": oracle(*REPEATED[:2], merged, log_q, 0.5),
    }
    if dtype == "int64":
        bugs["ids cast to 32 bits"] = oracle(*REPEATED[:2], narrow, log_q, 0.5)
    assert_close(
        loss(kata, queries, items, ids, log_q, dtype=dtype, temperature=0.5),
        oracle(*args),
        call=f"in_batch_softmax_loss(…, item_ids={ids.tolist()}, …, temperature=0.5)",
        oracle=PAPER,
        bugs=bugs,
        **CLOSE,
    )


@pytest.mark.parametrize("size", [1, 4], ids="B={}".format)
def test_2_one_item_alone_costs_nothing(kata, size):
    batch = [QUERIES[:size], ITEMS[[1] * size], np.full(size, 4), LOG_Q[[1] * size]]
    assert_close(
        loss(kata, *given(batch)),
        np.zeros(size),
        call=f"in_batch_softmax_loss(queries, items, item_ids={[4] * size}, log_q)",
        oracle="one item, the right one",
        rtol=0.0,
        atol=2e-6,
        bugs={
            "an item of row i's id left among the negatives": np.full(size, np.log(size)),
            "the diagonal masked too": np.full(size, np.log(size)),
        }
        if size > 1
        else None,
    )


def slope(upstream, queries, items, ids, log_q, t):
    """Of sum(upstream * loss), in queries and in items: [2, B, D], score by score."""
    rise = np.zeros([2, *queries.shape])
    for i, q in enumerate(queries):
        s = {j: score(q, items[j], log_q[j], t) for j in every_other(ids, i)}
        total = np.logaddexp.reduce(list(s.values()))
        for j in s:
            # d loss / d score = softmax - 1 at the right column, softmax elsewhere
            pull = upstream[i] * (np.exp(s[j] - total) - (j == i)) / t
            rise[0, i] += pull * items[j]
            rise[1, j] += pull * q
    return rise


def test_3_gradient_matches_the_formula(kata):
    queries, items, ids, log_q = REPEATED
    right = lambda up: slope(up, *REPEATED, 0.5)
    everything = np.arange(5)
    assert_gradient(
        lambda x: loss(kata, x[0], x[1], ids, log_q, temperature=0.5),
        np.stack([queries, items]),
        right,
        call="in_batch_softmax_loss(x[0], x[1], item_ids, log_q, temperature=0.5)",
        oracle="the chain rule, score by score",
        bugs={
            "the items detached": lambda up: right(up) * [[[1.0]], [[0.0]]],
            "the queries detached": lambda up: right(up) * [[[0.0]], [[1.0]]],
            "1 / temperature lost": lambda up: right(up) * 0.5,
            "repetitions masked in the value only": lambda up: slope(
                up, queries, items, everything, log_q, 0.5
            ),
        },
        **CLOSE,
    )


# Scores, at temperature 1/2: row 0 is right by 1e4, row 1 wrong by 2e4, all of row 2 are
# -1e4, all of row 3 are 0. Rows 2 and 3 clicked one item.
E = np.eye(4)
FAR = (
    (100 * np.stack([E[0], E[0], -E[2], 0 * E[0]])).astype("float32"),
    (50 * np.stack([E[0] + E[2], E[2] - E[0], E[2], E[2]])).astype("float32"),
    np.array([1, 2, 3, 3]),
    np.array([-0.5, -1.25, -2.0, -2.0], "float32"),
)


def test_4_scores_are_right_up_to_1e4(kata):
    assert_close(
        loss(kata, *given(FAR), temperature=0.5),
        oracle(*FAR, 0.5),
        call="in_batch_softmax_loss(…, item_ids=[1, 2, 3, 3], …), scores of 0 and ±1e4",
        oracle=PAPER,
        bugs={"a mask of -1e4, which is a score": with_mask_of(-1e4)},
        **CLOSE,
    )


def with_mask_of(low):
    """The losses of `FAR` where a repeated item's score is `low`."""
    queries, items, ids, log_q = FAR
    s = np.float64(queries) @ np.float64(items).T / 0.5 - log_q
    s = np.where((ids[:, None] == ids) & ~np.eye(4, dtype=bool), low, s)
    return np.logaddexp.reduce(s, axis=1) - np.diag(s)


UP = np.array([1.5, -0.75, 2.0, 0.5, -1.25])


# A probability is rounded by eps/2; its gradient is that times the upstream, a row, 1 / T.
def close_gradient(batch, upstream):
    largest = np.abs(upstream).max() * max(np.abs(rows).max() for rows in batch[:2])
    return {"rtol": 2e-6, "atol": 1e-5 + 4 * 6e-8 * largest / 0.5}


def test_4_every_mode_agrees(kata):
    def compute(ordinary, far):
        losses = [
            vjp(lambda x, b=b: loss(kata, x[0], x[1], *b[2:], temperature=0.5), [x], up)
            for b, x, up in ((REPEATED, ordinary, UP), (FAR, far, UP[:4]))
        ]
        return [(value, gradient) for value, (gradient,) in losses]

    inputs = [tf.constant(np.stack(batch[:2])) for batch in (REPEATED, FAR)]
    for said, run in every_mode(compute, *inputs).items():
        for batch, (value, gradient) in zip((REPEATED, FAR), run(*inputs), strict=True):
            call = f"{said}in_batch_softmax_loss(x[0], x[1], {batch[2].tolist()}, log_q, …)"
            assert_close(value, oracle(*batch, 0.5), call=call, oracle=PAPER, **CLOSE)
            asked = f"tape.gradient({call}, x, output_gradients=upstream)"
            upstream = UP[: len(batch[2])]
            want, close = slope(upstream, *batch, 0.5), close_gradient(batch, upstream)
            assert_close(gradient, want, call=asked, oracle="the chain rule", **close)
