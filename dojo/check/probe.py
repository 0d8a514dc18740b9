"""Puts an input to a right and to a wrong answer: does it tell them apart?

The input is an expression over the public names of the answer, `tf`, `np`, `keras` and
`gradient`; or arguments alone, `x = 0.0, gamma = 0.5`, for its first public function.
"""

import ast
import contextlib
import inspect
import json
import os
import shutil
import socket
import types
from collections.abc import Callable
from typing import Any

from dojo.check import messages, processes
from dojo.check.channel import Flood
from dojo.check.folders import make_folder
from dojo.check.messages import MessageError, Probed, Ready, encode
from dojo.check.run import START_LIMIT

LIMIT = 30.0
# Of one answer's result as text.
LONGEST = 600


class ProbeError(Exception):
    """No answer came; the message says why."""


def tell_apart(right: str, wrong: str, text: str, limit: float = LIMIT) -> Probed:
    """Runs an input through both answers, in a process of its own.

    Args:
        right, wrong: Sources of the answers.
        text: The input.
        limit: Seconds to wait.

    Raises:
        ProbeError: If the process ends or says nothing in time.
    """
    folder = make_folder()
    work = json.dumps({"right": right, "wrong": wrong, "text": text})
    process = processes.starter().start("probe", work, str(folder))
    try:
        return _answer(process, limit)
    except (EOFError, Flood, MessageError):
        raise ProbeError(process.fault or "the process ended without a result") from None
    finally:
        process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _answer(process: processes.Process, limit: float) -> Probed:
    # TensorFlow's import is nobody's time.
    patience = START_LIMIT
    while process.channel.wait(patience):
        for line in process.channel.lines():
            said = messages.decode(line)
            if isinstance(said, Probed):
                return said
            patience = limit
    raise ProbeError(f"no result after {patience:g} s")


def serve(text: str, end: socket.socket) -> None:
    """Runs in the child: says one `Probed`."""
    work = json.loads(text)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    end.sendall(encode(Ready()))
    end.sendall(encode(probe(work["right"], work["wrong"], work["text"])))
    os._exit(0)


def probe(right: str, wrong: str, text: str) -> Probed:
    """Returns what both answers make of the input."""
    first, second = (_outcome(source, text) for source in (right, wrong))
    return Probed(_shown(first), _shown(second), not _same(first, second))


def _outcome(source: str, text: str) -> Any:
    """The result of the input, or the exception that it raises."""
    try:
        return evaluate(_module(source), text)
    except Exception as error:
        return error


def _module(source: str) -> types.ModuleType:
    module = types.ModuleType("answer")
    exec(compile(source, "answer", "exec"), module.__dict__)
    return module


def evaluate(module: types.ModuleType, text: str) -> Any:
    """Returns the value of the input with a module's names at hand.

    Raises:
        Exception: Whatever the input or the module raises.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    names = vars(module) | {"tf": tf, "np": np, "keras": keras, "gradient": gradient}
    if arguments_only(text):
        names["__call__"] = _first_function(module)
        text = f"__call__({text})"
    return eval(compile(text.strip(), "input", "eval"), names)


def arguments_only(text: str) -> bool:
    """Whether the input is keyword arguments, such as "x = 0.0, gamma = 0.5"."""
    with contextlib.suppress(SyntaxError, ValueError):
        call = ast.parse(f"f({text})", mode="eval").body
        return isinstance(call, ast.Call) and not call.args and bool(call.keywords)
    return False


def _first_function(module: types.ModuleType) -> Callable[..., Any]:
    functions = [
        value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and not name.startswith("_")
    ]
    if not functions:
        raise NameError("there is no function here; write the whole expression")
    return functions[0]


def gradient(function: Callable[[Any], Any], x: Any, upstream: Any = None) -> Any:
    """Returns the gradient of `function` at `x`.

    Args:
        function: Of one tensor.
        x: [...] numbers; float32 where they have no dtype.
        upstream: Like the result; None for ones.
    """
    import tensorflow as tf

    x = tf.convert_to_tensor(x, dtype_hint=tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x, output_gradients=upstream)


def _leaves(value: Any) -> list[Any]:
    """What a result consists of, as arrays, texts and None."""
    import tensorflow as tf

    if isinstance(value, tf.IndexedSlices):
        value = tf.convert_to_tensor(value)
    if isinstance(value, dict):
        return [leaf for key in sorted(value, key=str) for leaf in [key, *_leaves(value[key])]]
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value.numpy() if hasattr(value, "numpy") else value]


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, Exception) or isinstance(second, Exception):
        return type(first) is type(second)
    ours, theirs = _leaves(first), _leaves(second)
    return len(ours) == len(theirs) and all(map(_same_leaf, ours, theirs))


def _same_leaf(first: Any, second: Any) -> bool:
    import numpy as np

    a, b = np.asarray(first), np.asarray(second)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind not in "fc":
        return bool(np.all(a == b))
    # Another order of operations moves the last digits, and is no other answer.
    tolerance = 16 * np.finfo(a.dtype).eps
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))


def _shown(value: Any) -> str:
    if isinstance(value, Exception):
        return f"{type(value).__name__}: {value}".strip()[:LONGEST]
    leaves = _leaves(value)
    return ", ".join(" ".join(str(leaf).split()) for leaf in leaves)[:LONGEST]
