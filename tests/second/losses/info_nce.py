"""Two blocks, [N, N] within a view and across both, in logarithms; diagonals cut out by hand."""

import keras


def info_nce_loss(view_1, view_2, *, temperature=0.1):
    a, b = _unit(view_1), _unit(view_2)
    across = keras.ops.matmul(a, keras.ops.transpose(b)) / temperature
    positive = keras.ops.diagonal(across)
    losses = [
        keras.ops.logsumexp(keras.ops.concatenate([_others(a) / temperature, cross], 1), axis=1)
        - positive
        for a, cross in ((a, across), (b, keras.ops.transpose(across)))
    ]
    return (keras.ops.mean(losses[0]) + keras.ops.mean(losses[1])) / 2


def _unit(x):
    return x / keras.ops.sqrt(keras.ops.sum(x * x, axis=-1, keepdims=True))


def _others(x):
    """[N, N - 1]: each row's products with all rows but itself."""
    n = keras.ops.shape(x)[0]
    gram = keras.ops.matmul(x, keras.ops.transpose(x))
    # Dropping the last number, in rows one longer, moves the diagonal into the first column.
    flat = keras.ops.reshape(gram, [-1])[1:]
    return keras.ops.reshape(keras.ops.reshape(flat, [n - 1, n + 1])[:, :-1], [n, n - 1])
