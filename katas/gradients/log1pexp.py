"""log(1 + exp(x)), right at every x, and its gradient too.

Question (12 min). The documentation of tf.custom_gradient writes log(1 + exp(x)) and
repairs its gradient at large x. At 100 the value is still inf. Do it properly: value,
gradient and second derivative, for every x.

    y      = log(1 + e^x)
    dL/dx  = dL/dy sigmoid(x)
    y''    = sigmoid(x) (1 - sigmoid(x))

An ulp is the spacing of floating-point numbers at the result. Numbers below the
smallest normal one of their dtype (1e-38 in float32) may be 0. Test k checks clause k:

    1. Values are right to a few ulp for every finite `x`, in its shape and dtype:
       float16, 32 and 64. That is e^x at -20, and x itself at 89, 1e4 and 1e38. Python
       floats and lists of them become float32 tensors.
    2. The gradient is upstream * sigmoid(x), to a few ulp of 1: 1/2 at exactly 0, 0 at
       -1e4, 1 at 1e4.
    3. The second derivative can be taken, and is right to a few ulp of 1, everywhere.
    4. Eager mode, tf.function and XLA agree; so do calls by keyword and by position.

Run   nox -s check -- log1pexp
Read  https://www.tensorflow.org/api_docs/python/tf/custom_gradient
"""

import tensorflow as tf


def log1pexp(x):
    """Returns log(1 + exp(x)), which neither overflows nor cancels.

    Args:
        x: [...] float.

    Returns:
        [...] in the dtype of `x`.

    >>> log1pexp([-20.0, 0.0, 100.0]).numpy()  # e^-20, ln 2, and 100
    array([2.0611537e-09, 6.9314718e-01, 1.0000000e+02], dtype=float32)
    """
    raise NotImplementedError("log1pexp")
