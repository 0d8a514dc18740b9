"""One example's clipped gradient, mapped over the batch."""

import tensorflow as tf
from keras import ops


def private_gradients(model, loss, x, y, clip_norm, noise):
    variables = model.trainable_variables

    def clipped(example):
        one_x, one_y = example
        with tf.GradientTape() as tape:
            value = loss(one_y[None], model(one_x[None], training=True))[0]
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(value, variables)]
        norm = ops.sqrt(sum(ops.sum(ops.square(g)) for g in gradients))
        return [g / ops.maximum(1.0, norm / clip_norm) for g in gradients]

    of_each = tf.vectorized_map(clipped, (tf.convert_to_tensor(x), tf.convert_to_tensor(y)))
    return [(ops.sum(g, axis=0) + n) / len(x) for g, n in zip(of_each, noise, strict=True)]
