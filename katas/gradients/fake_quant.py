"""Fake quantization with a learned step (LSQ): train for integers, and learn their scale.

Question (15 min). A network shall run on signed integers. In training each tensor x is
rounded to them and scaled back, and the step, the size of one integer, is learned along with
the weights. With r = x / step,

    y = step round(clip(r, -Qn, Qp)),    Qn = 2^(bits - 1),    Qp = Qn - 1

Give it the gradients that autodiff would, if the rounding had slope 1 everywhere, and the
clip slope 0 at its bounds as well as beyond. Test k checks clause k:

    1. Values match the formula; halves are rounded to even. bits is a Python int, 8 by
       default.
    2. The gradient to x: so the upstream where -Qn < r < Qp, and 0 elsewhere.
    3. The gradient to step, a scalar: the sum over the elements of x, times
       1 / sqrt(N Qp), where x has N elements. Nothing but this gradient is scaled.
    4. Eager mode, tf.function and XLA agree.

x is a float32 tensor, step a positive scalar: a float32 tensor or variable.

Run   nox -s check -- fake_quant
Read  https://arxiv.org/abs/1902.08153, equations 1 to 3
"""

import tensorflow as tf


def fake_quant(x, step, bits=8):
    """Returns `x` as signed integers of so many bits would hold it, times `step`.

    Args:
        x: [...] float.
        step: [] variable or tensor, positive: the size of one integer.
        bits: Python int, at least 2.

    Returns:
        [...] multiples of `step`, in the dtype of `x`.

    >>> step = tf.Variable(0.5)
    >>> fake_quant(tf.constant([0.6, 0.8, 9.0, -9.0]), step, bits=3).numpy()
    array([ 0.5,  1. ,  1.5, -2. ], dtype=float32)
    """
    raise NotImplementedError("fake_quant")
