"""Contrastive learning: InfoNCE as SimCLR writes it.

Question (12 min). N images, two random crops of each, an encoder: 2N embeddings. No label
is known but this: two crops of one image belong together. Write SimCLR's loss, NT-Xent.
With all 2N rows in one list, and s_ik = cosine of rows i and k / temperature,

    loss_i = -log(exp(s_ip) / sum over k != i of exp(s_ik))      p: the other crop of i

Test k checks clause k:

    1. The result is a scalar: the mean of loss_i over all 2N rows, each of which is an
       anchor. The sum holds the positive and both crops of every other image; only the
       anchor itself is left out. The rows come as they are, not normalised.
    2. Exchanging the views, permuting the pairs, or scaling a row by a positive number
       changes nothing.
    3. One pair alone has loss 0, and a gradient of zeros.
    4. The gradient with respect to both views is that of the formula.
    5. Loss and gradient are right at temperature 0.01 too, where a score is up to 100.
       Eager mode, tf.function and XLA agree.

Run   nox -s check -- info_nce
Read  https://arxiv.org/abs/2002.05709, equation 1 and algorithm 1
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import (
    assert_gradient,
    assert_gradient_in_every_mode,
    differences,
    vjp,
)

# N = 3 and D = 6 = 2N: an axis taken for another runs. Partners resemble one another.
random = np.random.default_rng(3)
VIEW_1 = random.normal(size=(3, 6)).astype("float32")
VIEW_2 = (VIEW_1 * [[2.0], [0.5], [1.0]] + random.normal(size=(3, 6))).astype("float32")
PAPER = "the formula in float64, anchor by anchor"


def close(temperature):
    """A cosine is off by 4 eps, a score by that over the temperature, a loss by two scores."""
    return {"rtol": 1e-6, "atol": 8 * 6e-8 / temperature}


def cosine(u, v):
    return np.dot(u, v) / np.sqrt(np.dot(u, u) * np.dot(v, v))


def anchors(view_1, view_2, temperature, *, itself="out", positive=True, like=cosine):
    """loss_i of each row: what stands in the sum for the anchor, and whether its partner does."""
    rows, n = np.float64([*view_1, *view_2]), len(view_1)
    losses = []
    for i, row in enumerate(rows):
        partner = (i + n) % (2 * n)
        s = [like(row, other) / temperature for other in rows]
        terms = [s[k] for k in range(2 * n) if k != i and (positive or k != partner)]
        terms += {"out": [], "in": [s[i]], "zero": [0.0], "positive": [s[partner]]}[itself]
        losses.append(np.logaddexp.reduce(terms) - s[partner])
    return np.array(losses)


def oracle(view_1, view_2, temperature):
    return np.mean(anchors(view_1, view_2, temperature))


def other_view(view_1, view_2, temperature):
    """Each row of one view against all rows of the other, as in CLIP: [N]."""
    s = np.array([[cosine(np.float64(u), v) / temperature for v in view_2] for u in view_1])
    return np.logaddexp.reduce(s, axis=1) - np.diag(s)


def neighbours(a, b, t):
    """Rows 2k and 2k + 1 taken for pairs, as the paper numbers them."""
    rows = np.concatenate([a, b])
    return oracle(rows[::2], rows[1::2], t)


def columns(a, b, t):
    """Each column, not each row, of unit length."""
    rows = np.float64([*a, *b])
    rows = rows / np.linalg.norm(rows, axis=0)
    return np.mean(anchors(rows[: len(a)], rows[len(a) :], t, like=np.dot))


def with_anchors(**how):
    return lambda a, b, t: np.mean(anchors(a, b, t, **how))


BUGS = {
    "the anchor itself in the sum": with_anchors(itself="in"),
    "the anchor's own score set to 0, so that exp(0) = 1 stays in the sum": with_anchors(
        itself="zero"
    ),
    "the positive left out of the sum": with_anchors(positive=False),
    "the positive twice in the sum": with_anchors(itself="positive"),
    "the other view only: N - 1 negatives, not 2N - 2": lambda a, b, t: np.mean(
        [other_view(a, b, t), other_view(b, a, t)]
    ),
    "the other view only, and the first view's anchors only": lambda a, b, t: np.mean(
        other_view(a, b, t)
    ),
    "N anchors only, those of the first view": lambda a, b, t: np.mean(anchors(a, b, t)[: len(a)]),
    "N anchors only, those of the second view": lambda a, b, t: np.mean(anchors(a, b, t)[len(a) :]),
    "rows not normalised": with_anchors(like=np.dot),
    "columns normalised, not rows": columns,
    "cosines times the temperature": lambda a, b, t: oracle(a, b, 1 / t),
    "the temperature ignored": lambda a, b, t: oracle(a, b, 1.0),
    "divided by the temperature twice": lambda a, b, t: oracle(a, b, t * t),
    "distances for cosines": with_anchors(like=lambda u, v: -np.linalg.norm(u - v)),
    "rows 2k and 2k + 1 taken for pairs": neighbours,
    "a sum where it should be a mean": lambda a, b, t: np.sum(anchors(a, b, t)),
    "the sum over both views, divided by N": lambda a, b, t: 2 * oracle(a, b, t),
    "the wrong sign": lambda a, b, t: -oracle(a, b, t),
}


@pytest.mark.parametrize("temperature", [0.1, 0.5], ids="temperature={}".format)
def test_1_values_match_the_formula(kata, temperature):
    assert_close(
        kata.info_nce_loss(tf.constant(VIEW_1), tf.constant(VIEW_2), temperature=temperature),
        oracle(VIEW_1, VIEW_2, temperature),
        call=f"info_nce_loss(view_1, view_2, temperature={temperature})",
        oracle=PAPER,
        dtype="float32",
        bugs={cause: bug(VIEW_1, VIEW_2, temperature) for cause, bug in BUGS.items()},
        **close(temperature),
    )


def test_1_defaults_are_those_of_the_signature(kata):
    assert_close(
        kata.info_nce_loss(tf.constant(VIEW_1), tf.constant(VIEW_2)),
        oracle(VIEW_1, VIEW_2, 0.1),
        call="info_nce_loss(view_1, view_2)",
        oracle=PAPER,
        **close(0.1),
    )


# Powers of 2: float32 scales by them without a rounding.
SCALES = np.array([[0.125], [8.0], [1.0]], "float32")
CHANGES = {
    "the views exchanged": (VIEW_2, VIEW_1),
    "the pairs permuted": (VIEW_1[[2, 0, 1]], VIEW_2[[2, 0, 1]]),
    "view_1's rows scaled": (SCALES * VIEW_1, VIEW_2),
    "view_2's rows scaled": (VIEW_1, SCALES * VIEW_2),
}


@pytest.mark.parametrize("change", CHANGES)
def test_2_what_changes_nothing(kata, change):
    view_1, view_2 = map(tf.constant, CHANGES[change])
    assert_close(
        kata.info_nce_loss(view_1, view_2, temperature=0.2),
        oracle(VIEW_1, VIEW_2, 0.2),
        call=f"info_nce_loss(view_1, view_2, temperature=0.2), {change}",
        oracle="the loss without this change",
        **close(0.2),
    )


def slope(views, temperature):
    """d loss / d views [2, N, D] by central differences; a score moves by h / temperature."""
    h = 2e-3 * temperature
    return differences(lambda v: oracle(*v, temperature), np.float64(views), h)


def test_3_one_pair_has_nothing_to_tell_apart(kata):
    views = np.stack([VIEW_1[:1], VIEW_2[:1]])
    value, (gradient,) = vjp(lambda v: kata.info_nce_loss(v[0], v[1]), [views])
    call = "info_nce_loss(view_1 [1, 6], view_2 [1, 6])"
    # A log-sum-exp of one score may differ from it by a rounding.
    how = {"oracle": "one candidate, the right one", "rtol": 0.0, "atol": 5e-6}
    assert_close(value, 0.0, call=call, **how)
    assert_close(gradient, np.zeros(views.shape), call=f"tape.gradient({call}, views)", **how)


VIEWS = np.stack([VIEW_1, VIEW_2])


def through_the_anchor_only(upstream):
    """The gradient where the rows that an anchor is compared with are constants."""
    fixed = np.float64([*VIEW_1, *VIEW_2])

    def loss(views):
        rows = views.reshape(fixed.shape)
        score = lambda i, k: cosine(rows[i], fixed[k]) / 0.5
        sums = [np.logaddexp.reduce([score(i, k) for k in range(6) if k != i]) for i in range(6)]
        return np.mean(sums) - np.mean([score(i, (i + 3) % 6) for i in range(6)])

    return upstream * differences(loss, np.float64(VIEWS))


def test_4_gradient_matches_the_formula(kata):
    rate = slope(VIEWS, 0.5)
    assert_gradient(
        lambda views: kata.info_nce_loss(views[0], views[1], temperature=0.5),
        VIEWS,
        lambda upstream: upstream * rate,
        call="info_nce_loss(x[0], x[1], temperature=0.5)",
        oracle="central differences of the formula",
        rtol=1e-5,
        atol=1e-6,
        bugs={
            "no gradient through the rows that an anchor is compared with": (
                through_the_anchor_only
            ),
            "no gradient through the second view": lambda up: up * rate * [[[1.0]], [[0.0]]],
            "the length of a row taken for a constant": lambda up: up * constant_lengths(),
        },
    )


def constant_lengths():
    """The gradient where rows are divided by lengths that do not move."""
    lengths = np.linalg.norm(np.float64(VIEWS), axis=-1, keepdims=True)
    loss = lambda v: np.mean(anchors(*(v / lengths), 0.5, like=np.dot))
    return differences(loss, np.float64(VIEWS))


# All within 20 degrees: scores of 90 and more at temperature 0.01, and exp(89) is inf.
NEAR = (VIEW_1[:1] + 0.25 * random.normal(size=(2, 3, 6))).astype("float32")


def test_5_a_low_temperature(kata):
    assert_close(
        kata.info_nce_loss(*map(tf.constant, NEAR), temperature=0.01),
        oracle(*NEAR, 0.01),
        call="info_nce_loss(view_1, view_2, temperature=0.01), all rows alike",
        oracle=PAPER,
        **close(0.01),
    )


def test_5_every_mode_agrees(kata):
    rate = slope(NEAR, 0.01)
    assert_gradient_in_every_mode(
        lambda views: kata.info_nce_loss(views[0], views[1], temperature=0.01),
        NEAR,
        lambda upstream: upstream * rate,
        call="info_nce_loss(x[0], x[1], temperature=0.01)",
        oracle="the formula in float64, and its central differences",
        # A score is off by 2.4e-5, a slope by that times 100 and a difference of two rows.
        rtol=2e-4,
        atol=2e-3,
        value=oracle(*NEAR, 0.01),
    )
