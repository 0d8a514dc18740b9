"""Softmax focal loss that stays finite when the model is certain.

Why not follow the formula? In float32 p_y is exactly 1 once its logit leads by 17.
There d/dx x^gamma is infinite for gamma < 1, and the chain rule meets inf * 0: the loss
reads 0, the gradient nan, and one confident example ends the training run. Clipping p,
as Keras does even from logits, trades the nan for a wrong number: a label at logit -100
against +100 then costs 16.1, with gradient 0, where 200 and a slope of 1 are due.

So never form 1 - p. Let m be the lead of the true class over the others taken together,

    m = -log(sum over j != y of exp(z_j - z_y))

Then p_y = 1 / (1 + e^-m) = sigmoid(m), and the multi-class loss is the binary one at
logit m:

    log(p_y)     = -softplus(-m)
    log(1 - p_y) = -softplus(+m)

The true class leaves the sum by a mask of the lowest float, not by a subtraction: a 1
taken off the full sum would cancel when p_y is near 1. And z_y is subtracted first: in
float32, log(2) added to a logit of 10,000 keeps three digits. In float16 gamma times a
lead of 20,000 is inf from gamma = 4 on, and the chain rule then meets inf * 0: float32
inside.

The other traps are about shapes. The modulator belongs to the true class alone: one
example has one (1 - p_y)^gamma. alpha has one weight per class, and `alpha * loss` on a
batch that happens to hold C examples weighs by position, without an error. A single
alpha, as in the binary loss, has no meaning here: it would only rescale the learning
rate. And softmax on outputs that were already softmaxed caps p_y at e / (e + C - 1),
0.23 for ten classes: such a network learns slowly, and with gamma = 2 its loss never
falls below 0.86.

Follow-ups an interviewer asks: why alpha is not the inverse class frequency once gamma
is above 0; what focal loss does to calibration; soft labels (mixup), where every class
has a modulator of its own; the normaliser, batch size or the sum of weights.
"""

import keras
import tensorflow as tf


def softmax_focal_loss(labels, logits, *, alpha=None, gamma=2.0):
    """Returns the focal loss of each example.

    Args:
        labels: [...] class ids in [0, C), of any integer dtype, or whole numbers of a
            float dtype, as Keras hands them to a loss.
        logits: [..., C] float.
        alpha: [C] weight of each class, at least 0, or None to weigh all 1.
        gamma: Focusing exponent, at least 0: a number, or a scalar tensor in the dtype
            of `logits`. Larger ignores easy examples more.

    Returns:
        [...] losses, in the dtype of `logits`.

    Raises:
        ValueError: If labels.shape is not logits.shape[:-1], if `alpha` is not one
            weight per class or holds a negative number, or if `gamma` is negative.

    >>> softmax_focal_loss([0, 1], [[0.0, 0.0], [5.0, 5.0]]).numpy()  # (1/2)^2 ln 2
    array([0.1732868, 0.1732868], dtype=float32)
    """
    # given
    if isinstance(gamma, (int, float)) and gamma < 0:
        raise ValueError(f"gamma must be at least 0. Received: gamma={gamma}")
    logits = tf.convert_to_tensor(logits)
    labels = tf.cast(labels, tf.int32)
    if not labels.shape.is_compatible_with(logits.shape[:-1]):
        raise ValueError(
            "labels must have the shape of logits without its last axis. "
            f"Received: labels.shape={labels.shape}, logits.shape={logits.shape}"
        )
    if alpha is not None:
        alpha = _class_weights(alpha, logits)

    wide = tf.float64 if logits.dtype == tf.float64 else tf.float32
    m = _lead(labels, tf.cast(logits, wide))
    # Unlike tf.convert_to_tensor it casts tensors, unlike tf.cast it keeps a number's digits.
    gamma = keras.ops.convert_to_tensor(gamma, wide)
    loss = tf.exp(-gamma * tf.nn.softplus(m)) * tf.nn.softplus(-m)
    loss = tf.cast(loss, logits.dtype)
    return loss if alpha is None else tf.gather(alpha, labels) * loss


def _lead(labels, logits):
    """Returns -log(sum over j != y of exp(z_j - z_y)): [...] for labels [...]."""
    z_y = tf.gather(logits, labels, batch_dims=labels.shape.rank)[..., tf.newaxis]
    true = labels[..., tf.newaxis] == tf.range(tf.shape(logits)[-1])
    return -tf.reduce_logsumexp(tf.where(true, logits.dtype.min, logits - z_y), axis=-1)


# given
def _class_weights(alpha, logits):
    """Returns alpha as [C] in the dtype of logits [..., C]."""
    weights = keras.ops.convert_to_tensor(alpha, logits.dtype)
    if not weights.shape.is_compatible_with(logits.shape[-1:]):
        raise ValueError(f"alpha must hold one weight per class. Received: alpha={alpha}")
    if not tf.is_tensor(alpha) and min(alpha) < 0:
        raise ValueError(f"alpha must not be negative. Received: alpha={alpha}")
    return weights


# given
@keras.saving.register_keras_serializable(package="katas")
class SparseCategoricalFocalLoss(keras.losses.Loss):
    """Keras loss: `softmax_focal_loss`, one value per example.

    Args:
        alpha, gamma: As for `softmax_focal_loss`.
        reduction, name, dtype: As for `keras.losses.Loss`.

    >>> float(SparseCategoricalFocalLoss(gamma=0.0)([1], [[0.0, 0.0]]))  # ln 2
    0.6931471824645996

    The network that learns MNIST's digits by it:

    >>> network = keras.Sequential([
    ...     keras.Input([28, 28]),
    ...     keras.layers.Rescaling(1 / 255),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(32, activation="relu"),
    ...     keras.layers.Dense(10),
    ... ])
    >>> network.compile("sgd", loss=SparseCategoricalFocalLoss(alpha=[2.0, 1.0] * 5))
    """

    def __init__(self, alpha=None, gamma=2.0, name="sparse_categorical_focal_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.alpha = alpha
        self.gamma = gamma

    def call(self, y_true, y_pred):
        return softmax_focal_loss(y_true, y_pred, alpha=self.alpha, gamma=self.gamma)

    def get_config(self):
        return super().get_config() | {"alpha": self.alpha, "gamma": self.gamma}
