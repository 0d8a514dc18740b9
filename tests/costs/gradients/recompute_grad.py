"""Its figures are what is kept, and the time that this costs."""

import tensorflow as tf

from dojo.compare.cost.cases import Function


def case():
    weights = tf.random.stateless_normal([8, 128, 128], [0, 1], stddev=0.1)

    def deep(x):
        for weight in tf.unstack(weights):
            x = tf.tanh(x @ weight)
        return x

    return Function(
        data="eight layers of tanh(x @ w), x [256, 128] float32",
        inputs=[tf.random.stateless_normal([256, 128], [0, 2])],
        of=lambda kata: kata.recompute(deep),
        standard={"tf.recompute_grad": tf.recompute_grad(deep), "nothing recomputed": deep},
    )
