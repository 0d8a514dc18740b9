"""Clipping by the global norm: one factor for all gradients, and the norm to log.

    norm = sqrt(sum over all gradients, all elements, of g^2)
    g <- g * min(1, clip_norm / norm)

One factor for the whole list keeps the direction of the step, which clipping each tensor
does not. It never enlarges, so zeros stay zeros: norm > clip_norm guards the division.

The trap is the embedding. Its gradient is tf.IndexedSlices, one row for each lookup, and
an id looked up twice has two rows, whose sum is its gradient. For the values 3 and 4 at
one id the norm is 7; of the rows as they lie it is 5, and that is what
`tf.clip_by_global_norm` and Keras' `global_clipnorm` give. The frequent ids, padding
among them, repeat the most, so the norm is wrong just where it is large.

The second trap is a single infinity. The factor is then clip_norm / inf = 0, which turns
the finite gradients to 0, but the infinite one to inf * 0 = nan, and an optimizer keeps
that nan in its slots for ever. Zeros have to be chosen, not multiplied. The norm is
returned as it is: what logs it sees the bad step.

Squares are taken in float32. In float16 300^2 is inf, and 2e-4 squared is 0.

Sums of repeated rows cost a `tf.unique` over the ids. `tf.convert_to_tensor` on the
slices does it in one line, but makes the dense gradient of the whole table: 100 MB for
50,000 rows of 512, of which a batch has touched some hundred.

The trade-off: a zero gradient is still a step, momentum and weight decay go on. To skip
the step is what `LossScaleOptimizer` does.

Follow-ups an interviewer asks: where to clip when gradients are accumulated, scaled for
float16, or spread over replicas (after the sum); how to choose clip_norm (a percentile of
the logged norm); what Adam leaves of it.
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
    norm = tf.sqrt(tf.add_n([_sum_of_squares(g) for g in gradients if g is not None]))
    factor = tf.where(norm > clip_norm, clip_norm / norm, 1.0)
    finite = tf.math.is_finite(norm)

    def clip(values):
        scaled = tf.cast(tf.cast(values, tf.float32) * factor, values.dtype)
        return tf.where(finite, scaled, tf.zeros_like(values))

    return [_on_values(clip, g) for g in gradients], norm


def _sum_of_squares(gradient):
    values = tf.cast(gradient, tf.float32)
    if isinstance(values, tf.IndexedSlices):
        ids, row = tf.unique(values.indices)
        values = tf.math.unsorted_segment_sum(values.values, row, tf.size(ids))
    return tf.reduce_sum(values**2)


def _on_values(function, gradient):
    if gradient is None:
        return None
    if isinstance(gradient, tf.IndexedSlices):
        values = function(gradient.values)
        return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return function(gradient)
