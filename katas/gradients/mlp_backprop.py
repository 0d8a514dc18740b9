"""Backpropagation through a network of one hidden layer, by hand.

Question (15 min). What does autodiff do when you call tape.gradient? Show it, without a
tape, on a classifier of one hidden layer:

    a = x w1 + b1,    h = relu(a),    z = h w2 + b2
    loss = mean over the B rows of  -log softmax(z)[label]

Return the loss and, by hand, its gradients with respect to w1, b1, w2 and b2. Test k
checks clause k:

    1. The loss is that mean, a scalar.
    2. dw2 and db2 are the gradients of that mean loss.
    3. So are dw1 and db1. The slope of relu at 0 is 0.
    4. Loss and gradients are right for logits up to ±1e4, too.
    5. By hand: no GradientTape, tf.gradients or ForwardAccumulator, and nothing that uses
       one. Eager mode, tf.function and XLA agree.

The labels are int32, all the rest is float32.

Run   nox -s check -- mlp_backprop
Read  https://www.deeplearningbook.org/contents/mlp.html, algorithm 6.4
"""

import tensorflow as tf


def mlp_backprop(x, labels, w1, b1, w2, b2):
    """Returns the loss of a network of one hidden layer, and its gradients.

    Args:
        x: [B, D] float.
        labels: [B] int, each in [0, C).
        w1: [D, H].
        b1: [H].
        w2: [H, C].
        b2: [C].

    Returns:
        The loss [], and the tuple (dw1, db1, dw2, db2), each like what it belongs to.

    >>> x, w2, zero = tf.constant([[4.0, 8.0]]), tf.zeros([2, 2]), tf.zeros(2)
    >>> loss, (dw1, db1, dw2, db2) = mlp_backprop(x, [1], tf.eye(2), zero, w2, zero)
    >>> round(float(loss), 3), db2.numpy(), dw2.numpy().tolist()  # ln 2
    (0.693, array([ 0.5, -0.5], dtype=float32), [[2.0, -2.0], [4.0, -4.0]])
    """
    raise NotImplementedError("mlp_backprop")
