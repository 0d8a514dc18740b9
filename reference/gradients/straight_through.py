"""Round and sign with a gradient that passes straight through.

A step function has slope 0 wherever it has a slope, so nothing learns through it:
TensorFlow gives None for `tf.round` and zeros for `tf.sign`. The straight-through
estimator computes the step forward and, backward, pretends that it was the identity.
The gradient is biased, and it works: quantised and binary networks are trained with it.

    round:  dL/dx = dL/dy
    sign:   dL/dx = dL/dy  where |x| <= 1,  0 elsewhere: the slope of a hard tanh

The mask is for saturation. Where |x| > 1 the step y = ±1 is as far as it can go; an
upstream that is passed on there still pushes x outwards, where no small step brings it
back over 0.

The traps are in the values. `tf.sign(0)` is 0, which is no bit, and a zero-initialised
weight starts there. `floor(x + 0.5)` rounds every half up, 0.5 to 1 and 2.5 to 3, and
shifts the mean.

Trade-off: `x + stop_gradient(round(x) - x)` says the same without a custom rule, to the
last bit, for round(x) - x is exact, and works in forward mode too. For sign it is worse:
in float16, 1e4 + (1 - 1e4) is 0, since 1 is lost beside 1e4. Clip x first. And put
stop_gradient around the whole sum, and the gradient is None again.

Follow-ups an interviewer asks: where fake quantisation puts it in a model; why the
latent weights are clipped to [-1, 1]; REINFORCE and Gumbel-softmax, which are not
biased in this way.
"""

import tensorflow as tf


def round_ste(x):
    """Returns `x` rounded half to even; its gradient is the upstream gradient.

    Args:
        x: [...] float.

    Returns:
        [...] in the dtype of `x`.

    >>> x = tf.Variable([0.5, 1.5, -1.2])
    >>> with tf.GradientTape() as tape:
    ...     y = 3 * round_ste(x)
    >>> y.numpy(), tape.gradient(y, x).numpy()
    (array([ 0.,  6., -3.], dtype=float32), array([3., 3., 3.], dtype=float32))
    """
    return _round(tf.convert_to_tensor(x))


@tf.custom_gradient
def _round(x):
    return tf.round(x), lambda upstream: upstream


def sign_ste(x):
    """Returns the sign of `x`; its gradient is the upstream where abs(x) <= 1, else 0.

    Args:
        x: [...] float.

    Returns:
        [...] of +1 (also at 0) or -1, in the dtype of `x`.

    >>> x = tf.Variable([0.0, -1.0, 1.5])
    >>> with tf.GradientTape() as tape:
    ...     y = 3 * sign_ste(x)
    >>> y.numpy(), tape.gradient(y, x).numpy()
    (array([ 3., -3.,  3.], dtype=float32), array([3., 3., 0.], dtype=float32))
    """
    return _sign(tf.convert_to_tensor(x))


@tf.custom_gradient
def _sign(x):
    one = tf.ones_like(x)

    def grad(upstream):
        return tf.where(tf.abs(x) <= 1, upstream, tf.zeros_like(upstream))

    return tf.where(x >= 0, one, -one), grad
