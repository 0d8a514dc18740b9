"""The dense route: a smoothed one-hot target into TensorFlow's fused cross-entropy."""

import keras
import tensorflow as tf


def smoothed_cross_entropy(labels, logits, *, smoothing=0.1):
    logits = tf.convert_to_tensor(logits)
    labels = tf.cast(tf.convert_to_tensor(labels), tf.int64)
    if not tf.is_tensor(smoothing) and (smoothing < 0 or smoothing > 1):
        raise ValueError(f"smoothing is a share. Received: smoothing={smoothing}")
    if labels.shape.as_list() != logits.shape.as_list()[:-1]:
        raise ValueError(f"labels do not fit. Received: labels {labels.shape}")
    classes = logits.shape[-1]
    smoothing = tf.cast(smoothing, logits.dtype)
    target = tf.one_hot(
        labels,
        classes,
        on_value=1 - smoothing + smoothing / classes,
        off_value=smoothing / classes,
        dtype=logits.dtype,
    )
    return tf.nn.softmax_cross_entropy_with_logits(target, logits)


@keras.saving.register_keras_serializable("second")
class SmoothedCrossEntropy(keras.losses.Loss):
    def __init__(self, smoothing=0.1, reduction="sum_over_batch_size", name=None, dtype=None):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        return smoothed_cross_entropy(y_true, y_pred, smoothing=self.smoothing)

    def get_config(self):
        return {**super().get_config(), "smoothing": self.smoothing}
