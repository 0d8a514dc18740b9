"""Layer normalization, forward and backward by hand.

Question (20 min). You are to write the layer norm of a fused kernel, and its backward
pass comes first as a tf.custom_gradient. For a row x of C numbers:

    mean = 1/C sum x        var = 1/C sum (x - mean)^2
    xhat = (x - mean) / sqrt(var + epsilon)        y = gamma * xhat + beta

Derive the gradients with respect to x, gamma and beta.

Test k checks clause k:

    1. Values match the formula: rows lie along the last axis, x has any rank. The
       variance is divided by C, and epsilon, 1e-5 by default, stands inside the root.
    2. The gradient with respect to x is that of the formula. The mean and the variance
       of a row depend on x, too.
    3. So are those with respect to gamma and beta, [C] for an x of any rank.
    4. Values and gradients hold for rows near 1e4 whose variance is near 1, to what
       float32 leaves of them (5e-3), and for a row of equal numbers, where xhat is 0.
    5. The backward pass is written by hand, in a tf.custom_gradient: no tape, no
       tf.gradients, nothing that has TensorFlow differentiate.
    6. Eager mode, tf.function and XLA agree.

x, gamma and beta are float tensors of one dtype; tests use float32 and float64.

Run   nox -s check -- layer_norm
Read  https://arxiv.org/abs/1607.06450, section 3
"""

import tensorflow as tf


def layer_norm(x, gamma, beta, epsilon=1e-5):
    """Normalizes each row of `x`, along the last axis, then scales and shifts.

    Args:
        x: [..., C] float.
        gamma, beta: [C] tensors, scale and shift.
        epsilon: Number that is added to the variance.

    Returns:
        [..., C] in the dtype of `x`.

    >>> x = tf.constant([[1.0, 3.0], [6.0, 2.0]])
    >>> layer_norm(x, tf.constant([1.0, 2.0]), tf.constant([0.0, 5.0]), epsilon=0.0).numpy()
    array([[-1.,  7.],
           [ 1.,  3.]], dtype=float32)
    """
    raise NotImplementedError("layer_norm")
