"""Notices when a stub changes the world that the other tests and the checker live in."""

import builtins
import types
import zlib

import _pytest.fixtures
import _pytest.python
import _pytest.runner
import keras
import numpy as np
import pluggy
import pytest
import tensorflow as tf

import tests.support.closeness
import tests.support.gradient_checks
import tests.support.modes
import tests.support.value_errors

_HELPERS = (
    tests.support.closeness,
    tests.support.gradient_checks,
    tests.support.modes,
    tests.support.value_errors,
)
_WATCHED = (np, np.testing, pytest, builtins, *_HELPERS)
# As they are before any stub is imported.
_ORIGINALS = [
    (module, name, value)
    for module in _WATCHED
    for name, value in vars(module).items()
    if callable(value) and name != "_"
]
# What runs a test and compares its numbers: not only what it is called, but what it does.
_CALL_PATH = (
    *_HELPERS,
    _pytest.fixtures,
    _pytest.python,
    _pytest.runner,
    pluggy._callers,
    pluggy._hooks,
    pluggy._manager,
)
# A suite's arrays are small; larger ones are read from files, in fixtures.
_LARGEST_ARRAY = 2**20


def _functions(holder):
    """Yields holder, name and function: of a module, and of the classes that stand in it."""
    for name, value in list(vars(holder).items()):
        if isinstance(value, types.FunctionType):
            yield holder, name, value
        elif isinstance(value, type) and value.__module__ == getattr(holder, "__name__", None):
            yield from _functions(value)


def _state(value):
    """What must stay the same about it."""
    if isinstance(value, types.FunctionType):
        return value.__code__, value.__defaults__
    if isinstance(value, np.ndarray) and value.dtype != object and value.nbytes <= _LARGEST_ARRAY:
        return zlib.crc32(np.ascontiguousarray(value).tobytes())
    return None


_CODE = [
    (holder, name, function, _state(function))
    for module in _CALL_PATH
    for holder, name, function in _functions(module)
]


class Suite:
    """A suite's own globals, as they were before the stub was imported."""

    def __init__(self, module):
        self._namespace = vars(module)
        self._kept = {
            name: (value, _state(value))
            for name, value in self._namespace.items()
            if not name.startswith("__")
        }

    def changes(self):
        """Returns the names that were bound anew, and those whose value is another now."""
        return [
            f"{self._namespace['__name__']}.{name}"
            for name, (value, state) in self._kept.items()
            if self._namespace.get(name) is not value or _state(value) != state
        ]


def snapshot():
    """Returns the switches of TensorFlow and Keras."""
    return {
        "tf.config.run_functions_eagerly": tf.config.functions_run_eagerly(),
        "keras.config.set_dtype_policy": keras.config.dtype_policy().name,
        "keras.config.set_floatx": keras.config.floatx(),
        "keras.config.set_epsilon": keras.config.epsilon(),
        "keras.config.set_image_data_format": keras.config.image_data_format(),
    }


def changes(before, suite):
    """Returns the switches that differ from `before`, and what was replaced or rewritten."""
    after = snapshot()
    switched = [name for name, value in before.items() if after[name] != value]
    replaced = [f"{module.__name__}.{name}" for module, name, _ in _replaced()]
    rewritten = [f"{holder.__name__}.{name}" for holder, name, *_ in _rewritten()]
    return switched + replaced + rewritten + suite.changes()


def restore():
    """Puts switches and functions back, for the tests that follow."""
    tf.config.run_functions_eagerly(False)
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    for module, name, value in _replaced():
        setattr(module, name, value)
    for holder, name, function, (code, defaults) in _rewritten():
        function.__code__, function.__defaults__ = code, defaults
        setattr(holder, name, function)


def _replaced():
    return [entry for entry in _ORIGINALS if vars(entry[0]).get(entry[1]) is not entry[2]]


def _rewritten():
    return [
        (holder, name, function, state)
        for holder, name, function, state in _CODE
        if vars(holder).get(name) is not function or _state(function) != state
    ]
