"""What a child computes for the losses: trainings on the long tail, and the two figures."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dojo.compare import digits, measures, training
from dojo.compare.digits import CLASSES, Array
from dojo.compare.kata_modules import Modules
from dojo.compare.numbers import Numbers
from dojo.compare.training import Recipe


def make_loss(modules: Modules, recipe: Recipe, y: Array) -> Callable[[Any, Any], Any]:
    """Returns a loss of (y [B], logits [B, C]); `y` are the training labels."""
    kind, gamma = recipe["loss"], recipe.get("gamma", 0.0)
    plain: Any = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if kind == "cross-entropy":
        return plain  # type: ignore[no-any-return]
    if kind == "weighted":
        weights = tf.constant(balanced_weights(y), tf.float32)
        return lambda y, logits: plain(y, logits, sample_weight=tf.gather(weights, y))
    if kind == "keras-focal":
        # alpha = 1: its default of 0.25 would only rescale the learning rate.
        focal = keras.losses.CategoricalFocalCrossentropy(1.0, gamma, from_logits=True)
        return lambda y, logits: focal(tf.one_hot(y, CLASSES), logits)
    module = modules["losses/categorical_focal_loss"]
    alpha = balanced_weights(y).tolist() if kind == "weighted-focal" else None
    return module.SparseCategoricalFocalLoss(alpha=alpha, gamma=gamma)  # type: ignore[no-any-return]


def balanced_weights(y: Array) -> Array:
    """Returns n / (C n_c): every class weighs the same, and the mean example 1."""
    counts = np.bincount(y, minlength=CLASSES)
    return len(y) / (CLASSES * np.maximum(counts, 1))


def train(
    modules: Modules,
    recipe: Recipe,
    rate: float,
    seed: int,
    epochs: int,
    batch: int,
    test: bool,
    full: bool,
) -> Numbers:
    """Trains once on the long tail; with `test`, also measures on the test digits."""

    def setup() -> training.Setup:
        _, validation = digits.split(full)
        tail = _tail(full)
        loss = make_loss(modules, recipe, tail[1])
        return training.Setup(keras.optimizers.Adam, loss, tail, validation, measures.mean_recall)

    trainer = training.trainer(training.key(modules, recipe, full), setup)
    numbers = trainer.train(rate, seed, epochs, batch)
    if test and not numbers["diverged"]:
        x, y = digits.final(full)
        tail_sizes = np.bincount(trainer.setup.train[1], minlength=CLASSES)
        numbers |= measured(y, training.predict(trainer.model, x), tail_sizes)
    return numbers


@functools.cache
def _tail(full: bool) -> digits.Examples:
    return digits.long_tailed(digits.split(full)[0])


def measured(y: Array, logits: Array, tail: Array) -> Numbers:
    """Returns recall and PR-AUC of each class, accuracy, and calibration in two worlds.

    "balanced" has the test digits as they are; "tail" weighs them by the class sizes of
    training, as if the world were as long-tailed as the training set.
    """
    p = measures.softmax(logits)
    shares = tail / np.bincount(y, minlength=CLASSES)
    return {
        "tail_sizes": tail.tolist(),
        "test": measures.accuracy(y, logits),
        "recalls": measures.recalls(y, logits),
        "precisions": [
            measures.average_precision(y == label, p[:, label]) for label in range(CLASSES)
        ],
        "balanced": measures.reliability(y, p),
        "tail": measures.reliability(y, p, shares[y]),
    }


def focal_curves(modules: Modules, gammas: Sequence[float], steep: float) -> Numbers:
    """Returns the paper's figure, and the slope where the model is certain.

    Returns:
        "p": probabilities of the true class; "losses": {gamma: [...]} there, from the
        kata; "logits": of the true class; "slopes": {"kata", "keras", "exact"}, dL/dz
        for gamma = `steep`.
    """
    focal = modules["losses/focal_loss"].sigmoid_focal_loss
    p = np.linspace(0.001, 0.999, 400)
    z = tf.constant(np.log(p) - np.log1p(-p), tf.float32)
    losses = {f"{gamma:g}": focal(tf.ones_like(z), z, gamma=gamma).numpy() for gamma in gammas}
    logits = np.linspace(-5, 40, 181)
    return {"p": p, "losses": losses, "logits": logits, "slopes": _slopes(focal, logits, steep)}


def _slopes(focal: Callable[..., Any], logits: Array, gamma: float) -> dict[str, Array]:
    """Returns dL/dz by the kata, by Keras, and exactly; the label is 1."""
    theirs = keras.losses.BinaryFocalCrossentropy(gamma=gamma, from_logits=True, reduction="none")
    column = (-1, 1)
    return {
        "kata": _slope(lambda z: focal(tf.ones_like(z), z, gamma=gamma), logits),
        "keras": _slope(lambda z: theirs(tf.ones([len(logits), 1]), tf.reshape(z, column)), logits),
        "exact": exact_slope(logits, gamma),
    }


def exact_slope(z: Array, gamma: float) -> Array:
    """d/dz of -(1 - p)^gamma log p, p = sigmoid(z), in float64 from 1 - p = sigmoid(-z)."""
    q = np.exp(-np.logaddexp(0, z))
    log_p = -np.logaddexp(0, -z)
    result: Array = q**gamma * (gamma * np.exp(log_p) * log_p - q)
    return result


def _slope(loss: Callable[[Any], Any], logits: Array) -> Array:
    z = tf.constant(logits, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(z)
        total = tf.reduce_sum(loss(z))
    slope: Array = tape.gradient(total, z).numpy()
    return slope
