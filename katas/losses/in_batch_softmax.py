"""In-batch softmax: the loss of a retrieval model.

Question (15 min). Two towers embed queries and items. Row i of a batch is a query and the
item that was clicked; the other rows' items serve as negatives. They are no fair sample:
popular items are in more batches. So each score is corrected by the log of the item's
probability of being in a batch, log_q:

    score_ij = queries_i · items_j / temperature - log_q_j
    loss_i   = -log softmax of row i's scores, at j = i

And another row may have clicked the same item. Write it. Test k checks clause k:

    1. Values match the formulas where all ids differ: [B] losses, none averaged.
    2. Columns j != i with the id of row i's item take no part in row i. Any other item
       counts as often as it is there. Ids are any int32 or int64.
    3. The gradient with respect to queries and items is that of the formula.
    4. Scores are right up to ±1e4, in loss and gradient. Eager mode, tf.function and XLA
       agree.

Run   nox -s check -- in_batch_softmax
Read  https://research.google/pubs/sampling-bias-corrected-neural-modeling-for-large-corpus-item-recommendations/,
      section 3
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
    raise NotImplementedError("in_batch_softmax_loss")
