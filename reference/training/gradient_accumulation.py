"""One optimizer step from several micro-batches.

The trap is the word mean. The loss of the joined batch is one mean over all N examples,

    L = 1/N sum_i loss_i + R(w) = sum_k (n_k / N) mean_k + R(w)

and it is not the mean of the micro-batches' means unless they all have one size. With
micro-batches of 32, 32 and 1, the mean of means gives the last example 1/3 of the
gradient where 1/65 is due: 22 times too much, once an epoch, where nobody looks. So
each mean is weighted by n_k / N, its share, which is known from the labels before the
first forward pass. The shares add up to one: R, the model's own losses, does not depend
on the examples, and with the share of each micro-batch it is counted once in all.

Sums of losses, and one division of the gradients by N at the end, are as right in
float32. Here the loss is scaled before the tape, as one joined step would do it: in
float16 what flows back has then the same magnitude.

Everything that is per step has to happen once: the optimizer's step count, and with it
the learning rate's schedule and Adam's correction; clipping, which of the mean is not
the mean of clipped gradients; weight decay. Hence one `apply`, outside the loop.

The cost: activations of one micro-batch, since each has its own tape, and one extra
copy of the gradients; a single tape round the loop would keep every activation alive.
The trade-off is time. A GPU that a micro-batch does not fill stands idle.

Follow-ups an interviewer asks: batch normalisation, which sees micro-batches and is not
equal; dropout, equal in distribution only; activity regularizers that sum over the
batch; a loss scaled for float16 (`optimizer.scale_loss`, since `apply` divides by it);
sparse gradients of an embedding; `gradient_accumulation_steps` in Keras, which averages
equal shares and counts micro-steps in its schedule; when the all-reduce should happen.
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
    count = tf.add_n([tf.shape(y)[0] for _, y in micro_batches])
    total, gradients = 0.0, [tf.zeros_like(v) for v in model.trainable_variables]
    for x, y in micro_batches:
        with tf.GradientTape() as tape:
            losses = loss(y, model(x, training=True))
            share = tf.cast(tf.shape(y)[0] / count, losses.dtype)
            value = share * (tf.reduce_mean(losses) + sum(model.losses))
        new = tape.gradient(value, model.trainable_variables)
        gradients = [old + gradient for old, gradient in zip(gradients, new, strict=True)]
        total += value
    optimizer.apply(gradients, model.trainable_variables)
    return total
