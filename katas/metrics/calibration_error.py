"""Expected calibration error as a streaming Keras metric.

Question (15 min). How far can you trust a classifier's probabilities? Put the examples
into M bins by their confidence, and write the mean gap between accuracy and confidence:

    ECE = sum over bins m of (n_m / n) |acc_m - conf_m|

n_m of the n examples are in bin m; acc_m is the share of them that is correct, conf_m the
mean of their confidences. Three sums a bin are given; write `update_state`, which fills
them, and `result`. Test k checks clause k:

    1. y_true [B] holds class ids (int32 or int64), y_pred [B, C] probabilities (float32).
       The confidence of a row is its largest probability, and the row is correct where
       that probability's index is y_true. The result is the formula's.
    2. Bin m = 1, ..., M is ((m-1)/M, m/M]: a confidence on an edge is in the bin below,
       1.0 in the last bin. By default there are 15 bins.
    3. An empty bin adds 0, and the result is 0 where nothing has been seen.
    4. Any split into batches gives one result; sample_weight [B] (float32) counts a row
       that many times (a sixteenth of a time, too); reset_state forgets everything.
    5. In tf.function the result is the same.

Not asked: ties for the largest probability, edges that float32 cannot hold (M is a power of
two where it matters), rows that do not sum to 1; XLA, replicas, errors, other dtypes.

Run   nox -s check -- calibration_error
Read  https://arxiv.org/abs/1706.04599, equation 3
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

        raise NotImplementedError("ExpectedCalibrationError.update_state")

    def result(self):
        """Returns the error, a scalar; 0 where nothing has been seen."""
        raise NotImplementedError("ExpectedCalibrationError.result")

    # given
    def get_config(self):
        return super().get_config() | {"num_bins": self.num_bins}
