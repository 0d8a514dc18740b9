"""Gradient checkpointing: run the function again rather than keep what it computed.

Between the passes autodiff keeps every intermediate value that the backward pass will
read, so memory grows with depth. Recomputing keeps the inputs, and pays one more forward
pass, a third of the work where a backward pass costs two. A chain of n layers cut into
sqrt(n) such pieces needs memory for 2 sqrt(n) of them instead of n (Chen et al.).

The trap is that a custom gradient alone saves nothing in eager mode. It hides no
operation from the tapes that are already recording: they see f's inside, and keep it.
Eight exp on a megabyte each: 8 values alive after the forward pass with plain autodiff,
8 with a custom gradient, 1 here. The outer tapes have to pause, which `tf.init_scope`
does. In a graph nobody keeps what nobody reads, and init_scope would leave the graph.

- The rerun is differentiated by a tape of its own. Captured variables that are trainable
  are watched by it, and TensorFlow asks for their gradients through `variables`.
- Each argument is kept as a tensor of its own (`tf.identity`). In g(x, x) the tape would
  otherwise give both arguments the gradient of their sum, and count it twice; and a
  variable that was passed might hold another value by then.
- An output that the loss ignores has upstream 0; TensorFlow fills it in.

Trade-off: f has to be pure. A `tf.random` draw or a batch-norm update would run twice and
differ: use stateless seeds. A captured variable that is assigned between the passes
gives the gradient of another function; a captured tensor (no variable) gets none.
XLA may merge both runs, and the saving is gone; JAX puts an optimisation barrier between.

Follow-ups an interviewer asks: which layers to checkpoint, memory against work for each;
what `tf.recompute_grad` adds (keyword arguments); reversible layers, which do not even
keep the inputs.
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

    @tf.custom_gradient
    def g(*args):
        inputs = [tf.identity(x) for x in args]

        def grad(*upstream, variables=()):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                again = f(*inputs)
            sources = [inputs, list(variables)]
            to_inputs, to_variables = tape.gradient(again, sources, list(upstream))
            return (to_inputs, to_variables) if variables else to_inputs

        return _unrecorded(f, args), grad

    return g


def _unrecorded(f, args):
    """Returns f(*args), unseen by the tapes outside."""
    if not tf.executing_eagerly():
        # Here init_scope would lift f out of the graph, and no tape keeps values.
        return f(*args)
    with tf.init_scope():
        return f(*args)
