"""Flattened examples, a step from fake towards real, and an epsilon under the root."""

import tensorflow as tf
from keras import ops


def gradient_penalty(critic, real, fake, mix):
    shape, batch = ops.shape(real), real.shape[0]
    flat_real, flat_fake = ops.reshape(real, [batch, -1]), ops.reshape(fake, [batch, -1])
    points = flat_fake + mix[:, None] * (flat_real - flat_fake)
    with tf.GradientTape(watch_accessed_variables=False) as inner:
        inner.watch(points)
        scores = critic(ops.reshape(points, shape))
    # A tape adds up the gradients of what it is given.
    direction = inner.gradient(scores, points)
    lengths = ops.sqrt(ops.sum(ops.square(direction), axis=1) + 1e-12)
    return ops.sum(ops.square(lengths - 1)) / batch
