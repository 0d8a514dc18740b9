"""Cohen's kappa as a streaming Keras metric, with graded penalties.

State and result part at the usual place: the confusion matrix adds up over batches,
kappa does not. Written with n brought over to the other side, no expected matrix is
formed and nothing is divided by n:

    kappa = (chance - seen) / chance     seen = n sum w O     chance = sum w (rows x columns)

Four ways to get it wrong, with numbers near enough to pass a glance:

- Weights of agreement (1 on the diagonal, w = 1 - |i - j| / (K - 1)) belong in
  (seen - chance) / (1 - chance). Put into 1 - seen / chance they turn the sign.
- E not divided by n: for 100 examples a kappa of 0 reads 0.99.
- `1 - tf.math.divide_no_nan(seen, chance)` is 1, not 0, for a metric that has seen nothing.
  Above, 0 / 0 is where it belongs. TF Addons gave nan for a single class.
- Float32 counts stop at 2^24; the state is float64.

Only ratios of penalties matter: |i - j| and |i - j| / (K - 1) give one kappa. For two
classes all three penalties are one. With quadratic penalties kappa tends, for many
examples, to the intraclass correlation of the two raters (Fleiss and Cohen 1973).

Follow-ups an interviewer asks: why kappa can be low at 95% agreement (rare class); why it
differs from Matthews' correlation; how to train for it (a soft O from probabilities, and
why large batches are needed).
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

        counts = tf.math.confusion_matrix(
            y_true, y_pred, self.num_classes, weights=sample_weight, dtype=tf.float64
        )
        self.confusion.assign_add(counts)

    def result(self):
        """Returns kappa, a scalar; 0 where it is undefined."""
        counts = tf.convert_to_tensor(self.confusion)
        labels, predictions = tf.reduce_sum(counts, axis=1), tf.reduce_sum(counts, axis=0)
        penalties = self._penalties()
        seen = tf.reduce_sum(counts) * tf.reduce_sum(penalties * counts)
        by_chance = labels[:, tf.newaxis] * predictions
        chance = tf.reduce_sum(penalties * by_chance)
        return tf.cast(tf.math.divide_no_nan(chance - seen, chance), self.dtype)

    def _penalties(self):
        ids = tf.range(self.num_classes, dtype=tf.float64)
        distance = tf.abs(ids[:, tf.newaxis] - ids)
        if self.weightage == "linear":
            return distance
        return distance**2 if self.weightage == "quadratic" else tf.sign(distance)

    # given
    def get_config(self):
        own = {"num_classes": self.num_classes, "weightage": self.weightage}
        return super().get_config() | own
