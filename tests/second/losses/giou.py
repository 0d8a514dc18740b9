"""Algorithm 1 of the paper, coordinate by coordinate, with Keras' operations."""

from keras import ops


def giou_loss(boxes_true, boxes_pred, *, mode="giou"):
    if mode != "giou" and mode != "iou":
        raise ValueError(f"unknown mode. Received: {mode=}")
    boxes_pred = ops.convert_to_tensor(boxes_pred)
    dtype = boxes_pred.dtype
    y1, x1, y2, x2 = ops.unstack(ops.cast(ops.convert_to_tensor(boxes_true), "float64"), axis=-1)
    v1, u1, v2, u2 = ops.unstack(ops.cast(boxes_pred, "float64"), axis=-1)

    inner = ops.relu(ops.minimum(y2, v2) - ops.maximum(y1, v1)) * ops.relu(
        ops.minimum(x2, u2) - ops.maximum(x1, u1)
    )
    both = (y2 - y1) * (x2 - x1) + (v2 - v1) * (u2 - u1) - inner
    iou = _ratio(inner, both)
    if mode == "iou":
        return ops.cast(1.0 - iou, dtype)
    hull = (ops.maximum(y2, v2) - ops.minimum(y1, v1)) * (ops.maximum(x2, u2) - ops.minimum(x1, u1))
    return ops.cast(1.0 - iou + _ratio(hull - both, hull), dtype)


def _ratio(part, whole):
    # The divisor is replaced before dividing: a gradient that is not taken stays finite.
    empty = ops.equal(whole, 0)
    return ops.where(empty, 0 * part, part / ops.where(empty, ops.ones_like(whole), whole))
