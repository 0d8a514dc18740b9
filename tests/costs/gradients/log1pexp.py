"""A rule of one's own, beside the framework's op."""

import tensorflow as tf

from dojo.compare.cost.cases import Function


def case():
    return Function(
        data="x [262144] float32",
        inputs=[tf.random.stateless_normal([2**18], [0, 1])],
        of=lambda kata: kata.log1pexp,
        standard={"tf.nn.softplus": tf.nn.softplus},
    )
