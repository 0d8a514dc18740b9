"""Clipping by the global norm: one factor for all gradients, and the norm to log.

Question (12 min). Your language model diverges once a week, and you want to clip its
gradients by their global norm. The built-in is wrong for embeddings and turns one inf
into nan everywhere: write your own.

    norm = sqrt(sum over all gradients, all elements, of g^2)
    g <- g * clip_norm / norm  where norm > clip_norm,  g elsewhere

Test k checks clause k:

    1. The norm is that of all gradients together, before clipping: a scalar tensor of
       float32.
    2. Where it is above clip_norm, every gradient is multiplied by clip_norm / norm.
       Otherwise they come back as they are; zeros stay zeros, with norm 0.
    3. The gradients come back as a list in the same order, None in place of None, each
       in its own dtype: float16 stands beside float32. In float16 300 has norm 300.
    4. A gradient may be tf.IndexedSlices. In the norm it counts as the dense gradient
       that it stands for, in which rows of the same id are added up. It comes back as
       tf.IndexedSlices, of the same dense_shape.
    5. If the norm is inf or nan, all gradients become 0, and that norm is returned.
    6. Eager mode and tf.function agree, and XLA where all gradients are dense.

Run   nox -s check -- clip_by_global_norm
Read  https://arxiv.org/abs/1211.5063, algorithm 1
"""

import tensorflow as tf


def clip_by_global_norm(gradients, clip_norm):
    """Scales all gradients by one factor, so that their common norm is at most `clip_norm`.

    Args:
        gradients: List of tensors of any shapes, tf.IndexedSlices or None; at least one
            is not None. float32 or float16.
        clip_norm: Number above 0.

    Returns:
        The list of gradients, each in the dtype of its own, and their norm before
        clipping, [] float32.

    >>> gradients = [tf.constant([3.0, 0.0]), None, tf.constant([[-4.0]])]
    >>> clipped, norm = clip_by_global_norm(gradients, 2.5)
    >>> norm.numpy()
    np.float32(5.0)
    >>> [None if g is None else g.numpy().tolist() for g in clipped]  # half of each
    [[1.5, 0.0], None, [[-2.0]]]
    """
    raise NotImplementedError("clip_by_global_norm")
