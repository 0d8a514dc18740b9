"""Flat images, and products of rows: FP and FN from the areas less the overlap."""

import keras
import tensorflow as tf


def tversky_loss(masks, logits, *, alpha=0.5, beta=0.5, smooth=1.0):
    rows = tf.shape(logits)[0]
    y = tf.reshape(masks, [rows, -1])
    p = keras.ops.sigmoid(tf.reshape(logits, [rows, -1]))
    overlap = tf.einsum("bi,bi->b", p, y)
    wrong = alpha * (tf.reduce_sum(p, 1) - overlap) + beta * (tf.reduce_sum(y, 1) - overlap)
    # 1 - a / (a + w) = w / (a + w)
    return wrong / (overlap + smooth + wrong)
