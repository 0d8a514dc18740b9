"""A train_step of your own, under `fit`: train as Keras does, and log the gradient's norm.

Question (15 min). You want to see the norm of the gradients in the progress bar, and lose
nothing that `fit` gives. Write `train_step`; the rest of the model stands in the stub.
`compile` has put a metric named "loss" into self.metrics, and `fit` resets every metric
when an epoch begins; what updates them is your step.

Test k checks clause k:

    1. A batch is one step of the optimizer, as the built-in step takes it: training
       mode, one call of the model, sample_weight, and the model's own losses
       (regularisation) once. All variables end where the built-in `fit` leaves them.
    2. "loss" is what the built-in step reports: the mean over the examples of the epoch,
       in which a batch counts by its size, the model's own losses included. Each call
       returns the epoch's results so far.
    3. The metrics given to `compile` are reported as the built-in step does: those in
       `weighted_metrics` with the sample weights, those in `metrics` without.
    4. "gradient_norm" is the mean over the epoch's batches of the norm of all gradients
       together, sqrt(sum over all variables, all elements, of g^2), each batch counting
       once; before the optimizer clips anything.
    5. So in every mode: run eagerly, compiled to a graph, with XLA.

x and y are one tensor each. Every trainable variable has a dense gradient. Float16, several
replicas, and what `evaluate` shows as "gradient_norm" are not asked.

Run   nox -s check -- train_step
Read  https://keras.io/guides/custom_train_step_in_tensorflow/
"""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.training_checks import (
    DECAY,
    START,
    examples,
    flat_weights,
    linear_model,
    value_and_gradients,
    weighted_squares,
)

RATE = 1 / 64
BATCH, EPOCHS = 4, 2
X, Y = examples(11)  # batches of 4, 4 and 3
WEIGHTS = np.linspace(0.25, 2.0, len(X))
BATCHES = [slice(first, first + BATCH) for first in range(0, len(X), BATCH)]

# Six steps, each of which rounds sums of a dozen products: 6 * 12 * 6e-8 = 4e-6, and the
# gradient's differences lose a factor of a few.
CLOSE = {"rtol": 3e-5, "atol": 1e-5}
FIT = "model.fit(x, y, batch_size=4, epochs=2) on 11 examples"
WEIGHTED = FIT.replace("y,", "y, sample_weight=w,")
BY_HAND = "the steps in NumPy, float64"


def steps(sample_weight=None, normalised=False, batches=BATCHES, epochs=EPOCHS, **how):
    """Trains in NumPy, and yields for each batch what it was.

    Args:
        sample_weight: [11] or None.
        normalised: Whether a batch's loss is divided by its sum of weights, not its size.
        batches, epochs: Slices, and how often they are gone through.
        **how: For `value_and_gradients`.
    """
    weights = START
    given = np.ones(len(X)) if sample_weight is None else sample_weight
    for _ in range(epochs):
        for batch in batches:
            x, y, w = X[batch], Y[batch], given[batch]
            shares = w / (w.sum() if normalised else len(w))
            loss, gradients = value_and_gradients(weights, x, y, shares, **how)
            norms = [np.sqrt((g**2).sum()) for g in gradients]
            y_pred = how.get("factor", 2.0) * x @ weights[0] + weights[1]
            weights = [v - RATE * g for v, g in zip(weights, gradients, strict=True)]
            yield {
                "loss": loss,
                "size": len(x),
                "norm": np.hypot(*norms),
                "norms": norms,
                "error": np.abs(y - y_pred).mean(axis=1),
                "weight": w,
                "weights": weights,
                "y": y,
                "y_pred": y_pred,
            }


def per_epoch(seen, number):
    """[EPOCHS] of a function of an epoch's list of batches."""
    seen = list(seen)
    size = len(seen) // EPOCHS
    return np.array([number(seen[first : first + size]) for first in range(0, len(seen), size)])


def column(batches, name):
    return np.array([batch[name] for batch in batches])


def by_size(batches):
    return np.average(column(batches, "loss"), weights=column(batches, "size"))


def mean(name):
    return lambda batches: column(batches, name).mean()


@functools.cache
def fitted(kata, weighted=False, count=11, **how):
    """Returns a model that `fit` has trained on the first `count` examples, and its history.

    A call with weights has metrics, too.
    """
    model, metric = kata.MonitoredModel(linear_model()), keras.metrics.MeanAbsoluteError
    metrics = {"metrics": [metric(name="plain")], "weighted_metrics": [metric(name="weighted")]}
    how = (metrics if weighted else {}) | (how or {"run_eagerly": True})
    model.compile(keras.optimizers.SGD(RATE), weighted_squares, **how)
    x, y = np.float32(X[:count]), np.float32(Y[:count])
    sample_weight = WEIGHTS[:count] if weighted else None
    how = {"sample_weight": sample_weight, "shuffle": False, "verbose": 0}
    return model, model.fit(x, y, BATCH, EPOCHS, **how).history


def assert_logged(history, name, want, bugs=None, oracle=BY_HAND, call=FIT):
    """Compares what `fit` logged under a name, epoch by epoch."""
    __tracebackhide__ = True
    call = f'"{name}" of {call}'
    if name not in history:
        raise mismatch(call, expected="a number", got=f"only {sorted(history)}")
    assert_close(
        tf.constant(history[name], tf.float32), want, call=call, oracle=oracle, bugs=bugs, **CLOSE
    )


def assert_weights(model, want, bugs=None, call=FIT):
    __tracebackhide__ = True
    assert_close(
        tf.constant(flat_weights(model.trainable_variables)),
        flat_weights(want),
        call=f"kernel and bias after {call}",
        oracle=BY_HAND,
        bugs={cause: flat_weights(weights) for cause, weights in (bugs or {}).items()},
        **CLOSE,
    )


def last_weights(**how):
    return list(steps(**how))[-1]["weights"]


MISTAKES = {
    "training=True forgotten": {"factor": 1.0},
    "the model's own losses forgotten": {"decay": 0},
    "the model's own losses twice": {"decay": 2 * DECAY},
}


def test_1_each_batch_is_one_step(kata):
    model, _ = fitted(kata)
    bugs = {cause: last_weights(**how) for cause, how in MISTAKES.items()}
    assert_weights(model, last_weights(), bugs)


def test_1_sample_weights_count(kata):
    model, _ = fitted(kata, weighted=True)
    bugs = {
        "sample_weight forgotten in the loss": last_weights(),
        "divided by the sum of the weights, not by the batch's size": last_weights(
            sample_weight=WEIGHTS, normalised=True
        ),
    }
    assert_weights(model, last_weights(sample_weight=WEIGHTS), bugs, WEIGHTED)


class BuiltIn(keras.Model):
    """The model of the kata with Keras' own train_step."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def call(self, x, training=False):
        return self.network(x, training=training)


class Counted(keras.layers.Layer):
    """The identity, which counts its calls in eager mode."""

    calls = 0

    def call(self, x):
        self.calls += tf.executing_eagerly()
        return x


def noisy_network():
    """Dropout and batch normalization, each time from the same seeds."""
    layers = keras.layers
    return keras.Sequential(
        [
            Counted(),
            layers.Dense(4, "relu", kernel_initializer=keras.initializers.GlorotUniform(1)),
            layers.BatchNormalization(),
            layers.Dropout(0.5, seed=2),
            layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(3)),
        ]
    )


def test_1_the_model_is_called_once(kata):
    ours, keras_own = kata.MonitoredModel(noisy_network()), BuiltIn(noisy_network())
    for model in (ours, keras_own):
        model.compile(keras.optimizers.Adam(0.01), weighted_squares, run_eagerly=True)
        for batch in BATCHES[:2]:
            model.train_on_batch(np.float32(X[batch]), np.float32(Y[batch]))
    calls, want = (model.network.layers[0].calls for model in (ours, keras_own))
    if calls != want:
        title = "calls of the model in two steps"
        raise mismatch(title, expected=str(want), got=str(calls))
    for got, want in zip(ours.network.weights, keras_own.network.weights, strict=True):
        assert_close(
            tf.convert_to_tensor(got),
            want.numpy(),
            call=f"{'/'.join(want.path.split('/')[-2:])} after two steps, with dropout",
            oracle="the built-in step from the same seeds",
            **CLOSE,
        )


def losses(**how):
    return per_epoch(steps(**how), by_size)


def test_2_loss_is_the_mean_over_the_examples(kata):
    history = fitted(kata)[1]
    bugs = {cause: losses(**how) for cause, how in MISTAKES.items()}
    of_batches = per_epoch(steps(), mean("loss"))
    bugs['the metric named "loss" never updated'] = np.zeros(EPOCHS)
    bugs["the mean of the batches' losses: a short batch counts as a full one"] = of_batches
    bugs["the sum over the batches"] = of_batches * len(BATCHES)
    own_left_out = per_epoch(steps(), lambda epoch: by_size([without_own(b) for b in epoch]))
    bugs["the model's own losses not in what is reported"] = own_left_out
    assert_logged(history, "loss", losses(), bugs)


def without_own(batch):
    """A batch of `steps` whose loss leaves out the model's own losses."""
    y, y_pred = batch["y"], batch["y_pred"]
    return batch | {"loss": ((1 + y**2) * (y_pred - y) ** 2).sum(axis=1).mean()}


def test_2_loss_with_sample_weights(kata):
    history = fitted(kata, weighted=True)[1]
    bugs = {"sample_weight forgotten in the loss": losses()}
    assert_logged(history, "loss", losses(sample_weight=WEIGHTS), bugs, call=WEIGHTED)


def test_2_each_call_returns_the_results_so_far(kata):
    model = kata.MonitoredModel(linear_model())
    model.compile(keras.optimizers.SGD(RATE), weighted_squares, run_eagerly=True)
    call = "model.train_step((x, y)), the second in an epoch"
    for batch in (BATCHES[0], BATCHES[2]):  # of 4 and of 3
        logs = model.train_step(
            (tf.constant(X[batch], "float32"), tf.constant(Y[batch], "float32"))
        )
    seen = list(steps(batches=[BATCHES[0], BATCHES[2]], epochs=1))
    logs = {name: [float(value)] for name, value in logs.items()}
    own = {"loss": "the last batch's own loss", "gradient_norm": "the last batch's own norm"}
    want = {"loss": by_size(seen), "gradient_norm": column(seen, "norm").mean()}
    for name, key in {"loss": "loss", "gradient_norm": "norm"}.items():
        assert_logged(logs, name, [want[name]], {own[name]: [seen[-1][key]]}, call=call)


def errors(seen, weighted):
    """[EPOCHS] mean absolute error over the examples of `seen` batches, weighted or not."""

    def over_examples(batches):
        error, weight = (
            np.concatenate([batch[name] for batch in batches]) for name in ("error", "weight")
        )
        return np.average(error, weights=weight if weighted else None)

    return per_epoch(seen, over_examples)


def test_3_metrics_of_compile(kata):
    history = fitted(kata, weighted=True)[1]
    seen = list(steps(sample_weight=WEIGHTS))
    plain, weighted = errors(seen, weighted=False), errors(seen, weighted=True)
    given = {"sample_weight passed to unweighted metrics": weighted}
    assert_logged(history, "plain", plain, given, call=WEIGHTED)
    forgotten = {"sample_weight not passed to the metrics": plain}
    assert_logged(history, "weighted", weighted, forgotten, call=WEIGHTED)


def test_4_gradient_norm_is_the_mean_over_batches(kata):
    history = fitted(kata)[1]
    norms = per_epoch(steps(), mean("norm"))
    both = per_epoch(steps(), lambda epoch: column(epoch, "norms").mean())
    sizes = lambda epoch: np.average(column(epoch, "norm"), weights=column(epoch, "size"))
    bugs = {
        "never updated": np.zeros(EPOCHS),
        "a batch counts by its size": per_epoch(steps(), sizes),
        "the squared norm": per_epoch(steps(), lambda epoch: (column(epoch, "norm") ** 2).mean()),
        "the sum of the variables' own norms": 2 * both,
        "the mean of the variables' own norms": both,
        "the norm of the first variable": per_epoch(
            steps(), lambda epoch: column(epoch, "norms")[:, 0].mean()
        ),
        "the norm of the weights": per_epoch(
            steps(), lambda epoch: np.mean([np.hypot(*map(length, b["weights"])) for b in epoch])
        ),
        "y and y_pred given to this metric": per_epoch(steps(), fed_with_predictions),
        "never reset: both epochs in one mean": np.array([norms[0], norms.mean()]),
    }
    assert_logged(history, "gradient_norm", norms, bugs)


def length(array):
    return np.sqrt((array**2).sum())


def fed_with_predictions(batches):
    """A `Mean` that takes y for values and y_pred for their weights."""
    y, y_pred = (np.concatenate([b[name] for b in batches]) for name in ("y", "y_pred"))
    return (y * y_pred).sum() / y_pred.sum()


def test_4_before_the_optimizer_clips(kata):
    model = kata.MonitoredModel(linear_model())
    clipping = keras.optimizers.SGD(RATE, global_clipnorm=8.0)
    model.compile(clipping, weighted_squares, run_eagerly=True)
    call = "model.train_on_batch(x, y, return_dict=True), SGD with global_clipnorm=8"
    batch, first = BATCHES[0], next(steps())
    logs = model.train_on_batch(np.float32(X[batch]), np.float32(Y[batch]), return_dict=True)
    logs = {name: [float(value)] for name, value in logs.items()}
    bugs = {"the norm after clipping": [8.0]}
    assert_logged(logs, "gradient_norm", [first["norm"]], bugs, call=call)
    assert_logged(logs, "loss", [first["loss"]], call=call)


@pytest.mark.parametrize("how", ["graph", "XLA"])
def test_5_compiled_it_does_the_same(kata, how):
    # Batches of one size are compiled once.
    model, history = fitted(kata, weighted=True, count=8, jit_compile=how == "XLA")
    seen = list(steps(sample_weight=WEIGHTS, batches=BATCHES[:2]))
    call = f"{WEIGHTED.replace('11', '8')}, {how}"
    assert_weights(model, seen[-1]["weights"], call=call)
    assert_logged(history, "loss", per_epoch(seen, by_size), call=call)
    assert_logged(history, "weighted", errors(seen, weighted=True), call=call)
    assert_logged(history, "gradient_norm", per_epoch(seen, mean("norm")), call=call)
