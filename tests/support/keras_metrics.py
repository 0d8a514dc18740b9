"""What every Keras metric owes, whatever it measures."""

import keras
import numpy as np
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.replicas import two_replicas
from tests.support.serialization import revive
from tests.support.value_errors import assert_value_error

EMPTY = "a metric that has seen nothing"


def result_of(metric):
    """Returns the result; a Python number is one, too: Keras takes it for a tensor."""
    result = metric.result()
    return tf.constant(result) if isinstance(result, int | float) else result


def measure(metric, batches):
    """Returns the result of a new metric after (y_true, y_pred[, sample_weight]) batches."""
    for y_true, y_pred, *weight in batches:
        metric.update_state(y_true, y_pred, sample_weight=weight[0] if weight else None)
    return result_of(metric)


def assert_streams(make, y_true, y_pred, want, *, mean_of_batches, rtol, atol=0.0):
    """Fails unless state is kept in counts: any split into batches gives one result.

    Args:
        make: Function of no arguments that returns a new metric.
        y_true, y_pred: [B, ...] all examples, B >= 4.
        want: The result over all of them, by an oracle.
        mean_of_batches: Function from a list of (y_true, y_pred) to the wrong answer that
            averages the oracle over batches.
        rtol, atol: As for `assert_close`.
    """
    __tracebackhide__ = True
    name, count = type(make()).__name__, len(y_true)
    for cuts in ([count // 2], [1, 2, count - 1]):
        batches = list(zip(np.split(y_true, cuts), np.split(y_pred, cuts), strict=True))
        sizes = [len(batch[0]) for batch in batches]
        wrong = {"the mean of the batches' results": mean_of_batches(batches)}
        assert_close(
            measure(make(), batches),
            want,
            call=f"{name}(…) after batches of {sizes} examples",
            oracle="all examples in one batch",
            rtol=rtol,
            atol=atol,
            bugs=wrong if len(cuts) == 1 else None,
        )


def assert_adds_up_over_replicas(make, y_true, y_pred, want, *, rtol, atol=0.0):
    """Fails unless two replicas, which share the examples, give the result of all of them.

    Args:
        make: Function of no arguments that returns a new metric.
        y_true, y_pred: [B, ...] all examples, B >= 3; the first replica gets a third.
        want: Function of (y_true, y_pred) to the result, by an oracle.
        rtol, atol: As for `assert_close`.
    """
    __tracebackhide__ = True
    strategy, name = two_replicas(), type(make()).__name__
    parts = list(zip(*[np.split(a, [len(a) // 3]) for a in (y_true, y_pred)], strict=True))
    batches = [tuple(map(tf.constant, part)) for part in parts]
    with strategy.scope():
        metric = make()

    def update(batch):
        metric.update_state(*batch)

    each = strategy.experimental_distribute_values_from_function(
        lambda context: batches[context.replica_id_in_sync_group]
    )
    strategy.run(update, args=(each,))
    results = [want(*part) for part in parts]
    sizes = " and ".join(str(len(batch[0])) for batch in batches)
    assert_close(
        result_of(metric),
        want(y_true, y_pred),
        call=f"{name}(…), made in a strategy's scope, after {sizes} examples on two replicas",
        oracle="all examples in one batch",
        rtol=rtol,
        atol=atol,
        bugs={
            "only the first replica's examples": results[0],
            "the mean of the replicas' results": np.mean(results, axis=0),
        },
    )


def assert_weights_repeat_rows(
    make, y_true, y_pred, want, *, unweighted, rtol, atol=0.0, weight_dtype=None
):
    """Fails unless an integer sample weight counts a row that many times.

    A sixteenth of every weight must give the same result: the metric is a ratio, also
    where less than one example has been seen. A batch without weights counts each row once.

    Args:
        make: Function of no arguments that returns a new metric.
        y_true, y_pred: [B, ...] one batch, B >= 3.
        want: Function of (y_true, y_pred) to the unweighted result, by an oracle.
        unweighted: What a metric that ignores the weights gives.
        rtol, atol: As for `assert_close`.
        weight_dtype: The only dtype of weights that the kata speaks of, if there is one.
    """
    __tracebackhide__ = True
    times, name = _repeats(y_true), type(make()).__name__
    weights, sixteenths = times, times / 16
    if weight_dtype is not None:
        weights, sixteenths = (w.astype(weight_dtype) for w in (weights, sixteenths))
    cases = {
        "0, 1/16, 1/8, 0, …": ([(y_true, y_pred, sixteenths)], times),
        "none, then 0, 1, 2, 0, …": ([(y_true, y_pred), (y_true, y_pred, weights)], times + 1),
    }
    for kinds, (batches, copies) in cases.items():
        assert_close(
            measure(make(), batches),
            want(*[np.repeat(a, copies, axis=0) for a in (y_true, y_pred)]),
            call=f"{name}(…) with sample_weight {kinds}",
            oracle=f"rows repeated {', '.join(map(str, copies[:3]))}, … times",
            rtol=rtol,
            atol=atol,
            bugs={"sample_weight ignored": unweighted},
        )


def assert_resets(make, y_true, y_pred, empty, *, rtol):
    """Fails unless nothing seen gives `empty`, also after reset_state, and reuse is clean.

    Args:
        make: Function of no arguments that returns a new metric.
        y_true, y_pred: [B, ...] one batch, B >= 3.
        empty: The result of a metric that has seen nothing.
        rtol: As for `assert_close`.
    """
    __tracebackhide__ = True
    metric, name = make(), type(make()).__name__
    how = {"oracle": EMPTY, "rtol": rtol}
    assert_close(result_of(metric), empty, call=f"{name}(…).result()", **how)
    measure(metric, [(y_true, y_pred)])
    metric.reset_state()
    assert_close(result_of(metric), empty, call=f"{name}(…) after reset_state()", **how)
    other = [(y_true[1:], y_pred[1:])]
    assert_close(
        measure(metric, other),
        measure(make(), other).numpy(),
        call=f"{name}(…) after reset_state() and another batch",
        oracle="a new metric after that batch",
        rtol=rtol,
    )


def assert_modes_agree(make, y_true, y_pred, want, *, mode, rtol, atol=0.0, weight_dtype=None):
    """Fails unless two compiled calls, each a weighted update and a result, give the oracle's.

    Args:
        make: Function of no arguments that returns a new metric.
        y_true, y_pred: [B, ...] two batches of B / 2, on which the result differs.
        want: Function of (y_true, y_pred) to the unweighted result, by an oracle.
        mode: What compiles a function, such as `tf.function`.
        rtol, atol: As for `assert_close`.
        weight_dtype: As for `assert_weights_repeat_rows`.
    """
    __tracebackhide__ = True
    metric, times = make(), _repeats(y_true)
    weights = times if weight_dtype is None else times.astype(weight_dtype)

    @mode
    def step(y_true, y_pred, weights):
        metric.update_state(y_true, y_pred, sample_weight=weights)
        return result_of(metric)

    for arrays in zip(*[np.split(a, 2) for a in (y_true, y_pred, weights)], strict=True):
        result = step(*map(tf.constant, arrays))
    repeated = [np.repeat(a, times, axis=0) for a in (y_true, y_pred)]
    half = [a[len(a) // 2 :] for a in repeated]
    assert_close(
        result,
        want(*repeated),
        call=f"{type(metric).__name__}(…) after two weighted batches",
        oracle="rows repeated 0, 1, 2, 0, … times",
        rtol=rtol,
        atol=atol,
        bugs={"only the last batch, or what a graph does not keep of the others": want(*half)},
    )


def assert_measures_in_evaluate(make, y_true, y_pred, want, *, rtol, atol=0.0):
    """Fails unless `evaluate`, in graph mode and in two weighted batches, gives the oracle's.

    Args:
        make: Function of no arguments that returns a new metric.
        y_true, y_pred: [B, ...] examples, B even; the model predicts y_pred.
        want: Function of (y_true, y_pred) to the unweighted result, by an oracle.
        rtol, atol: As for `assert_close`.
    """
    __tracebackhide__ = True
    weights, name = _repeats(y_true), type(make()).__name__
    model = _echo(make(), y_pred)
    assert_close(
        _evaluate(model, y_pred, y_true, weights.astype("float32")),
        want(*[np.repeat(a, weights, axis=0) for a in (y_true, y_pred)]),
        call=f"compile(weighted_metrics=[{name}(…)]); evaluate(x, y, sample_weight)",
        oracle="rows repeated 0, 1, 2, 0, … times",
        rtol=rtol,
        atol=atol,
    )


def assert_reloads(make, y_true, y_pred, want, path, *, rtol, atol=0.0):
    """Fails unless a compiled model brings the metric and its settings back from a file.

    Args:
        make: Function of no arguments that returns a new metric, no setting at its default.
        y_true, y_pred: [B, ...] examples, B even; the model predicts y_pred.
        want: The result over all of them, by an oracle.
        path: A folder for the saved model.
        rtol, atol: As for `assert_close`.
    """
    __tracebackhide__ = True
    revive(make())  # names a missing registration or config better than load_model does
    _echo(make(), y_pred).save(path / "model.keras")
    model = keras.saving.load_model(path / "model.keras")
    model.run_eagerly = True  # `assert_measures_in_evaluate` pays for tracing once
    assert_close(
        _evaluate(model, y_pred, y_true),
        want,
        call=f"load_model(path).evaluate(…) of a model saved with {type(make()).__name__}(…)",
        oracle="all examples in one batch",
        rtol=rtol,
        atol=atol,
    )


def assert_unequal_shapes_are_named(metric, y_true, y_pred):
    """Fails unless an update with these two, either way round, names both.

    Args:
        metric: A metric of the kind that takes `y_true`.
        y_true: [B, ...] what it takes.
        y_pred: Of another shape, which would broadcast or count too few.
    """
    __tracebackhide__ = True
    for arrays in [(y_true, y_pred), (y_pred, y_true)]:
        shapes = " and ".join(str(np.shape(array)) for array in arrays)
        assert_value_error(
            lambda arrays=arrays: metric.update_state(*arrays),
            "y_true",
            "y_pred",
            call=f"{type(metric).__name__}(…).update_state() with shapes {shapes}",
        )


def _repeats(rows):
    """0, 1, 2, 0, 1, 2, …: none, one or two copies of each row."""
    return np.arange(len(rows)) % 3


def _echo(metric, y_pred):
    """A compiled model that predicts its input."""
    inputs = keras.Input(np.shape(y_pred)[1:], dtype=y_pred.dtype.name)
    model = keras.Model(inputs, keras.layers.Identity(dtype=y_pred.dtype.name)(inputs))
    # XLA is left to `assert_modes_agree`: here it would only take time.
    model.compile(loss=_no_loss, weighted_metrics=[metric], jit_compile=False)
    return model


def _evaluate(model, *arrays):
    """Returns the metric's value over two batches of (x, y[, sample_weight])."""
    # Keras would make its dataset of arrays in four traces, which take a tenth of a second.
    batches = tf.data.Dataset.from_tensor_slices(arrays).batch(len(arrays[0]) // 2)
    results = model.evaluate(batches, verbose=0, return_dict=True)
    (result,) = [value for name, value in results.items() if name != "loss"]
    return tf.convert_to_tensor(result)


@keras.saving.register_keras_serializable(package="tests")
def _no_loss(y_true, y_pred):
    """Keras wants a loss to evaluate; this one suits class ids too."""
    return tf.zeros(tf.shape(y_pred)[:1])
