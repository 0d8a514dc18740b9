"""A training step that does not care how many replicas share it.

Each replica computes a gradient from its own examples, and the optimizer sums them. So
the objective has to be a sum over replicas as well:

    L = sum_r [ sum of replica r's losses / global batch size + R(w) / replicas ]

The trap is `tf.reduce_mean`. A mean per replica divides by what this replica holds, and
the sum over two replicas is a step of twice the size: with 4 + 4 examples, each loss 1,
the mean loss comes out as 2.0. Nothing looks wrong: training works, at another learning
rate, and it breaks on the day somebody adds two GPUs.

Divided by the number of replicas as well, the mean is right until the last batch of an
epoch. Of three examples one replica gets 2 and the other 1, and the lone one counts
twice as much; of a single example the other replica gets none, and 0 / 0 is nan. The
sum divided by a constant has neither problem: an empty replica adds 0. A short batch
then takes a shorter step, each example counting what it counts in any other batch.

R, the model's own losses, is computed by every replica from the same weights and would
be counted once each. Hence the division by `num_replicas_in_sync`.

`tf.nn.compute_average_loss` and `tf.nn.scale_regularization_loss` are these two lines.
Keras does them in `fit`, if a loss class returns one value per example: from a scalar
it cannot know how many examples stand behind it.

The cost: one all-reduce of the gradients, as large as the weights, per step. The
trade-off of a synchronous step: the slowest replica sets the pace.

Follow-ups an interviewer asks: the learning rate for a larger global batch, and its
warm-up; batch normalisation, whose statistics stay per replica; clipping, which Keras 3
does per replica, before the sum; float16 (`optimizer.scale_loss`, and an inf that only one
replica sees); where the all-reduce happens.
"""

import tensorflow as tf


def distributed_step(strategy, model, optimizer, loss, batch, global_batch_size):
    """Takes one synchronous step on all replicas.

    Args:
        strategy: A `tf.distribute.Strategy`.
        model: A Keras model made in the strategy's scope.
        optimizer: A Keras optimizer made in the strategy's scope.
        loss: Function of (y_true, y_pred) that returns one value per example, [B].
        batch: Pair x [B, ...], y [B, ...] per replica, as the strategy's
            `experimental_distribute_dataset` yields it. B may differ, and may be 0.
        global_batch_size: Examples in a whole batch over all replicas, an int.

    Returns:
        [] the sum of all losses before the step, over all replicas, divided by
        `global_batch_size`, plus the model's own losses.

    >>> model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.zeros([1, 1])])
    >>> loss, sgd = keras.losses.mean_squared_error, keras.optimizers.SGD(1.0)
    >>> one = tf.distribute.get_strategy()  # a single replica
    >>> batch = (np.ones([1, 1]), np.ones([1, 1]))  # the last of batches of 4
    >>> distributed_step(one, model, sgd, loss, batch, 4).numpy()  # (0 - 1)^2 / 4
    np.float32(0.25)
    >>> model.get_weights()  # the slope is 2 (0 - 1) / 4
    [array([[0.5]], dtype=float32)]
    """

    def replica_step(x, y):
        with tf.GradientTape() as tape:
            losses = loss(y, model(x, training=True))
            own = sum(model.losses) / strategy.num_replicas_in_sync
            value = tf.reduce_sum(losses) / global_batch_size + own
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return value

    values = strategy.run(replica_step, args=batch)
    return strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)
