"""Box regression with generalized intersection over union.

Question (20 min). 1 - IoU is a loss for bounding boxes, but flat where boxes do not
overlap. Rezatofighi et al. add a penalty that grows as the boxes move apart:

    IoU  = |A ∩ B| / |A ∪ B|
    GIoU = IoU - |C - (A ∪ B)| / |C|        C is the smallest box round A and B

Write the loss 1 - GIoU, for boxes given as [y_min, x_min, y_max, x_max]. Test k checks
clause k:

    1. Values match the formula for any leading axes, in the dtype of `boxes_pred`:
       float16, 32 and 64. `boxes_true` has any numeric dtype. Coordinates are pixels, or
       fractions of an image.
    2. The gradient with respect to `boxes_pred` is that of the formula. (Where edges
       are aligned any choice passes.) Disjoint boxes are pulled together.
    3. With mode="iou" it is 1 - IoU, which for disjoint boxes is 1 with gradient 0. Any
       other mode than "giou" and "iou" raises ValueError, as in `Received: mode=diou`.
    4. Equal boxes have loss 0. A box without area next to another, or inside it, has the
       loss of the formula; no box without area makes loss or gradient nan or infinite.
    5. Eager mode, tf.function and XLA agree.

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
    raise NotImplementedError("giou_loss")
