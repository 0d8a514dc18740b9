"""One training run, in a child process: the part of the protocol that sees the data."""

import dataclasses
import functools
import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from dojo.compare.digits import Array, Examples
from dojo.compare.kata_modules import Modules

UNITS = (784, 64, 10)

# What a contender is made of, as JSON values.
Recipe: TypeAlias = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Setup:
    """What the runs of one contender have in common; the test digits are not among it.

    Attributes:
        make_optimizer: Of the learning rate: a new one.
        loss: Of (y [B], logits [B, C]), a scalar.
        train, validation: Examples.
        score: Of (y, logits); what is validated.
        looks: How often an epoch; steps to an accuracy are read off these points.
    """

    make_optimizer: Callable[[float], Any]
    loss: Callable[[Any, Any], Any]
    train: Examples
    validation: Examples
    score: Callable[[Array, Array], float]
    looks: int = 1


def mlp() -> Any:
    """Returns the classifier of the comparisons."""
    pixels, hidden, classes = UNITS
    layers = [keras.layers.Dense(hidden, activation="relu"), keras.layers.Dense(classes)]
    return keras.Sequential([keras.Input([pixels]), *layers])


@functools.cache
def initial_weights(seed: int) -> list[Array]:
    """Returns the weights that everybody starts from with this seed, as Dense makes them.

    Not by `keras.utils.set_random_seed`: that makes TensorFlow forget its compiled graphs.
    """
    weights: list[Array] = []
    for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(UNITS)):
        glorot = keras.initializers.GlorotUniform(seed=1000 * seed + layer)
        weights += [glorot([fan_in, fan_out]).numpy(), np.zeros(fan_out, np.float32)]
    return weights


class Trainer:
    """A model and an optimizer whose training step is traced once and then used for all runs.

    Tracing takes longer than a short run. Each run starts from what a fresh optimizer
    holds, variable by variable, on fresh weights: slots at their start, the new rate.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.model = mlp()
        self.optimizer = setup.make_optimizer(0.0)
        x, y = setup.train
        self.steps = stepper(self.model, self.optimizer, setup.loss, _tensor(x), _tensor(y))

    def train(self, rate: float, seed: int, epochs: int, batch: int) -> dict[str, Any]:
        """Trains, and returns the run's curve.

        Returns:
            "start" and "order", digests of the initial weights and of the data order;
            "steps", "scores" and "losses" at each look; "score", the last one;
            "diverged", the step at which the loss was not finite, or None.
        """
        self.reset(rate, seed)
        rows = data_order(len(self.setup.train[0]), seed, epochs, batch)
        start = digest(*self.model.get_weights())
        curve: dict[str, Any] = {"start": start, "order": digest(rows), "diverged": None}
        curve |= {"steps": [], "scores": [], "losses": []}
        for leg in between_looks(rows, self.setup.looks):
            loss = self.steps(leg)
            curve["steps"].append(sum(curve["steps"][-1:]) + len(leg))
            curve["losses"].append(loss)
            curve["scores"].append(self.validate())
            if not math.isfinite(loss):
                curve["diverged"] = curve["steps"][-1]
                break
        # A run that diverged has nothing to show for itself, whatever it had before.
        curve["score"] = 0.0 if curve["diverged"] else curve["scores"][-1]
        return curve

    def reset(self, rate: float, seed: int) -> None:
        """Makes model and optimizer as good as new."""
        self.model.set_weights(initial_weights(seed))
        fresh = self.setup.make_optimizer(rate)
        renew(self.optimizer, fresh, self.model.trainable_variables)

    def validate(self) -> float:
        x, y = self.setup.validation
        return self.setup.score(y, predict(self.model, x))


def renew(optimizer: Any, fresh: Any, variables: Any) -> None:
    """Gives an optimizer the state that a fresh one has on these variables."""
    fresh.build(variables)
    for old, new in zip(optimizer.variables, fresh.variables, strict=True):
        old.assign(new)


_trainers: dict[str, Trainer] = {}


def key(modules: Modules, recipe: Recipe, full: bool) -> str:
    """Returns what two runs must have in common to have a trainer in common."""
    # A child loads each text once: the same module is the same text.
    return json.dumps([dict(recipe), full, sorted(map(id, modules.values()))])


def trainer(key: str, make_setup: Callable[[], Setup]) -> Trainer:
    """Returns the trainer of an earlier run of this process with the same key, or a new one."""
    if key not in _trainers:
        _trainers[key] = Trainer(make_setup())
    return _trainers[key]


_tensors: dict[int, tuple[Array, Any]] = {}


def _tensor(array: Array) -> Any:
    """Returns the array as a tensor, the same one for the same array: all trainers share it."""
    # The array is kept as well, so that its id stays its own.
    return _tensors.setdefault(id(array), (array, tf.constant(array)))[1]


def stepper(
    model: Any, optimizer: Any, loss: Callable[[Any, Any], Any], x: Any, y: Any
) -> Callable[[Array], float]:
    """Returns a function that trains on rows [steps, B] and returns their mean loss.

    All steps of a call are one loop inside one graph, so that Python's share of a step
    is the same for every optimizer: none.
    """
    variables = model.trainable_variables
    optimizer.build(variables)

    def body(step: Any, total: Any, rows: Any) -> Any:
        batch = rows[step]
        with tf.GradientTape() as tape:
            value = loss(tf.gather(y, batch), model(tf.gather(x, batch), training=True))
        optimizer.apply(tape.gradient(value, variables), variables)
        return step + 1, total + tf.cast(value, tf.float32), rows

    def run(rows: Any) -> Any:
        count = tf.shape(rows)[0]
        start = (tf.constant(0), tf.constant(0.0), rows)
        end = tf.while_loop(lambda step, *_: step < count, body, start, parallel_iterations=1)
        return end[1] / tf.cast(count, tf.float32)

    # As in Keras' own training step, katas are not rewritten by AutoGraph.
    graph = tf.function(run, [tf.TensorSpec([None, None], tf.int32)], autograph=False)
    graph = graph.get_concrete_function()
    return lambda rows: float(graph(tf.constant(rows, tf.int32)))


def data_order(count: int, seed: int, epochs: int, batch: int) -> Array:
    """Returns row numbers [epochs, steps, B]: reshuffled each epoch, from the seed alone."""
    generator = np.random.default_rng(seed)
    batch = min(batch, count)
    steps = count // batch
    shuffled = [generator.permutation(count)[: steps * batch] for _ in range(epochs)]
    return np.stack(shuffled).reshape(epochs, steps, batch).astype(np.int32)


def between_looks(rows: Array, looks: int) -> Iterator[Array]:
    """Yields the steps between two looks at the validation digits."""
    for epoch in rows:
        yield from np.array_split(epoch, min(looks, len(epoch)))


def predict(model: Any, x: Array) -> Array:
    """Returns logits [N, C], by five ops: neither Keras' bookkeeping nor NumPy's threads."""
    hidden, hidden_bias, out, out_bias = (v.value for v in model.trainable_variables)
    between = tf.nn.relu(tf.matmul(_tensor(x), hidden) + hidden_bias)
    logits: Array = (tf.matmul(between, out) + out_bias).numpy()
    return logits


def digest(*arrays: Array) -> str:
    """Returns a short hash of arrays, to compare starts by."""
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()[:16]
