"""From first principles: shifted exponentials, einsum, and a rule over one tensor."""

import tensorflow as tf


def softmax_cross_entropy(labels, logits):
    logits = tf.convert_to_tensor(logits)
    labels = tf.cast(tf.convert_to_tensor(labels), logits.dtype)
    if labels.shape.as_list() != logits.shape.as_list():
        raise ValueError(f"labels unlike logits. Received: {labels.shape=}, {logits.shape=}")

    @tf.custom_gradient
    def rows(pair):
        y, z = tf.unstack(pair)
        shifted = z - tf.reduce_max(z, axis=-1, keepdims=True)
        powers = tf.exp(shifted)
        total = tf.reduce_sum(powers, axis=-1, keepdims=True)
        surprise = tf.math.log(total) - shifted

        def grad(upstream):
            to_logits = powers / total * tf.reduce_sum(y, -1, keepdims=True) - y
            return tf.einsum("k...c,...->k...c", tf.stack([surprise, to_logits]), upstream)

        return tf.einsum("...c,...c->...", y, surprise), grad

    return rows(tf.stack([labels, logits]))
