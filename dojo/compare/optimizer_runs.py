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
from dojo.compare.jobs import Result
from dojo.compare.measures import accuracy
from dojo.compare.surfaces import START, SURFACES
from dojo.compare.worker import Modules

Settings = Mapping[str, Any]

LOOKS = 4


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

    bench = bench_of(modules, settings, full)
    result = bench.train(rate, seed, epochs, batch)
    result["state"] = state_per_weight(bench.optimizer, bench.model)
    if test:
        x, y = digits.final(full)
        result["test"] = accuracy(y, training.predict(bench.model, x))
    return result


def bench_of(modules: Modules, settings: Settings, full: bool) -> training.Bench:
    """Returns the bench of one optimizer, traced once in this process."""
    own = {kata: module for kata, module in modules.items() if kata == settings.get("kata")}

    def setup() -> training.Setup:
        examples, validation = digits.split(full)
        make = functools.partial(make_optimizer, own, settings)
        return training.Setup(make, cross_entropy(), examples, validation, accuracy, looks=LOOKS)

    return training.bench(training.key(own, settings, full), setup)


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
    rows = np.arange(40 * batch, dtype=np.int32).reshape(40, batch)
    steps = {}
    for name, settings in contenders.items():
        bench = bench_of(modules, settings, False)
        bench.reset(0.001, seed=0)
        steps[name] = bench.steps
        steps[name](rows)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in steps.items():
            started = time.perf_counter()
            run(rows)
            times[name].append((time.perf_counter() - started) / len(rows))
    return {"seconds": times}


def descend(
    modules: Modules, settings: Settings, surface: str, rates: Sequence[float], steps: int
) -> Result:
    """Walks down a surface with each rate, and returns the walk that ends lowest.

    Returns:
        "rate"; "path" [steps + 1, 2]; "values" [steps + 1], the height along it.
    """
    walk = _walker(modules, settings, surface, steps)
    best: Result = {"rate": math.nan, "values": [math.inf]}
    for rate in rates:
        path = walk(rate)
        values = [float(SURFACES[surface](x, y)) for x, y in path]
        if math.isfinite(values[-1]) and values[-1] < best["values"][-1]:
            best = {"rate": rate, "path": path, "values": values}
    if "path" not in best:
        return {"error": "no learning rate ends at a finite height"}
    return best


Path = list[tuple[float, float]]


def _walker(
    modules: Modules, settings: Settings, surface: str, steps: int
) -> Callable[[float], Path]:
    """Returns the walk with a learning rate; traced once, as a `Bench` is."""
    point = tf.Variable(START)
    optimizer = make_optimizer(modules, settings, 0.0)
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
        training.renew(optimizer, make_optimizer(modules, settings, rate), [point])
        return [START, *((float(x), float(y)) for x, y in graph().numpy())]

    return walk
