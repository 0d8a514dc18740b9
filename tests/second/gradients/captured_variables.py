"""Autodiff does the sums: a tape inside the rule, asked when the backward pass comes."""

import tensorflow as tf


def affine(kernel, bias, bias_gradient_scale=1.0):
    @tf.custom_gradient
    def layer(x):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = tf.tensordot(x, kernel, axes=1) + bias

        def backward(upstream, **captured):
            trained = list(captured.get("variables", []))
            to_x, slopes = tape.gradient(y, [x, trained], upstream)
            for place, variable in enumerate(trained):
                if variable is bias:
                    slopes[place] *= tf.cast(bias_gradient_scale, upstream.dtype)
            return (to_x, slopes) if trained else to_x

        return y, backward

    return lambda x: layer(tf.convert_to_tensor(x, dtype=kernel.dtype))
