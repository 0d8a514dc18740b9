"""TP, FP and FN in one table of counts, precision and recall formed, Keras' operations."""

import keras
from keras import ops

AVERAGES = {
    None: lambda scores, support: scores,
    "macro": lambda scores, support: ops.mean(scores),
    "micro": lambda scores, support: ops.squeeze(scores),
    "weighted": lambda scores, support: _over(ops.sum(scores * support), ops.sum(support)),
}


def _over(a, b):
    return ops.where(b > 0, a / ops.where(b > 0, b, ops.ones_like(b)), ops.zeros_like(a))


@keras.saving.register_keras_serializable("second")
class FBeta(keras.Metric):
    def __init__(self, num_classes, *, average=None, beta=1.0, threshold=None, **kwargs):
        if average not in AVERAGES:
            raise ValueError(f"average is unknown. Received: average={average}")
        if not (num_classes > 1):
            raise ValueError(f"num_classes is too small. Received: num_classes={num_classes}")
        if not beta > 0:
            raise ValueError(f"beta is not positive. Received: beta={beta}")
        super().__init__(**kwargs)
        self.settings = {
            "num_classes": num_classes,
            "average": average,
            "beta": beta,
            "threshold": threshold,
        }
        self.table = self.add_variable([3, num_classes], "zeros", name="table")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if tuple(y_true.shape) != tuple(y_pred.shape):
            raise ValueError(f"y_true is not like y_pred. Received: {y_true.shape=}")
        actual = ops.cast(y_true, "bool")
        limit = self.settings["threshold"]
        if limit is None:
            # The last of equals, where an argmax takes the first.
            last = y_pred.shape[-1] - 1 - ops.argmax(ops.flip(y_pred, axis=-1), axis=-1)
            guess = ops.arange(y_pred.shape[-1]) == ops.expand_dims(ops.cast(last, "int32"), -1)
        else:
            guess = y_pred > limit
        cells = ops.stack([actual & guess, ~actual & guess, actual & ~guess])  # [3, B, K]
        cells = ops.cast(cells, self.dtype)
        if sample_weight is not None:
            cells = cells * ops.reshape(ops.cast(sample_weight, self.dtype), [1, -1, 1])
        self.table.assign(self.table + ops.sum(cells, axis=1))

    def result(self):
        average, beta = self.settings["average"], self.settings["beta"]
        table = ops.convert_to_tensor(self.table)
        if average == "micro":
            table = ops.sum(table, axis=1, keepdims=True)
        tp, fp, fn = table[0], table[1], table[2]
        precision, recall = _over(tp, tp + fp), _over(tp, tp + fn)
        above = (1 + beta * beta) * precision * recall
        return AVERAGES[average](_over(above, beta * beta * precision + recall), tp + fn)

    def get_config(self):
        return {**super().get_config(), **self.settings}
