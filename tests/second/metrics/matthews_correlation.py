"""Three vectors instead of a matrix, and the printed formula on proportions."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("second")
class MatthewsCorrelation(keras.Metric):
    def __init__(self, num_classes, **kwargs):
        super().__init__(**kwargs)
        if num_classes <= 1:
            raise ValueError(f"num_classes is too small. Received: num_classes={num_classes}")
        self.num_classes = num_classes
        self.hits, self.labels, self.guesses = (
            self.add_variable([num_classes], "zeros", dtype="float64", name=name)
            for name in ("hits", "labels", "guesses")
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if tuple(y_true.shape) != tuple(y_pred.shape):
            raise ValueError(f"y_true is not like y_pred. Received: {y_true.shape=}")
        x = self._indicators(y_true)
        y = self._indicators(y_pred)
        if sample_weight is not None:
            x = x * ops.expand_dims(ops.cast(sample_weight, "float64"), -1)
            y = y * ops.expand_dims(ops.cast(sample_weight, "float64"), -1)
        # x is weighted: its product with y must not be.
        self.hits.assign(self.hits + ops.sum(x * ops.cast(y > 0, "float64"), axis=0))
        self.labels.assign(self.labels + ops.sum(x, axis=0))
        self.guesses.assign(self.guesses + ops.sum(y, axis=0))

    def _indicators(self, ids):
        return ops.one_hot(ops.cast(ids, "int32"), self.num_classes, dtype="float64")

    def result(self):
        n = ops.maximum(ops.sum(self.labels), 1e-300)
        c, t, p = self.hits / n, self.labels / n, self.guesses / n
        root = ops.sqrt((1 - ops.sum(t * t)) * (1 - ops.sum(p * p)))
        defined = root > 1e-12
        score = (ops.sum(c) - ops.sum(t * p)) / ops.where(defined, root, 1.0)
        return ops.cast(ops.where(defined & (n >= 1e-12), score, 0.0), self.dtype)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}
