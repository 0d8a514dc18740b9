"""No sort: every logit is compared with every other; the gradient is autodiff's."""

import tensorflow as tf
from keras import ops


def sparsemax(logits):
    z = logits - tf.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
    # above[..., i] is by how much the larger logits exceed z_i, in all.
    excess = ops.relu(z[..., None, :] - z[..., :, None])
    above = tf.stop_gradient(ops.sum(excess, axis=-1))
    inside = ops.cast(above < 1, z.dtype)
    count = ops.sum(inside, axis=-1, keepdims=True)
    tau = (ops.sum(inside * z, axis=-1, keepdims=True) - 1) / count
    return inside * (z - tau)
