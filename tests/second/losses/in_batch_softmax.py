"""Row by row in logarithms: the log-sum-exp of the columns that are kept."""

import keras
import tensorflow as tf


def in_batch_softmax_loss(queries, items, item_ids, log_q, *, temperature=1.0):
    size = queries.shape[0]
    scores = tf.einsum("id,jd->ij", queries, items) / temperature - log_q[None, :]
    right = keras.ops.diagonal(scores)
    itself = tf.eye(size, dtype=tf.bool)
    kept = tf.logical_or(itself, tf.not_equal(item_ids[:, None], item_ids[None, :]))
    # All are compared with the right one, whose own term is exp(0).
    above = tf.where(kept, scores - right[:, None], float("-inf"))
    return tf.reduce_logsumexp(above, axis=1)
