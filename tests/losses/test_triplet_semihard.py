"""Triplet loss with semi-hard mining.

Question (30 min). Embeddings of one label should lie closer together than to any other
label. FaceNet trains on triplets anchor, positive, negative, and picks the negative
within the batch. For every ordered pair a != p of equal labels, with d the distance,

    d_an = the smallest d(a, n) > d(a, p) over all n of another label,
           or, if none is farther than p, the largest d(a, n)
    loss = mean over these pairs of max(margin + d(a, p) - d_an, 0)

Write it without a loop over the examples. Test k checks clause k:

    1. Values match the formula, in the dtype of `embeddings`: float16, 32 and 64,
       wherever the loss itself fits into it. (Under "L2" embeddings may be 1,000 long.)
       The result is a scalar. Labels have any integer dtype and any values; margin is a
       number, or a scalar tensor in the dtype of `embeddings`.
    2. distance_metric is "L2", "squared-L2" or "angular" (1 - cosine similarity, which
       is 0 for a vector of zeros and any other).
    3. The gradient with respect to `embeddings` matches the formula, in the positive
       and in the negative distance. Eager mode, tf.function and XLA agree.
    4. Equal embeddings (distance 0) have their loss, and the distance between them adds
       nothing to the gradient. A batch without a positive pair gives 0, with a gradient
       of zeros. A batch of one label, which has no negative, and a vector of zeros under
       "angular" have a finite loss and gradient.
    5. The graph for eight examples has as many operations as the one for four, and no
       while loop.
    6. What was given still works: the checks of shape and range.

Run   nox -s check -- triplet_semihard
Read  https://arxiv.org/abs/1503.03832, section 3.2
"""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, brief, mismatch
from tests.support.gradient_checks import assert_gradient, every_mode, vjp
from tests.support.modes import graph, trace
from tests.support.value_errors import assert_value_error

# Multiples of 1/8: squares and their sums are exact even in float16. By search, no
# distance is nearer than 3% to another it is compared with, in any of the metrics.
X = np.array(
    [
        [1.0, 0.375, -0.875],
        [-1.125, -0.375, -0.375],
        [-0.75, 0.875, 0.375],
        [-0.375, 0.375, -0.75],
        [-0.375, -0.625, 0.625],
        [-0.75, 1.25, 1.125],
        [0.625, 0.625, -1.125],
    ]
)
LABELS = np.array([4, 1, 4, 1, 9, 4, 1])
MARGIN = 0.75

# The mean of hinges below 3, each a sum of three numbers with a root or a cosine in it;
# matmul forms lose a few digits more. 1e-4 is what TF Addons' formula leaves of float32.
RTOL = {"float16": 2e-2, "float32": 1e-4, "float64": 1e-6}
PAPER = "the formula in float64, one pair after another"


def between(x, metric):
    """[B, B] distances, one after another."""
    if metric == "angular":
        length = lambda u: np.linalg.norm(u) or 1.0  # a vector of zeros stays one
        cosine = lambda u, v: np.dot(u / length(u), v / length(v))
        return np.array([[1 - cosine(u, v) for v in x] for u in x])
    if metric == "unnormalised":
        return 1 - x @ x.T
    power = 2 if metric == "squared-L2" else 1
    return np.array([[np.linalg.norm(u - v) ** power for v in x] for u in x])


def semihard(d_ap, negatives):
    farther = [d for d in negatives if d > d_ap]
    return min(farther) if farther else max(negatives)


def hinges(labels, x, margin, metric="L2", mine=semihard, diagonal=False):
    """max(margin + d_ap - d_an, 0) of each pair, with d_an = mine(d_ap, negatives)."""
    d = between(np.float64(x), metric)
    found = []
    for a, p in np.ndindex(d.shape):
        if labels[a] == labels[p] and (a != p or diagonal):
            d_an = mine(d[a, p], [d[a, n] for n in np.flatnonzero(labels != labels[a])])
            found.append(max(margin + d[a, p] - d_an, 0))
    return found


def oracle(*args, **how):
    return np.mean(hinges(*args, **how))


def slope(loss, x, h=1e-5):
    """d loss / d x by central differences in float64: off by eps / h = 2e-11."""
    steps = h * np.eye(x.size).reshape(-1, *x.shape)
    return np.reshape([(loss(x + s) - loss(x - s)) / (2 * h) for s in steps], x.shape)


def mined(rule):
    """The bug that mines d_an by another rule."""
    return lambda y, x, m: oracle(y, x, m, mine=rule)


def least_of_masked(d_ap, negatives):
    """min(d * mask): 0 as soon as one entry is masked out, as d(a, a) always is."""
    return 0.0 if any(d > d_ap for d in negatives) else max(negatives)


def unmined(d_ap, negatives):
    farther = [d for d in negatives if d > d_ap]
    return min(farther, default=np.inf)


def least_if_none_is_farther(d_ap, negatives):
    return min([d for d in negatives if d > d_ap], default=min(negatives))


def without_hinge(y, x, m):
    return np.mean(hinges(y, x, m + 100)) - 100


BUGS = {
    "a masked minimum that picks 0": mined(least_of_masked),
    "the diagonal as a positive pair": lambda y, x, m: oracle(y, x, m, diagonal=True),
    "squared distances": lambda y, x, m: oracle(y, x, m, metric="squared-L2"),
    "the nearest negative of all": mined(lambda _, negatives: min(negatives)),
    "the farthest negative of all": mined(lambda _, negatives: max(negatives)),
    "the mean distance of the negatives": mined(lambda _, negatives: np.mean(negatives)),
    "no negative where none is farther": mined(unmined),
    "the nearest negative where none is farther": mined(least_if_none_is_farther),
    "the sum, not divided": lambda y, x, m: np.sum(hinges(y, x, m)),
    "divided by the number of examples": lambda y, x, m: np.sum(hinges(y, x, m)) / len(y),
    "divided by the pairs that pay": lambda y, x, m: (
        np.sum(hinges(y, x, m)) / np.count_nonzero(hinges(y, x, m))
    ),
    "divided by the number of all pairs": lambda y, x, m: np.sum(hinges(y, x, m)) / len(y) ** 2,
    "each pair counted once in the divisor": lambda y, x, m: 2 * oracle(y, x, m),
    "no max(..., 0)": without_hinge,
    "margin ignored: 1 stands in for it": lambda y, x, m: oracle(y, x, 1.0),
}


@pytest.mark.parametrize("margin", [0.75, 0.3], ids="margin={}".format)
def test_1_values_match_the_formula(kata, margin):
    assert_close(
        kata.triplet_semihard_loss(LABELS, tf.constant(X, tf.float32), margin=margin),
        oracle(LABELS, X, margin),
        call=f"triplet_semihard_loss(labels, embeddings, margin={margin})",
        oracle=PAPER,
        rtol=RTOL["float32"],
        bugs={cause: bug(LABELS, X, margin) for cause, bug in BUGS.items()},
    )


def per_anchor(labels, x, margin):
    """The mean of each anchor's mean, where every anchor has a positive."""
    sizes = [np.sum(labels == label) - 1 for label in labels]
    anchors = np.split(hinges(labels, x, margin), np.cumsum(sizes)[:-1])
    return np.mean([np.mean(pairs) for pairs in anchors])


def test_1_every_pair_counts_the_same(kata):
    labels = np.array([4, 1, 4, 1, 1, 4, 1])
    assert_close(
        kata.triplet_semihard_loss(labels, tf.constant(X, tf.float32), margin=MARGIN),
        oracle(labels, X, MARGIN),
        call=f"triplet_semihard_loss({labels.tolist()}, embeddings, margin={MARGIN})",
        oracle=PAPER,
        rtol=RTOL["float32"],
        bugs={"a mean for each anchor, then their mean": per_anchor(labels, X, MARGIN)},
    )


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_1_embeddings_may_lie_far_apart(kata, dtype):
    # Whole numbers up to 1,250: exact in float16, but not their squares.
    assert_close(
        kata.triplet_semihard_loss(LABELS, tf.constant(1000 * X, dtype), margin=300.0),
        oracle(LABELS, 1000 * X, 300.0),
        call=f"triplet_semihard_loss(labels, 1000 * {dtype} embeddings, margin=300.0)",
        oracle=PAPER,
        rtol=RTOL[dtype],
        dtype=dtype,
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_1_keeps_the_dtype_of_the_embeddings(kata, dtype):
    embeddings = tf.constant(X, dtype)
    assert_close(
        kata.triplet_semihard_loss(labels=LABELS, embeddings=embeddings, margin=MARGIN),
        oracle(LABELS, X, MARGIN),
        call=f"triplet_semihard_loss(labels=…, embeddings={dtype} tensor, margin={MARGIN})",
        oracle=PAPER,
        rtol=RTOL[dtype],
        dtype=dtype,
    )


def test_1_float64_keeps_its_digits(kata):
    x = 10_000 + X / 3  # in float32 the thirds are off by 3e-4
    assert_close(
        kata.triplet_semihard_loss(LABELS, tf.constant(x), margin=MARGIN),
        oracle(LABELS, x, MARGIN),
        call=f"triplet_semihard_loss(labels, embeddings near 10,000 in float64, margin={MARGIN})",
        oracle=PAPER,
        rtol=RTOL["float64"],
        bugs={"float32 arithmetic": oracle(LABELS, x.astype("float32"), MARGIN)},
    )


def test_1_defaults_are_those_of_the_signature(kata):
    assert_close(
        kata.triplet_semihard_loss(LABELS, tf.constant(X, tf.float32)),
        oracle(LABELS, X, 1.0),
        call="triplet_semihard_loss(labels, embeddings)",
        oracle=PAPER,
        rtol=RTOL["float32"],
        dtype="float32",
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_1_margin_may_be_an_argument_of_a_graph(kata, dtype):
    compiled = graph(lambda y, x, m: kata.triplet_semihard_loss(y, x, margin=m))
    for margin in (0.75, 0.25):
        assert_close(
            compiled(tf.constant(LABELS), tf.constant(X, dtype), tf.constant(margin, dtype)),
            oracle(LABELS, X, margin),
            call=f"in a tf.function of margin: triplet_semihard_loss(…, margin={margin})",
            oracle=PAPER,
            rtol=RTOL[dtype],
            dtype=dtype,
        )


def test_1_margin_may_be_zero(kata):
    assert_close(
        kata.triplet_semihard_loss(LABELS, tf.constant(X), margin=0),
        oracle(LABELS, X, 0),
        call="triplet_semihard_loss(labels, embeddings, margin=0)",
        oracle=PAPER,
        rtol=RTOL["float64"],
    )


def test_1_farther_is_strict(kata):
    # From 0 to its positive at 2 it is as far as to the negative at -2; the next is at 3.
    labels, x = np.array([0, 0, 1, 1]), np.array([[0.0], [2.0], [-2.0], [3.0]])
    at_least = lambda d_ap, negatives: semihard(d_ap - 1e-9, negatives)
    assert_close(
        kata.triplet_semihard_loss(labels, tf.constant(x, tf.float32), margin=4.0),
        oracle(labels, x, 4.0),
        call="triplet_semihard_loss([0, 0, 1, 1], [[0], [2], [-2], [3]], margin=4.0)",
        oracle=PAPER,
        rtol=RTOL["float32"],
        bugs={"d_an >= d_ap where it should be >": oracle(labels, x, 4.0, mine=at_least)},
    )


def test_1_the_farthest_counts_where_none_is_farther(kata):
    labels, x = np.array([3, 3, 5, 5]), np.array([[0.0], [8.0], [3.0], [4.0]])
    assert_close(
        kata.triplet_semihard_loss(labels, tf.constant(x, tf.float32), margin=2.0),
        2.75,  # 2 + 8 - 4 and 2 + 8 - 5; 2 + 1 - 3 and 2 + 1 - 4, which pay nothing
        call="triplet_semihard_loss([3, 3, 5, 5], [[0], [8], [3], [4]], margin=2.0)",
        oracle="the formula by hand",
        rtol=RTOL["float32"],
        bugs={cause: BUGS[cause](labels, x, 2.0) for cause in BUGS if "none is" in cause},
    )


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64"])
def test_1_labels_may_have_any_integer_dtype(kata, dtype):
    labels = tf.constant(LABELS, dtype)
    assert_close(
        kata.triplet_semihard_loss(labels, tf.constant(X, tf.float32), margin=MARGIN),
        oracle(LABELS, X, MARGIN),
        call=f"triplet_semihard_loss({dtype} labels, embeddings, margin={MARGIN})",
        oracle=PAPER,
        rtol=RTOL["float32"],
    )


def test_1_labels_may_have_any_values(kata):
    # Two of them are one number in float64, and two are one in 32 bits.
    a, b, c = -(2**60) - 1, -(2**60), -1
    labels = np.array([a, b, a, b, c, a, b])
    assert_close(
        kata.triplet_semihard_loss(labels, tf.constant(X, tf.float32), margin=MARGIN),
        oracle(LABELS, X, MARGIN),
        call=f"triplet_semihard_loss({labels.tolist()}, embeddings, margin={MARGIN})",
        oracle="the same loss with the classes called 4, 1 and 9",
        rtol=RTOL["float32"],
        bugs={
            f"labels through {narrow}": oracle(labels.astype(narrow), X, MARGIN)
            for narrow in ("int32", "float64")
        },
    )


METRICS = ["L2", "squared-L2", "angular"]


@pytest.mark.parametrize("metric", METRICS)
def test_2_each_metric_matches_the_formula(kata, metric):
    others = [m for m in METRICS if m != metric]
    assert_close(
        kata.triplet_semihard_loss(
            LABELS, tf.constant(X, tf.float32), margin=MARGIN, distance_metric=metric
        ),
        oracle(LABELS, X, MARGIN, metric),
        call=f"triplet_semihard_loss(…, margin={MARGIN}, distance_metric={metric!r})",
        oracle=PAPER,
        rtol=RTOL["float32"],
        bugs={f'"{m}" distances': oracle(LABELS, X, MARGIN, m) for m in others}
        | {"embeddings not normalised": oracle(LABELS, X, MARGIN, "unnormalised")},
    )


def test_2_angular_ignores_the_length(kata):
    lengths = np.array([1, 2, 0.5, 3, 1, 10, 0.001])[:, None]
    assert_close(
        kata.triplet_semihard_loss(
            LABELS, tf.constant(X * lengths), margin=MARGIN, distance_metric="angular"
        ),
        oracle(LABELS, X, MARGIN, "angular"),
        call="triplet_semihard_loss(labels, scaled embeddings, distance_metric='angular')",
        oracle="the loss of the unscaled embeddings",
        rtol=RTOL["float64"],
    )


def test_2_a_vector_of_zeros_has_similarity_0(kata):
    x = X.copy()
    x[2] = 0
    assert_close(
        kata.triplet_semihard_loss(LABELS, tf.constant(x), margin=3.0, distance_metric="angular"),
        oracle(LABELS, x, 3.0, "angular"),
        call="triplet_semihard_loss(labels, x, margin=3, distance_metric='angular') with x[2] = 0",
        oracle=PAPER,
        rtol=RTOL["float64"],
    )


def assert_slope(kata, labels, x, metric="L2", **how):
    """The gradient equals central differences of the formula."""
    __tracebackhide__ = True
    rate = slope(lambda x: oracle(labels, x, MARGIN, metric), np.float64(x))
    assert_gradient(
        lambda x: kata.triplet_semihard_loss(labels, x, margin=MARGIN, distance_metric=metric),
        x,
        lambda upstream: upstream * rate,
        call=f"triplet_semihard_loss(labels, x, margin={MARGIN}, distance_metric={metric!r})",
        oracle="central differences of the formula in float64",
        rtol=1e-4,
        atol=1e-5,  # a sum over up to twenty distances of slopes near 1
        **how,
    )


def with_fixed_negatives():
    """The slope when d_an counts as a constant: each d_an as it is at X, pair by pair."""
    at_x = []
    hinges(LABELS, X, MARGIN, mine=lambda *pair: at_x.append(semihard(*pair)) or 0)
    again = itertools.cycle(at_x)
    return slope(lambda x: oracle(LABELS, x, MARGIN, mine=lambda *_: next(again)), X)


def test_3_gradient_matches_the_formula(kata):
    fixed = with_fixed_negatives()
    bugs = {"no gradient through the negatives": lambda upstream: upstream * fixed}
    assert_slope(kata, LABELS, X.astype("float32"), bugs=bugs)


@pytest.mark.parametrize("metric", METRICS)
def test_3_gradient_of_each_metric(kata, metric):
    assert_slope(kata, LABELS, X, metric)


def value_and_gradient(kata):
    """Returns the function from labels and x to the loss and its slopes times -1.5."""

    def compute(labels, x):
        loss = lambda x: kata.triplet_semihard_loss(labels, x, margin=MARGIN)
        value, (gradient,) = vjp(loss, [x], upstream=-1.5)
        return value, gradient

    return compute


def assert_right(modes, labels, x):
    """Loss and gradient match the formula, which has slope 0 at distance 0."""
    __tracebackhide__ = True
    ids, x = np.array(labels), np.array(x, "float32")
    want = oracle(ids, x, MARGIN)
    rate = slope(lambda x: oracle(ids, x, MARGIN), np.float64(x))
    for said, compute in modes.items():
        value, gradient = compute(tf.constant(ids), tf.constant(x))
        call = f"{said}triplet_semihard_loss({labels}, {x.tolist()}, margin={MARGIN})"
        assert_close(value, want, call=call, oracle=PAPER, rtol=RTOL["float32"])
        assert_close(
            gradient,
            -1.5 * rate,
            call=f"tape.gradient({call}, x, output_gradients=-1.5)",
            oracle="central differences of the formula in float64",
            rtol=1e-4,
            atol=1e-5,
        )


def assert_nothing_to_pay(modes, labels, x):
    """Loss 0, and a gradient of zeros."""
    __tracebackhide__ = True
    exact = {"oracle": "no pair, nothing to pay", "rtol": 0.0}
    for said, compute in modes.items():
        value, gradient = compute(tf.constant(np.array(labels)), tf.constant(x, tf.float32))
        call = f"{said}triplet_semihard_loss({labels}, x)"
        assert_close(value, 0.0, call=call, **exact)
        assert_close(gradient, np.zeros(x.shape), call=f"tape.gradient({call}, x)", **exact)


def test_3_every_mode_agrees(kata):
    compute = value_and_gradient(kata)
    modes = every_mode(compute, tf.constant(LABELS), tf.constant(X, tf.float32))
    assert_right(modes, LABELS.tolist(), X)
    assert_right(modes, [0, 0, 1, 2, 3, 4, 5], X[[0, 0, 2, 3, 4, 5, 6]])
    assert_nothing_to_pay(modes, [0, 1, 2, 3, 4, 5, 6], X)


EQUAL = {
    "of one class": [[0.0, 0.0], [0.0, 0.0], [0.5, 0.0]],
    "of two classes": [[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]],
}


@pytest.mark.parametrize("which", EQUAL)
def test_4_equal_embeddings(kata, which):
    assert_right({"": value_and_gradient(kata)}, [0, 0, 1], EQUAL[which])


def assert_finite(call, value, gradient):
    __tracebackhide__ = True
    for asked, got in [(call, value), (f"tape.gradient({call}, x)", gradient)]:
        if got is None or not np.isfinite(got).all():
            text = "None" if got is None else brief(got.numpy())
            raise mismatch(asked, expected="finite numbers", got=text)


@pytest.mark.parametrize("metric", METRICS)
def test_4_a_batch_of_one_label_is_finite(kata, metric):
    loss = lambda x: kata.triplet_semihard_loss([3] * len(X), x, distance_metric=metric)
    value, (gradient,) = vjp(loss, [X])
    call = f"triplet_semihard_loss({[3] * len(X)}, x, distance_metric={metric!r})"
    assert_finite(call, value, gradient)


def test_4_a_vector_of_zeros_has_an_angular_gradient(kata):
    labels, x = [3, 3, 8], tf.constant([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]])
    loss = lambda x: kata.triplet_semihard_loss(labels, x, distance_metric="angular")
    # Eagerly sqrt has slope 0 under an upstream of 0, where XLA finds 0 * inf.
    for said, compute in every_mode(lambda x: vjp(loss, [x]), x).items():
        value, (gradient,) = compute(x)
        call = f"{said}triplet_semihard_loss({labels}, [[0, 0], [1, 2], [3, 1]], …'angular')"
        assert_finite(call, value, gradient)


@pytest.mark.parametrize("labels", [[0, 1, 2], [5]], ids=str)
def test_4_without_a_pair_nothing_is_to_pay(kata, labels):
    assert_nothing_to_pay({"": value_and_gradient(kata)}, labels, X[: len(labels)])


def test_5_the_graph_does_not_grow_with_the_batch(kata):
    call = "tf.function(triplet_semihard_loss) for {} examples"
    sizes = {}
    for batch in (4, 8):
        shapes = tf.TensorSpec([batch], tf.int32), tf.TensorSpec([batch, 3], tf.float32)
        graph = trace(lambda labels, x: kata.triplet_semihard_loss(labels, x), *shapes).graph
        kinds = [operation.type for operation in graph.get_operations()]
        sizes[batch] = len(kinds)
        if any("While" in kind for kind in kinds):
            raise mismatch(call.format(batch), expected="no while loop", got="a while loop")
    if sizes[4] != sizes[8]:
        expected, got = f"{sizes[4]} operations, as for 4", f"{sizes[8]}"
        cause = "a Python loop over the examples, unrolled into the graph"
        raise mismatch(call.format(8), expected=expected, got=got, cause=cause)


BAD = {
    "labels [7, 1]": {"labels": LABELS[:, None]},
    "one label too few": {"labels": LABELS[1:]},
    "labels [1]": {"labels": LABELS[:1]},
    "margin=-0.25": {"margin": -0.25},
    "margin=-1": {"margin": -1},
    "distance_metric='cosine'": {"distance_metric": "cosine"},
}


@pytest.mark.parametrize("bad", BAD)
def test_6_bad_arguments_are_a_value_error(kata, bad):
    given = {"labels": LABELS, "embeddings": X} | BAD[bad]
    call = f"triplet_semihard_loss(labels, embeddings) with {bad}"
    name = next((n for n in ("margin", "distance_metric") if n in bad), "labels|embeddings")
    assert_value_error(lambda: kata.triplet_semihard_loss(**given), name, call=call)
