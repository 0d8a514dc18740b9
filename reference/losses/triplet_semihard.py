"""Triplet loss with semi-hard mining, by a sort instead of masks.

For a pair (a, p) the mined negative is the nearest one farther than d_ap, else the
farthest of all. Sort the distances from a to its negatives; then both cases are one
index:

    index = min(number of negatives with d_an <= d_ap, number of negatives - 1)

`tf.searchsorted` finds it. The usual way compares all [B, B, B] triplets: at B = 1000
that is 4 GB, the sort needs 4 MB a matrix.

The trap is the mask. `min(distance * mask)` and `where(mask, distance, 0)` give 0 as
soon as one negative is masked out, so the "nearest negative" lies on the anchor and
every pair costs margin + d_ap. A minimum is masked with +inf. A maximum is not with -inf:
a batch of one class has no negative, and its loss would be inf.

The second trap is nan. The slope of sqrt at 0 is infinite, and inf * 0 is nan: it comes
from two equal embeddings, and under XLA also from the diagonal, which no pair uses but
every gradient crosses. `tf.maximum(squares, 0)` before the root does not help. Replace
the zeros *before* the root and put them back after it; the slope is 0 there. The third:
a batch of all different labels has no pair, and 0 / 0 reaches the weights at the next
step.

Differences x_i - x_j take [B, B, D] but keep their digits; |x_i|^2 + |x_j|^2 - 2 x_i
x_j is one matmul, and in float32 two embeddings of length 100 that differ by 0.01 come
out at distance 0 or 0.04. Float16 is computed in float32: its squares overflow at 256.

The gradient takes the mining as fixed. FaceNet's other bound, d_an < d_ap + margin,
never changes the loss: beyond it the hinge is 0 already. In a batch of one class the sorted row
is +inf here, and costs nothing; TF Addons charges margin + d_ap. A vector of zeros has no
direction: as in Keras, its cosine similarity to any other counts as 0.

Follow-ups an interviewer asks: why the hardest negative collapses the network (early on
it is a mislabelled one); how many classes and examples of each a batch should hold; why
the mean counts easy pairs too, and what share of active pairs to log; squared distance
or not.
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

    wide = tf.float64 if embeddings.dtype == tf.float64 else tf.float32
    distance = _DISTANCES[distance_metric](tf.cast(embeddings, wide))
    same = labels[:, tf.newaxis] == labels
    positive = tf.linalg.set_diag(same, tf.zeros_like(labels, tf.bool))
    # Unlike tf.convert_to_tensor it casts tensors, unlike tf.cast it keeps a number's digits.
    margin = keras.ops.convert_to_tensor(margin, wide)
    hinge = tf.nn.relu(margin + distance - _semihard(distance, ~same))
    total = tf.reduce_sum(tf.where(positive, hinge, 0.0))
    pairs = tf.math.count_nonzero(positive, dtype=wide)
    return tf.cast(tf.math.divide_no_nan(total, pairs), embeddings.dtype)


def _semihard(distance, negative):
    """Returns [B, B]: from anchor i, for positive j, to the mined negative."""
    ascending = tf.sort(tf.where(negative, distance, float("inf")), axis=-1)
    last = tf.math.count_nonzero(negative, axis=-1, keepdims=True, dtype=tf.int32) - 1
    nearest = tf.searchsorted(ascending, distance, side="right")
    return tf.gather(ascending, tf.maximum(tf.minimum(nearest, last), 0), batch_dims=1)


def _root(squares):
    """Square root with slope 0 at 0."""
    some = squares > 0
    return tf.where(some, tf.sqrt(tf.where(some, squares, 1.0)), 0.0)


def _squared(x):
    return tf.reduce_sum(tf.square(x[:, tf.newaxis] - x), axis=-1)


def _angular(x):
    norm = _root(tf.reduce_sum(tf.square(x), axis=-1, keepdims=True))
    unit = tf.math.divide_no_nan(x, norm)
    return 1 - tf.matmul(unit, unit, transpose_b=True)


_DISTANCES = {"L2": lambda x: _root(_squared(x)), "squared-L2": _squared, "angular": _angular}
