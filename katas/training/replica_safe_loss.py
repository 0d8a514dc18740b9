"""A distributed step that takes the same step on any number of replicas.

Question (30 min). Somebody moves a training loop with `tf.reduce_mean(losses)` to two
GPUs, and it trains with twice the step. Write one synchronous training step under
`tf.distribute` that minimises, over all replicas together,

    sum of all losses of the batch / global_batch_size + the model's own losses

`batch` is what `strategy.experimental_distribute_dataset` yields: a pair (x, y) per
replica. Test k checks clause k:

    1. The weights after a step are those of the formula on one replica and on two,
       under any strategy (the default one, OneDeviceStrategy, MirroredStrategy), in
       float32 and float64, called eagerly or inside a tf.function.
    2. Replicas may hold different numbers of examples, or none: the last batch of an
       epoch is short. Each example still counts 1 / global_batch_size.
    3. The model runs in training mode, and its own losses (`model.losses`, here weight
       regularisation) count once, however many replicas there are.
    4. The result is a scalar tensor: the formula's value before the step, over all
       replicas. `loss` is called as loss(y_true, y_pred) and gives one value per
       example.
    5. The optimizer takes one step a call: its count rises by one, and its state moves
       as on one replica.

Model and optimizer are made, and the optimizer is built, in the strategy's scope.
global_batch_size is an int.

Run   nox -s check -- replica_safe_loss
Read  https://www.tensorflow.org/tutorials/distribute/custom_training
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
    raise NotImplementedError("distributed_step")
