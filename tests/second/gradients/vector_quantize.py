"""Differences as they stand, one-hot rows for a gather, rules of their own for stop_gradient."""

import tensorflow as tf
from keras import ops


def vector_quantize(z, codebook, commitment_cost=0.25):
    codebook = tf.convert_to_tensor(codebook)
    differences = ops.expand_dims(z, -2) - codebook
    indices = ops.argmin(ops.sum(ops.square(differences), axis=-1), axis=-1)
    chosen = ops.one_hot(indices, codebook.shape[0], dtype=z.dtype)
    nearest = ops.matmul(chosen, codebook)
    return snap(z, nearest), indices, attract(z, nearest, commitment_cost)


def snap(z, nearest):
    return tf.custom_gradient(lambda z: (tf.identity(nearest), lambda upstream: upstream))(z)


def attract(z, nearest, cost):
    @tf.custom_gradient
    def loss(z, nearest):
        gap = z - nearest

        def grad(upstream):
            pull = 2 * upstream * gap / ops.cast(ops.size(gap), gap.dtype)
            return cost * pull, -pull

        return (1 + cost) * ops.mean(gap * gap), grad

    return loss(z, nearest)
