"""The loss of a language model: the labels are the inputs, one step later.

The logits at t were computed from tokens 0 to t, so they predict token t + 1:

    logits   0  1  2  3  .        the last has no target
    labels   .  1  2  3  4        the first is nobody's target

Both are cut, and only then masked. The trap is what still trains. Without the shift the
network learns to copy its input: the loss goes to 0, and the samples are one token,
repeated. A mask taken from the labels before the shift sits one place too early; for
labels [5, 8, -100, 8], no token likelier than another out of ten, it divides by 2 what
are 2 losses, by luck, and only one of them is a target's.

The divisor is the second trap. The mean over all B (T - 1) places makes the loss a measure of
padding: with half of the batch padded, log 10 = 2.303 reads 1.151. The mean of the rows'
means gives each token of a row with 2 targets five times the weight of one of a row with 10.
Sum over the whole batch, count over the whole batch; with replicas or accumulated
micro-batches both sums go over all of them before the one division.

-100 is no class. Eagerly, and in graphs on a CPU, the cross-entropy raises for it; under
XLA it is nan, and nan times a mask of 0 stays nan. So a harmless class takes its place
*before* the loss, and `where` drops the result after it. `labels >= 0` for the mask works
until the padding is token 0.

Cost: one pass over [B, T, V] logits, the largest tensor of the model: at B = 8, T = 4096,
V = 128,000 they are 17 GB in float32, and their gradient is as much. The slice copies
them; shifting the labels, and ignoring the last place, does not.

Follow-ups an interviewer asks: perplexity and bits per byte; the loss computed in chunks
of the vocabulary or of the sequence; z-loss; packed documents and their borders; loss on the
answer only, in instruction tuning: the prompt is ignore_index.
"""

import tensorflow as tf


def next_token_loss(labels, logits, *, ignore_index=-100):
    """Returns the mean cross-entropy of each next token.

    Args:
        labels: [B, T] token ids, int32 or int64, in [0, V) or `ignore_index`: the
            model's inputs, not shifted.
        logits: [B, T, V] float32. Those at t predict the label at t + 1.
        ignore_index: The label that is no target, any int; it may be one of the ids.

    Returns:
        Scalar: the mean over all targets of the batch, 0 if there is none.

    >>> loss = next_token_loss(tf.constant([[5, 1, -100]]), tf.zeros([1, 3, 8]))
    >>> round(float(loss), 4)  # one target, 1, of 8 equal tokens: log 8
    2.0794
    """
    targets = labels[:, 1:]
    kept = targets != ignore_index
    # A class that exists stands in: what it costs is dropped.
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.where(kept, targets, 0), logits=logits[:, :-1]
    )
    total = tf.reduce_sum(tf.where(kept, losses, 0.0))
    return tf.math.divide_no_nan(total, tf.math.count_nonzero(kept, dtype=total.dtype))
