"""What every Keras loss class owes, whatever it computes."""

import functools

import keras
import numpy as np
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.modes import graph
from tests.support.serialization import assert_config_round_trip


def assert_given_class_works(make, y_true, y_pred, want, *, rtol, path, **settings):
    """Fails unless a loss class weighs one value per example, trains, and comes back.

    Args:
        make: The class.
        y_true, y_pred: [B, ...] one batch, B >= 2.
        want: [B] the loss of each example, by an oracle.
        rtol: As for `assert_close`.
        path: A folder for the saved model.
        **settings: Arguments for the class, none at its default.
    """
    __tracebackhide__ = True
    configured = functools.partial(make, **settings)
    one = lambda reduction: configured(reduction=reduction)
    assert_one_value_per_example(one, y_true, y_pred, want, rtol=rtol)
    assert_config_keeps_the_loss(make, y_true, y_pred, want, rtol=rtol, **settings)
    assert_trains_and_reloads(configured(), y_true, y_pred, path)


def assert_one_value_per_example(loss, y_true, y_pred, want, *, rtol, dtype=None):
    """Fails unless `loss` weighs, then reduces, one value per example.

    A loss whose `call` returns a scalar applies sample_weight wrongly, and doubles the
    step on two replicas. `fit` traces it for batches of any size.

    Args:
        loss: Function from a `reduction` to an instance of the loss.
        y_true, y_pred: [B, ...] one batch, B >= 2.
        want: [B] the loss of each example, by an oracle.
        rtol: As for `assert_close`.
        dtype: Dtype for the loss, where float32 is not meant.
    """
    __tracebackhide__ = True
    name = type(loss("none")).__name__
    if (reduction := getattr(loss("none"), "reduction", "none")) != "none":
        cause = "reduction is not passed on to super().__init__"
        call = f"{name}(…, reduction='none').reduction"
        raise mismatch(call, expected="none", got=str(reduction), cause=cause)
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
    any_size = _traced_for_any_size(loss("none"), y_true, y_pred)
    for rows in (1, len(want)):
        assert_close(
            any_size(y_true[:rows], y_pred[:rows]),
            want[:rows],
            call=f"{name}(…, reduction='none') in a tf.function for any B, with B = {rows}",
            **how,
        )


def _traced_for_any_size(loss, y_true, y_pred):
    """Returns the loss in a tf.function that knows all sizes but that of the batch."""
    given = [tf.convert_to_tensor(array) for array in (y_true, y_pred)]
    specs = [tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype) for tensor in given]
    return graph(lambda y_true, y_pred: loss(y_true, y_pred), input_signature=specs)


def assert_config_keeps_the_loss(make, y_true, y_pred, want, *, rtol, **settings):
    """Fails unless the loss that comes back from its config computes as the first did.

    Args:
        make: The class.
        y_true, y_pred: [B, ...] one batch.
        want: [B, ...] what is summed over the batch, by an oracle.
        rtol: As for `assert_close`.
        **settings: Arguments for the class, none at its default.
    """
    __tracebackhide__ = True
    revived = assert_config_round_trip(make, **settings, reduction="sum", name="mine")
    arguments = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    assert_close(
        revived(y_true, y_pred),
        np.sum(want),
        call=f"the revived {make.__name__}({arguments}, reduction='sum')(y_true, y_pred)",
        oracle="the formula in float64",
        rtol=rtol,
    )


def assert_trains_and_reloads(loss, y_true, y_pred, path):
    """Fails unless a model compiled with `loss` trains, saves, and loads with equal loss.

    `train_on_batch` takes the step that `fit` takes, without its data set.

    Args:
        loss: The instance, with non-default settings.
        y_true: [B, ...] targets.
        y_pred: [B, ...] predictions; the model starts there and may move them.
        path: A folder for the saved model.
    """
    __tracebackhide__ = True
    model = Movable(np.asarray(y_pred, "float32"))
    # Plain descent on a small step: any right loss falls, a wrong sign climbs. Suites
    # compile the function of a loss with XLA: once is enough.
    model.compile(optimizer=keras.optimizers.SGD(1e-3), loss=loss, jit_compile=False)
    inputs = np.zeros([len(y_pred), 1], "float32")
    before = float(loss(y_true, model(inputs)))
    for _ in range(3):
        model.train_on_batch(inputs, y_true)
    after = float(loss(y_true, model(inputs)))
    if not after < before:
        name = type(loss).__name__
        call = f"model.compile(loss={name}(…)); model.train_on_batch(x, y)  # three times"
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
class Movable(keras.Model):
    """Ignores its input: the output is a weight that starts at `rows` [B, ...]."""

    def __init__(self, rows, **kwargs):
        super().__init__(**kwargs)
        self.rows = np.asarray(rows, "float32")
        self.row = self.add_weight(shape=self.rows.shape, initializer="zeros", name="row")

    def call(self, x):
        return self.row + self.rows

    def get_config(self):
        return super().get_config() | {"rows": self.rows.tolist()}
