"""Contrastive loss: pull similar pairs together, push the others out to a margin.

    y = 1:   d^2                       always pulls, harder the farther away
    y = 0:   max(margin - d, 0)^2      pushes until d = margin, then lets go

The traps are three small choices that each give a loss which trains without complaint.
The polarity of y: Hadsell's paper writes Y = 0 for a similar pair, and a factor 1/2;
Keras' examples and TF Addons say 1, and no factor. The place of the margin: on d^2 it
stops the push at d = sqrt(margin), and at margin = 4, d = 1 reads 9 for 3^2 either way:
one lucky pair of numbers hides it. The clamp: without it a pair 10 beyond the margin
costs 100, and the loss draws strangers back in.

Both branches square one number, so it is chosen first and squared once. `where` instead
of y d^2 + (1 - y) h^2 also keeps a far negative finite: in float16, d = 300 has d^2 =
inf, and 0 * inf is nan.

At d = margin the hinge is squared flat, so value and slope are both 0 there: this is
the reason for the square, and the loss has no kink. The kink sits in the distance
itself: sqrt at a pair of equal embeddings has an infinite slope, and 0 * inf is nan
again. Mend it where d is computed, not here.

Trade-off: the margin is absolute, so one number must fit dense and sparse classes
alike; the triplet loss compares two distances instead. Most negatives of a random batch
lie beyond the margin and teach nothing, hence mining.

Follow-ups an interviewer asks: what sets the scale of the margin (normalised embeddings
live within d <= 2); triplet and InfoNCE losses; false negatives in a batch.
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

    similar = y_true > 0
    return tf.square(tf.where(similar, distance, tf.nn.relu(margin - distance)))


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
