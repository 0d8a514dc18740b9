"""The formula as printed, in Keras' operations, with the labels as numbers."""

import keras
from keras import ops


def contrastive_loss(y_true, distance, *, margin=1.0):
    if type(margin) in (int, float) and margin < 0:
        raise ValueError(f"margin is a distance. Received: margin={margin}")
    d = ops.convert_to_tensor(distance)
    y = ops.cast(ops.convert_to_tensor(y_true), d.dtype)
    if tuple(y.shape) != tuple(d.shape):
        raise ValueError(f"y_true does not fit. Received: y_true.shape={tuple(y.shape)}")
    hinge = ops.maximum(ops.cast(margin, d.dtype) - d, 0)
    return y * d * d + (1 - y) * hinge * hinge


@keras.saving.register_keras_serializable("second")
class ContrastiveLoss(keras.losses.Loss):
    def __init__(self, margin=1.0, reduction="sum_over_batch_size", name=None, dtype=None):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.margin = margin

    def call(self, y_true, y_pred):
        return contrastive_loss(y_true, y_pred, margin=self.margin)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}
