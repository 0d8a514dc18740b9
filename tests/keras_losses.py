"""What every Keras loss class owes, whatever it computes."""

import keras
import numpy as np
import tensorflow as tf

from tests.closeness import assert_close, mismatch


def assert_one_value_per_example(loss, y_true, y_pred, want, *, rtol, dtype=None):
    """Fails unless `loss` weighs, then reduces, one value per example.

    A loss whose `call` returns a scalar applies sample_weight wrongly, and doubles the
    step on two replicas.

    Args:
        loss: Function from a `reduction` to an instance of the loss.
        y_true, y_pred: [B, ...] one batch, B >= 2.
        want: [B] the loss of each example, by an oracle.
        rtol: As for `assert_close`.
        dtype: Dtype for the loss, where float32 is not meant.
    """
    __tracebackhide__ = True
    name = type(loss("none")).__name__
    weights = np.linspace(1.0, 3.0, len(want))
    how = {"oracle": "one value per example", "rtol": rtol, "dtype": dtype}
    flat = {"call() returning one mean for the whole batch": np.mean(want)}
    assert_close(
        loss("none")(y_true, y_pred),
        want,
        call=f"{name}(…, reduction='none')(y_true, y_pred)",
        bugs=flat,
        **how,
    )
    assert_close(
        loss("sum")(y_true, y_pred, sample_weight=weights),
        np.sum(weights * want),
        call=f"{name}(…, reduction='sum')(y_true, y_pred, sample_weight)",
        bugs={cause: value * np.sum(weights) for cause, value in flat.items()},
        **how,
    )
    assert_close(
        loss("sum_over_batch_size")(y_true, y_pred),
        np.mean(want),
        call=f"{name}(…)(y_true, y_pred)",
        **how,
    )


def assert_trains_and_reloads(loss, y_true, y_pred, path):
    """Fails unless a model compiled with `loss` fits, saves, and loads with equal loss.

    Args:
        loss: The instance, with non-default settings.
        y_true: [B, ...] targets.
        y_pred: [B, ...] predictions; the model starts there and may move them.
        path: A folder for the saved model.
    """
    __tracebackhide__ = True
    model = _movable(np.asarray(y_pred, "float32"), loss)
    inputs = np.zeros([len(y_pred), 1], "float32")
    before = float(loss(y_true, model(inputs)))
    # Row i of the model belongs to row i of y_true.
    how = {"batch_size": len(y_pred), "shuffle": False, "verbose": 0}
    model.fit(inputs, y_true, epochs=3, **how)
    after = float(loss(y_true, model(inputs)))
    if not after < before:
        call = f"model.compile(loss={type(loss).__name__}(…)); model.fit(…, epochs=3)"
        raise mismatch(call, expected=f"a loss below {before:.7g}", got=f"{after:.7g}")
    model.save(path / "model.keras")
    revived = keras.saving.load_model(path / "model.keras")
    assert_close(
        revived.loss(y_true, revived(inputs)),
        after,
        call="the loss of keras.saving.load_model(path) on the same batch",
        oracle="the model that was saved",
        rtol=1e-6,  # the same float32 operations on the same weights
    )


@keras.saving.register_keras_serializable(package="tests")
class Movable(keras.layers.Layer):
    """Ignores its input: the output is a weight of `rows` [B, ...]."""

    def __init__(self, rows, **kwargs):
        super().__init__(**kwargs)
        self.rows = np.asarray(rows, "float32")
        self.row = self.add_weight(shape=self.rows.shape, initializer="zeros", name="row")

    def call(self, x):
        # Adding x's shape keeps the batch axis known to Keras.
        return self.row + self.rows + 0 * tf.reshape(x, [-1] + [1] * (self.rows.ndim - 1))

    def get_config(self):
        return super().get_config() | {"rows": self.rows.tolist()}


def _movable(rows, loss):
    model = keras.Sequential([keras.Input([1]), Movable(rows)])
    # Plain descent on a small step: any right loss falls, a wrong sign climbs.
    model.compile(optimizer=keras.optimizers.SGD(1e-3), loss=loss)
    return model
