"""Pinball (quantile) loss: the regression loss whose minimiser is a quantile.

Set the slope of the mean loss to zero for one constant prediction q. Every y above q
pulls it up with weight tau, every y below pushes it down with weight 1 - tau, so

    tau P(y > q) = (1 - tau) P(y < q)        hence P(y < q) = tau

The trap is the sign of e. With e = y_pred - y_true the two slopes change places, and
what is trained is the 1 - tau quantile: on y = 0, 1, ..., 100 with tau = 0.9 the best
constant is 10, not 90. At tau = 0.5 both are abs(e) / 2, so a test of the median sees
nothing.

Keep a Python tau a Python number. As a tensor it is rounded before 1 is taken away:
in float16, tau = 0.9999 becomes 1 and the loss no longer minds a y_pred too high. A
float16 mean overflows before its terms do, at eight losses of 10,000; `keras.ops.mean`
adds up in float32.

Trade-off: the slope never shrinks near the optimum and jumps at it, so a constant
learning rate ends up walking to and fro. A Huberised pinball rounds the corner off, at
the price of a bias.

Follow-ups an interviewer asks: several quantiles from one network, and how to keep them
from crossing (predict the increments through softplus); how to check the calibration
(the share of y below q); how pinball losses summed over all tau become the CRPS.
"""

import keras
import tensorflow as tf


def pinball_loss(y_true, y_pred, *, tau=0.5):
    """Returns the pinball loss of each row, averaged over the last axis.

    Args:
        y_true: [..., D] targets, any numeric dtype.
        y_pred: [..., D] float, the shape of `y_true`.
        tau: The quantile to learn, in [0, 1]: a number, or an array or tensor that
            broadcasts to `y_pred`. Above 0.5 a prediction too low costs more than one
            too high.

    Returns:
        [...] losses, in the dtype of `y_pred`.

    Raises:
        ValueError: If the shapes differ, or `tau` is out of range.

    >>> pinball_loss([[3.0, 3.0]], [[1.0, 5.0]], tau=0.75).numpy()  # (1.5 + 0.5) / 2
    array([1.], dtype=float32)
    """
    # given
    if isinstance(tau, (int, float)) and not 0 <= tau <= 1:
        raise ValueError(f"tau must be in [0, 1]. Received: tau={tau}")
    y_pred = tf.convert_to_tensor(y_pred)
    # Unlike tf.convert_to_tensor it casts tensors, unlike tf.cast it keeps a number's digits.
    y_true = keras.ops.convert_to_tensor(y_true, y_pred.dtype)
    if not y_true.shape.is_compatible_with(y_pred.shape):
        raise ValueError(
            "y_true and y_pred must have one shape. "
            f"Received: y_true.shape={y_true.shape}, y_pred.shape={y_pred.shape}"
        )
    # As a tensor, a Python number is rounded before 1 is taken away.
    if not isinstance(tau, (int, float)):
        tau = keras.ops.convert_to_tensor(tau, y_pred.dtype)

    error = y_true - y_pred
    return tf.reduce_mean(tf.maximum(tau * error, (tau - 1) * error), axis=-1)


# given
@keras.saving.register_keras_serializable(package="katas")
class PinballLoss(keras.losses.Loss):
    """Keras loss: `pinball_loss`, one value per row.

    Args:
        tau: As for `pinball_loss`.
        reduction, name, dtype: As for `keras.losses.Loss`.

    >>> float(PinballLoss(tau=0.75)([[3.0, 3.0]], [[1.0, 5.0]]))
    1.0
    """

    def __init__(self, tau=0.5, name="pinball_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.tau = tau

    def call(self, y_true, y_pred):
        return pinball_loss(y_true, y_pred, tau=self.tau)

    def get_config(self):
        return super().get_config() | {"tau": self.tau}
