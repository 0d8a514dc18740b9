"""Through the absolute value: max(tau e, (tau - 1) e) = |e| / 2 + (tau - 1/2) e."""

import keras
from keras import ops


def pinball_loss(y_true, y_pred, *, tau=0.5):
    if type(tau) in (int, float) and (tau < 0 or tau > 1):
        raise ValueError(f"tau is a probability. Received: tau={tau}")
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(f"y_true does not fit. Received: {y_true.shape}, {y_pred.shape}")
    tau = ops.cast(tau, y_pred.dtype)
    e = y_true - y_pred
    return ops.mean(ops.abs(e) / 2 + (tau - 0.5) * e, axis=-1)


@keras.saving.register_keras_serializable("second")
class PinballLoss(keras.losses.Loss):
    def __init__(self, tau=0.5, reduction="sum_over_batch_size", name=None, dtype=None):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.tau = tau

    def call(self, y_true, y_pred):
        return pinball_loss(y_true, y_pred, tau=self.tau)

    def get_config(self):
        return {**super().get_config(), "tau": self.tau}
