"""A gradient for each example, clipped one by one: the step of DP-SGD.

    result = (sum over i of g_i min(1, clip_norm / ||g_i||) + noise) / B

The tape sums: `tape.gradient` of B losses is the gradient of their sum, and a sum does not
tell its terms. `tape.jacobian` asks for the B gradients at once: the backward pass, once,
over all B rows of the identity as upstream, vectorised. Clipping the mean instead bounds
the step, not what one example can do to it, and is not private.

Three places are easily got wrong. ||g_i|| is one norm over all variables of an example. The
factor is min(1, .), so small gradients stay small; written as min(1, clip_norm / norm) it
is also right for g = 0, where clip_norm / norm * g is inf * 0 = nan. And the noise, whose
scale was chosen for the sum, is added once, before the division by B.

An embedding's gradient for each example is dense here: B times the table, zeros and all.

The cost is memory: B times the parameters. For B = 256 and a small net, the jacobian took
a quarter of the time of B tapes in a loop, and a loop calls the model B times. Micro-batches
bound the memory; sums of clipped gradients add up.

Follow-ups an interviewer asks: batch normalization, which has no gradient of one example;
norms without gradients for dense layers (||outer product|| is a product of norms), then a
second, weighted backward pass; how clip_norm and the noise make epsilon and delta.
"""

import tensorflow as tf


def private_gradients(model, loss, x, y, clip_norm, noise):
    """Returns the noisy mean of the examples' gradients, each clipped to `clip_norm`.

    Args:
        model: A Keras model, built, that treats examples independently.
        loss: Function of (y_true, y_pred) that returns one value per example, [B].
        x, y: [B, ...], B at least 1.
        clip_norm: Number above 0: the largest norm of one example's gradient.
        noise: List of tensors like the trainable variables, scaled for the sum.

    Returns:
        List of tensors like `model.trainable_variables`, in their order.

    >>> model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    >>> model.set_weights([np.zeros([1, 1])])
    >>> x, y = np.ones([2, 1]), np.array([[-4.0], [-0.5]])
    >>> loss = keras.losses.mean_squared_error  # slopes 8 and 1
    >>> private_gradients(model, loss, x, y, 3.0, [tf.zeros([1, 1])])[0].numpy()  # (3 + 1) / 2
    array([[2.]], dtype=float32)
    """
    with tf.GradientTape() as tape:
        losses = loss(y, model(x, training=True))
    # Of each variable [B, ...]: the gradients of the examples.
    gradients = tape.jacobian(losses, model.trainable_variables)
    squares = [tf.reduce_sum(g**2, axis=list(range(1, len(g.shape)))) for g in gradients]
    norms = tf.sqrt(tf.add_n(squares))
    # 1 for a norm of 0: the minimum of 1 and clip_norm / 0 = inf.
    factors = tf.minimum(1.0, clip_norm / norms)
    batch = tf.cast(tf.shape(losses)[0], losses.dtype)
    sums = [tf.tensordot(factors, g, axes=1) for g in gradients]
    return [(total + drawn) / batch for total, drawn in zip(sums, noise, strict=True)]
