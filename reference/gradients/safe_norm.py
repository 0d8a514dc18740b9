"""The Euclidean norm with a gradient at zero, and squares that stay in range.

    ||x|| = sqrt(sum x^2)            dL/dx = dL/dy x / ||x||,  0 for the zero vector

The slope of sqrt at 0 is infinite, and the chain rule multiplies it by 2x = 0: nan. One
zero row, such as padding or two equal embeddings, and the whole step is nan. The two
repairs that people recite both fail:

- `tf.where(s > 0, tf.sqrt(s), 0)` chooses among values, not among gradients: inf * 0
  still runs in the branch not taken. Eager TensorFlow hides it, for its kernel of
  sqrt's gradient takes 0 * inf for 0; under XLA it is nan.
- sqrt(s + 1e-12) is finite and wrong: 1e-6 for the zero vector, and every vector
  shorter than that has its length.

The second trap is the square itself. In float32 it is inf from |x| = 1.9e19 on and 0
below 1e-19, although norm and x are in range. Divide by the largest component first:

    ||x|| = m ||x / m||,  m = max |x|          1 <= ||x / m||^2 <= n unless x = 0

So the gradient is (x / m) / ||x / m||, and max(., 1) under its root changes nothing but
the zero vector, where it gives 0 / 1. Since m cancels, the rule can be differentiated
again, as a gradient penalty does. In float16 the sum itself needs a wider type: of
65,520 ones it is inf, and 4,096 squares summed along the first axis are off by 6%.

Trade-off: one more pass over x, for the maximum. Where the range is known, two
`where`s, one of them inside the root, will do.

Follow-ups an interviewer asks: why 0, and which other vectors are subgradients; what
`tf.math.l2_normalize` does near 0; cancellation in ||a - b|| by a^2 - 2ab + b^2.
"""

import tensorflow as tf


def safe_norm(x, axis=-1, keepdims=False):
    """Returns the Euclidean norm along `axis`, with gradient 0 for a zero vector.

    Args:
        x: [...] float, finite.
        axis: Axis or axes to reduce; None for all.
        keepdims: Whether reduced axes stay, with length 1.

    Returns:
        `x` without `axis`, or with length 1 there, in the dtype of `x`.

    >>> x = tf.Variable([[3e30, 4e30], [0.0, 0.0]])
    >>> with tf.GradientTape() as tape:
    ...     y = safe_norm(x)
    >>> [f"{norm:.3g}" for norm in y.numpy()]
    ['5e+30', '0']
    >>> tape.gradient(y, x).numpy().round(3)  # x / norm, and no nan
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    x = tf.convert_to_tensor(x)

    @tf.custom_gradient
    def norm(x):
        peak = tf.reduce_max(tf.abs(x), axis, keepdims=True)
        scale = tf.where(peak > 0, peak, tf.ones_like(peak))
        scaled = x / scale
        squares = tf.reduce_sum(scaled**2, axis, keepdims=True)

        def grad(upstream):
            return upstream * scaled / tf.sqrt(tf.maximum(squares, 1))

        return scale * tf.sqrt(squares), grad

    # Many squares are too much for float16 to sum.
    wide = tf.cast(x, tf.float32) if x.dtype.size < 4 else x
    length = tf.cast(norm(wide), x.dtype)
    return length if keepdims else tf.squeeze(length, axis)
