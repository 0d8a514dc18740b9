"""A small linear model whose training step can be written in NumPy."""

import keras
import numpy as np
import tensorflow as tf

from tests.support.trajectories import flat

KERNEL = np.array([[1.0, -2.0], [0.5, 0.25], [-0.75, 1.5]])
BIAS = np.array([0.5, -1.0])
START = [KERNEL, BIAS]
DECAY = 0.25
RATE = 0.125  # a power of two: exact in float32, where Keras keeps it

# One step rounds sums of a dozen products of numbers below 50: 12 * 50 * 6e-8 = 4e-5 in
# the gradient, an eighth of it in the weights.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


class Doubling(keras.layers.Layer):
    """Twice its input in training, the input itself elsewhere."""

    def call(self, x, training=False):
        return 2 * x if training else x


def linear_model(dtype="float32", decay=DECAY, before=()):
    """Returns a new model [B, 3] -> [B, 2] that starts at `START`.

    Args:
        decay: Factor of the sum of the squared kernel, and half of that of the squared
            bias: two losses of the model's own; 0 for none.
        before: Layers between the input and the rest.
    """
    penalty = keras.regularizers.L2
    own = {"kernel_regularizer": penalty(decay), "bias_regularizer": penalty(2 * decay)}
    dense = keras.layers.Dense(2, dtype=dtype, **(own if decay else {}))
    layers = [keras.Input([3], dtype=dtype), *before, Doubling(dtype=dtype), dense]
    model = keras.Sequential(layers)
    dense.set_weights(START)
    return model


def examples(count, seed=0):
    """Returns x [count, 3] and y [count, 2] in float64."""
    random = np.random.default_rng(seed)
    return random.normal(size=[count, 3]), random.normal(size=[count, 2])


def weighted_squares(y_true, y_pred):
    """One loss per example [B], in which y_true and y_pred cannot be swapped."""
    y_true = tf.cast(y_true, y_pred.dtype)
    return tf.reduce_sum((1 + y_true**2) * (y_pred - y_true) ** 2, axis=-1)


def value_and_gradients(
    weights, x, y, shares, *, decay=DECAY, bias_decay=None, factor=2.0, swapped=False
):
    """The objective of `linear_model` and its gradients, by hand in float64.

    Args:
        weights: [3, 2] kernel and [2] bias.
        x, y: [B, 3] and [B, 2].
        shares: What each example's loss counts, [B] or a number; 1 / B for the mean.
        decay: Factor of the sum of the squared kernel.
        bias_decay: Factor of the sum of the squared bias; None for that of `linear_model`.
        factor: What the input is multiplied by: 2 in training.
        swapped: Whether loss(y_pred, y_true) is called.
    """
    kernel, bias = weights
    bias_decay = 2 * decay if bias_decay is None else bias_decay
    p = factor * x @ kernel + bias
    shares = np.broadcast_to(shares, len(x))[:, None]
    if swapped:
        losses = (1 + p**2) * (p - y) ** 2
        slope = shares * 2 * ((1 + p**2) * (p - y) + p * (p - y) ** 2)
    else:
        losses = (1 + y**2) * (p - y) ** 2
        slope = shares * 2 * (1 + y**2) * (p - y)
    value = np.sum(shares * losses) + decay * np.sum(kernel**2) + bias_decay * np.sum(bias**2)
    own = [2 * decay * kernel, 2 * bias_decay * bias]
    return value, [factor * x.T @ slope + own[0], slope.sum(axis=0) + own[1]]


def descend(weights, x, y, shares, **how):
    """Returns the weights after one step of gradient descent at `RATE`."""
    gradients = value_and_gradients(weights, x, y, shares, **how)[1]
    return [w - RATE * g for w, g in zip(weights, gradients, strict=True)]


def flat_weights(weights):
    """Returns all numbers of kernel and bias (arrays or variables), [8]."""
    return flat([[np.asarray(w) for w in weights]])[0]
