"""The labels shifted instead of the logits cut, and one-hot rows as weights."""

import keras
import tensorflow as tf


def next_token_loss(labels, logits, *, ignore_index=-100):
    # The last place predicts nothing: its target is ignored as well.
    last = tf.fill([tf.shape(labels)[0], 1], tf.cast(ignore_index, labels.dtype))
    targets = tf.reshape(tf.concat([labels[:, 1:], last], axis=1), [-1])
    real = tf.cast(tf.not_equal(targets, tf.cast(ignore_index, targets.dtype)), logits.dtype)
    rows = tf.reshape(logits, [-1, logits.shape[-1]])
    log_p = rows - keras.ops.logsumexp(rows, axis=-1, keepdims=True)
    weights = real[:, None] * tf.one_hot(targets, logits.shape[-1])
    return -tf.reduce_sum(weights * log_p) / tf.maximum(tf.reduce_sum(real), 1)
