"""Cohen's kappa as a streaming Keras metric, with graded penalties.

Question (15 min). Two raters who both say "benign" nine times in ten agree on 82% by
chance alone. Cohen's kappa asks how much of the disagreement expected by chance is gone:

    kappa = 1 - sum_ij w_ij O_ij / sum_ij w_ij E_ij

O is the confusion matrix of the n examples; E = (row sums of O) (column sums of O)^T / n
is what independent raters with the same habits would give; w_ij is the penalty of saying
j where the other said i:

    weightage=None         0 where i = j, else 1
    weightage="linear"     |i - j|
    weightage="quadratic"  (i - j)^2

The state is given, as is all that Keras wants of a metric: write `update_state` and
`result`. Test k checks clause k:

    1. For class ids y_true [B] and y_pred [B], all from 0 to num_classes - 1, result() is
       kappa without weightage, a scalar tensor.
    2. The same with linear and with quadratic penalties, over num_classes classes.
    3. Where kappa is 0 / 0 it is 0: all labels and predictions one class, nothing seen.
    4. Any split into batches, or over the replicas of a strategy in whose scope the
       metric is made, gives one result; sample_weight [B] counts a row that many times
       (a quarter of a time, too); reset_state forgets everything.
    5. Eager mode, tf.function and XLA agree. What was given still works: ids of any
       integer dtype, the errors, the config, a saved model.

Run   nox -s check -- cohen_kappa
Read  https://doi.org/10.1037/h0026256 (Cohen 1968, weighted kappa)
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
class CohenKappa(keras.metrics.Metric):
    """Keras metric: the agreement of labels and predictions beyond chance, at most 1.

    Args:
        num_classes: Number of classes K, at least 2. Class ids are 0 to K - 1.
        weightage: The penalty of saying j for i: None for 1, "linear" for |i - j|,
            "quadratic" for (i - j)^2.
        name, dtype: As for `keras.metrics.Metric`.

    Raises:
        ValueError: If `num_classes` is below 2, or `weightage` is unknown.

    >>> metric = CohenKappa(num_classes=3, weightage="linear")
    >>> metric.update_state([0, 1, 2, 2], [0, 1, 2, 1])  # penalties: 1/4, by chance 7/8
    >>> print(f"{metric.result():.4f}")  # 1 - 2 / 7
    0.7143
    """

    # given
    def __init__(self, num_classes, *, weightage=None, name="cohen_kappa", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2. Received: num_classes={num_classes}")
        if weightage not in (None, "linear", "quadratic"):
            raise ValueError(
                f"weightage must be None, 'linear' or 'quadratic'. Received: weightage={weightage}"
            )
        self.num_classes = num_classes
        self.weightage = weightage
        # [K, K]: labels in rows, predictions in columns.
        self.confusion = self.add_weight(
            shape=(num_classes, num_classes), initializer="zeros", dtype="float64"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true, y_pred: [B] class ids, 0 to K - 1, of any integer dtype.
            sample_weight: [B] how many times each row counts, or None for once.

        Raises:
            ValueError: If `y_true` and `y_pred` differ in shape.
        """
        # given
        y_true, y_pred = tf.cast(y_true, tf.int64), tf.cast(y_pred, tf.int64)
        if not y_true.shape.is_compatible_with(y_pred.shape):
            raise ValueError(
                "y_true and y_pred must have one shape. "
                f"Received: y_true.shape={y_true.shape}, y_pred.shape={y_pred.shape}"
            )

        raise NotImplementedError("CohenKappa.update_state")

    def result(self):
        """Returns kappa, a scalar; 0 where it is undefined."""
        raise NotImplementedError("CohenKappa.result")

    # given
    def get_config(self):
        own = {"num_classes": self.num_classes, "weightage": self.weightage}
        return super().get_config() | own
