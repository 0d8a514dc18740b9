"""Clip with the gradient written by hand.

Question (12 min). How would you implement a custom gradient in TensorFlow? Show it on a
clip: limit x to [clip_min, clip_max], and let the gradient through only where x was not
clipped.

    y = min(max(x, clip_min), clip_max)
    dL/dx = dL/dy  where clip_min <= x <= clip_max,  0 elsewhere

Test k checks clause k:

    1. Values match the formula, to the last bit, in the shape and dtype of `x`: float16,
       32 and 64. Bounds are numbers or tensors, and broadcast to `x`.
    2. The gradient with respect to `x` is the upstream gradient where
       clip_min <= x <= clip_max, both bounds included, and 0 elsewhere.
    3. Bounds may be variables. They are read at each call, also by a tf.function that
       was traced before, and the gradient of a call goes by the bounds that were read
       then, even if a variable has changed before the backward pass. They get no
       gradient (None).
    4. Eager mode, tf.function and XLA agree; so do calls by keyword and by position.
    5. Python numbers with clip_min > clip_max raise ValueError naming both, as in
       `Received: clip_min=2, clip_max=1`.

Run   nox -s check -- clip_by_value
Read  https://www.tensorflow.org/api_docs/python/tf/custom_gradient
"""

import tensorflow as tf


def clip_by_value(x, clip_min, clip_max):
    """Returns `x` limited to [clip_min, clip_max].

    Args:
        x: [...] float.
        clip_min, clip_max: Numbers, tensors or variables that broadcast to `x`.

    Returns:
        [...] in the dtype of `x`.

    Raises:
        ValueError: If both bounds are Python numbers and clip_min > clip_max.

    >>> clip_by_value([-2.0, 0.5, 3.0], -1.0, 1.0).numpy()
    array([-1. ,  0.5,  1. ], dtype=float32)
    """
    raise NotImplementedError("clip_by_value")
