"""Notices when a stub changes the world that the other tests and the checker live in."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tests.support.closeness
import tests.support.gradient_checks

_WATCHED = (np, np.testing, pytest, tests.support.closeness, tests.support.gradient_checks)
# As they are before any stub is imported.
_ORIGINALS = [
    (module, name, value)
    for module in _WATCHED
    for name, value in vars(module).items()
    if callable(value)
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


def changes(before):
    """Returns the switches that differ from `before`, and the functions that were replaced."""
    after = snapshot()
    switched = [name for name, value in before.items() if after[name] != value]
    return switched + [f"{module.__name__}.{name}" for module, name, _ in _replaced()]


def restore():
    """Puts switches and functions back, for the tests that follow."""
    tf.config.run_functions_eagerly(False)
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    for module, name, value in _replaced():
        setattr(module, name, value)


def _replaced():
    return [entry for entry in _ORIGINALS if vars(entry[0]).get(entry[1]) is not entry[2]]
