"""Pinball loss: teach a network a quantile.

Question (8 min). A courier wants to promise a time that nine parcels in ten will keep.
Squared error would learn the mean. Which loss learns the 0.9 quantile? Write it, with

    e = y_true - y_pred
    loss = mean over the last axis of   max(tau e, (tau - 1) e)

Test k checks clause k:

    1. Values match the formula, in the dtype of `y_pred`: float16, 32 and 64. (float16
       ends at 65,504: the errors of a row sum to less.) The best constant prediction is
       the tau quantile of the targets.
    2. tau is a number, or an array or tensor that broadcasts to `y_pred`: [D] holds one
       quantile per column. It may be an argument of a tf.function.
    3. The gradient with respect to `y_pred` matches the formula where y_true != y_pred;
       at equality it is finite. Eager mode, tf.function and XLA agree.
    4. What was given still works: the checks of shape and range, and PinballLoss.

Run   nox -s check -- pinball
Read  https://en.wikipedia.org/wiki/Quantile_regression
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

    raise NotImplementedError("pinball_loss")


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
