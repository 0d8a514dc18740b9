"""What a waiting process does before it gets a file to check."""

import keras
import numpy as np
import tensorflow as tf


def exercise() -> None:
    """Runs TensorFlow's first op, first graph, first XLA program and first step of `fit`.

    Each sets something up that stays, half a second in all.
    """
    import tests.replicas  # noqa: F401  (two logical CPUs, before the first op of all)
    from tests.gradient_checks import vjp
    from tests.modes import MODES

    x = tf.constant([1.0, -2.0])
    for mode in MODES.values():
        vjp(tf.nn.softplus, [x], mode=mode)
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile(loss="mse", jit_compile=False)
    model.fit(np.ones([2, 2]), np.ones([2, 1]), verbose=0)
    keras.backend.clear_session()
