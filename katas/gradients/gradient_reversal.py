"""A layer that does nothing forward and turns the gradient around.

Question (10 min). In domain-adversarial training a second head learns to tell two
domains apart, and the features before it should learn to make that impossible. Build
the piece between them: the identity forward, a reversed gradient backward.

    y = x            dL/dx = -scale * dL/dy

The paper raises scale from 0 to 1 during training, so it may be a variable. Write the
function and a Keras layer. Test k checks clause k:

    1. The value is `x`, to the last bit, in its shape and dtype: float16, 32 and 64.
       Python floats and lists of them become float32 tensors.
    2. The gradient with respect to `x` is -scale times the upstream gradient, in the
       dtype of `x`. The scale is a number or a scalar tensor, and 1 by default.
    3. A tf.Variable given as scale, to the function or to the layer, is read at each
       call, also by a tf.function that was traced before. What was read then is the
       scale of that call, even if the variable has changed before the backward pass.
       The variable gets no gradient (None).
    4. Eager mode, tf.function and XLA agree; so do calls by keyword and by position.
    5. GradientReversal(scale) is the function as a Keras layer. In a model it turns the
       gradients of the layers before it, and leaves those after it alone.
    6. It is registered with Keras and comes back from its config. A model with it comes
       back from its file, where a variable has become the number that it held.

Run   nox -s check -- gradient_reversal
Read  https://arxiv.org/abs/1505.07818, section 4.2
"""

import keras
import tensorflow as tf


def gradient_reversal(x, scale=1.0):
    """Returns `x`, and multiplies its gradient by -scale on the way back.

    Args:
        x: [...] float.
        scale: Number, scalar tensor or tf.Variable, read at each call.

    Returns:
        [...] in the dtype of `x`.

    >>> x = tf.Variable(3.0)
    >>> with tf.GradientTape() as tape:
    ...     y = gradient_reversal(x, scale=0.5) ** 2
    >>> float(y), float(tape.gradient(y, x))  # 3^2, and -0.5 * 2 * 3
    (9.0, -3.0)
    """
    raise NotImplementedError("gradient_reversal")


class GradientReversal(keras.layers.Layer):
    """Keras layer: `gradient_reversal` of its input.

    Args:
        scale: As for `gradient_reversal`. The config holds a variable's present value.
        **kwargs: As for `keras.layers.Layer`.

    >>> GradientReversal(scale=0.5)(tf.constant([1.0, 2.0])).numpy()
    array([1., 2.], dtype=float32)
    """

    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        raise NotImplementedError("GradientReversal")
