"""A large batch in small pieces: gradient accumulation.

Question (15 min). The batch you want does not fit into memory; its pieces do. Write one
training step that takes a list of micro-batches and ends where a single step on the
joined batch would, one that minimises

    1/N sum over all N examples of loss(y_true, y_pred)  +  the model's own losses

Test k checks clause k:

    1. Every trainable variable is where one step on the joined batch puts it, also if
       the micro-batches differ in size: in float32 and float64, eager, in tf.function
       and in XLA. Any number of micro-batches, one included.
    2. The optimizer takes one step a call: its count rises by one, and momentum,
       clipping and schedules see the joined batch's gradient.
    3. The model runs in training mode, and its own losses (`model.losses`, here weight
       regularisation) count once, in the gradient and in the result.
    4. The result is a scalar tensor: the joined batch's mean loss, from before the
       step, plus the model's own losses. `loss` is called as loss(y_true, y_pred) and
       gives one value per example.
    5. The model never sees more than one micro-batch at a time.

The model has no batch normalisation and no dropout: with those nobody can keep clause
1. Every trainable variable has a gradient, and a dense one.

Run   nox -s check -- gradient_accumulation
Read  https://keras.io/guides/writing_a_custom_training_loop_in_tensorflow/
"""

import tensorflow as tf


def accumulated_step(model, loss, optimizer, micro_batches):
    """Takes one step, the one that the joined batch would take.

    Args:
        model: A Keras model.
        loss: Function of (y_true, y_pred) that returns one value per example, [B].
        optimizer: A Keras optimizer.
        micro_batches: List of at least one pair x [B, ...], y [B, ...]. B may differ.

    Returns:
        [] the joined batch's mean loss before the step, plus the model's own losses.

    >>> model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.zeros([1, 1])])
    >>> batches = [(np.ones([3, 1]), np.zeros([3, 1])), (np.ones([1, 1]), np.ones([1, 1]))]
    >>> loss, sgd = keras.losses.mean_squared_error, keras.optimizers.SGD(1.0)
    >>> accumulated_step(model, loss, sgd, batches).numpy()  # (0 + 0 + 0 + 1) / 4
    np.float32(0.25)
    >>> model.get_weights()  # the slope is (0 + 0 + 0 - 2) / 4
    [array([[0.5]], dtype=float32)]
    """
    raise NotImplementedError("accumulated_step")
