"""Tversky loss: Dice, with a price of its own for each kind of mistake.

    index = (TP + smooth) / (TP + alpha FP + beta FN + smooth)        loss = 1 - index

over soft counts of one image: TP = Σ p y, FP = Σ p (1 - y), FN = Σ (1 - p) y. True negatives
do not occur, so a background of a million pixels costs nothing. With beta > alpha what is
missed costs more than what is too much: recall before precision.

The trap is which is which. With halves nobody sees it: Keras 3.15 has the two exchanged,
against its own docstring. With alpha = 0.1 and beta = 0.9 a mask of which half is missed
costs 0.474; exchanged, 0.091.

The second is the axis. Sums over the batch make one image of it: of two masks of one pixel,
one found and one missed, the mean of the images' losses is 1/2 at smooth = 0, and the
loss of the sums 1/3; a large object outvotes ten small ones.

The third is `smooth`. It belongs above and below: an empty mask that is predicted empty
has 1 - smooth / smooth = 0. Below only, as Keras' epsilon, it costs 1, whatever is predicted,
with gradient 0. It is a number of pixels, so its weight depends on the size of the image:
at 1% on each of 10,000 pixels, an empty mask costs 1 - 1 / 51 = 0.98.

With halves it is soft Dice, (2 TP + 2 smooth) / (Σ p + Σ y + 2 smooth), hence Dice's own
smooth is twice this one. p y below is no p² as V-Net has it; squares are another loss.

Trade-off: a ratio of sums has a gradient that shrinks with the area, and is flat where p
is wrong and certain, for the sigmoid is. Add cross-entropy.

Follow-ups an interviewer asks: several classes; focal Tversky; Lovász; why a mean of ratios is
no ratio of means, and what to report.
"""

import tensorflow as tf


def tversky_loss(masks, logits, *, alpha=0.5, beta=0.5, smooth=1.0):
    """Returns the Tversky loss of each image.

    Args:
        masks: [B, ...] float32 of 0 and 1, with one more axis at least.
        logits: [B, ...] float32, the shape of `masks`. Their sigmoid is the probability
            of 1.
        alpha: What a false positive costs.
        beta: What a false negative costs.
        smooth: Is added above and below, positive.

    Returns:
        [B] losses.

    >>> masks, logits = tf.constant([[1.0, 1.0, 0.0]]), tf.constant([[100.0, -100.0, 100.0]])
    >>> loss = tversky_loss(masks, logits, alpha=0.25, beta=0.75)
    >>> loss.numpy()  # one hit, one missed, one too many: 1 - 2 / 3
    array([0.3333333], dtype=float32)
    """
    pixels = list(range(1, logits.shape.rank))
    p = tf.sigmoid(logits)
    hits = tf.reduce_sum(p * masks, axis=pixels)
    extra = tf.reduce_sum(p * (1 - masks), axis=pixels)
    missed = tf.reduce_sum((1 - p) * masks, axis=pixels)
    return 1 - (hits + smooth) / (hits + alpha * extra + beta * missed + smooth)
