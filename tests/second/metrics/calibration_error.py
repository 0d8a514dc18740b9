"""Accuracy and confidence of each bin are formed; edges are compared, in Keras' operations."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("second")
class ExpectedCalibrationError(keras.Metric):
    def __init__(self, num_bins=15, **kwargs):
        super().__init__(**kwargs)
        self.num_bins = num_bins
        self.sums = self.add_variable([3, num_bins], "zeros", name="sums")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred, "float32")
        p = ops.max(y_pred, axis=1)
        hit = ops.cast(
            ops.take_along_axis(y_pred, ops.expand_dims(y_true, 1), axis=1)[:, 0] >= p, "float32"
        )
        upper = np.arange(1, self.num_bins, dtype="float32") / self.num_bins
        # How many edges lie below: an edge itself does not.
        place = ops.sum(ops.cast(p[:, None] > upper, "int32"), axis=1)
        where = ops.one_hot(place, self.num_bins)
        rows = ops.stack([ops.ones_like(p), hit, p])  # [3, B]
        if sample_weight is not None:
            rows = rows * ops.cast(sample_weight, "float32")
        self.sums.assign(self.sums + rows @ where)

    def result(self):
        n, hits, p = ops.unstack(ops.convert_to_tensor(self.sums))
        safe = ops.where(n > 0, n, 1.0)
        gap = ops.absolute(hits / safe - p / safe)
        return ops.sum(n * gap) / ops.where(ops.sum(n) > 0, ops.sum(n), 1.0)

    def get_config(self):
        return {**super().get_config(), "num_bins": self.num_bins}
