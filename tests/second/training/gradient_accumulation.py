"""Sums first, one division at the end, the model's own losses on a tape of their own."""

import tensorflow as tf
from keras import ops


def accumulated_step(model, loss, optimizer, micro_batches):
    variables = model.trainable_variables
    sums = [ops.zeros_like(v) for v in variables]
    count, loss_sum = 0, 0.0
    for inputs, targets in micro_batches:
        with tf.GradientTape() as tape:
            values = loss(targets, model(inputs, training=True))
            here = ops.sum(values)
        pairs = zip(sums, tape.gradient(here, variables), strict=True)
        sums = [s if g is None else s + g for s, g in pairs]
        loss_sum = loss_sum + here
        count += values.shape[0]

    means = [s / count for s in sums]
    result = loss_sum / count
    for position, variable in enumerate(variables):
        if regularizer := getattr(variable, "regularizer", None):
            with tf.GradientTape() as tape:
                penalty = regularizer(tf.convert_to_tensor(variable))
            means[position] += tape.gradient(penalty, variable)
            result += penalty
    optimizer.apply_gradients(zip(means, variables, strict=True))
    return result
