"""A custom gradient over variables that the function captures.

A function under `tf.custom_gradient` may read variables it was not given. TensorFlow sees
that, and asks `grad` for their gradients as well:

    def grad(*upstream, variables): ...; return input_gradients, variable_gradients

The trap is what `variables` holds. It is neither the variables you think of nor in the
order you think of: eagerly it comes out of a set, in a graph it is sorted by name, so
that ("kernel", "bias") arrives as (bias, kernel). A frozen variable is not in it; with
both frozen, the argument is not passed, and a pair is one gradient too many. Nothing
checks shapes: a kernel that gets the gradient of the bias, [O] for [I, O], raises nothing
before the optimizer adds them, and broadcasting may hide it there. So look each variable
up by identity, `v.ref()`, and return as many gradients as there are variables.

What `grad` needs of a variable is read in the forward pass. `kernel` inside `grad` is what
the variable holds by then: with two calls at 1 and 3 before one backward pass, the
gradients of their inputs add up to 6 and not to 4.

Two sums decide the rest. The bias is added to every row, so its gradient is the sum of
the upstream over all leading axes; the kernel's is the sum of x_n (upstream_n)^T. Joining
the leading axes into one turns both into one-liners for x of any rank.

Trade-off: reading the variables outside and passing them as tensors,
`rule(x, kernel, bias)`, needs no `variables` at all, and is what one would ship here. It
is impossible where the variables are inside a layer or a closure somebody else wrote, so
the kata asks for the other way.

Follow-ups an interviewer asks: why a scale of 0 is not the same as trainable=False (the
optimizer still decays the bias, and its slots still move); what Adam makes of a scaled
gradient (nothing: it divides by the scale again); how `tf.recompute_grad` uses this.
"""

import tensorflow as tf


def affine(kernel, bias, bias_gradient_scale=1.0):
    """Returns f(x) = x @ kernel + bias, whose bias learns at another pace.

    Args:
        kernel: [I, O] tf.Variable, float.
        bias: [O] tf.Variable in the dtype of `kernel`.
        bias_gradient_scale: Number or scalar tensor; multiplies the gradient of `bias`,
            and no other.

    Returns:
        A function from x [..., I] to [..., O], in the dtype of `kernel`.

    >>> kernel, bias = tf.Variable([[2.0], [3.0]]), tf.Variable([1.0])
    >>> with tf.GradientTape() as tape:
    ...     y = affine(kernel, bias, bias_gradient_scale=0.5)([[1.0, 1.0], [1.0, 0.0]])
    >>> y.numpy().tolist(), tape.gradient(y, bias).numpy()  # 0.5 * (1 + 1)
    ([[6.0], [3.0]], array([1.], dtype=float32))
    """
    inputs, outputs = kernel.shape

    def f(x):
        scale = tf.stop_gradient(tf.cast(bias_gradient_scale, kernel.dtype))

        @tf.custom_gradient
        def rule(x):
            weights = tf.convert_to_tensor(kernel)

            def grad(upstream, variables=()):
                rows = tf.reshape(x, [-1, inputs])
                row_upstream = tf.reshape(upstream, [-1, outputs])
                known = {
                    kernel.ref(): tf.matmul(rows, row_upstream, transpose_a=True),
                    bias.ref(): scale * tf.reduce_sum(row_upstream, axis=0),
                }
                to_x = tf.einsum("...o,io->...i", upstream, weights)
                return (to_x, [known[v.ref()] for v in variables]) if variables else to_x

            return tf.einsum("...i,io->...o", x, weights) + bias, grad

        return rule(tf.convert_to_tensor(x, kernel.dtype))

    return f
