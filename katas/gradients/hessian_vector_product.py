"""The Hessian times a vector, without the Hessian.

Question (12 min). Newton's method, the sharpness of a minimum, influence functions: all need
products of the Hessian with a vector, for a model whose Hessian would not fit anywhere.
Given a loss that reads some variables, and for each variable a vector like it, return

    (H v)_i = sum over all variables j of  d2 loss / (dw_i dw_j) v_j

as a list. Test k checks clause k:

    1. H is the Hessian of all the variables together, mixed derivatives included.
    2. The vectors are constants, whatever they are: tensors, or variables, even those that
       the loss reads.
    3. Where a second derivative is 0, the result is 0, and never None: a variable that the
       loss reads linearly, or not at all.
    4. The loss may look up rows of a table (`tf.gather`), some of them twice. The result for
       the table may then be a tf.IndexedSlices that stands for it, or a dense tensor.
    5. It works for 300,000 weights: their Hessian is never made.
    6. Eager mode, tf.function and XLA agree.

`loss` is a plain function of no arguments, of TensorFlow operations that return a float32
scalar. The variables are tf.Variable, float32.

Run   nox -s check -- hessian_vector_product
Read  https://doi.org/10.1162/neco.1994.6.1.147
"""

import tensorflow as tf


def hessian_vector_product(loss, variables, vectors):
    """Returns the Hessian of a loss, times a vector.

    Args:
        loss: Function of no arguments from the variables' present values to a float scalar.
        variables: List of tf.Variable. All of them together are what the Hessian is of.
        vectors: List of tensors or variables [...], each like its variable.

    Returns:
        List of tensors [...], each like its variable; tf.IndexedSlices for a table whose
        rows the loss looks up.

    >>> w = tf.Variable([1.0, 2.0])
    >>> loss = lambda: w[0] ** 2 * w[1]  # Its Hessian is [[2 w1, 2 w0], [2 w0, 0]].
    >>> [product] = hessian_vector_product(loss, [w], [tf.constant([1.0, 10.0])])
    >>> product.numpy()
    array([24.,  2.], dtype=float32)
    """
    raise NotImplementedError("hessian_vector_product")
