"""What a waiting process does before it gets a file to check."""

from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf


def run_first_ops(wanted: Callable[[], bool]) -> None:
    """Runs TensorFlow's first op, first graph, first XLA program and first step of `fit`.

    Each sets something up that stays, half a second in all.

    Args:
        wanted: Whether there is a file to check now; then the rest is left out.
    """
    # Two logical CPUs, before the first op of all.
    import tests.support.replicas  # noqa: F401

    for _ in _first_ops():
        if wanted():
            return


def _first_ops() -> Iterator[None]:
    from tests.support.gradient_checks import vjp
    from tests.support.modes import MODES

    x = tf.constant([1.0, -2.0])
    for mode in MODES.values():
        vjp(tf.nn.softplus, [x], mode=mode)
        yield
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile(loss="mse", jit_compile=False)
    yield
    model.train_on_batch(np.ones([2, 2]), np.ones([2, 1]))
    keras.backend.clear_session()
    yield
