"""Triplet loss with semi-hard mining.

Question (30 min). Embeddings of one label should lie closer together than to any other
label. FaceNet trains on triplets anchor, positive, negative, and picks the negative
within the batch. For every ordered pair a != p of equal labels, with d the distance,

    d_an = the smallest d(a, n) > d(a, p) over all n of another label,
           or, if none is farther than p, the largest d(a, n)
    loss = mean over these pairs of max(margin + d(a, p) - d_an, 0)

Write it without a loop over the examples. Test k checks clause k:

    1. Values match the formula, in the dtype of `embeddings`: float16, 32 and 64. The
       result is a scalar. The mean counts every pair, those that pay nothing too.
    2. The mining is exact: farther is strict; where no negative is farther, it is the
       farthest that counts; an example is not its own positive. Labels have any integer
       dtype and any values.
    3. distance_metric is "L2", "squared-L2" or "angular" (1 - cosine similarity).
    4. The gradient with respect to `embeddings` matches the formula, in the positive
       and in the negative distance. Eager mode, tf.function and XLA agree.
    5. Equal embeddings (distance 0) have their loss and a finite gradient, and the
       distance between them adds nothing to it.
    6. A batch without a positive pair gives 0, with a gradient of zeros.
    7. The graph for eight examples has as many operations as the one for four, and no
       while loop.
    8. labels that are not [B] for embeddings [B, D] (nothing broadcasts), a Python
       margin < 0 and an unknown distance_metric raise ValueError naming the argument,
       as in `Received: margin=-1.0`. margin = 0 is allowed.

Run   nox -s check -- triplet_semihard
Read  https://arxiv.org/abs/1503.03832, section 3.2
"""

import keras
import tensorflow as tf


def triplet_semihard_loss(labels, embeddings, *, margin=1.0, distance_metric="L2"):
    """Returns the mean semi-hard triplet loss over all positive pairs of a batch.

    Args:
        labels: [B] class ids, any integer dtype.
        embeddings: [B, D] float; not normalised here, but for "angular".
        margin: How much farther a negative should be than the positive, at least 0.
        distance_metric: "L2", "squared-L2", or "angular": 1 - cosine similarity.

    Returns:
        Scalar, in the dtype of `embeddings`. 0 if no two labels are equal.

    Raises:
        ValueError: If labels.shape is not [B], `margin` is negative, or
            `distance_metric` unknown.

    >>> loss = triplet_semihard_loss([7, 7, 8], [[0.0], [1.0], [1.5]])
    >>> float(loss)  # anchor 0 pays 1 + 1 - 1.5, anchor 1 pays 1 + 1 - 0.5
    1.0
    """
    raise NotImplementedError("triplet_semihard_loss")
