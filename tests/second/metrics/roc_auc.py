"""Trapezoids under the curve through the bins, in float32; a table filled by one-hot rows."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("second")
class RocAuc(keras.Metric):
    def __init__(self, num_bins=1024, **kwargs):
        super().__init__(**kwargs)
        self.num_bins = num_bins
        self.table = self.add_variable([2, num_bins], "zeros", name="table")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred, "float32")
        last = float(self.num_bins - 1)
        column = ops.cast(ops.clip(y_pred * self.num_bins, 0.0, last), "int32")
        row = ops.one_hot(ops.cast(y_true, "int32"), 2)  # [B, 2]
        if sample_weight is not None:
            row = row * ops.cast(sample_weight, "float32")[:, None]
        self.table.assign_add(ops.matmul(ops.transpose(row), ops.one_hot(column, self.num_bins)))

    def result(self):
        # From the highest threshold down, so that the curve starts at (0, 0).
        counts = ops.cumsum(ops.flip(self.table, axis=1), axis=1)
        corners = ops.pad(counts, [[0, 0], [1, 0]])
        totals = corners[:, -1:]
        false, true = ops.unstack(corners / ops.where(totals > 0, totals, 1.0))
        return ops.sum((false[1:] - false[:-1]) * (true[1:] + true[:-1]) / 2)

    def get_config(self):
        return {**super().get_config(), "num_bins": self.num_bins}
