"""The Hessian times a vector, without the Hessian.

    (H v)_i = sum_j d2L / (dw_i dw_j) v_j = d/dw_i  (sum_j dL/dw_j v_j)

The gradient g of the loss is a function of the weights like any other. Its product with a
constant v is one number, and the gradient of that number is H v: two backward passes, a few
times the price of one. H has n^2 entries, 360 GB for 300,000 weights in float32;
`tape.jacobian` of the gradient tries to make them, and raises.

The traps, each of which runs:

- v has to be a constant. In sum(g v) with v = w, d/dw goes through v as well and adds g:
  for L = w^3 at w = 2 with v = w that is 36, and H v is 24. As `output_gradients` of the
  outer tape v cannot be differentiated, for nothing records it there.
- The inner gradient must be taken while the outer tape records. Below the `with` the tape
  has not seen it, and the result is None.
- H is one matrix over all variables. Asked one variable at a time, the blocks off the
  diagonal are lost.
- No path is None, and a constant slope has no path on: zeros are asked for in both passes.
- `tf.gather` has tf.IndexedSlices for a gradient, which no tape takes for a target. Made
  dense while the outer tape records, it is differentiated like the rest.

Cost: about four forward passes, and the memory of both graphs. Reverse over reverse, as
here, works in every mode. Forward over reverse (`tf.autodiff.ForwardAccumulator` round a
tape) keeps less, but it goes past every custom gradient, and refuses Keras variables.

Follow-ups an interviewer asks: Newton's method by conjugate gradients; the largest
eigenvalue by power iteration, and the learning rate it allows, 2 / lambda; the trace from
random signs, E[v^T H v]; why relu nets have Hessians all the same.
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
    zero = tf.UnconnectedGradients.ZERO
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            value = loss()
        slopes = inner.gradient(value, variables, unconnected_gradients=zero)
        slopes = [tf.convert_to_tensor(slope) for slope in slopes]
    return outer.gradient(slopes, variables, vectors, unconnected_gradients=zero)
