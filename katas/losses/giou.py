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

    raise NotImplementedError("giou_loss")
