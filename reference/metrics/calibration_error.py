"""Expected calibration error as a streaming Keras metric.

Of the answers that a calibrated model gives with confidence 0.8, four in five are right.
The error is the gap between confidence and accuracy in each bin, weighted by how many
examples the bin holds:

    ECE = sum_m (n_m / n) |acc_m - conf_m| = sum_m |hits_m - sum of conf_m| / n

On the right no bin is divided by its count: an empty bin is 0 by itself, and one 0 / 0 is
left, where nothing was seen. Three sums a bin are the whole state.

The trap is to take the absolute value too early or too late. Of each example, |correct -
confidence| is 0.5 for a coin that says 0.5, which is perfectly calibrated; without it, bins
above and below cancel. For the same reason the mean of the batches' errors is too large:
small batches leave few examples a bin, and noise has no sign under the bars. Perfect
probabilities of 4,096 examples have an error of 0.015 at once, and of 0.11 as the mean of 64
batches of 64.

The paper's bins are ((m-1)/M, m/M], closed above, so it is ceil(p M) - 1. With floor the
confidence 1.0, of which saturated models are full, is out of range. Edges are not exact in
float32 unless M is a power of two: of the fourteen edges m/15, typed with six decimals,
five fall on the wrong side.

Only the top class is looked at, and with few examples the number says more about M than
about the model. Report log loss beside it.

Follow-ups an interviewer asks: bins of equal count in place of equal width; the error of
every class; a diagram of the same sums; how temperature scaling repairs it.
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
class ExpectedCalibrationError(keras.metrics.Metric):
    """Keras metric: the mean gap between confidence and accuracy, in [0, 1].

    Args:
        num_bins: M, the number of bins of equal width in (0, 1].
        name, dtype: As for `keras.metrics.Metric`.

    >>> metric = ExpectedCalibrationError(num_bins=4)
    >>> metric.update_state([0, 0], [[0.9, 0.1], [0.4, 0.6]])  # right at 0.9, wrong at 0.6
    >>> print(f"{metric.result():.4f}")  # (|1 - 0.9| + |0 - 0.6|) / 2
    0.3500
    """

    # given
    def __init__(self, num_bins=15, name="expected_calibration_error", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.num_bins = num_bins
        # Of each bin, [num_bins]: the weight of its examples, that of the correct ones, and
        # the weighted sum of the confidences.
        self.counts, self.hits, self.confidences = (
            self.add_weight(shape=(num_bins,), initializer="zeros", dtype="float64")
            for _ in range(3)
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true: [B] class ids, int32 or int64.
            y_pred: [B, C] float32 probabilities.
            sample_weight: [B] how many times each row counts, or None for once.
        """
        # given
        y_true, y_pred = tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred)
        weights = tf.ones_like(y_true, tf.float64)
        if sample_weight is not None:
            weights = tf.cast(sample_weight, tf.float64)

        confidence = tf.reduce_max(y_pred, axis=-1)
        correct = tf.argmax(y_pred, axis=-1, output_type=y_true.dtype) == y_true
        bins = tf.cast(tf.math.ceil(confidence * self.num_bins), tf.int32) - 1
        total = lambda w: tf.math.unsorted_segment_sum(w, bins, self.num_bins)
        self.counts.assign_add(total(weights))
        self.hits.assign_add(total(weights * tf.cast(correct, tf.float64)))
        self.confidences.assign_add(total(weights * tf.cast(confidence, tf.float64)))

    def result(self):
        """Returns the error, a scalar; 0 where nothing has been seen."""
        # n_m |acc_m - conf_m| = |hits_m - confidences_m|
        gaps = tf.reduce_sum(tf.abs(self.hits - self.confidences))
        error = tf.math.divide_no_nan(gaps, tf.reduce_sum(self.counts))
        return tf.cast(error, self.dtype)

    # given
    def get_config(self):
        return super().get_config() | {"num_bins": self.num_bins}
