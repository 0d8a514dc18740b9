"""Imported once by the warm process that every kata's process is forked from.

Nothing here may run a TensorFlow op: its thread pools would not survive a fork. The
modules of the project are those that every suite needs.
"""

import os
import sys

# TensorFlow greets on file descriptor 2 and absl before it can be told not to: neither is
# for a learner's eyes. A kata's own process has a log of its own.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A suite's XLA programs run once and are small: compiling them well takes twice as long.
_QUICK = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
os.environ["XLA_FLAGS"] = f"{_QUICK} {os.environ.get('XLA_FLAGS', '')}"
_quiet = os.open(os.devnull, os.O_WRONLY)
os.dup2(_quiet, 1)
os.dup2(_quiet, 2)
os.close(_quiet)

import gc  # noqa: E402

import _pytest.config  # noqa: E402
import keras  # noqa: E402
import numpy.random  # noqa: E402, F401
import pytest  # noqa: E402, F401
import pytest_timeout  # noqa: E402, F401
import tensorflow as tf  # noqa: E402

import tests.support.gradient_checks  # noqa: E402
import tests.support.keras_losses  # noqa: E402
import tests.support.keras_metrics  # noqa: E402
import tests.support.sentinels  # noqa: E402
import tests.support.serialization  # noqa: E402, F401
from dojo import layout  # noqa: E402
from dojo.check import reporter  # noqa: E402, F401

for _plugin in _pytest.config.default_plugins:
    __import__(f"_pytest.{_plugin}")

# Both packages load these on first use.
_LAZY = (tf.test, tf.distribute, tf.saved_model, tf.keras, keras.saving, keras.metrics)

# pytest rewrites the suites' assertions, which takes longer than many a test. The result is
# kept, but not in the learner's folders.
sys.dont_write_bytecode = False
sys.pycache_prefix = str(layout.state_folder() / "bytecode")

# What is frozen is not scanned, so that its pages stay shared with the parent.
gc.freeze()
