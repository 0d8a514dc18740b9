"""Box regression with generalized intersection over union.

Question (25 min). 1 - IoU is a loss for bounding boxes, but flat where boxes do not
overlap. Rezatofighi et al. add a penalty that grows as the boxes move apart:

    IoU  = |A ∩ B| / |A ∪ B|
    GIoU = IoU - |C - (A ∪ B)| / |C|        C is the smallest box round A and B

Write the loss 1 - GIoU, for boxes given as [y_min, x_min, y_max, x_max]. No box is
inverted: y_min <= y_max and x_min <= x_max. Test k checks clause k:

    1. Values match the formula for any leading axes, in the dtype of `boxes_pred`:
       float16, 32 and 64. `boxes_true` has any numeric dtype. Boxes 1,000 pixels wide
       are ordinary, and so are boxes 0.001 of an image wide (but not in float16, which
       holds neither area).
    2. The gradient with respect to `boxes_pred` is that of the formula. (Where edges
       are aligned any choice passes.) Eager mode, tf.function and XLA agree.
    3. With mode="iou" it is 1 - IoU, which for disjoint boxes is 1 with gradient 0. What
       was given still works: any other mode raises ValueError.
    4. Equal boxes have loss 0. Where the union has no area, IoU counts as 0; where the
       enclosure has none either, any finite loss passes. No box without area makes loss
       or gradient nan or infinite.

Run   nox -s check -- giou
Read  https://arxiv.org/abs/1902.09630, algorithm 1
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.gradient_checks import assert_gradient, every_mode, vjp
from tests.support.value_errors import assert_value_error

# Areas are products of coordinates rounded at eps; a difference of areas may lose a
# factor of 5, and four operations follow: 20 eps. A small epsilon in a denominator of
# order 10, as many add it, is 1e-8 of it.
RTOL = {"float16": 1e-2, "float32": 1e-5, "float64": 1e-6}
ATOL = {"float16": 1e-2, "float32": 2e-6, "float64": 1e-7}
FLOAT32 = {"rtol": RTOL["float32"], "atol": ATOL["float32"]}
PAPER = "the formula in float64"

# Overlapping, containing, contained; apart in both axes, in x only, in y only.
# Every box would be one, too, to code that reads its corners in another order.
TRUE = np.array(
    [[0, 1, 4, 6], [1, 2, 3, 5], [-2, -1, 5, 7], [0, 1, 2, 3], [0, 1, 2, 3], [5, 6, 8, 9]]
)
PRED = np.array(
    [
        [1.0, 2.0, 5.0, 8.0],
        [0.5, 1.25, 4.0, 6.0],
        [1.0, 1.5, 3.0, 4.0],
        [5.0, 6.0, 7.0, 9.5],
        [0.5, 3.5, 1.5, 6.0],
        [-1.0, 6.5, 1.0, 10.0],
    ]
)


def side(low_a, high_a, low_b, high_b):
    """Length of the overlap of two intervals."""
    return max(0.0, min(high_a, high_b) - max(low_a, low_b))


def areas(a, b, side=side):
    """Overlap, union and enclosure of two boxes."""
    (top, left, bottom, right), (top_, left_, bottom_, right_) = a, b
    overlap = side(top, bottom, top_, bottom_) * side(left, right, left_, right_)
    area, area_ = (bottom - top) * (right - left), (bottom_ - top_) * (right_ - left_)
    height = max(bottom, bottom_) - min(top, top_)
    width = max(right, right_) - min(left, left_)
    return overlap, area + area_ - overlap, height * width


def giou(overlap, union, enclosure):
    return 1 - (overlap / union - (enclosure - union) / enclosure)


def iou(overlap, union, enclosure):
    return 1 - overlap / union


def oracle(formula, true=TRUE, pred=PRED, **how):
    """The formula, pair by pair."""
    pairs = zip(np.reshape(true, [-1, 4]), np.reshape(pred, [-1, 4]), strict=True)
    losses = [formula(*areas(np.float64(a), np.float64(b), **how)) for a, b in pairs]
    return np.reshape(losses, np.shape(pred)[:-1])


def slope(formula):
    """d loss / d boxes_pred by central differences, [6, 4].

    With h = 1e-4 the error is h^2 times a third derivative of order one: 1e-8.
    """
    steps = 1e-4 * np.eye(4)
    rises = [oracle(formula, pred=PRED + h) - oracle(formula, pred=PRED - h) for h in steps]
    return np.stack(rises, axis=-1) / 2e-4


def reordered(boxes):
    """What y_min, x_min, y_max, x_max are to code that reads y_min, y_max, x_min, x_max."""
    return boxes[:, [0, 2, 1, 3]]


def unclamped(low_a, high_a, low_b, high_b):
    return min(high_a, high_b) - max(low_a, low_b)


def clamped_late(a, b):
    """1 - GIoU with max(0, product) for the product of max(0, side)."""
    overlap, union, enclosure = areas(a, b, side=unclamped)
    return giou(max(0.0, overlap), union + overlap - max(0.0, overlap), enclosure)


BUGS = {
    "the product of the overlap's sides clamped at 0, not each side": np.array(
        [clamped_late(a, b) for a, b in zip(TRUE, PRED, strict=True)]
    ),
    "the sides of the overlap not clamped at 0": oracle(giou, side=unclamped),
    "the penalty divided by the union where it should be the enclosure": oracle(
        lambda i, u, c: 1 - i / u + (c - u) / u
    ),
    "corners read as y_min, y_max, x_min, x_max": oracle(giou, reordered(TRUE), reordered(PRED)),
    "the wrong sign of the penalty": oracle(lambda i, u, c: 1 - i / u - (c - u) / c),
    "GIoU where 1 - GIoU is asked": oracle(lambda i, u, c: 1 - giou(i, u, c)),
    "no penalty: 1 - IoU": oracle(iou),
    "the overlap counted twice in the union": oracle(lambda i, u, c: giou(i, u + i, c)),
    "the enclosure minus the overlap, for the union": oracle(
        lambda i, u, c: 1 - i / u + (c - i) / c
    ),
    "one mean for the whole batch": oracle(giou).mean(),
}


@pytest.mark.parametrize("dtype", RTOL)
def test_1_values_match_the_formula(kata, dtype):
    assert_close(
        kata.giou_loss(TRUE, tf.constant(PRED, dtype)),
        oracle(giou),
        call=f"giou_loss(boxes_true, {dtype} boxes_pred)",
        oracle=PAPER,
        rtol=RTOL[dtype],
        atol=ATOL[dtype],
        dtype=dtype,
        bugs=BUGS,
    )


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "float64"])
def test_1_true_boxes_of_any_numeric_dtype(kata, dtype):
    true = np.abs(TRUE)
    assert_close(
        kata.giou_loss(tf.constant(true, dtype), tf.constant(PRED, tf.float32)),
        oracle(giou, true),
        call=f"giou_loss({dtype} boxes_true, float32 boxes_pred)",
        oracle=PAPER,
        dtype="float32",
        **FLOAT32,
    )


def test_1_small_float64_boxes_far_from_0(kata):
    true, pred = TRUE / 3 + 1e4, PRED / 3 + 1e4
    assert_close(
        kata.giou_loss(true, tf.constant(pred)),
        oracle(giou, true, pred),
        call="giou_loss(boxes_true + 1e4, boxes_pred + 1e4) in float64",
        oracle=PAPER,
        dtype="float64",
        rtol=RTOL["float64"],
        atol=ATOL["float64"],
        bugs={
            "through float32": oracle(giou, *(np.float32(b) for b in (true, pred))),
            "the true boxes through float32": oracle(giou, np.float32(true), pred),
        },
    )


def with_epsilon(epsilon):
    """1 - GIoU with a small number added to both denominators."""
    return lambda i, u, c: 1 - i / (u + epsilon) + (c - u) / (c + epsilon)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("side", "seen"), [(0.01, [1e-6]), (0.001, [1e-6, 1e-7])])
def test_1_small_boxes(kata, dtype, side, seen):
    # Equal, half a side away, two sides away.
    true = np.array([[0, 0, 1, 1]] * 3) * side
    pred = np.array([[0, 0, 1, 1], [0.5, 0, 1.5, 1], [2, 2, 3, 3]]) * side
    true, pred = true.astype(dtype), pred.astype(dtype)
    assert_close(
        kata.giou_loss(true, tf.constant(pred)),
        oracle(giou, true, pred),
        call=f"giou_loss(boxes_true, boxes_pred) in {dtype}, the boxes {side} wide",
        oracle=PAPER,
        # An epsilon of 1e-9 is 1e-3 of the smallest area, and may pass.
        rtol=0.0,
        atol=2e-3,
        dtype=dtype,
        bugs={
            f"{epsilon:g} added to the denominators": oracle(with_epsilon(epsilon), true, pred)
            for epsilon in seen
        }
        | {"the true boxes cut to integers": oracle(giou, np.trunc(true), pred)},
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_1_boxes_of_a_thousand_pixels(kata, dtype):
    true, pred = 200 * TRUE, 200 * PRED
    assert_close(
        kata.giou_loss(tf.constant(true), tf.constant(pred, dtype)),
        oracle(giou, true, pred),
        call=f"giou_loss(200 * boxes_true, 200 * boxes_pred) in {dtype}",
        oracle=PAPER,
        rtol=RTOL[dtype],
        atol=ATOL[dtype],
        dtype=dtype,
    )


@pytest.mark.parametrize("shape", [(4,), (6, 1, 4), (1, 4), (2, 3, 4), (0, 4)], ids=str)
def test_1_any_leading_axes(kata, shape):
    rows = int(np.prod(shape[:-1]))
    true, pred = (np.reshape(boxes[:rows], shape) for boxes in (TRUE, PRED))
    assert_close(
        kata.giou_loss(tf.constant(true, tf.float32), tf.constant(pred, tf.float32)),
        oracle(giou, true, pred),
        call=f"giou_loss(boxes_true {shape}, boxes_pred {shape})",
        oracle=PAPER,
        **FLOAT32,
    )


def test_1_one_box(kata):
    call = "giou_loss(boxes_true=[0, 1, 4, 6], boxes_pred=[1.0, 2.0, 5.0, 8.0])"
    loss = kata.giou_loss(boxes_true=TRUE[0], boxes_pred=tf.constant(PRED[0], tf.float32))
    assert_close(loss, oracle(giou)[0], call=call, oracle=PAPER, **FLOAT32)


def assert_formula_gradient(kata, formula, dtype="float32", bugs=None, **how):
    __tracebackhide__ = True
    assert_gradient(
        lambda boxes: kata.giou_loss(TRUE, boxes, mode=formula.__name__),
        tf.constant(PRED, dtype),
        lambda upstream: upstream[:, None] * slope(formula),
        call=f"giou_loss(boxes_true, x, mode={formula.__name__!r})",
        oracle="central differences of the formula",
        rtol=RTOL[dtype],
        atol=ATOL[dtype],
        bugs=bugs,
        **how,
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_2_gradient_is_that_of_the_formula(kata, dtype):
    # The enclosure's part of the slope of 1 - IoU + 1 - union / enclosure.
    pull = oracle(lambda i, u, c: u / c**2)[:, None] * slope(lambda i, u, c: c)
    bugs = {
        "1 - IoU, which is flat for disjoint boxes": lambda up: up[:, None] * slope(iou),
        "no gradient through the enclosure": lambda up: up[:, None] * (slope(giou) - pull),
    }
    assert_formula_gradient(kata, giou, dtype, bugs=bugs)


def test_3_mode_iou(kata):
    assert_close(
        kata.giou_loss(TRUE, tf.constant(PRED, tf.float32), mode="iou"),
        oracle(iou),
        call="giou_loss(boxes_true, boxes_pred, mode='iou')",
        oracle=PAPER,
        bugs={"mode ignored": oracle(giou), "IoU, not 1 - IoU": 1 - oracle(iou)},
        **FLOAT32,
    )


def test_3_gradient_of_mode_iou(kata):
    assert_formula_gradient(kata, iou)


def test_3_an_unknown_mode_is_named(kata):
    call = "giou_loss(boxes_true, boxes_pred, mode='diou')"
    assert_value_error(lambda: kata.giou_loss(TRUE, PRED, mode="diou"), "mode", call=call)


def test_3_giou_is_the_default(kata):
    boxes = tf.constant(PRED, tf.float32)
    call, default = "giou_loss(boxes_true, boxes_pred, mode='giou')", "the default"
    want = kata.giou_loss(TRUE, boxes).numpy()
    got = kata.giou_loss(TRUE, boxes, mode="giou")
    assert_close(got, want, call=call, oracle=default, rtol=0.0)


@pytest.mark.parametrize("formula", ["giou", "iou"])
def test_4_equal_boxes_have_no_loss(kata, formula):
    boxes = tf.constant(TRUE, tf.float32)
    call = f"giou_loss(boxes, boxes, mode='{formula}')"
    loss = kata.giou_loss(boxes, boxes, mode=formula)
    assert_close(loss, np.zeros(6), call=call, oracle="IoU = 1", **FLOAT32)


# A point inside, a line inside, a point outside, two points, a box round a point.
EMPTY_TRUE = np.array(
    [[0, 0, 4, 6], [0, 0, 4, 6], [0, 0, 2, 2], [1, 1, 1, 1], [2, 3, 2, 3]], "float32"
)
EMPTY_PRED = np.array(
    [[1, 2, 1, 2], [1, 2, 1, 5], [3, 4, 3, 4], [3, 5, 3, 5], [1, 1, 5, 6]], "float32"
)
EMPTY_LOSS = {"iou": np.ones(5), "giou": np.array([1, 1, 1 + 8 / 12, 2, 1])}
POINT = np.array([[1.0, 2.0, 1.0, 2.0]], "float32")


@pytest.mark.parametrize("formula", EMPTY_LOSS)
def test_4_boxes_without_area_have_the_loss_of_the_formula(kata, formula):
    assert_close(
        kata.giou_loss(EMPTY_TRUE, EMPTY_PRED, mode=formula),
        EMPTY_LOSS[formula],
        call=f"giou_loss(boxes_true, boxes_pred, mode='{formula}') without area",
        oracle="the formula by hand, with IoU = 0",
        **FLOAT32,
    )


# Both ways round, the same point twice, and another in line with it.
NO_AREA_TRUE = np.concatenate([EMPTY_TRUE, EMPTY_PRED, POINT, POINT])
NO_AREA_PRED = np.concatenate([EMPTY_PRED, EMPTY_TRUE, POINT, POINT + [0, 3, 0, 3]])


def both_modes(kata, true):
    return lambda x: (
        kata.giou_loss(boxes_pred=x, boxes_true=true) + kata.giou_loss(true, x, mode="iou")
    )


def assert_finite(true, pred, loss, rise, said=""):
    __tracebackhide__ = True
    call = f"{said}giou_loss(boxes_true, x) + giou_loss(boxes_true, x, mode='iou')"
    for asked, got in [(call, loss), (f"tape.gradient({call}, x)", rise)]:
        if got is None:
            raise mismatch(asked, expected="finite numbers", got="None")
        bad = ~np.isfinite(got.numpy()).reshape([len(pred), -1]).all(axis=-1)
        if bad.any():
            at = np.argmax(bad)
            boxes = f"for boxes {true[at]} and {pred[at]}"
            cause = "0 / 0 for boxes without area; tf.where selects the value, not the gradient"
            given = {"expected": "finite numbers", "got": f"{got.numpy()[at]} {boxes}"}
            raise mismatch(asked, **given, cause=cause)


def test_4_boxes_without_area_keep_loss_and_gradient_finite(kata):
    loss, (rise,) = vjp(both_modes(kata, NO_AREA_TRUE), [NO_AREA_PRED])
    assert_finite(NO_AREA_TRUE, NO_AREA_PRED, loss, rise)


def test_2_every_mode_agrees(kata):
    true = np.concatenate([TRUE, NO_AREA_TRUE]).astype("float32")
    pred = np.concatenate([PRED, NO_AREA_PRED]).astype("float32")
    boxes = [tf.constant(true), tf.constant(pred)]
    modes = every_mode(lambda true, pred: vjp(both_modes(kata, true), [pred]), *boxes)
    want, slopes = oracle(giou) + oracle(iou), slope(giou) + slope(iou)
    for said, compute in modes.items():
        loss, (rise,) = compute(*boxes)
        assert_finite(true, pred, loss, rise, said)
        call = f"{said}giou_loss(boxes_true, x) + giou_loss(boxes_true, x, mode='iou')"
        assert_close(loss[:6], want, call=call, oracle=PAPER, **FLOAT32)
        differences = "central differences of the formula"
        asked = f"tape.gradient({call}, x)"
        assert_close(rise[:6], slopes, call=asked, oracle=differences, **FLOAT32)
