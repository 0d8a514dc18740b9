"""Clip with the gradient written by hand.

    y = min(max(x, clip_min), clip_max)        dL/dx = dL/dy where clip_min <= x <= clip_max

The trap is in four letters, `grad`. It is not the derivative, it is the vector-Jacobian
product: the upstream dL/dy has to be in it. Alone in a test the upstream is 1 and the
mistake shows nothing; under a loss it drops every factor above.

Three details decide the rest:

- The mask is taken from x. Taken from y it is true everywhere, since y is always inside.
- `tf.where`, not a product: a mask cast to float32 fails on float16, and an upstream of
  inf times a mask of 0 is nan.
- `tf.custom_gradient` sees positional tensors only. Called by keyword in eager mode it
  falls back to autodiff in silence; a variable it captures demands a `variables`
  argument; a variable it is given is not read for it, so that `grad` meets whatever was
  assigned since. So the decorated function takes a tensor x alone, and the bounds reach
  it as tensors that were cut from the tape.

Trade-off: outside the bounds the gradient is dead. A prediction that starts there never
returns; a straight-through clip passes the upstream everywhere instead.

Follow-ups an interviewer asks: a clip that passes only the gradients that lead back
inside; what a second derivative gives; why clipping p does not protect log(p).
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
    bounds = (clip_min, clip_max)
    if all(isinstance(bound, (int, float)) for bound in bounds) and clip_min > clip_max:
        raise ValueError(
            f"clip_min must not exceed clip_max. Received: clip_min={clip_min}, clip_max={clip_max}"
        )
    x = tf.convert_to_tensor(x)
    low, high = (tf.stop_gradient(tf.cast(bound, x.dtype)) for bound in bounds)

    @tf.custom_gradient
    def clip(x):
        inside = (low <= x) & (x <= high)

        def grad(upstream):
            return tf.where(inside, upstream, tf.zeros_like(upstream))

        return tf.minimum(tf.maximum(x, low), high), grad

    return clip(x)
