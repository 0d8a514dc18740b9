"""ROC-AUC as a streaming Keras metric.

Question (15 min). Write the area under the ROC curve without storing a score: that would
be state that grows, and that does not add up over replicas. Two histograms over bins of
equal width in [0, 1] are given, of positives and of negatives. Write `update_state`, which
fills them, and `result`. The area is that of the binned scores: over all pairs of a
positive and a negative,

    P(the positive's bin is higher) + P(both are in one bin) / 2

Test k checks clause k:

    1. y_true [B] is 0 or 1 (int), y_pred [B] holds scores (float32) in [0, 1]. The result
       is the formula's, exactly: a tie counts one half, in whatever order the rows come.
    2. A score s is in bin floor(s * num_bins), from 0; the score 1.0 is in the last bin.
       By default there are 1024 bins.
    3. Where a class is missing, or nothing has been seen, the result is 0.
    4. Any split into batches gives one result; sample_weight [B] (float32) counts a row
       that many times (a sixteenth of a time, too); reset_state forgets everything.
    5. In tf.function the result is the same.

Not asked: XLA, replicas, errors, other dtypes, scores outside [0, 1].

Run   nox -s check -- roc_auc
Read  https://doi.org/10.1016/j.patrec.2005.10.010, section 7
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
class RocAuc(keras.metrics.Metric):
    """Keras metric: the area under the ROC curve of binned scores, in [0, 1].

    Args:
        num_bins: Number of bins of equal width in [0, 1].
        name, dtype: As for `keras.metrics.Metric`.

    >>> metric = RocAuc(num_bins=4)
    >>> metric.update_state([1, 0, 0], [0.3, 0.1, 0.4])  # bins 1; 0, 1: one win, one tie
    >>> print(f"{metric.result():.4f}")  # (1 + 1/2) / 2
    0.7500
    """

    # given
    def __init__(self, num_bins=1024, name="roc_auc", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.num_bins = num_bins
        # The weight of the positives and of the negatives in each bin, [num_bins].
        self.positives, self.negatives = (
            self.add_weight(shape=(num_bins,), initializer="zeros", dtype="float64")
            for _ in range(2)
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true: [B] int, 0 or 1.
            y_pred: [B] float32 scores in [0, 1].
            sample_weight: [B] how many times each row counts, or None for once.
        """
        # given
        y_true, y_pred = tf.cast(y_true, tf.float64), tf.convert_to_tensor(y_pred)
        weights = tf.ones_like(y_true)
        if sample_weight is not None:
            weights = tf.cast(sample_weight, tf.float64)

        raise NotImplementedError("RocAuc.update_state")

    def result(self):
        """Returns the area, a scalar; 0 where a class is missing."""
        raise NotImplementedError("RocAuc.result")

    # given
    def get_config(self):
        return super().get_config() | {"num_bins": self.num_bins}
