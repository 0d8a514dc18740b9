"""Layer normalization, forward and backward by hand.

    xhat = (x - mean) / sigma,  sigma = sqrt(var + epsilon),  y = gamma xhat + beta

The mean and sigma are functions of x, so each x_j moves every y_i of its row. With
g = upstream * gamma the three paths, through x itself, the mean and the variance, are

    dx = (g - mean(g) - xhat mean(g xhat)) / sigma

and both means are over the C elements of the row. One can see it without the chain rule:
a shift of the row and (but for epsilon) a change of its scale leave y as it is, so dx
has no part along 1 nor along xhat. The two means take those parts out. Along x itself
the true gradient is 0; who takes the statistics for constants returns g / sigma there,
of any size, and the weights below grow on a slope that does not exist.

gamma sits inside g, before the means. And gamma, beta are shared by all rows, so their
gradients are sums over every axis but the last, however many those are.

The forward trap is E[x^2] - E[x]^2. At an offset of 1e4 the squares are near 1e8, where
float32 has steps of 8: of 1,000 rows with variance 1 a third come out negative. Centre
first, then square.

The cost: backward keeps xhat and one 1/sigma a row. What autodiff keeps besides are the
centred values and their squares, each as large as x.

Follow-ups an interviewer asks: RMSNorm, which has no mean and so no mean(g); batch
normalization, the same formula over axis 0 in training and none of it at inference; half
precision, where the statistics stay in float32; dgamma over millions of rows, which
kernels reduce in two stages.
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

    @tf.custom_gradient
    def norm(x, gamma, beta):
        centred = x - _row_mean(x)
        inverse = tf.math.rsqrt(_row_mean(centred**2) + epsilon)
        xhat = centred * inverse

        def grad(upstream):
            g = upstream * gamma
            dx = inverse * (g - _row_mean(g) - xhat * _row_mean(g * xhat))
            rows = list(range(x.shape.rank - 1))
            return dx, tf.reduce_sum(upstream * xhat, rows), tf.reduce_sum(upstream, rows)

        return gamma * xhat + beta, grad

    return norm(x, gamma, beta)


def _row_mean(x):
    return tf.reduce_mean(x, axis=-1, keepdims=True)
