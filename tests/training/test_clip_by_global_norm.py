"""Clipping by the global norm: one factor for all gradients, and the norm to log.

Question (12 min). Your language model diverges once a week, and you want to clip its
gradients by their global norm. The built-in is wrong for embeddings and turns one inf
into nan everywhere: write your own.

    norm = sqrt(sum over all gradients, all elements, of g^2)
    g <- g * clip_norm / norm  where norm > clip_norm,  g elsewhere

Test k checks clause k:

    1. The norm is that of all gradients together, before clipping: a scalar tensor of
       float32.
    2. Where it is above clip_norm, every gradient is multiplied by clip_norm / norm.
       Otherwise they come back as they are; zeros stay zeros, with norm 0.
    3. The gradients come back as a list in the same order, None in place of None, each
       in its own dtype: float16 stands beside float32. In float16 300 has norm 300.
    4. A gradient may be tf.IndexedSlices. In the norm it counts as the dense gradient
       that it stands for, in which rows of the same id are added up. It comes back as
       tf.IndexedSlices, of the same dense_shape.
    5. If the norm is inf or nan, all gradients become 0, and that norm is returned.
    6. Eager mode and tf.function agree, and XLA where all gradients are dense.

Run   nox -s check -- clip_by_global_norm
Read  https://arxiv.org/abs/1211.5063, algorithm 1
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, brief, mismatch
from tests.support.modes import graph

# A sum of a dozen squares, a root, a quotient and a product: below 16 roundings of eps/2,
# 1e-6 in float32. In float16 the factor and the product are rounded: 2 * 2^-11 = 1e-3.
CLOSE = {"float32": 1e-6, "float16": 2e-3}

# Squares of 36, 117 and 16: 13 squared in all.
GRADIENTS = [
    np.array([[1.0, -1.0, 3.0], [4.0, 0.0, -3.0]]),
    np.array([6.0, 9.0, 0.0]),
    np.array(-4.0),
]
BY_HAND = "the norm of all elements in float64"


def dense(gradient):
    """A gradient as float64: a list of (id, row) pairs of a table [4, 2] is scattered."""
    if gradient is None or not isinstance(gradient, list):
        return gradient
    table = np.zeros([4, 2])
    for row_id, row in gradient:
        table[row_id] += row
    return table


def tensor(gradient, dtype="float32"):
    """What the learner's code gets."""
    if isinstance(gradient, list):
        ids, rows = zip(*gradient, strict=True)
        return tf.IndexedSlices(tf.constant(rows, dtype), tf.constant(ids), tf.constant([4, 2]))
    return gradient if gradient is None else tf.constant(gradient, dtype)


def norm_of(gradients):
    return np.sqrt(sum((np.float64(g) ** 2).sum() for g in gradients if g is not None))


def times(gradients, factors):
    """Each gradient multiplied, by one factor or each by its own."""
    factors = np.broadcast_to(factors, len(gradients))
    return [None if g is None else g * f for g, f in zip(gradients, factors, strict=True)]


def call_of(gradients, clip_norm, name=None):
    given = name or f"[{', '.join(map(kind, gradients))}]"
    return f"clip_by_global_norm({given}, {clip_norm})"


def kind(gradient):
    """Of None, slices or an array, as it stands in a call."""
    words = {list: "IndexedSlices", type(None): "None"}
    return words.get(type(gradient)) or str(list(gradient.shape))


def clip(kata, tensors, clip_norm, call):
    """The list of gradients and the norm, checked for their number and their Nones."""
    __tracebackhide__ = True
    result = kata.clip_by_global_norm(tensors, clip_norm)
    if not isinstance(result, (list, tuple)) or len(result) != 2:
        raise mismatch(call, expected="the list of gradients, and their norm", got=brief(result))
    clipped, norm = result
    place = [g is None for g in tensors]
    if not isinstance(clipped, (list, tuple)) or [g is None for g in clipped] != place:
        kinds = lambda items: f"[{', '.join('None' if g is None else 'gradient' for g in items)}]"
        got = kinds(clipped) if isinstance(clipped, (list, tuple)) else brief(clipped)
        raise mismatch(f"{call}[0]", expected=kinds(tensors), got=got)
    return list(clipped), norm


def assert_norm(norm, want, call, bugs=None, rtol=CLOSE["float32"]):
    __tracebackhide__ = True
    how = {"oracle": BY_HAND, "rtol": rtol, "dtype": "float32", "bugs": bugs}
    assert_close(norm, want, call=f"{call}[1]", **how)


def assert_clipped(
    clipped, want, call, bugs=None, dtype="float32", oracle="the formula in float64"
):
    """Compares each gradient with its array."""
    __tracebackhide__ = True
    for place, (got, array) in enumerate(zip(clipped, want, strict=True)):
        if array is not None:
            assert_close(
                got,
                array,
                call=f"{call}[0][{place}]",
                oracle=oracle,
                rtol=CLOSE[dtype],
                dtype=dtype,
                bugs={cause: arrays[place] for cause, arrays in (bugs or {}).items()},
            )


def test_1_the_norm_of_all_gradients(kata):
    call, norms = call_of(GRADIENTS, 100.0), [norm_of([g]) for g in GRADIENTS]
    _, norm = clip(kata, [tensor(g) for g in GRADIENTS], 100.0, call)
    bugs = {
        "no root: the sum of squares": 169.0,
        "the sum of the gradients' own norms": sum(norms),
        "the largest of the gradients' own norms": max(norms),
        "the mean of the gradients' own norms": np.mean(norms),
        "the root of the mean square": 13 / np.sqrt(10),
        "the norm of the last gradient": norms[-1],
        "the sum of |g|": sum(np.abs(g).sum() for g in GRADIENTS),
    }
    assert_norm(norm, 13.0, call, bugs)


def test_1_the_norm_is_that_before_clipping(kata):
    call = call_of(GRADIENTS, 2.0)
    _, norm = clip(kata, [tensor(g) for g in GRADIENTS], 2.0, call)
    assert_norm(norm, 13.0, call, {"the norm after clipping": 2.0})


@pytest.mark.parametrize("clip_norm", [1.0, 2.5, 12.75])
def test_2_above_the_limit_one_factor_for_all(kata, clip_norm):
    call, norms = call_of(GRADIENTS, clip_norm), np.array([norm_of([g]) for g in GRADIENTS])
    clipped, _ = clip(kata, [tensor(g) for g in GRADIENTS], clip_norm, call)
    factor = clip_norm / 13
    bugs = {
        "left as they are": GRADIENTS,
        "multiplied by clip_norm / norm^2": times(GRADIENTS, factor / 13),
        "divided by the norm, not multiplied by clip_norm": times(GRADIENTS, 1 / 13),
        "multiplied by clip_norm": times(GRADIENTS, clip_norm),
    }
    if clip_norm == 1.0:
        del bugs["divided by the norm, not multiplied by clip_norm"]
        del bugs["multiplied by clip_norm"]
    if clip_norm < norms.min():
        bugs["each gradient clipped by its own norm"] = times(GRADIENTS, clip_norm / norms)
        bugs["each element clipped"] = [np.clip(g, -clip_norm, clip_norm) for g in GRADIENTS]
    assert_clipped(clipped, times(GRADIENTS, factor), call, bugs)


@pytest.mark.parametrize("clip_norm", [13.5, 100.0])
def test_2_below_the_limit_nothing_changes(kata, clip_norm):
    call = call_of(GRADIENTS, clip_norm)
    clipped, _ = clip(kata, [tensor(g) for g in GRADIENTS], clip_norm, call)
    bugs = {"scaled up to clip_norm": times(GRADIENTS, clip_norm / 13)}
    assert_clipped(clipped, GRADIENTS, call, bugs)


def test_2_zeros_stay_zeros(kata):
    zeros, call = [np.zeros([2, 3]), np.zeros(4)], "clip_by_global_norm([zeros, zeros], 1.0)"
    clipped, norm = clip(kata, [tensor(g) for g in zeros], 1.0, call)
    assert_norm(norm, 0.0, call)
    assert_clipped(clipped, zeros, call)


WITH_NONE = [None, GRADIENTS[0], None, GRADIENTS[1], GRADIENTS[2], None]


def test_3_none_stays_in_its_place(kata):
    call = call_of(WITH_NONE, 1.0)
    clipped, norm = clip(kata, [tensor(g) for g in WITH_NONE], 1.0, call)
    assert_norm(norm, 13.0, call)
    assert_clipped(clipped, times(WITH_NONE, 1 / 13), call)


# 300, 400 and 1200: 1300 in all. Squares of the first two are inf in float16.
MIXED = [np.array([300.0, -400.0]), np.array([[1200.0]])]
DTYPES = ["float16", "float32"]


def mixed(kata, gradients, clip_norm, name):
    call = call_of(gradients, clip_norm, name)
    tensors = [tensor(g, dtype) for g, dtype in zip(gradients, DTYPES, strict=True)]
    return call, *clip(kata, tensors, clip_norm, call)


def assert_each_dtype(clipped, want, call):
    __tracebackhide__ = True
    for place, dtype in enumerate(DTYPES):
        how = {"oracle": "the formula in float64", "rtol": CLOSE[dtype], "dtype": dtype}
        assert_close(clipped[place], want[place], call=f"{call}[0][{place}]", **how)


def test_3_float16_beside_float32(kata):
    name = "[float16 [300, -400], float32 [[1200]]]"
    call, clipped, norm = mixed(kata, MIXED, 130.0, name)
    bugs = {"squares in float16, where 300^2 is inf": np.inf, "float16 left out": 1200.0}
    assert_norm(norm, 1300.0, call, bugs)
    assert_each_dtype(clipped, times(MIXED, 0.1), call)


def test_3_small_float16(kata):
    # 2^-12 squared is 0 in float16.
    small = [np.array([3.0, -4.0]) * 2.0**-14, np.array([[12.0]]) * 2.0**-14]
    name = "[float16 [1.8e-4, -2.4e-4], float32 [[7.3e-4]]]"
    call, clipped, norm = mixed(kata, small, 1.0, name)
    bugs = {"squares in float16, where 2e-4^2 is 0": 12 * 2.0**-14}
    assert_norm(norm, 13 * 2.0**-14, call, bugs)
    assert_each_dtype(clipped, small, call)


# Id 1 comes twice: 3 and 4 in one column add up to 7.
SLICES = [(1, [3.0, 1.0]), (3, [2.0, -1.0]), (1, [4.0, -1.0])]
TABLE = dense(SLICES)
BESIDE = np.array([6.0, -2.0, 4.0])
SPARSE = [BESIDE, None, SLICES]
NORM = norm_of([BESIDE, TABLE])
ROWS = norm_of([BESIDE, [row for _, row in SLICES]])
LAST = norm_of([BESIDE, [row for _, row in SLICES[1:]]])


def test_4_rows_of_one_id_are_added_up(kata):
    call = call_of(SPARSE, 100.0)
    _, norm = clip(kata, [tensor(g) for g in SPARSE], 100.0, call)
    bugs = {
        "the norm of .values: rows of one id not added up": ROWS,
        "only the last row of an id": LAST,
        "the slices left out": norm_of([BESIDE]),
    }
    assert_norm(norm, NORM, call, bugs)


@pytest.mark.parametrize("clip_norm", [2.0, 100.0])
def test_4_slices_stay_slices(kata, clip_norm):
    call = call_of(SPARSE, clip_norm)
    clipped, _ = clip(kata, [tensor(g) for g in SPARSE], clip_norm, call)
    assert_slices(clipped[2], call)
    factor, wrong = min(1, clip_norm / NORM), min(1, clip_norm / ROWS)
    bugs = {
        "the norm of .values: rows of one id not added up": times([BESIDE, None, TABLE], wrong),
        "left as they are": [BESIDE, None, TABLE],
    }
    assert_clipped(
        clipped, times([BESIDE, None, TABLE], factor), call, bugs if factor < 1 else None
    )


def assert_slices(got, call):
    __tracebackhide__ = True
    call = f"{call}[0][2]"
    if not isinstance(got, tf.IndexedSlices):
        raise mismatch(call, expected="tf.IndexedSlices", got=type(got).__name__)
    if got.dense_shape is None:
        raise mismatch(f"{call}.dense_shape", expected="[4 2], that of the gradient", got="None")
    how = {"oracle": "that of the gradient", "rtol": 0.0}
    assert_close(got.dense_shape, np.array([4, 2]), call=f"{call}.dense_shape", **how)


# A nan where the factor is applied to an infinity; finite neighbours, which must be 0 too.
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("where", ["a tensor", "slices"])
def test_5_an_infinite_norm_zeroes_every_gradient(kata, bad, where):
    slices = [(1, [bad, 1.0]), (3, [2.0, -1.0])] if where == "slices" else SLICES
    tensors = [tensor(g) for g in [BESIDE * (bad if where == "a tensor" else 1), None, slices]]
    call = f"clip_by_global_norm([[3], None, IndexedSlices], 2.0), {bad} in {where}"
    clipped, norm = clip(kata, tensors, 2.0, call)
    zero = [np.zeros(3), None, np.zeros([4, 2])]
    assert_slices(clipped[2], call)
    assert_clipped(clipped, zero, call, oracle="0, since the norm is not finite")
    # An infinity may have become a nan on its way into the norm.
    if np.isfinite(float(norm)):
        raise mismatch(f"{call}[1]", expected="the norm as it is: inf or nan", got=brief(norm))


@pytest.mark.parametrize("clip_norm", [1.0, 100.0])
def test_6_every_mode_clips_alike(kata, clip_norm, mode):
    call = call_of(WITH_NONE, clip_norm)

    def clipped_and_norm():
        clipped, norm = clip(kata, [tensor(g) for g in WITH_NONE], clip_norm, call)
        return [g for g in clipped if g is not None], norm

    clipped, norm = mode(clipped_and_norm)()
    assert_norm(norm, 13.0, call)
    assert_clipped(clipped, times(GRADIENTS, min(1, clip_norm / 13)), call)


def test_6_every_mode_zeroes(kata, mode):
    gradients = [np.array([1.0, np.inf]), GRADIENTS[0]]
    call = "clip_by_global_norm([[1, inf], [2, 3]], 2.0)"
    clipped = mode(lambda: clip(kata, [tensor(g) for g in gradients], 2.0, call)[0])()
    zero = [np.zeros_like(g) for g in gradients]
    assert_clipped(clipped, zero, call, oracle="0, since the norm is inf")


def test_6_slices_in_a_graph(kata):
    call = call_of(SPARSE, 2.0)

    def clipped_and_norm():
        (first, _, slices), norm = clip(kata, [tensor(g) for g in SPARSE], 2.0, call)
        return first, slices, norm

    first, slices, norm = graph(clipped_and_norm)()
    assert_norm(norm, NORM, call)
    assert_clipped([first, slices], times([BESIDE, TABLE], 2 / NORM), call)
