"""A custom gradient over variables that the function captures.

Question (15 min). A layer's bias should learn at another pace than its kernel. Write
`affine(kernel, bias, bias_gradient_scale)`, which returns a function of x alone

    f(x) = x @ kernel + bias            x [..., I], kernel [I, O], bias [O]

with a rule of your own: its backward pass multiplies the gradient of the bias, and no
other, by the scale. The rule captures the two variables. What does `tf.custom_gradient`
want from `grad` now? Test k checks clause k:

    1. Values match x @ kernel + bias for any leading axes of x, or none, in the dtype of
       the variables: float16, 32 and 64. The variables are read at each call of f.
    2. x gets upstream @ kernel^T, and the kernel gets the sum over all leading axes of
       the outer products of x and upstream, whatever the scale is. The kernel counts as
       it was at the call, even if it has changed before the backward pass.
    3. The bias gets the scale times the sum of the upstream over all leading axes. The
       scale is a number or a scalar tensor, 1 by default.
    4. What `tf.custom_gradient` decorates takes no variable as an argument. It reads kernel
       and bias itself, as if they were inside somebody else's layer; so TensorFlow hands
       both to `grad`, and asks it for their gradients.
    5. Each variable gets its own gradient, whatever the variables are called. One that
       is frozen (trainable=False) gets None, and x and the other variable get theirs.
    6. Eager mode, tf.function and XLA agree.

Run   nox -s check -- captured_variables
Read  https://www.tensorflow.org/api_docs/python/tf/custom_gradient
"""

import tensorflow as tf


def affine(kernel, bias, bias_gradient_scale=1.0):
    """Returns f(x) = x @ kernel + bias, whose bias learns at another pace.

    Args:
        kernel: [I, O] tf.Variable, float.
        bias: [O] tf.Variable in the dtype of `kernel`.
        bias_gradient_scale: Number or scalar tensor; multiplies the gradient of `bias`,
            and no other.

    Returns:
        A function from x [..., I] to [..., O], in the dtype of `kernel`.

    >>> kernel, bias = tf.Variable([[2.0], [3.0]]), tf.Variable([1.0])
    >>> with tf.GradientTape() as tape:
    ...     y = affine(kernel, bias, bias_gradient_scale=0.5)([[1.0, 1.0], [1.0, 0.0]])
    >>> y.numpy().tolist(), tape.gradient(y, bias).numpy()  # 0.5 * (1 + 1)
    ([[6.0], [3.0]], array([1.], dtype=float32))
    """
    raise NotImplementedError("affine")
