"""The loss of a language model.

Question (10 min). A decoder reads tokens and gives, at each place t, logits for the token
that comes next. You have what it read and what it gave, neither shifted:

    labels  [B, T]       the tokens, or ignore_index where nothing is to be learned
    logits  [B, T, V]    those at t predict labels[:, t + 1]

Write the loss that it is trained with. A target is a label at t >= 1 that is not
ignore_index; its loss is -log softmax(the logits at t - 1) at this label. Labels are int32
or int64, logits float32. Test k checks clause k:

    1. The result is a scalar: the losses of all targets of the batch, summed, over their
       number. Each target weighs the same, whatever its row.
    2. ignore_index is any int: -100 by default, or one of the ids, such as a padding
       token 0. All other labels are ids in [0, V). Only the target is ignored: the logits
       at an ignored label still predict the next.
    3. A batch without a target, T = 1 too, has loss 0, and a gradient of zeros.
    4. The gradient with respect to `logits` is that of the formula. The last logits of a
       row, and those whose target is ignored, get 0.
    5. Logits are right up to ±1e4. Eager mode, tf.function and XLA agree.

Run   nox -s check -- next_token
Read  https://cdn.openai.com/research-covers/language-unsupervised/language_understanding_paper.pdf,
      equation 1
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
    raise NotImplementedError("next_token_loss")
