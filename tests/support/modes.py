"""The ways in which TensorFlow runs a function: eager, as a graph, compiled by XLA."""

import functools

import tensorflow as tf


def graph(function, **how):
    """Returns `function` as a `tf.function`, which converts Python's control flow if it must.

    Few answers branch or loop over tensors, and autograph takes longer to look for it than
    all else that a trace does. Without autograph such an answer raises, though never a
    ValueError, so it is converted where the plain trace fails; a failure that is not
    autograph's comes again.

    Args:
        function: Takes tensors by position.
        **how: For `tf.function`.
    """
    traces = [tf.function(function, autograph=needed, **how) for needed in (True, False)]

    @functools.wraps(function)
    def call(*arguments):
        if len(traces) > 1:
            try:
                return traces[-1](*arguments)
            except ValueError:
                raise
            except Exception:
                traces.pop()
        return traces[0](*arguments)

    return call


def trace(function, *arguments):
    """Returns the concrete function of `graph`."""
    try:
        return tf.function(function, autograph=False).get_concrete_function(*arguments)
    except Exception:
        return tf.function(function).get_concrete_function(*arguments)


MODES = {
    "eager": lambda function: function,
    "graph": graph,
    "XLA": functools.partial(graph, jit_compile=True),
}
