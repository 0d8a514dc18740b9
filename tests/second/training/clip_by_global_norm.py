"""Dense copies for the norm, one pass for each kind of gradient, zeros by a branch."""

import tensorflow as tf
from keras import ops


def clip_by_global_norm(gradients, clip_norm):
    total = 0.0
    for gradient in gradients:
        if gradient is not None:
            # The conversion adds up the rows of an id.
            dense = ops.cast(tf.convert_to_tensor(gradient), "float32")
            total += ops.sum(ops.square(dense))
    norm = ops.sqrt(total)
    shrink = clip_norm / ops.maximum(norm, clip_norm)
    usable = ops.isfinite(norm)

    def clip(gradient):
        if gradient is None:
            return None
        if isinstance(gradient, tf.IndexedSlices):
            shape = gradient.dense_shape
            return tf.IndexedSlices(clip(gradient.values), gradient.indices, shape)
        safe = ops.where(ops.isfinite(gradient), gradient, ops.zeros_like(gradient))
        factor = ops.cast(ops.where(usable, shrink, 0.0), gradient.dtype)
        return safe * factor

    return [clip(gradient) for gradient in gradients], norm
