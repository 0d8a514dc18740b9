"""Gradient checkpointing: run the function again rather than keep what it computed.

Question (35 min). A deep model does not fit: autodiff keeps every intermediate value for
the backward pass. Trade work for memory. Write `recompute(f)`, which returns a function g
that equals f, keeps only its inputs, and runs f again when its gradient is asked for.
Test k checks clause k:

    1. g(*args) returns what f(*args) returns: one tensor, or a tuple or list of them.
    2. The gradient with respect to each argument is that of autodiff through f, for any
       upstream, also where one tensor is passed for two arguments. Each of several
       outputs has its own upstream, and a loss may use some of them only.
    3. So is the gradient with respect to each trainable variable that f captures, as the
       weights of a layer; these do not change before the backward pass. Tensors that f
       captures count as constants.
    4. Of what f makes on its way from inputs to outputs, nothing is alive once g has
       returned to an eager caller, though a tape records outside and f reads variables.
    5. f runs once in the forward pass, and once more in each backward pass. Runs count,
       not traces.
    6. Eager mode, tf.function and XLA agree. The rule is your own: neither
       `tf.recompute_grad` nor `keras.remat`.

Run   nox -s check -- recompute_grad
Read  https://arxiv.org/abs/1604.06174, section 3
"""

import tensorflow as tf


def recompute(f):
    """Returns g, equal to `f`, which keeps nothing but its inputs for the backward pass.

    Args:
        f: Pure function from tensors to a tensor, or to a tuple or list of them. It may
            read variables, if they stay as they are until the backward pass; tensors
            that it captures count as constants.

    Returns:
        A function g(*args) of the same values and the same gradients, with respect to
        `args` and to captured variables. Its forward pass runs `f` once, and so does
        each backward pass.

    >>> cube = recompute(lambda x: x**3)
    >>> x = tf.Variable(2.0)
    >>> with tf.GradientTape() as tape:
    ...     y = cube(x)
    >>> float(y), float(tape.gradient(y, x))  # 2^3, and 3 * 2^2
    (8.0, 12.0)
    """
    raise NotImplementedError("recompute")
