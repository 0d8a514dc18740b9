"""Gradient checks under a random upstream: an upstream of ones hides a dropped one."""

import numpy as np
import tensorflow as tf

from tests.closeness import assert_close, mismatch


def random_upstream(shape, seed=0):
    """Returns [...] float64 in ±[0.5, 2): no element is 0, 1, or like another."""
    random = np.random.default_rng(seed)
    return random.uniform(0.5, 2.0, shape) * random.choice([-1.0, 1.0], shape)


def vjp(function, inputs, upstream=None, mode=lambda function: function):
    """Returns function(*inputs) and upstream · ∂function/∂input for each input.

    Args:
        function: Takes the inputs by position, returns one tensor.
        inputs: Tensors or variables. A tensor is watched.
        upstream: Array like the value; None for ones.
        mode: What compiles the whole computation, such as `tf.function`.

    Returns:
        The value, and a list with one gradient (or None) per input.
    """
    tensors = [i if isinstance(i, tf.Variable) else tf.convert_to_tensor(i) for i in inputs]

    def value_and_gradients():
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(*tensors)
        cotangent = None if upstream is None else tf.cast(upstream, value.dtype)
        return value, tape.gradient(value, tensors, output_gradients=cotangent)

    return mode(value_and_gradients)()


def assert_gradient(
    function, x, want, *, call, oracle, rtol, atol=0.0, inputs=None, bugs=None, **how
):
    """Fails unless the gradient of `function` at `x` is `want` of a random upstream.

    Args:
        function: Takes a tensor like `x`, returns one tensor.
        x: [...] array or tensor.
        want: Function from an upstream, shaped like the value, to the gradient [...].
        call: The forward call, as the learner would write it.
        oracle, rtol, atol, inputs: As for `assert_close`.
        bugs: {cause: function like `want`}. A dropped upstream is always among them.
        **how: `mode` for `vjp`.
    """
    __tracebackhide__ = True
    x = tf.convert_to_tensor(x)
    upstream = random_upstream(np.shape(function(x)))
    (slope,) = vjp(function, [x], upstream, **how)[1]
    call = f"tape.gradient({call}, x, output_gradients=upstream)"
    if slope is None:
        cause = "no differentiable path leads from x to the result"
        raise mismatch(call, expected=f"a tensor, by {oracle}", got="None", cause=cause)
    wrong = {cause: bug(upstream) for cause, bug in (bugs or {}).items()}
    assert_close(
        slope,
        want(upstream),
        call=call,
        oracle=oracle,
        rtol=rtol,
        atol=atol,
        dtype=x.dtype.name,
        inputs=inputs,
        bugs=wrong | {"the upstream gradient dropped": want(np.ones_like(upstream))},
    )


def assert_gradients(function, inputs, want, *, call, oracle, rtol, atol=0.0, bugs=None, **how):
    """Fails unless the gradients to several inputs, variables among them, are right.

    Args:
        function: Takes the inputs by position, returns one tensor.
        inputs: {name: tensor or variable}.
        want: Function from an upstream, shaped like the value, to {name: gradient}.
        call: The forward call, as the learner would write it.
        oracle, rtol, atol: As for `assert_close`.
        bugs: {cause: function like `want`, of the gradients that the bug spoils}. A
            dropped upstream is always among them.
        **how: `mode` for `vjp`.
    """
    __tracebackhide__ = True
    upstream = random_upstream(np.shape(function(*inputs.values())))
    right, dropped = want(upstream), want(np.ones_like(upstream))
    wrong = {cause: bug(upstream) for cause, bug in (bugs or {}).items()}
    wrong["the upstream gradient dropped"] = dropped
    slopes = vjp(function, list(inputs.values()), upstream, **how)[1]
    for (name, value), slope in zip(inputs.items(), slopes, strict=True):
        asked = f"tape.gradient({call}, {name}, output_gradients=upstream)"
        if slope is None:
            cause = f"no differentiable path leads from {name} to the result"
            raise mismatch(asked, expected=f"a tensor, by {oracle}", got="None", cause=cause)
        assert_close(
            slope,
            right[name],
            call=asked,
            oracle=oracle,
            rtol=rtol,
            atol=atol,
            dtype=value.dtype.name,
            bugs={cause: spoilt[name] for cause, spoilt in wrong.items() if name in spoilt},
        )


def assert_gradient_by_differences(function, inputs, *, call, rtol=1e-6, atol=1e-8):
    """Fails unless the gradients equal central differences in float64.

    Args:
        function: Takes tensors like `inputs`, returns one tensor. Smooth near `inputs`.
        inputs: List of arrays, taken as float64.
        call: The forward call, as the learner would write it.
        rtol, atol: With h = 1e-3 the truncation error h² f'''/6 is near 1e-7 and is
            removed by Richardson's step from h to h/2; what is left is near
            eps |f| / h = 2e-13 and h⁴ f⁽⁵⁾ = 1e-12, for values and slopes of order one.
    """
    __tracebackhide__ = True
    inputs = [tf.constant(i, tf.float64) for i in inputs]
    theory, coarse = tf.test.compute_gradient(function, inputs, delta=1e-3)
    _, fine = tf.test.compute_gradient(function, inputs, delta=5e-4)
    for position, (got, wide, narrow) in enumerate(zip(theory, coarse, fine, strict=True)):
        assert_close(
            tf.constant(got),
            (4 * narrow - wide) / 3,
            call=f"the Jacobian of {call} with respect to argument {position}",
            oracle="central differences in float64",
            rtol=rtol,
            atol=atol,
        )
