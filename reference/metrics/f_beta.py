"""F-beta as a streaming Keras metric, in all four averages.

F is no mean over examples: it is a ratio of counts, so the counts are the state and the
ratio is taken once, at the end. A plain function in `compile(metrics=[f1])` is averaged
over batches: for two batches with TP, FP, FN = (3, 0, 1) and (1, 2, 0) it reports
(6/7 + 1/2) / 2 = 0.679, where F1 = 8 / 11 = 0.727.

Precision and recall need not be formed. Multiply through by the counts:

    F = (1 + beta^2) TP / (beta^2 (TP + FN) + (TP + FP))

One division, one 0 / 0, which is an empty class: 0 by convention, in the macro mean too.
So the state is TP, the labels TP + FN and the predictions TP + FP, [K] each, in float64:
float32 stops counting at 2^24.

The trap at the highest score is a tie. `y_pred >= row_max` predicts every class that
ties, and so does Keras' own `F1Score()`: two labels, both scores 0.5, and micro-F1 is 1
where one guess deserves 2/3. An argmax predicts one class.

The four averages answer four questions. "macro": how good on a class, each as important.
"weighted": on a class, by how often it occurs. "micro": on a decision (with one label and
one prediction a row, TP + FP = TP + FN, and it is accuracy). "macro" is not the F of the
mean precision and the mean recall; the two definitions are both found in papers.

Follow-ups an interviewer asks: what the threshold should be, and on which data it is
chosen; why argmax on a single sigmoid column calls everything positive; how to differentiate
something like F (soft counts, and why that depends on the batch).
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
class FBeta(keras.metrics.Metric):
    """Keras metric: F-beta of each class, or an average over classes.

    Args:
        num_classes: Number of classes K, at least 2.
        average: None for F of each class, [K]; "micro", "macro" or "weighted" (by true
            labels) for a scalar.
        beta: How many times as important recall is as precision, above 0.
        threshold: Classes with a score > `threshold` are predicted. None predicts one
            class a row, that of the highest score.
        name, dtype: As for `keras.metrics.Metric`.

    Raises:
        ValueError: If `num_classes`, `average` or `beta` is none of the above.

    >>> metric = FBeta(num_classes=2, average="micro", beta=2.0, threshold=0.5)
    >>> metric.update_state([[1, 1], [0, 1]], [[0.9, 0.2], [0.5, 0.7]])  # TP 2, FN 1
    >>> print(f"{metric.result():.4f}")  # 5 * 2 / (4 * 3 + 2)
    0.7143
    """

    # given
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
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2. Received: num_classes={num_classes}")
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f"average must be None, 'micro', 'macro' or 'weighted'. Received: average={average}"
            )
        if beta <= 0:
            raise ValueError(f"beta must be above 0. Received: beta={beta}")
        self.num_classes = num_classes
        self.average = average
        self.beta = beta
        self.threshold = threshold
        # TP, TP + FN and TP + FP of each class, [K].
        self.hits, self.labels, self.predictions = (
            self.add_weight(shape=(num_classes,), initializer="zeros", dtype="float64")
            for _ in range(3)
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true: [B, K] of 0 or 1, any dtype.
            y_pred: [B, K] scores, float.
            sample_weight: [B] how many times each row counts, or None for once.

        Raises:
            ValueError: If `y_true` and `y_pred` differ in shape.
        """
        # given
        y_true, y_pred = tf.cast(y_true, tf.float64), tf.convert_to_tensor(y_pred)
        if not y_true.shape.is_compatible_with(y_pred.shape):
            raise ValueError(
                "y_true and y_pred must have one shape. "
                f"Received: y_true.shape={y_true.shape}, y_pred.shape={y_pred.shape}"
            )

        if self.threshold is None:
            best = tf.argmax(y_pred, axis=-1)
            predicted = tf.one_hot(best, self.num_classes, dtype=tf.float64)
        else:
            predicted = tf.cast(y_pred > self.threshold, tf.float64)
        weights = 1.0
        if sample_weight is not None:
            weights = tf.cast(sample_weight, tf.float64)[:, tf.newaxis]
        self.hits.assign_add(tf.reduce_sum(weights * y_true * predicted, axis=0))
        self.labels.assign_add(tf.reduce_sum(weights * y_true, axis=0))
        self.predictions.assign_add(tf.reduce_sum(weights * predicted, axis=0))

    def result(self):
        """Returns F: [K] if `average` is None, else a scalar."""
        hits, labels, predictions = self.hits, self.labels, self.predictions
        if self.average == "micro":
            hits, labels, predictions = map(tf.reduce_sum, (hits, labels, predictions))
        squared = self.beta**2
        f = tf.math.divide_no_nan((1 + squared) * hits, squared * labels + predictions)
        if self.average == "macro":
            f = tf.reduce_mean(f)
        if self.average == "weighted":
            f = tf.math.divide_no_nan(tf.reduce_sum(f * labels), tf.reduce_sum(labels))
        return tf.cast(f, self.dtype)

    # given
    def get_config(self):
        return super().get_config() | {
            "num_classes": self.num_classes,
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
        }
