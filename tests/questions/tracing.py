"""How often TensorFlow traces a function."""

import tensorflow as tf


def traces(calls, **options):
    """Returns the number of traces that a product makes over calls (x, rate) or (x,).

    Args:
        calls: Tuples of arguments, taken one by one.
        **options: For `tf.function`.
    """
    count = 0

    def product(x, rate=1.0):
        nonlocal count
        count += 1
        return x * rate

    compiled = tf.function(product, **options)
    for arguments in calls:
        compiled(*arguments)
    return count
