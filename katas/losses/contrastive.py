"""Contrastive loss: similar pairs close, the others a margin apart.

Question (8 min). Two photos go through one network, and d is the distance between the
two embeddings. Photos of one person should end up close, photos of two people at least
a margin apart. With y = 1 for a similar pair and 0 otherwise:

    loss = y d^2 + (1 - y) max(margin - d, 0)^2

elementwise: no factor 1/2, no mean. Write it. Test k checks clause k:

    1. Values match the formula, in the shape and dtype of `distance`: float16, 32 and
       64, as long as d^2 fits into it (in float16, to d = 255).
    2. margin is a number (0 included) or a tensor that broadcasts to `distance`. It may
       be an argument of a tf.function.
    3. The gradient with respect to `distance` matches the formula, also at d = 0, at
       d = margin and at 1e4. Eager mode, tf.function and XLA agree.
    4. What was given still works: the checks of shape and range, and ContrastiveLoss,
       which takes the distances as y_pred and averages nothing.

Run   nox -s check -- contrastive
Read  http://yann.lecun.com/exdb/publis/pdf/hadsell-chopra-lecun-06.pdf, equation 4
      (which writes Y = 0 for a similar pair, and a factor 1/2)
"""

import keras
import tensorflow as tf


def contrastive_loss(y_true, distance, *, margin=1.0):
    """Returns the contrastive loss of each pair.

    Args:
        y_true: [...] of 0 or 1, any numeric dtype; 1 is a similar pair.
        distance: [...] float, at least 0, the shape of `y_true`.
        margin: The distance from which a dissimilar pair costs nothing, at least 0: a
            number, or a tensor that broadcasts to `distance`.

    Returns:
        [...] losses, in the dtype of `distance`.

    Raises:
        ValueError: If the shapes differ, or `margin` is negative.

    >>> contrastive_loss([1, 0, 0], [3.0, 0.5, 3.0], margin=2.0).numpy()
    array([9.  , 2.25, 0.  ], dtype=float32)
    """
    # given
    if isinstance(margin, (int, float)) and margin < 0:
        raise ValueError(f"margin must be at least 0. Received: margin={margin}")
    distance = tf.convert_to_tensor(distance)
    y_true = tf.cast(y_true, distance.dtype)
    if not y_true.shape.is_compatible_with(distance.shape):
        raise ValueError(
            "y_true and distance must have one shape. "
            f"Received: y_true.shape={y_true.shape}, distance.shape={distance.shape}"
        )
    # Unlike tf.convert_to_tensor it casts tensors, unlike tf.cast it keeps a number's digits.
    margin = keras.ops.convert_to_tensor(margin, distance.dtype)

    raise NotImplementedError("contrastive_loss")


# given
@keras.saving.register_keras_serializable(package="katas")
class ContrastiveLoss(keras.losses.Loss):
    """Keras loss: `contrastive_loss`, with distances as `y_pred`. Nothing is averaged.

    Args:
        margin: As for `contrastive_loss`.
        reduction, name, dtype: As for `keras.losses.Loss`.

    >>> loss = ContrastiveLoss(margin=2.0, reduction="none")
    >>> loss([1, 0], [3.0, 0.5]).numpy()
    array([9.  , 2.25], dtype=float32)
    """

    def __init__(self, margin=1.0, name="contrastive_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.margin = margin

    def call(self, y_true, y_pred):
        return contrastive_loss(y_true, y_pred, margin=self.margin)

    def get_config(self):
        return super().get_config() | {"margin": self.margin}
