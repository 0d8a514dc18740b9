"""One training run, in a child process: the part of the protocol that sees the data."""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dojo.compare.digits import Array, Examples

# Validation looks four times an epoch: steps to an accuracy are read off these points.
LOOKS = 4


@dataclasses.dataclass(frozen=True)
class Setup:
    """What one run needs; the test digits are not among it.

    Attributes:
        build: Makes the model, from logits [B, C].
        optimizer: A new one.
        loss: Of (y [B], logits [B, C]), a scalar.
        train, validation: Examples.
        seed: Of initial weights and data order.
        epochs, batch: As everywhere.
        score: Of (y, logits); what is validated.
    """

    build: Callable[[], Any]
    optimizer: Any
    loss: Callable[[Any, Any], Any]
    train: Examples
    validation: Examples
    seed: int
    epochs: int
    batch: int
    score: Callable[[Array, Array], float]


def mlp() -> Any:
    """Returns the classifier of all comparisons: 784, 64, 10."""
    return keras.Sequential(
        [
            keras.Input([784]),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10),
        ]
    )


def train(setup: Setup) -> tuple[Any, dict[str, Any]]:
    """Trains, and returns the model with the run's curve.

    Returns:
        The model, and a dict: "start" and "order", digests of the initial weights and of
        the data order; "steps", "scores" and "losses" at each look; "score", the last
        one; "diverged", the step at which the loss was not finite, or None.
    """
    # After the optimizer was made: one that draws random numbers must not shift weights.
    keras.utils.set_random_seed(setup.seed)
    model = setup.build()
    curve: dict[str, Any] = {"start": digest(*model.get_weights()), "diverged": None}
    run_steps = stepper(model, setup.optimizer, setup.loss, setup.train)
    rows = data_order(len(setup.train[0]), setup)
    curve |= {"order": digest(rows), "steps": [], "scores": [], "losses": []}
    for legs in looks(rows):
        loss = run_steps(legs)
        curve["steps"].append(sum(curve["steps"][-1:]) + len(legs))
        curve["losses"].append(loss)
        curve["scores"].append(setup.score(setup.validation[1], predict(model, setup.validation)))
        if not math.isfinite(loss):
            curve["diverged"] = curve["steps"][-1]
            break
    # A run that diverged has nothing to show for itself, whatever it had before.
    curve["score"] = 0.0 if curve["diverged"] else curve["scores"][-1]
    return model, curve


def stepper(
    model: Any, optimizer: Any, loss: Callable[[Any, Any], Any], examples: Examples
) -> Callable[[Array], float]:
    """Returns a function that trains on rows [steps, B] and returns their mean loss.

    All steps of a call are one loop inside one graph, so that Python's share of a step
    is the same for every optimizer: none.
    """
    x, y = tf.constant(examples[0]), tf.constant(examples[1])
    variables = model.trainable_variables
    optimizer.build(variables)

    def body(step: Any, total: Any, rows: Any) -> Any:
        batch = rows[step]
        with tf.GradientTape() as tape:
            value = loss(tf.gather(y, batch), model(tf.gather(x, batch), training=True))
        optimizer.apply(tape.gradient(value, variables), variables)
        return step + 1, total + tf.cast(value, tf.float32), rows

    # As in Keras' own training step, katas are not rewritten by AutoGraph.
    @tf.function(autograph=False, reduce_retracing=True)
    def run(rows: Any) -> Any:
        count = tf.shape(rows)[0]
        start = (tf.constant(0), tf.constant(0.0), rows)
        end = tf.while_loop(lambda step, *_: step < count, body, start, parallel_iterations=1)
        return end[1] / tf.cast(count, tf.float32)

    shape = tf.TensorSpec([None, None], tf.int32)
    graph = run.get_concrete_function(shape)
    return lambda rows: float(graph(tf.constant(rows, tf.int32)))


def data_order(count: int, setup: Setup) -> Array:
    """Returns row numbers [epochs, steps, B]: reshuffled each epoch, from the seed alone."""
    generator = np.random.default_rng(setup.seed)
    batch = min(setup.batch, count)
    steps = count // batch
    epochs = [generator.permutation(count)[: steps * batch] for _ in range(setup.epochs)]
    return np.stack(epochs).reshape(setup.epochs, steps, batch).astype(np.int32)


def looks(rows: Array) -> Iterator[Array]:
    """Yields the steps between two looks at the validation digits."""
    for epoch in rows:
        yield from (leg for leg in np.array_split(epoch, min(LOOKS, len(epoch))))


def predict(model: Any, examples: Examples) -> Array:
    """Returns logits [N, C]."""
    x = examples[0]
    pieces = [model(x[at : at + 2000], training=False) for at in range(0, len(x), 2000)]
    return np.concatenate([np.asarray(piece) for piece in pieces])


def digest(*arrays: Array) -> str:
    """Returns a short hash of arrays, to compare starts by."""
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()[:16]
