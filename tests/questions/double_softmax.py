"""A model of ten classes whose softmax Keras sees, or does not see."""

import warnings

import keras
import numpy as np
import tensorflow as tf


class ByHand(keras.layers.Layer):
    """Softmax, written out."""

    def call(self, z):
        e = tf.exp(z - tf.reduce_max(z, -1, keepdims=True))
        return e / tf.reduce_sum(e, -1, keepdims=True)


def reported(*ends, policy="float32"):
    """What `evaluate` says with from_logits=True, and whether Keras warned of the outputs.

    Args:
        *ends: Layers after the logits.
        policy: Of the logits' layer.
    """
    random = keras.initializers.RandomNormal(stddev=3, seed=1)
    logits = keras.layers.Dense(10, kernel_initializer=random, dtype=policy)
    model = keras.Sequential([keras.Input((5,)), logits, *ends])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 5)).astype("float32"), rng.integers(0, 10, 64)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loss = model.evaluate(x, y, verbose=0)
    return loss, any("does not represent logits" in str(warning.message) for warning in caught)
