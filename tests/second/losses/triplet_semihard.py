"""All [B, B, B] triplets at once, squares by a matmul, as FaceNet's readers write it."""

import tensorflow as tf


def triplet_semihard_loss(labels, embeddings, *, margin=1.0, distance_metric="L2"):
    if not tf.is_tensor(margin) and margin < 0:
        raise ValueError(f"margin is negative. Received: margin={margin}")
    embeddings = tf.convert_to_tensor(embeddings)
    labels = tf.convert_to_tensor(labels)
    if labels.shape.rank != 1 or labels.shape[0] != embeddings.shape[0]:
        raise ValueError(f"labels do not fit. Received: labels.shape={labels.shape}")
    dtype = embeddings.dtype
    d = _distances(tf.cast(embeddings, tf.float64), distance_metric)
    equal = tf.equal(labels[:, None], labels[None, :])
    pairs = tf.cast(equal, d.dtype) * (1 - tf.eye(tf.size(labels), dtype=d.dtype))

    negative = tf.logical_not(equal)[:, None, :]
    farther = tf.logical_and(negative, d[:, None, :] > d[:, :, None])
    huge = tf.reduce_max(d) + 1
    nearest = tf.reduce_min(tf.where(farther, d[:, None, :], huge), axis=2)
    farthest = tf.reduce_max(tf.where(negative, d[:, None, :], 0.0), axis=2)
    mined = tf.where(tf.reduce_any(farther, axis=2), nearest, farthest)

    losses = pairs * tf.maximum(tf.cast(margin, d.dtype) + d - mined, 0)
    return tf.cast(tf.reduce_sum(losses) / tf.maximum(tf.reduce_sum(pairs), 1), dtype)


def _distances(x, metric):
    if metric == "angular":
        x = tf.math.l2_normalize(x, axis=1)
        return 1 - x @ tf.transpose(x)
    if metric not in ("L2", "squared-L2"):
        raise ValueError(f"no such distance_metric. Received: distance_metric={metric}")
    gram = x @ tf.transpose(x)
    lengths = tf.linalg.diag_part(gram)
    squared = tf.nn.relu(lengths[:, None] + lengths[None, :] - 2 * gram)
    if metric == "squared-L2":
        return squared
    zero = tf.cast(squared <= 0, x.dtype)
    return (1 - zero) * tf.sqrt(squared + zero)
