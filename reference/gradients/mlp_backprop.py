"""Backpropagation through a network of one hidden layer, by hand.

    a = x w1 + b1,    h = relu(a),    z = h w2 + b2,    loss = -1/B sum_i log softmax(z_i)[y_i]

Write g_t for d loss / d t. The chain rule, from the loss back:

    g_z  = (p - y) / B              p = softmax(z), y one-hot: all of the loss is in here
    g_w2 = h^T g_z                  g_b2 = sum over the rows of g_z
    g_h  = g_z w2^T
    g_a  = g_h where a > 0, else 0
    g_w1 = x^T g_a                  g_b1 = sum over the rows of g_a

For a product m = u v the two rules are g_u = g_m v^T and g_v = u^T g_m. Nobody has to
remember them: a gradient has the shape of what it belongs to, and only one order of the
factors gives that shape. A bias is added to every row, so its gradient is a sum over rows;
the mean's 1/B is in g_z already, once and for all.

The trap is that a wrong backward pass learns. On 200 digits, 100 full-batch steps of rate
0.2 with ten hidden units (H = C, so that w2 has the shape of w2^T) bring a loss of 2.41
down to

    0.06    as above
    0.12    with w2 for w2^T: any fixed matrix will do, which is called feedback alignment
    0.13    without relu's mask

A falling loss proves nothing. Central differences do, of every tensor by itself.

log_softmax subtracts the largest logit of a row. The log of a softmax is nan at logits of
1e4, and with probabilities clipped at 1e-7 a loss of 20,000 reads 16.

Cost: the backward pass has two matrix products for each of the forward pass, or one where
the gradient to x is not asked for. It keeps x, h and p; relu's mask is h > 0.

Follow-ups an interviewer asks: the gradient to x; what changes for a mean over tokens, or
for a sigmoid; why zero weights never learn; what has to be kept for the backward pass.
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
    a = tf.matmul(x, w1) + b1
    h = tf.nn.relu(a)
    log_p = tf.nn.log_softmax(tf.matmul(h, w2) + b2)
    y = tf.one_hot(labels, b2.shape[0])
    batch = x.shape[0]
    loss = -tf.reduce_sum(y * log_p) / batch

    g_z = (tf.exp(log_p) - y) / batch
    dw2, db2 = tf.matmul(h, g_z, transpose_a=True), tf.reduce_sum(g_z, axis=0)
    g_h = tf.matmul(g_z, w2, transpose_b=True)
    g_a = tf.where(a > 0, g_h, 0)
    dw1, db1 = tf.matmul(x, g_a, transpose_a=True), tf.reduce_sum(g_a, axis=0)
    return loss, (dw1, db1, dw2, db2)
