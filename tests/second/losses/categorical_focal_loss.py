"""A closed-form gradient on log-softmax; 1 - p_y as the sum of the other p."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops


def softmax_focal_loss(labels, logits, *, alpha=None, gamma=2.0):
    logits = ops.convert_to_tensor(logits)
    labels = ops.cast(ops.convert_to_tensor(labels), "int64")
    if not tf.is_tensor(gamma) and gamma < 0:
        raise ValueError(f"gamma is negative. Received: gamma={gamma}")
    if tuple(labels.shape) != tuple(logits.shape[:-1]):
        raise ValueError(f"labels do not fit logits. Received: labels.shape={labels.shape}")
    loss = _focal(labels, logits, ops.cast(gamma, logits.dtype))
    if alpha is None:
        return loss
    if not tf.is_tensor(alpha) and any(weight < 0 for weight in np.ravel(alpha)):
        raise ValueError(f"alpha has a negative weight. Received: alpha={alpha}")
    weights = ops.cast(ops.convert_to_tensor(alpha), logits.dtype)
    if tuple(weights.shape) != (logits.shape[-1],):
        raise ValueError(f"alpha needs one weight per class. Received: alpha={alpha}")
    return ops.take(weights, labels) * loss


def _focal(labels, logits, gamma):
    onehot = ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype)

    @tf.custom_gradient
    def focal(z):
        log_p = ops.log_softmax(z, axis=-1)
        p = ops.exp(log_p)
        log_p_y = ops.sum(onehot * log_p, axis=-1)
        rest = ops.sum((1 - onehot) * p, axis=-1)
        modulator = ops.power(rest, gamma)

        def grad(upstream):
            # (1 - p)^(gamma - 1) log p = (1 - p)^gamma * (log p / (1 - p)), and the
            # second factor tends to -1 as p tends to 1.
            some = ops.where(rest > 0, rest, ops.ones_like(rest))
            ratio = ops.where(rest > 0, log_p_y / some, -ops.ones_like(rest))
            by_log_p = modulator * (gamma * ops.exp(log_p_y) * ratio - 1)
            return (upstream * by_log_p)[..., None] * (onehot - p)

        return -modulator * log_p_y, grad

    return focal(logits)


@keras.saving.register_keras_serializable("second")
class SparseCategoricalFocalLoss(keras.losses.Loss):
    def __init__(self, alpha=None, gamma=2.0, reduction="sum_over_batch_size", **kwargs):
        super().__init__(reduction=reduction, **kwargs)
        self.settings = {"alpha": alpha, "gamma": gamma}

    def call(self, y_true, y_pred):
        return softmax_focal_loss(y_true, y_pred, **self.settings)

    def get_config(self):
        return {**super().get_config(), **self.settings}
