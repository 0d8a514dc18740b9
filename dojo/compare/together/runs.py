"""What a child computes for all in one: a whole model of own parts, and its twins."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from dojo.compare import digits
from dojo.compare.digits import CLASSES
from dojo.compare.kata_modules import Modules
from dojo.compare.numbers import Numbers

GAMMA = 2.0
CLIP = (0.0, 1.0)


def train(
    modules: Modules,
    arm: str,
    rates: Sequence[float],
    seeds: Sequence[int],
    epochs: int,
    most: int | None,
    full: bool,
) -> Numbers:
    """Returns what `fair_comparison` of training/custom_vs_standard says of one arm.

    At most `most` digits are trained on. Every arm goes through the same function, but
    one at a time, so that a failure is that arm's alone.
    """
    train, validation = digits.split(full)
    train = train[0][:most], train[1][:most]
    data = {"train": train, "validation": validation, "test": digits.final(full)}
    module = modules["training/custom_vs_standard"]
    found = module.fair_comparison(
        lambda optimizer: build(modules, arm, optimizer),
        {arm: lambda rate: make_optimizer(modules, arm, rate)},
        data,
        learning_rates=list(rates),
        seeds=list(seeds),
        epochs=epochs,
    )[arm]
    return {
        "rate": float(found["learning_rate"]),
        "validation": np.asarray(found["validation_accuracy"], float),
        "test": np.asarray(found["test_accuracy"], float),
    }


def make_optimizer(modules: Modules, arm: str, rate: float) -> Any:
    if arm == "custom":
        return modules["optimizers/momentum"].Momentum(learning_rate=rate, momentum=0.9)
    if arm == "twin":
        return keras.optimizers.SGD(rate, momentum=0.9)
    return keras.optimizers.Adam(rate)


def build(modules: Modules, arm: str, optimizer: Any) -> Any:
    """Returns the arm's compiled classifier; all arms have the same shapes of weights."""
    activation, loss = _parts(modules, arm)
    model = keras.Sequential(
        [
            keras.Input([784]),
            keras.layers.Dense(64, activation=activation),
            keras.layers.Dense(CLASSES),
        ]
    )
    # XLA would compile every seed anew, which takes longer than it saves.
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    return model


def _parts(modules: Modules, arm: str) -> tuple[Any, Any]:
    """Returns (activation, loss): by hand, the same by Keras, and what one would just use."""
    if arm == "custom":
        clip = modules["gradients/clip_by_value"].clip_by_value
        focal = modules["losses/categorical_focal_loss"].SparseCategoricalFocalLoss
        return (lambda x: clip(x, *CLIP)), focal(gamma=GAMMA)
    if arm == "twin":
        focal = keras.losses.CategoricalFocalCrossentropy(1.0, GAMMA, from_logits=True)
        return (lambda x: keras.ops.clip(x, *CLIP)), lambda y, logits: focal(_one_hot(y), logits)
    return "relu", keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _one_hot(y: Any) -> Any:
    return keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(y, [-1]), "int32"), CLASSES)
