"""What a child computes for the optimizers: trainings, step times, paths on surfaces."""

import functools
import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dojo.compare import digits, training
from dojo.compare.digits import Array
from dojo.compare.kata_modules import Modules
from dojo.compare.measures import accuracy
from dojo.compare.numbers import Numbers
from dojo.compare.optimizers.surfaces import START, SURFACES
from dojo.compare.training import Recipe

# At the validation digits, an epoch.
LOOKS = 4


def make_optimizer(modules: Modules, recipe: Recipe, rate: float) -> Any:
    """Returns a new optimizer: a class of Keras, or the one that a kata defines."""
    options = dict(recipe.get("options", {}))
    if "wraps" in recipe:
        return _class(modules, recipe)(make_optimizer({}, recipe["wraps"], rate), **options)
    return _class(modules, recipe)(learning_rate=rate, **options)


def _class(modules: Modules, recipe: Recipe) -> Any:
    if "kata" not in recipe:
        return getattr(keras.optimizers, recipe["class"])
    module = modules[recipe["kata"]]
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, keras.optimizers.Optimizer)
        and value.__module__ == module.__name__
    ]
    return found[0]


def cross_entropy() -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


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
    """Trains once; with `test`, also returns the accuracy on test digits, at the end."""
    trainer = trainer_of(modules, recipe, full)
    numbers = trainer.train(rate, seed, epochs, batch)
    numbers["state"] = state_per_weight(trainer.optimizer, trainer.model)
    if test:
        x, y = digits.final(full)
        numbers["test"] = accuracy(y, training.predict(trainer.model, x))
    return numbers


def trainer_of(modules: Modules, recipe: Recipe, full: bool) -> training.Trainer:
    """Returns the trainer of one optimizer, traced once in this process."""
    own = {kata: module for kata, module in modules.items() if kata == recipe.get("kata")}

    def setup() -> training.Setup:
        examples, validation = digits.split(full)
        make = functools.partial(make_optimizer, own, recipe)
        return training.Setup(make, cross_entropy(), examples, validation, accuracy, looks=LOOKS)

    return training.trainer(training.key(own, recipe, full), setup)


def state_per_weight(optimizer: Any, model: Any) -> float:
    """Returns the optimizer's memory in copies of the weights."""

    def size(variables: Sequence[Any]) -> int:
        return sum(math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in variables)

    return size(optimizer.variables) / size(model.trainable_variables)


def time_steps(modules: Modules, recipes: Mapping[str, Recipe], batch: int, rounds: int) -> Numbers:
    """Returns each contender's seconds per step, [rounds].

    All take turns within a round, so that a busy machine is busy for everybody.
    """
    rows = np.arange(40 * batch, dtype=np.int32).reshape(40, batch)
    steps = {name: _warmed_up(modules, recipe, rows) for name, recipe in recipes.items()}
    seconds: dict[str, list[float]] = {name: [] for name in recipes}
    for _ in range(rounds):
        for name, run in steps.items():
            started = time.perf_counter()
            run(rows)
            seconds[name].append((time.perf_counter() - started) / len(rows))
    return {"seconds": seconds}


def _warmed_up(modules: Modules, recipe: Recipe, rows: Array) -> Callable[[Array], float]:
    """Returns the training steps of one optimizer, once they have run on these rows."""
    trainer = trainer_of(modules, recipe, False)
    trainer.reset(0.001, seed=0)
    trainer.steps(rows)
    return trainer.steps


def descend(
    modules: Modules, recipe: Recipe, surface: str, rates: Sequence[float], steps: int
) -> Numbers:
    """Walks down a surface with each rate, and returns the walk that ends lowest.

    Returns:
        "rate"; "path" [steps + 1, 2]; "values" [steps + 1], the height along it.
    """
    walk = _walker(modules, recipe, surface, steps)
    best: Numbers = {"rate": math.nan, "values": [math.inf]}
    for rate in rates:
        path = walk(rate)
        values = [float(SURFACES[surface](x, y)) for x, y in path]
        if math.isfinite(values[-1]) and values[-1] < best["values"][-1]:
            best = {"rate": rate, "path": path, "values": values}
    if "path" not in best:
        return {"error": "no learning rate ends at a finite height"}
    return best


Path = list[tuple[float, float]]


def _walker(modules: Modules, recipe: Recipe, surface: str, steps: int) -> Callable[[float], Path]:
    """Returns the walk with a learning rate; traced once, as a `Trainer`'s step is."""
    point = tf.Variable(START)
    optimizer = make_optimizer(modules, recipe, 0.0)
    optimizer.build([point])

    def body(step: Any, path: Any) -> Any:
        with tf.GradientTape() as tape:
            height = SURFACES[surface](point[0], point[1])
        optimizer.apply([tape.gradient(height, point)], [point])
        return step + 1, path.write(step, tf.convert_to_tensor(point))

    def run() -> Any:
        path = tf.TensorArray(tf.float32, steps, element_shape=[2])
        start = (tf.constant(0), path)
        end = tf.while_loop(lambda step, _: step < steps, body, start, parallel_iterations=1)
        return end[1].stack()

    graph = tf.function(run, autograph=False)

    def walk(rate: float) -> Path:
        point.assign(START)
        training.renew(optimizer, make_optimizer(modules, recipe, rate), [point])
        return [START, *((float(x), float(y)) for x, y in graph().numpy())]

    return walk
