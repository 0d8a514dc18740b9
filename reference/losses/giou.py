"""Box regression with generalized intersection over union.

    IoU  = |A ∩ B| / |A ∪ B|            GIoU = IoU - |C - (A ∪ B)| / |C|

C is the smallest box round both. For disjoint boxes IoU is 0, and so is its gradient,
wherever they are: the model never learns which way to go. GIoU falls towards -1 as C
grows, so that 1 - GIoU pulls from afar. It is 1 - IoU plus a penalty in [0, 1].

The trap is the product of two negative sides. Where the boxes are apart in both axes,
min(y_max) - max(y_min) and min(x_max) - max(x_min) are negative and their product is
an overlap out of nothing: for [0, 0, 2, 2] and [5, 3, 7, 9] it is 3, and the loss 1.56
where 1.75 is right. Clamp each side at 0, then multiply.

The second trap is the epsilon that so many add to both denominators. A box of a
thousandth of the image has an area of 1e-6: with 1e-7 added, two equal ones pay 0.09,
with 1e-6, 0.5. Only an area of exactly 0 needs care. `tf.where` round a plain division
is none: it selects the value, but the gradient of the branch not taken is 0 * inf = nan.
`divide_no_nan` is 0 there in both directions.

The third is float16, where boxes of 256 by 256 pixels have no finite area: float32
inside.

Trade-off: for a box inside the other C is the union, and GIoU is IoU again: it does not
care where inside. DIoU adds the distance of the centres, CIoU the aspect ratio.

Follow-ups an interviewer asks: the range of the loss, [0, 2]; the gradient for nested
boxes; all pairs of N and M boxes by broadcasting; inverted boxes (the paper's algorithm
sorts the corners first); rotated boxes.
"""

import tensorflow as tf


def giou_loss(boxes_true, boxes_pred, *, mode="giou"):
    """Returns 1 - GIoU, or 1 - IoU, of each pair of boxes.

    Args:
        boxes_true: [..., 4] as y_min, x_min, y_max, x_max, any numeric dtype.
        boxes_pred: [..., 4] float, likewise.
        mode: "giou" or "iou".

    Returns:
        [...] in the dtype of `boxes_pred`: in [0, 2], or in [0, 1] for "iou".

    Raises:
        ValueError: If `mode` is another.

    >>> true, pred = [0.0, 0.0, 2.0, 2.0], [0.0, 1.0, 2.0, 3.0]
    >>> float(giou_loss(true, pred, mode="iou"))  # 1 - 2/6
    0.6666666269302368
    >>> float(giou_loss(true, [0.0, 6.0, 2.0, 8.0]))  # 1 + (16 - 8) / 16
    1.5
    """
    # given
    if mode not in ("giou", "iou"):
        raise ValueError(f'mode must be "giou" or "iou". Received: mode={mode}')
    boxes_pred = tf.convert_to_tensor(boxes_pred)

    wide = tf.float64 if boxes_pred.dtype == tf.float64 else tf.float32
    true_min, true_max = tf.split(tf.cast(boxes_true, wide), 2, axis=-1)
    pred_min, pred_max = tf.split(tf.cast(boxes_pred, wide), 2, axis=-1)

    overlap = _area(tf.minimum(true_max, pred_max) - tf.maximum(true_min, pred_min))
    union = _area(true_max - true_min) + _area(pred_max - pred_min) - overlap
    enclosure = _area(tf.maximum(true_max, pred_max) - tf.minimum(true_min, pred_min))
    loss = 1 - tf.math.divide_no_nan(overlap, union)
    if mode == "giou":
        loss += tf.math.divide_no_nan(enclosure - union, enclosure)
    return tf.cast(loss, boxes_pred.dtype)


def _area(sides):
    """Of sides [..., 2]; 0 where one is negative, as of boxes that do not overlap."""
    sides = tf.maximum(sides, 0)
    return sides[..., 0] * sides[..., 1]
