"""F-beta as a streaming Keras metric, in all four averages.

Question (15 min). Why is the mean of the batches' F1 not F1? Write the one that is, for K
classes, with recall worth beta times as much as precision. For each class, P = TP / (TP +
FP), R = TP / (TP + FN), and

    F = (1 + beta^2) P R / (beta^2 P + R)

Write it as a `keras.metrics.Metric` that streams. Test k checks clause k:

    1. y_true [B, K] is 0 or 1, y_pred [B, K] scores. With threshold=None the class of the
       row's highest score is predicted, whatever that score is; with a number, every
       class whose score is strictly greater: none, one or several in a row.
    2. average=None gives F of each class, [K]; "macro" their mean over all K classes;
       "weighted" their mean weighted by the number of true labels, TP + FN; "micro" F of
       the counts summed over classes. The last three are scalars.
    3. 0 / 0 is 0: a class with no label and no prediction has F = 0 (and counts in the
       macro mean), no label at all gives 0.
    4. Any split into batches gives one result, sample_weight [B] counts a row that many
       times (a quarter of a time, too), reset_state forgets everything; a metric that has
       seen nothing is 0.
    5. Eager mode, tf.function, XLA and `model.evaluate` agree.
    6. num_classes < 2, beta <= 0, an unknown average, and y_true and y_pred of unequal
       shape raise a ValueError that names them, as in `Received: beta=0`.
    7. The class is registered with Keras, comes back from its config, and with a saved
       model.

Run   nox -s check -- f_beta
Read  https://scikit-learn.org/stable/modules/generated/sklearn.metrics.fbeta_score.html
"""

import keras
import tensorflow as tf


class FBeta(keras.metrics.Metric):
    """Keras metric: F-beta of each class, or an average over classes.

    Args:
        num_classes: Number of classes K, at least 2.
        average: None for F of each class, [K]; "micro", "macro" or "weighted" (by true
            labels) for a scalar.
        beta: How many times as important recall is as precision, above 0.
        threshold: Classes with a score > `threshold` are predicted. None predicts the
            one class with the highest score.
        name, dtype: As for `keras.metrics.Metric`.

    Raises:
        ValueError: If `num_classes`, `average` or `beta` is none of the above.

    >>> metric = FBeta(num_classes=2, average="micro", beta=2.0, threshold=0.5)
    >>> metric.update_state([[1, 1], [0, 1]], [[0.9, 0.2], [0.5, 0.7]])  # TP 2, FN 1
    >>> print(f"{metric.result():.4f}")  # 5 * 2 / (4 * 3 + 2)
    0.7143
    """

    def __init__(
        self,
        num_classes,
        *,
        average=None,
        beta=1.0,
        threshold=None,
        name="f_beta",
        dtype=None,
    ):
        super().__init__(name=name, dtype=dtype)
        raise NotImplementedError("FBeta")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true: [B, K] of 0 or 1, any dtype.
            y_pred: [B, K] scores.
            sample_weight: [B] how many times each row counts, or None for once.

        Raises:
            ValueError: If `y_true` and `y_pred` differ in shape.
        """
        raise NotImplementedError("FBeta.update_state")

    def result(self):
        """Returns F: [K] if `average` is None, else a scalar."""
        raise NotImplementedError("FBeta.result")
