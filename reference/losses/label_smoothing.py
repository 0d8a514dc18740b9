"""Cross-entropy with smoothed labels, without the one-hot matrix.

The target is a mixture, and cross-entropy is linear in its target:

    target = (1 - s) onehot + s / C
    loss   = (1 - s) (-log p_y) + s mean(-log p)        the mean over the C classes

So two numbers per example replace a dense [..., C] target: a gather and a mean of one
log-softmax. Its gradient, softmax - target, vanishes where p_y = 1 - s + s / C instead
of at infinite logits: that is the whole effect.

The trap is where s goes. Szegedy spreads it over all C classes, the true one included;
s / (C - 1) on the others alone, or s / C on top of a true class of 1 - s / C, train as
willingly. For logits [2, 0, 0, 0], label 0 and s = 0.1 the three read

    0.4908  right
    0.5408  with s / (C - 1)
    0.5163  with 1 - s / C + s / C = 1 on the true class, a target that sums to 1.075

and with 999 zeros after the 2, the first two read 5.1139 and 5.1141: test with few
classes.

Another: `log(softmax(logits) + epsilon)`, or softmax in the last layer and again here.
A log-softmax subtracts the largest logit first, and 1e4 is a logit like any other. A
third, in float16 only: its largest number is 65,504, and the sum under the mean passes
that with 50,000 classes of log-probability -11, or with eight of -10,000.

Trade-off: better calibration, poorer teachers: the smoothed network forgets which wrong
classes resemble the right one, and distils badly.

Follow-ups an interviewer asks: smoothing of binary labels (towards 1/2); smoothing
towards the class frequencies; how it meets mixup, focal loss and class weights; why the
training loss no longer reaches 0 (it ends at the entropy of the target).
"""

import keras
import tensorflow as tf


def smoothed_cross_entropy(labels, logits, *, smoothing=0.1):
    """Returns the cross-entropy of each example against its smoothed label.

    Args:
        labels: [...] class ids in [0, C), of any integer dtype, or whole numbers of a
            float dtype, as Keras hands them to a loss.
        logits: [..., C] float.
        smoothing: s, the share of the target spread over all C classes, in [0, 1]: a
            number, or a scalar tensor in the dtype of `logits`.

    Returns:
        [...] losses, in the dtype of `logits`.

    Raises:
        ValueError: If labels.shape is not logits.shape[:-1], or `smoothing` is out of
            range.

    >>> loss = smoothed_cross_entropy([0, 1], [[9.0, 9.0], [2.0, 2.0]])  # ln 2, twice
    >>> loss.numpy()
    array([0.6931472, 0.6931472], dtype=float32)
    """
    # given
    if isinstance(smoothing, (int, float)) and not 0 <= smoothing <= 1:
        raise ValueError(f"smoothing must be in [0, 1]. Received: smoothing={smoothing}")
    logits = tf.convert_to_tensor(logits)
    labels = tf.cast(labels, tf.int32)
    if not labels.shape.is_compatible_with(logits.shape[:-1]):
        raise ValueError(
            "labels must have the shape of logits without its last axis. "
            f"Received: labels.shape={labels.shape}, logits.shape={logits.shape}"
        )

    log_p = tf.nn.log_softmax(logits)
    log_p_y = tf.gather(log_p, labels, batch_dims=labels.shape.rank)
    # Keras' mean, unlike tf.reduce_mean, adds float16 up in float32: eight log-probabilities
    # of -10,000 do not overflow.
    return (smoothing - 1) * log_p_y - smoothing * keras.ops.mean(log_p, axis=-1)


# given
@keras.saving.register_keras_serializable(package="katas")
class SmoothedCrossEntropy(keras.losses.Loss):
    """Keras loss: `smoothed_cross_entropy`, one value per example.

    Args:
        smoothing: As for `smoothed_cross_entropy`.
        reduction, name, dtype: As for `keras.losses.Loss`.

    >>> float(SmoothedCrossEntropy(smoothing=0.2)([0, 1], [[9.0, 9.0], [2.0, 2.0]]))
    0.6931471824645996
    """

    def __init__(self, smoothing=0.1, name="smoothed_cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        return smoothed_cross_entropy(y_true, y_pred, smoothing=self.smoothing)

    def get_config(self):
        return super().get_config() | {"smoothing": self.smoothing}
