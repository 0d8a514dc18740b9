"""What a child process measures: all contenders in turn, round after round.

In turn, so that whatever else the machine does meanwhile falls upon all of them alike: only
ratios within a round mean anything.
"""

import gc
import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dojo.compare.cost.cases import Call, Function, Steps
from dojo.compare.numbers import Numbers

# Of one contender in one round.
_SECONDS = 0.02
# What XLA and the executor do not compute.
_NO_WORK = {"Placeholder", "Const", "Identity", "IdentityN", "NoOp", "_Arg", "_Retval"}


def measure(modules: Mapping[str, Any], kata: str, rounds: int) -> Numbers:
    """Returns {"data": …, "times": {what: {contender: [rounds] s}}, "kept for …": …, …}.

    Args:
        modules: By contender, the kata as that one answers it.
        kata: Path of the kata.
        rounds: In each, every contender has its turn.
    """
    case = importlib.import_module(f"tests.costs.{kata.replace('/', '.')}").case()
    if isinstance(case, Steps):
        return _steps(case, modules, rounds)
    return _function(case, modules, rounds)


def _function(case: Function, modules: Mapping[str, Any], rounds: int) -> Numbers:
    functions = {name: case.of(module) for name, module in modules.items()} | dict(case.standard)
    backward = {name: _with_gradient(f, case.inputs) for name, f in functions.items()}
    forward = {name: _called(f, case.inputs) for name, f in functions.items()}
    ways = {
        "eager, forward": forward,
        "eager, and backward": backward,
        "tf.function, forward": _traced(forward),
        "tf.function, and backward": _traced(backward),
    }
    return {
        "data": case.data,
        "times": {what: times(calls, rounds) for what, calls in ways.items()},
        "kept for the backward pass": {n: kept_bytes(f, case.inputs) for n, f in functions.items()},
        "operations in the graph": {name: operations(call) for name, call in backward.items()},
    }


def _steps(case: Steps, modules: Mapping[str, Any], rounds: int) -> Numbers:
    made = {name: case.of(module) for name, module in modules.items()}
    made |= {name: make() for name, make in case.standard.items()}
    steps = {name: _step(optimizer, case.shapes) for name, optimizer in made.items()}
    ways = {"eager, a step": steps, "tf.function, a step": _traced(steps)}
    size = sum(int(np.prod(shape)) for shape in case.shapes)
    return {
        "data": case.data,
        "times": {what: times(calls, rounds) for what, calls in ways.items()},
        "state, bytes a parameter": {
            name: sum(_bytes(variable.value) for variable in optimizer.variables) / size
            for name, optimizer in made.items()
        },
        "operations in the graph": {name: operations(call) for name, call in steps.items()},
    }


def _step(optimizer: Any, shapes: Any) -> Callable[[], Any]:
    random = np.random.default_rng(0)
    variables = [keras.Variable(random.normal(size=shape).astype("float32")) for shape in shapes]
    gradients = [tf.constant(random.normal(size=shape), tf.float32) for shape in shapes]
    optimizer.build(variables)
    return lambda: optimizer.apply(gradients, variables)


def _called(function: Call, inputs: Any) -> Callable[[], Any]:
    return lambda: function(*inputs)


def _with_gradient(function: Call, inputs: Any) -> Callable[[], Any]:
    def call() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = function(*inputs)
        return tape.gradient(value, inputs)

    return call


def _traced(calls: Mapping[str, Callable[[], Any]]) -> dict[str, Callable[[], Any]]:
    return {name: tf.function(call) for name, call in calls.items()}


def times(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Returns seconds a call, for each contender and round."""
    often = {name: _repeats(call) for name, call in calls.items()}
    found: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            found[name].append(_seconds(calls[name], often[name]))
    return found


def _repeats(call: Callable[[], Any]) -> int:
    call()  # which traces it
    return max(1, round(_SECONDS / _seconds(call, 3)))


def _seconds(call: Callable[[], Any], often: int) -> float:
    start = time.perf_counter()
    for _ in range(often):
        call()
    return (time.perf_counter() - start) / often


def kept_bytes(function: Call, inputs: Any) -> int:
    """Returns the bytes that only a tape and its rules keep alive, after an eager call."""
    before = {id(tensor) for tensor in _living()}
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = function(*inputs)
    others = before | {id(tensor) for tensor in tf.nest.flatten(value)}
    return sum(_bytes(tensor) for tensor in _living() if id(tensor) not in others)


def _living() -> list[Any]:
    gc.collect()
    eager = type(tf.constant(0))
    return [thing for thing in gc.get_objects() if type(thing) is eager]


def _bytes(tensor: Any) -> int:
    return int(np.prod(tensor.shape) * tensor.dtype.size)


def operations(call: Callable[[], Any]) -> int:
    """Returns how many operations a traced call has, those of inner functions among them."""
    graph = tf.function(call).get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(n for function in graph.library.function for n in function.node_def)]
    return sum(node.op not in _NO_WORK for node in nodes)
