"""Slopes of small functions, taken by TensorFlow as a learner would take them."""

import tensorflow as tf

XLA = {"jit_compile": True}
GRAPH = {"jit_compile": False}


def constant(value, dtype=tf.float32):
    return tf.constant(value, dtype)


def gradient(function, x, **how):
    """Returns d(sum of function(x)) / dx as NumPy, or None; compiled if told how."""
    x = tf.convert_to_tensor(x)

    @tf.autograph.experimental.do_not_convert
    def run():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)

    slope = tf.function(run, **how)() if how else run()
    return None if slope is None else slope.numpy()


def norm(x):
    """The Euclidean norm as one writes it first, with a gradient of nan at 0."""
    return tf.sqrt(tf.reduce_sum(x * x))
