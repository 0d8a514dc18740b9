"""Notices when a stub changes the world that the other tests and the checker live in."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tests.closeness
import tests.gradient_checks

_WATCHED = (np, np.testing, pytest, tests.closeness, tests.gradient_checks)


def snapshot():
    """Returns the switches of TensorFlow and Keras, and what the modules above hold."""
    return {
        "tf.config.run_functions_eagerly": tf.config.functions_run_eagerly(),
        "keras.config.set_dtype_policy": keras.config.dtype_policy().name,
        "keras.config.set_floatx": keras.config.floatx(),
        "keras.config.set_epsilon": keras.config.epsilon(),
        "keras.config.set_image_data_format": keras.config.image_data_format(),
    } | {
        f"{module.__name__}.{name}": value
        for module in _WATCHED
        for name, value in vars(module).items()
        if callable(value)
    }


def changes(before):
    """Returns the names in `before` that no longer stand for the same thing."""
    after = snapshot()
    return [name for name, value in before.items() if not _same(after.get(name), value)]


def restore():
    """Puts TensorFlow's and Keras' switches back, for the tests that follow."""
    tf.config.run_functions_eagerly(False)
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")


def _same(a, b):
    return a is b or (isinstance(b, str | bool | float) and a == b)
