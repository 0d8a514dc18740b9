"""Only the bias needs a rule of its own; autodiff knows how to do the rest."""

import tensorflow as tf


def affine(kernel, bias, bias_gradient_scale=1.0):
    @tf.custom_gradient
    def paced(tensor):
        def backward(upstream):
            return upstream * tf.cast(bias_gradient_scale, upstream.dtype)

        return tf.identity(tensor), backward

    def f(x):
        x = tf.convert_to_tensor(x, dtype=kernel.dtype)
        return tf.tensordot(x, kernel, axes=1) + paced(bias.read_value())

    return f
