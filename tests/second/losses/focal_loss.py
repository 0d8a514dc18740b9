"""The textbook route: Keras' operations, a closed-form gradient, alpha by `where`."""

import keras
import tensorflow as tf
from keras import ops


def sigmoid_focal_loss(labels, logits, *, alpha=None, gamma=2.0):
    if not tf.is_tensor(gamma) and gamma < 0:
        raise ValueError(f"gamma is negative. Received: gamma={gamma}")
    if isinstance(alpha, float) and (alpha <= 0 or alpha >= 1):
        raise ValueError(f"alpha is no weight. Received: alpha={alpha}")
    logits = ops.convert_to_tensor(logits)
    labels = ops.cast(ops.convert_to_tensor(labels), logits.dtype)
    if tuple(labels.shape) != tuple(logits.shape):
        raise ValueError(f"labels do not fit. Received: labels {labels.shape}")
    positive = ops.greater(labels, 0.5)
    loss = _focal(ops.where(positive, logits, -logits), gamma)
    return loss if alpha is None else ops.where(positive, alpha * loss, (1 - alpha) * loss)


def _focal(z_t, gamma):
    @tf.custom_gradient
    def focal(z_t):
        log_p, log_q = ops.log_sigmoid(z_t), ops.log_sigmoid(-z_t)
        p, modulator = ops.sigmoid(z_t), ops.exp(gamma * log_q)
        # d/dz of -(1 - p)^gamma log p, with dp/dz = p (1 - p).
        slope = modulator * (gamma * p * log_p - ops.sigmoid(-z_t))
        return -modulator * log_p, lambda upstream: upstream * slope

    return focal(z_t)


@keras.saving.register_keras_serializable("second")
class BinaryFocalLoss(keras.losses.Loss):
    def __init__(self, alpha=None, gamma=2.0, name="binary_focal_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.settings = {"alpha": alpha, "gamma": gamma}

    def call(self, y_true, y_pred):
        return ops.mean(sigmoid_focal_loss(y_true, y_pred, **self.settings), -1)

    def get_config(self):
        return {**super().get_config(), **self.settings}
