"""Tversky loss: segmentation where misses cost more.

Question (12 min). A tumour covers fifty pixels of a million, and to miss it is worse than to
mark too much. Tversky's index counts, for each image, true positives, false positives and
false negatives, and none of the background. With p = σ(logits), y the mask, and sums over all
pixels of one image,

    TP = Σ p y        FP = Σ p (1 - y)        FN = Σ (1 - p) y
    loss = 1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth)

Write it. Test k checks clause k:

    1. Values match the formula: [B] losses, one for each image, for masks and logits
       [B, ...], float32, with any number of axes after the first. alpha goes with false
       positives, beta with false negatives.
    2. An empty mask that is predicted empty costs 0, an empty mask in all other cases what
       the formula says. One image's loss does not depend on the others.
    3. The gradient with respect to `logits` is that of the formula.
    4. Logits are right up to ±1e4, where the sums are counts. Eager mode, tf.function and
       XLA agree.

Run   nox -s check -- tversky
Read  https://arxiv.org/abs/1706.05721, equation 3 (which has no smooth)
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
    raise NotImplementedError("tversky_loss")
