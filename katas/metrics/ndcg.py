"""NDCG@k as a streaming Keras metric.

Question (20 min). A ranker gives each item of a list a score; how good is the order? For
each list, over its first k ranks,

    DCG = sum of (2^rel - 1) / log2(1 + rank)       rank = 1, 2, ..., k
    NDCG = DCG of the order by score / DCG of the best order

The state of a mean over lists is given; write `update_state`, which adds a batch of lists,
and `result`. Test k checks clause k:

    1. y_true [B, L] holds relevances (float32, at least 0), y_pred [B, L] scores (float32,
       any sign); the highest score has rank 1. The result is the mean of the lists' NDCG.
       k is 10 by default, and may be above L: then the list ends before.
    2. The best order is that of the whole list by relevance, cut at k as well.
    3. Of items with equal scores that with the lower index comes first.
    4. A negative relevance marks padding: whatever its score, it takes no rank from an item
       and has no gain.
    5. A list whose best order has a DCG of 0 is not counted: it is as if it were not there.
       Where no list counts, or none has been seen, the result is 0.
    6. Any split into batches gives one result; sample_weight [B] (float32) counts a list
       that many times (a sixteenth of a time, too); reset_state forgets everything; in
       tf.function the result is the same.

Not asked: XLA, replicas, errors, other dtypes, scores that are not finite.

Run   nox -s check -- ndcg
Read  https://www.microsoft.com/en-us/research/wp-content/uploads/2016/02/MSR-TR-2010-82.pdf
"""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="katas")
class NDCG(keras.metrics.Metric):
    """Keras metric: the mean NDCG@k of ranked lists, in [0, 1].

    Args:
        k: How many of the first ranks count.
        name, dtype: As for `keras.metrics.Metric`.

    >>> metric = NDCG(k=2)
    >>> metric.update_state([[1.0, 2.0, 0.0]], [[0.9, 0.1, 0.5]])  # gains 1, 0; ideal 3, 1
    >>> print(f"{metric.result():.4f}")  # 1 / (3 + 1 / log2(3))
    0.2754
    """

    # given
    def __init__(self, k=10, name="ndcg", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.k = k
        # The weighted sum of the lists' NDCG, and of the weights of the lists that count.
        self.total, self.count = (
            self.add_weight(shape=(), initializer="zeros", dtype="float64") for _ in range(2)
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch of lists.

        Args:
            y_true: [B, L] float32 relevances, at least 0; a negative one marks padding.
            y_pred: [B, L] float32 scores.
            sample_weight: [B] how many times each list counts, or None for once.
        """
        # given
        y_true, y_pred = tf.cast(y_true, tf.float32), tf.convert_to_tensor(y_pred)
        weights = tf.ones(tf.shape(y_true)[:1], tf.float64)
        if sample_weight is not None:
            weights = tf.cast(sample_weight, tf.float64)

        raise NotImplementedError("NDCG.update_state")

    def result(self):
        """Returns the mean, a scalar; 0 where no list counts."""
        raise NotImplementedError("NDCG.result")

    # given
    def get_config(self):
        return super().get_config() | {"k": self.k}
