"""A gradient for each example, clipped one by one: the step of DP-SGD.

Question (20 min). Differentially private training must bound what a single example can do
to the model. Its step clips the gradient of every example, then adds noise:

    g_i     the gradient of example i's loss, over all trainable variables
    result = (sum over i of g_i * min(1, clip_norm / ||g_i||) + noise) / B

Write it for any model. The noise is drawn by the caller and scaled for the sum.

Test k checks clause k:

    1. The result is that of the formula: a list in the order of
       model.trainable_variables. ||g_i|| is one norm, over all variables of an example.
    2. Gradients below clip_norm are left as they are; one that is all zeros adds nothing.
    3. noise, a list of one tensor for each variable, is added once.
    4. It works for any layers that treat examples independently: Dense, Conv2D, Embedding.
       What comes back is a dense tensor for each variable.
    5. The model is called at most twice, whatever B: no loop over the examples.
    6. Eager mode, tf.function and XLA agree.

loss(y_true, y_pred) gives [B]. The models have no dropout, no batch normalization and no
losses of their own, and every variable has a gradient.

Run   nox -s check -- per_example_gradients
Read  https://arxiv.org/abs/1607.00133, algorithm 1
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
    raise NotImplementedError("private_gradients")
