"""Memory that grows with the cube of the batch, or with its square."""

import tensorflow as tf

from dojo.compare.cost.cases import Function


def case():
    labels = tf.range(128) % 16
    return Function(
        data="embeddings [128, 64] float32, 16 labels",
        inputs=[tf.random.stateless_normal([128, 64], [0, 1])],
        of=lambda kata: lambda x: kata.triplet_semihard_loss(labels, x),
        standard={},
    )
