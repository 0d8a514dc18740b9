"""Contrastive learning: InfoNCE as SimCLR writes it.

Question (12 min). N images, two random crops of each, an encoder: 2N embeddings. No label
is known but this: two crops of one image belong together. Write SimCLR's loss, NT-Xent.
With all 2N rows in one list, and s_ik = cosine of rows i and k / temperature,

    loss_i = -log(exp(s_ip) / sum over k != i of exp(s_ik))      p: the other crop of i

Test k checks clause k:

    1. The result is a scalar: the mean of loss_i over all 2N rows, each of which is an
       anchor. The sum holds the positive and both crops of every other image; only the
       anchor itself is left out. The rows come as they are, not normalised.
    2. Exchanging the views, permuting the pairs, or scaling a row by a positive number
       changes nothing.
    3. One pair alone has loss 0, and a gradient of zeros.
    4. The gradient with respect to both views is that of the formula.
    5. Loss and gradient are right at temperature 0.01 too, where a score is up to 100.
       Eager mode, tf.function and XLA agree.

Run   nox -s check -- info_nce
Read  https://arxiv.org/abs/2002.05709, equation 1 and algorithm 1
"""

import tensorflow as tf


def info_nce_loss(view_1, view_2, *, temperature=0.1):
    """Returns the NT-Xent loss of a batch of pairs.

    Args:
        view_1, view_2: [N, D] float32 embeddings, not normalised. Row i of each is a
            pair. No row is zero.
        temperature: What divides the cosines, above 0.

    Returns:
        Scalar: the mean over all 2N rows as anchors.

    >>> x = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    >>> round(float(info_nce_loss(x, x, temperature=1.0)), 4)  # log(e + 1 + 1) - 1
    0.5514
    """
    raise NotImplementedError("info_nce_loss")
