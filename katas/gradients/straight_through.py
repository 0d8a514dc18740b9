"""Round and sign with a gradient that passes straight through.

Question (8 min). You train a network whose weights will be stored as integers, or as
single bits. Rounding has slope 0, so nothing learns through it. Write both steps with
the straight-through estimator: the step forward, and backward as if it were not there.

    y = round(x)    dL/dx = dL/dy
    y = sign(x)     dL/dx = dL/dy  where |x| <= 1,  0 elsewhere

Test k checks clause k:

    1. round_ste: `x` rounded to the nearest integer, halves to the even one (0.5 to 0,
       1.5 to 2), for every finite `x`, in its shape and dtype: float16, 32 and 64.
       Python floats and lists of them become float32 tensors.
    2. The gradient of round_ste is the upstream gradient, everywhere.
    3. sign_ste: +1 where x >= 0, at 0 too, and -1 elsewhere, for every finite `x`, in
       its shape and dtype, as above. A negative number so small that TensorFlow takes
       it for 0 (above -1e-38 in float32, above -2e-308 in float64) may have either sign.
    4. The gradient of sign_ste is the upstream gradient where |x| <= 1, both ends
       included, and 0 elsewhere.
    5. Eager mode, tf.function and XLA agree; so do calls by keyword and by position.

Run   nox -s check -- straight_through
Read  https://arxiv.org/abs/1308.3432, section 4; https://arxiv.org/abs/1602.02830,
      equation 4
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
    raise NotImplementedError("round_ste")


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
    raise NotImplementedError("sign_ste")
