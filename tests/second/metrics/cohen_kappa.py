"""Proportions in NumPy's order of the formula, one-hot products, Keras' operations."""

import keras
import numpy as np
from keras import ops

DISTANCES = {
    None: lambda i, j: (i != j).astype("float32"),
    "linear": lambda i, j: np.abs(i - j),
    "quadratic": lambda i, j: np.square(i - j),
}


@keras.saving.register_keras_serializable("second")
class CohenKappa(keras.Metric):
    def __init__(self, num_classes, *, weightage=None, **kwargs):
        super().__init__(**kwargs)
        if num_classes <= 1:
            raise ValueError(f"num_classes is too small. Received: num_classes={num_classes}")
        if weightage not in DISTANCES:
            raise ValueError(f"weightage is unknown. Received: weightage={weightage}")
        self.num_classes, self.weightage = num_classes, weightage
        distances = DISTANCES[weightage](*np.indices([num_classes, num_classes]))
        # In [0, 1]: kappa does not depend on the unit.
        self.penalties = (distances / distances.max()).astype("float32")
        self.table = self.add_variable([num_classes] * 2, "zeros", name="table")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if tuple(y_true.shape) != tuple(y_pred.shape):
            raise ValueError(f"y_true is not like y_pred. Received: {y_true.shape=}")
        rows, columns = (
            ops.one_hot(ops.cast(y, "int32"), self.num_classes, dtype="float32")
            for y in (y_true, y_pred)
        )
        if sample_weight is not None:
            rows = rows * ops.cast(sample_weight, "float32")[:, None]
        self.table.assign(self.table + ops.matmul(ops.transpose(rows), columns))

    def result(self):
        n = ops.sum(self.table)
        observed = self.table / ops.where(n > 0, n, 1.0)
        expected = ops.outer(ops.sum(observed, axis=1), ops.sum(observed, axis=0))
        above = ops.sum(self.penalties * observed)
        below = ops.sum(self.penalties * expected)
        kappa = 1.0 - above / ops.where(below > 0, below, 1.0)
        return ops.where(below > 0, kappa, 0.0)

    def get_config(self):
        own = {"num_classes": self.num_classes, "weightage": self.weightage}
        return {**super().get_config(), **own}
