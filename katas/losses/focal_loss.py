"""Binary focal loss that stays finite when the model is certain.

Question (25 min). In a detector 99.9% of anchors are easy background, and the
sum of their small cross-entropies drowns the few hard objects. Lin et al. scale
each term by how wrong the prediction is:

    FL = -alpha_t (1 - p_t)^gamma log(p_t)        p = sigmoid(logit)

    p_t     = p       where label = 1,   1 - p      where label = 0
    alpha_t = alpha   where label = 1,   1 - alpha  where label = 0

Write it from logits. Test k checks clause k:

    1. Values and gradients match the formula; the result has the shape and dtype of
       `logits`: float16, 32 and 64. `alpha` and `gamma` are numbers, or scalar tensors in
       that dtype. Eager mode, tf.function and XLA agree.
    2. With gamma = 0 and alpha = None it is sigmoid cross-entropy, gradient included.
    3. For |logit| <= 1e4 and any gamma >= 0, loss and gradient are finite and right, in
       each of the dtypes.
    4. Unequal shapes (nothing broadcasts), alpha outside (0, 1) and gamma < 0 raise
       ValueError naming the argument, as in `Received: gamma=-1.0`.
    5. BinaryFocalLoss averages the last axis and gives one value per example, so that
       sample_weight, reduction and dtype work.
    6. It is registered with Keras, comes back from its config, and a model trained with
       it comes back from its file.

Run   nox -s check -- focal_loss
Read  https://arxiv.org/abs/1708.02002, equation 5
"""

import keras
import tensorflow as tf


def sigmoid_focal_loss(labels, logits, *, alpha=None, gamma=2.0):
    """Returns the focal loss of each element.

    Args:
        labels: [...] of 0 or 1, any numeric dtype.
        logits: [...] float, the shape of `labels`.
        alpha: Weight of label 1, in (0, 1); label 0 weighs 1 - alpha. None weighs
            both 1, which is not the same as alpha = 0.5. A number, or a scalar tensor in
            the dtype of `logits`.
        gamma: Focusing exponent, at least 0; likewise. Larger ignores easy examples more.

    Returns:
        [...] losses, in the dtype of `logits`.

    Raises:
        ValueError: If the shapes differ, or `alpha` or `gamma` is out of range.

    >>> sigmoid_focal_loss([1, 0], [0.0, 0.0]).numpy()  # (1/2)^2 ln 2, twice
    array([0.1732868, 0.1732868], dtype=float32)
    """
    raise NotImplementedError("sigmoid_focal_loss")


class BinaryFocalLoss(keras.losses.Loss):
    """Keras loss: `sigmoid_focal_loss` averaged over the last axis.

    Args:
        alpha, gamma: As for `sigmoid_focal_loss`.
        reduction, name, dtype: As for `keras.losses.Loss`.

    >>> float(BinaryFocalLoss(gamma=0.0)([[1, 0]], [[0.0, 0.0]]))  # ln 2
    0.6931471824645996
    """

    def __init__(self, alpha=None, gamma=2.0, name="binary_focal_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        raise NotImplementedError("BinaryFocalLoss")
