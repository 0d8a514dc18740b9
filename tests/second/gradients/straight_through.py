"""The one-line form: a differentiable term plus a correction that is not differentiated."""

from keras import ops


def _straight_through(proxy, step):
    return proxy + ops.stop_gradient(step - proxy)


def round_ste(x):
    x = ops.convert_to_tensor(x)
    return _straight_through(x, ops.round(x))


def sign_ste(x):
    x = ops.convert_to_tensor(x)
    bit = 2 * ops.cast(ops.greater_equal(x, 0), x.dtype) - 1
    # The gradient of clip is the mask; and 1 is not lost beside a large x.
    return _straight_through(ops.clip(x, -1, 1), bit)
