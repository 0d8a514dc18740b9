"""Matthews' correlation as a streaming Keras metric.

Question (12 min). Accuracy is .95 for a model that calls everything positive on 95/5 data;
Matthews' correlation is 0. It is the correlation of two class assignments: with one
indicator column per class, x from the labels and y from the predictions,

    R = sum_k cov(x_k, y_k) / sqrt(sum_k cov(x_k, x_k) * sum_k cov(y_k, y_k))

In terms of the confusion matrix of n examples, with c hits on its diagonal, row sums t_k
(labels) and column sums p_k (predictions):

    R = (n c - sum_k t_k p_k) / sqrt((n^2 - sum_k p_k^2) (n^2 - sum_k t_k^2))

For two classes that is (TP TN - FP FN) / sqrt((TP+FP) (TP+FN) (TN+FP) (TN+FN)). Write it
as a `keras.metrics.Metric` that streams. Test k checks clause k:

    1. For class ids y_true [B] and y_pred [B], all from 0 to num_classes - 1, in lists,
       arrays or tensors of any integer dtype, result() is R, a scalar tensor.
    2. Where R is 0 / 0 it is 0: labels or predictions of one class only, nothing seen.
    3. Counts of 10^8 neither overflow, nor stop growing, nor lose a small class beside
       them: R is right to 1e-6.
    4. Any split into batches, or over the replicas of a strategy in whose scope the
       metric is made, gives one result; sample_weight [B] counts a row that many times
       (a quarter of a time, too); reset_state forgets everything.
    5. Eager mode, tf.function, XLA and `model.evaluate` agree. The class is registered
       with Keras, comes back from its config, and with a saved model.
    6. num_classes < 2, and y_true and y_pred of unequal shape ((B,) against (B, 1), too),
       raise a ValueError that names them, as in `Received: num_classes=1`.

Run   nox -s check -- matthews_correlation
Read  https://doi.org/10.1016/j.compbiolchem.2004.09.006, equation 8
"""

import keras
import tensorflow as tf


class MatthewsCorrelation(keras.metrics.Metric):
    """Keras metric: the correlation of labels and predictions, in [-1, 1].

    Args:
        num_classes: Number of classes K, at least 2. Class ids are 0 to K - 1.
        name, dtype: As for `keras.metrics.Metric`.

    Raises:
        ValueError: If `num_classes` is below 2.

    >>> metric = MatthewsCorrelation(num_classes=2)
    >>> metric.update_state([1, 1, 1, 0], [1, 0, 1, 1])  # TP 2, FN 1, FP 1, TN 0
    >>> print(f"{metric.result():.4f}")  # (2 * 0 - 1 * 1) / sqrt(3 * 3 * 1 * 1)
    -0.3333
    """

    def __init__(self, num_classes, name="matthews_correlation", dtype=None):
        super().__init__(name=name, dtype=dtype)
        raise NotImplementedError("MatthewsCorrelation")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true, y_pred: [B] class ids, 0 to K - 1, of any integer dtype.
            sample_weight: [B] how many times each row counts, or None for once.

        Raises:
            ValueError: If `y_true` and `y_pred` differ in shape.
        """
        raise NotImplementedError("MatthewsCorrelation.update_state")

    def result(self):
        """Returns the correlation, a scalar; 0 where it is undefined."""
        raise NotImplementedError("MatthewsCorrelation.result")
