"""In-batch softmax with the correction for popularity: how retrieval towers are trained.

The softmax should go over millions of items; the batch has B, those that were clicked.
A popular item is clicked often, so it is a negative often: q_j, its probability of
being in a batch, is not the same for all. Sampled softmax corrects each score by it,

    score_ij = q_i · v_j / temperature - log q_j

for then the sum of exp(score) over the batch estimates the sum over all items. Without it
the model learns log(p / q): how much likelier a click is than the item's popularity, and
popular items are pushed down. At serving the dot product alone is used.

The trap is where the correction goes. It is taken off every column, the positive's too: off
the negatives only, a positive with q = 0.001 is held back by 6.9, and a constant added to
log q changes the loss, though it cancels in a softmax. After the temperature, since it is a
logarithm already. By column: q belongs to the item. Added, it doubles the bias.

The second is the accidental hit. Another row clicked the same item: it is the right answer,
and stands among the negatives. It is taken out of the row, with the lowest float for a
score; 0 would be a score like any other. But not the diagonal, which shares the id with
itself: then there is no right answer left. An item that is repeated among the others counts
each time: log q has accounted for that.

One item clicked in all of 4 rows costs 0, or log 4 = 1.386 where it is not taken out. A
cross-entropy of dense one-hot rows gives nan for -inf, 0 · inf; integer labels are safe.

Cost: one [B, B] matmul. Trade-off: negatives for free, of the same distribution as the
clicks; items that nobody clicks are never negatives, so mix in uniform ones.

Follow-ups an interviewer asks: how q is estimated from a stream (steps between two
sightings of an item); mixed negatives; hard negatives; what normalising both towers changes;
across replicas.
"""

import tensorflow as tf


def in_batch_softmax_loss(queries, items, item_ids, log_q, *, temperature=1.0):
    """Returns the corrected in-batch softmax loss of each row.

    Args:
        queries: [B, D] float32.
        items: [B, D] float32. Row i is the item that belongs to query i.
        item_ids: [B] int32 or int64, of the items.
        log_q: [B] float32, the log of each item's probability of being in a batch.
        temperature: What divides the dot products, above 0.

    Returns:
        [B] losses.

    >>> x, ids = tf.constant([[1.0], [0.0]]), tf.constant([7, 8])
    >>> loss = in_batch_softmax_loss(x, x, ids, tf.math.log([0.5, 0.25]))
    >>> loss.numpy()  # -log(2e / (2e + 4)) and -log(4 / (2 + 4))
    array([0.5514447, 0.4054651], dtype=float32)
    """
    scores = tf.matmul(queries, items, transpose_b=True) / temperature - log_q
    same = item_ids[:, tf.newaxis] == item_ids
    hits = tf.linalg.set_diag(same, tf.zeros_like(item_ids, tf.bool))
    rows = tf.range(tf.shape(queries)[0])
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=rows, logits=tf.where(hits, scores.dtype.min, scores)
    )
