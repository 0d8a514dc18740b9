"""Triplet loss with semi-hard mining.

Question (30 min). Embeddings of one label should lie closer together than to any other
label. FaceNet trains on triplets anchor, positive, negative, and picks the negative
within the batch. For every ordered pair a != p of equal labels, with d the distance,

    d_an = the smallest d(a, n) > d(a, p) over all n of another label,
           or, if none is farther than p, the largest d(a, n)
    loss = mean over these pairs of max(margin + d(a, p) - d_an, 0)

Write it without a loop over the examples. Test k checks clause k:

    1. Values match the formula, in the dtype of `embeddings`: float16, 32 and 64,
       wherever the loss itself fits into it. (Under "L2" embeddings may be 1,000 long.)
       The result is a scalar. Labels have any integer dtype and any values; margin is a
       number, or a scalar tensor in the dtype of `embeddings`.
    2. distance_metric is "L2", "squared-L2" or "angular" (1 - cosine similarity, which
       is 0 for a vector of zeros and any other).
    3. The gradient with respect to `embeddings` matches the formula, in the positive
       and in the negative distance. Eager mode, tf.function and XLA agree.
    4. Equal embeddings (distance 0) have their loss, and the distance between them adds
       nothing to the gradient. A batch without a positive pair gives 0, with a gradient
       of zeros. A batch of one label, which has no negative, and a vector of zeros under
       "angular" have a finite loss and gradient.
    5. The graph for eight examples has as many operations as the one for four, and no
       while loop.
    6. What was given still works: the checks of shape and range.

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
        margin: How much farther a negative should be than the positive, at least 0: a
            number, or a scalar tensor in the dtype of `embeddings`.
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
    # given
    if isinstance(margin, (int, float)) and margin < 0:
        raise ValueError(f"margin must be at least 0. Received: margin={margin}")
    if distance_metric not in ("L2", "squared-L2", "angular"):
        raise ValueError(
            'distance_metric must be "L2", "squared-L2" or "angular". '
            f"Received: distance_metric={distance_metric}"
        )
    embeddings = tf.convert_to_tensor(embeddings)
    labels = tf.convert_to_tensor(labels)
    if not labels.shape.is_compatible_with(embeddings.shape[:1]):
        raise ValueError(
            "labels must be [B] for embeddings [B, D]. Received: "
            f"labels.shape={labels.shape}, embeddings.shape={embeddings.shape}"
        )

    raise NotImplementedError("triplet_semihard_loss")
