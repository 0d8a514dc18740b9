"""Imported once by the warm process that every kata's process is forked from.

Nothing here may run a TensorFlow op: its thread pools would not survive a fork. The
modules below the framework are those that any suite needs and pytest finds late.
"""

import os
import sys

# TensorFlow greets on file descriptor 2 and absl before it can be told not to: neither is
# for a learner's eyes. A kata's own process has a log of its own.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
_quiet = os.open(os.devnull, os.O_WRONLY)
os.dup2(_quiet, 1)
os.dup2(_quiet, 2)
os.close(_quiet)
sys.dont_write_bytecode = True

import gc  # noqa: E402

import _pytest.config  # noqa: E402
import keras  # noqa: E402
import pytest  # noqa: E402, F401
import pytest_timeout  # noqa: E402, F401
import tensorflow as tf  # noqa: E402

for _plugin in _pytest.config.default_plugins:
    __import__(f"_pytest.{_plugin}")

# Both packages load these on first use.
_LAZY = (tf.test, tf.distribute, tf.saved_model, tf.keras, keras.saving, keras.metrics)

# What is frozen is not scanned, so that its pages stay shared with the parent.
gc.freeze()
