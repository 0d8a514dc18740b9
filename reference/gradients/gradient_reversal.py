"""A layer that does nothing forward and turns the gradient around.

    forward:  y = x            backward:  dL/dx = -scale * dL/dy

The head behind the layer learns to tell two domains apart, and the features before it
learn to make that impossible: one loss, two directions (Ganin and Lempitsky). Negating
the loss is no substitute: it turns the head around as well, and both forget the task.

The trap is the scale. The paper raises it from 0 to 1 during training, so it is a
variable that a callback assigns, inside a step that `fit` traced once:

- `float(scale)` keeps its value at tracing, here 0, and the features never see the
  domain loss. Taken as a tensor, it is read again at each call.
- Read in `grad`, it is what the variable holds by then. Two calls at scale 1 and 3 before
  one backward pass then give -6, where -4 is right: a rule belongs to its forward pass.
- Used inside the decorated function, a trainable variable demands a `variables`
  argument. Read outside and cut from the tape it is a constant, and gets no gradient.

Trade-off: stop_gradient(x) - scale * (x - stop_gradient(x)) needs no custom rule, is x
to the last bit, since x - x is 0, and works in forward mode too. Not so the form in
which it is often shown, stop_gradient(x + scale * x) - scale * x: it rounds the value it
should pass on. In float32 with scale 1e4, 0.1 comes out as 0.09998; in float16 with
scale 2, 6e4 comes out as nan.

Follow-ups an interviewer asks: why the head keeps its learning rate when scale is
small; what two reversals in a row give (scale^2); how a second derivative sees it; how
you would test that the features, and only they, are reversed.
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
    x = tf.convert_to_tensor(x)
    scale = tf.stop_gradient(tf.cast(scale, x.dtype))

    @tf.custom_gradient
    def reverse(x):
        return tf.identity(x), lambda upstream: -scale * upstream

    return reverse(x)


@keras.saving.register_keras_serializable(package="katas")
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
        self.scale = scale

    def call(self, inputs):
        return gradient_reversal(inputs, self.scale)

    def get_config(self):
        return super().get_config() | {"scale": float(self.scale)}
