"""What a child computes for the optimizers: trainings, step times, paths on surfaces."""

import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dojo.compare import digits, training
from dojo.compare.jobs import Result
from dojo.compare.measures import accuracy
from dojo.compare.surfaces import START, SURFACES
from dojo.compare.worker import Modules

Settings = Mapping[str, Any]


def make_optimizer(modules: Modules, settings: Settings, rate: float) -> Any:
    """Returns a new optimizer: a class of Keras, or the one that a kata defines."""
    options = dict(settings.get("options", {}))
    if "wraps" in settings:
        return _class(modules, settings)(make_optimizer({}, settings["wraps"], rate), **options)
    return _class(modules, settings)(learning_rate=rate, **options)


def _class(modules: Modules, settings: Settings) -> Any:
    if "kata" not in settings:
        return getattr(keras.optimizers, settings["class"])
    module = modules[settings["kata"]]
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
    settings: Settings,
    rate: float,
    seed: int,
    epochs: int,
    batch: int,
    test: bool,
    full: bool,
) -> Result:
    """Trains once; with `test`, also returns the accuracy on test digits, at the end."""
    examples, validation = digits.split(full)
    setup = training.Setup(
        build=training.mlp,
        optimizer=make_optimizer(modules, settings, rate),
        loss=cross_entropy(),
        train=examples,
        validation=validation,
        seed=seed,
        epochs=epochs,
        batch=batch,
        score=accuracy,
    )
    model, result = training.train(setup)
    result["state"] = state_per_weight(setup.optimizer, model)
    if test:
        chosen = digits.test(full)
        result["test"] = accuracy(chosen[1], training.predict(model, chosen))
    return result


def state_per_weight(optimizer: Any, model: Any) -> float:
    """Returns the optimizer's memory in copies of the weights."""

    def size(variables: Sequence[Any]) -> int:
        return sum(math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in variables)

    return size(optimizer.variables) / size(model.trainable_variables)


def time_steps(
    modules: Modules, contenders: Mapping[str, Settings], batch: int, rounds: int
) -> Result:
    """Returns each contender's seconds per step, [rounds].

    All take turns within a round, so that a busy machine is busy for everybody.
    """
    (x, y), _ = digits.split()
    rows = np.arange(40 * batch, dtype=np.int32).reshape(40, batch)
    steps = {}
    for name, settings in contenders.items():
        optimizer = make_optimizer(modules, settings, 0.001)
        steps[name] = training.stepper(training.mlp(), optimizer, cross_entropy(), (x, y))
        steps[name](rows)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in steps.items():
            times[name].append(_seconds(lambda run=run: run(rows)) / len(rows))
    return {"seconds": times}


def _seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def descend(
    modules: Modules, settings: Settings, surface: str, rates: Sequence[float], steps: int
) -> Result:
    """Walks down a surface with each rate, and returns the walk that ends lowest.

    Returns:
        "rate"; "path" [steps + 1, 2]; "values" [steps + 1], the height along it.
    """
    best: Result = {"rate": math.nan, "values": [math.inf]}
    for rate in rates:
        path = _walk(make_optimizer(modules, settings, rate), surface, steps)
        values = [float(SURFACES[surface](x, y)) for x, y in path]
        if math.isfinite(values[-1]) and values[-1] < best["values"][-1]:
            best = {"rate": rate, "path": path, "values": values}
    if "path" not in best:
        return {"error": "no learning rate ends at a finite height"}
    return best


def _walk(optimizer: Any, surface: str, steps: int) -> list[tuple[float, float]]:
    point = tf.Variable(START)
    optimizer.build([point])

    def body(step: Any, path: Any) -> Any:
        with tf.GradientTape() as tape:
            height = SURFACES[surface](point[0], point[1])
        optimizer.apply([tape.gradient(height, point)], [point])
        return step + 1, path.write(step, tf.convert_to_tensor(point))

    @tf.function(autograph=False)
    def run() -> Any:
        path = tf.TensorArray(tf.float32, steps, element_shape=[2])
        start = (tf.constant(0), path)
        end = tf.while_loop(lambda step, _: step < steps, body, start, parallel_iterations=1)
        return end[1].stack()

    return [START, *((float(x), float(y)) for x, y in run().numpy().astype(float))]
