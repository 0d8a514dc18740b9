"""Forward over reverse: how the gradient changes along the vectors."""

import tensorflow as tf


def hessian_vector_product(loss, variables, vectors):
    tangents = [tf.identity(vector) for vector in vectors]
    with tf.autodiff.ForwardAccumulator(list(variables), tangents) as forward:
        with tf.GradientTape() as tape:
            value = loss()
        slopes = tape.gradient(value, variables, unconnected_gradients="zero")
        slopes = [tf.convert_to_tensor(slope) for slope in slopes]
    return [forward.jvp(slope, unconnected_gradients="zero") for slope in slopes]
