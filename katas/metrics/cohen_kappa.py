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

Write it as a `keras.metrics.Metric` that streams. Test k checks clause k:

    1. For class ids y_true [B] and y_pred [B], lists, arrays or tensors of any integer
       dtype, result() is kappa without weightage, a scalar tensor.
    2. The same with linear and with quadratic penalties, over num_classes classes.
    3. Where kappa is 0 / 0 it is 0: all labels and predictions one class, nothing seen.
    4. Any split into batches gives one result, sample_weight [B] counts a row that many
       times (a quarter of a time, too), reset_state forgets everything.
    5. Eager mode, tf.function, XLA and `model.evaluate` agree.
    6. num_classes < 2, an unknown weightage, and y_true and y_pred of unequal shape ((B,)
       against (B, 1), too) raise a ValueError that names them, as in
       `Received: num_classes=1`.
    7. The class is registered with Keras, comes back from its config, and with a saved
       model.

Run   nox -s check -- cohen_kappa
Read  https://doi.org/10.1037/h0026256 (Cohen 1968, weighted kappa)
"""

import keras
import tensorflow as tf


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

    def __init__(self, num_classes, *, weightage=None, name="cohen_kappa", dtype=None):
        super().__init__(name=name, dtype=dtype)
        raise NotImplementedError("CohenKappa")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true, y_pred: [B] class ids of any integer dtype.
            sample_weight: [B] how many times each row counts, or None for once.

        Raises:
            ValueError: If `y_true` and `y_pred` differ in shape.
        """
        raise NotImplementedError("CohenKappa.update_state")

    def result(self):
        """Returns kappa, a scalar; 0 where it is undefined."""
        raise NotImplementedError("CohenKappa.result")

    def _penalties(self):
        """[K, K], 0 on the diagonal."""
        raise NotImplementedError("CohenKappa._penalties")
