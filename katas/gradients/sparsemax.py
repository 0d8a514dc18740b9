"""Sparsemax: the nearest point of the simplex, with exact zeros and a gradient to match.

Question (20 min). You want attention weights that can be exactly zero, in place of
softmax. For a row z of C logits take the nearest point of the probability simplex,

    p = argmin ||p - z||^2  over all p >= 0 that sum to 1
      = max(z - tau, 0),  with the one tau for which the row sums to 1

and make it trainable. The built-in of Keras 3.15 gets it wrong, so write your own.

Test k checks clause k:

    1. Values are that point, for each row along the last axis, whatever the rank.
    2. What is cut off is exactly 0. Equal logits get equal shares; a single logit gets 1.
    3. The gradient is that of p. Where it has a kink, the derivative is that of the
       support, the p > 0: an entry with p = 0 does not move, as in z = (1, 0).
    4. A row shifted by 1e4 has the p and the gradient of the row that was not; logits
       1e4 apart are safe.
    5. Eager mode, tf.function and XLA agree.

Logits are finite, float32 or float64.

Run   nox -s check -- sparsemax
Read  https://arxiv.org/abs/1602.02068, algorithm 1 and section 2.5
"""

import tensorflow as tf


def sparsemax(logits):
    """Returns the point of the probability simplex that is nearest to each row.

    Args:
        logits: [..., C] float.

    Returns:
        [..., C] in the dtype of `logits`: rows that sum to 1, with exact zeros.

    >>> logits = tf.constant([[1.0, 0.5, -1.0], [0.0, 0.0, 3.0]])
    >>> sparsemax(logits).numpy()  # tau is 0.25, then 2
    array([[0.75, 0.25, 0.  ],
           [0.  , 0.  , 1.  ]], dtype=float32)
    """
    raise NotImplementedError("sparsemax")
