"""TensorFlow's own helpers, and the result summed by the replicas themselves."""

import tensorflow as tf


def distributed_step(strategy, model, optimizer, loss, batch, global_batch_size):
    def objective(x, y):
        per_example = loss(y, model(x, training=True))
        value = tf.nn.compute_average_loss(per_example, global_batch_size=global_batch_size)
        if model.losses:
            value += tf.nn.scale_regularization_loss(tf.add_n(model.losses))
        return value

    def on_replica(pair):
        variables = model.trainable_weights
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([v.value for v in variables])
            value = objective(*pair)
        gradients = tape.gradient(value, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, value)

    everywhere = strategy.run(on_replica, args=(batch,))
    return strategy.experimental_local_results(everywhere)[0]
