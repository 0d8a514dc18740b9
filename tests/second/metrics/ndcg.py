"""Ranks counted, not sorted: how many items of the list come before each one. In Keras' ops."""

import keras
from keras import ops


def _ranks(scores):
    """[B, L]: 1 and how many items are higher, or equal and further to the left."""
    own, other = scores[:, :, None], scores[:, None, :]
    left = ops.arange(scores.shape[1])[None, :] < ops.arange(scores.shape[1])[:, None]
    before = ops.logical_or(other > own, ops.logical_and(other == own, left))
    return 1 + ops.sum(ops.cast(before, "float32"), axis=2)


@keras.saving.register_keras_serializable("second")
class NDCG(keras.Metric):
    def __init__(self, k=10, **kwargs):
        super().__init__(**kwargs)
        self.k = k
        self.sums = self.add_variable([2], "zeros", name="sums")

    def _dcg(self, gains, scores):
        ranks = _ranks(scores)
        counted = ops.where(ranks <= self.k, gains, 0.0)
        return ops.sum(counted / ops.log2(1 + ranks), axis=1)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        item = y_true >= 0
        gains = ops.where(item, ops.power(2.0, y_true), 1.0) - 1
        # An item's score stays above the lowest of its list, less 1.
        floor = ops.min(y_pred, axis=1, keepdims=True) - 1
        best = self._dcg(gains, gains)
        seen = ops.cast(best > 0, "float32")
        if sample_weight is not None:
            seen = seen * ops.cast(sample_weight, "float32")
        ratio = self._dcg(gains, ops.where(item, y_pred, floor)) / ops.where(best > 0, best, 1.0)
        self.sums.assign(self.sums + ops.stack([ops.sum(seen * ratio), ops.sum(seen)]))

    def result(self):
        total, count = ops.unstack(ops.convert_to_tensor(self.sums))
        return ops.where(count > 0, total / ops.where(count > 0, count, 1.0), 0.0)

    def get_config(self):
        return {**super().get_config(), "k": self.k}
