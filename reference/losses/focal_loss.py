"""Binary focal loss that stays finite when the model is certain.

Why not follow the formula? In float32, 1 - sigmoid(z) is exactly 0 from z = 16.7.
There d/dx x^gamma is infinite for gamma < 1, and the chain rule meets inf * 0: the
loss reads 0, the gradient nan, and one confident example ends the training run.
So never form 1 - p. Take the logit of the *true* class, z_t, and stay in logs:

    log(p_t)     = -softplus(-z_t)
    log(1 - p_t) = -softplus(+z_t)

Keras' own binary focal loss fails here: from logits, with gamma = 0 or 0.5, its gradient
is nan from logit 17 on. The recited cross-entropy max(z, 0) - z y + log1p(exp(-|z|)) fails at
one point only, exactly z = 0, where the slopes of max and abs are 1 and 0: a zero
initialised last layer starts there.

In float16 the logarithms themselves overflow: with gamma = 7 and a logit of 10,000 on the
wrong side, the chain rule meets 7 * 10,000 = inf, then times sigmoid(-10,000) = 0. Hence
float32 inside, whatever comes in.

Trade-off: z_t exists only for labels 0 and 1. For soft labels log(1 - p_t) needs a
log-sum-exp over both classes; see optax's `sigmoid_focal_loss`.

Follow-ups an interviewer asks: the multi-class form; why alpha falls as gamma
rises; the bias that starts every anchor at p = 0.01 (section 4.1 of the paper).
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
    if isinstance(alpha, (int, float)) and not 0 < alpha < 1:
        raise ValueError(f"alpha must be in (0, 1) or None. Received: alpha={alpha}")
    if isinstance(gamma, (int, float)) and gamma < 0:
        raise ValueError(f"gamma must be at least 0. Received: gamma={gamma}")
    logits = tf.convert_to_tensor(logits)
    labels = tf.cast(labels, logits.dtype)
    if not labels.shape.is_compatible_with(logits.shape):
        raise ValueError(
            "labels and logits must have one shape. "
            f"Received: labels.shape={labels.shape}, logits.shape={logits.shape}"
        )

    wide = tf.float64 if logits.dtype == tf.float64 else tf.float32
    z_t = tf.cast((2 * labels - 1) * logits, wide)
    # Unlike tf.convert_to_tensor it casts tensors, unlike tf.cast it keeps a number's digits.
    gamma = keras.ops.convert_to_tensor(gamma, wide)
    loss = tf.exp(-gamma * tf.nn.softplus(z_t)) * tf.nn.softplus(-z_t)
    loss = tf.cast(loss, logits.dtype)
    if alpha is None:
        return loss
    return (alpha * labels + (1 - alpha) * (1 - labels)) * loss


@keras.saving.register_keras_serializable(package="katas")
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
        self.alpha = alpha
        self.gamma = gamma

    def call(self, y_true, y_pred):
        # One value per example, so Keras can apply sample_weight before it reduces.
        loss = sigmoid_focal_loss(y_true, y_pred, alpha=self.alpha, gamma=self.gamma)
        return tf.reduce_mean(loss, axis=-1)

    def get_config(self):
        return super().get_config() | {"alpha": self.alpha, "gamma": self.gamma}
