"""The smallest things that train: the model w x, and a single weight."""

import keras
import numpy as np
import tensorflow as tf


def linear(**dense):
    """A model x -> w x with w = 1, or as the arguments of its one layer say."""
    dense = {"kernel_initializer": "ones", "use_bias": False} | dense
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, **dense)])


def ones(n, value=1.0):
    """[n, 1] examples, or labels, all the same."""
    return np.full((n, 1), value, "float32")


def train(optimizer, gradients, start=1.0, dtype="float32"):
    """The weight after a step with each of the gradients."""
    w = tf.Variable(tf.constant(start, dtype))
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient, dtype)], [w])
    return w.numpy().astype("float64")
