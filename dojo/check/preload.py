"""Imported once by the warm process that every kata's process is forked from.

Nothing here may run a TensorFlow op: its thread pools would not survive a fork. The
modules of the project are those that every suite needs.
"""

import gc

import _pytest.config
import keras
import numpy.random  # noqa: F401
import pytest  # noqa: F401
import pytest_timeout  # noqa: F401
import tensorflow as tf

import tests.support.gradient_checks
import tests.support.keras_losses
import tests.support.keras_metrics
import tests.support.sentinels
import tests.support.serialization  # noqa: F401
from dojo.check import series, worker  # noqa: F401

for _plugin in _pytest.config.default_plugins:
    __import__(f"_pytest.{_plugin}")

# Both packages load these on first use.
_LAZY = (tf.test, tf.distribute, tf.saved_model, tf.keras, keras.saving, keras.metrics)

# What is frozen is not scanned, so that its pages stay shared with the parent.
gc.freeze()
