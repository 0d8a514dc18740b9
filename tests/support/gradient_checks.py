"""Gradient checks under a random upstream: an upstream of ones hides a dropped one."""

import contextlib

import numpy as np
import tensorflow as tf

from tests.support.closeness import Mismatch, assert_close, mismatch
from tests.support.modes import trace


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
    function,
    x,
    want,
    *,
    call,
    oracle,
    rtol,
    atol=0.0,
    value=None,
    inputs=None,
    bugs=None,
    **how,
):
    """Fails unless the gradient of `function` at `x` is `want` of a random upstream.

    Args:
        function: Takes a tensor like `x`, returns one tensor.
        x: [...] array or tensor.
        want: Function from an upstream, shaped like the value, to the gradient [...].
        call: The forward call, as the learner would write it.
        oracle, rtol, atol, inputs: As for `assert_close`.
        value: [...] array that the same run must return, or None for any.
        bugs: {cause: function like `want`}. A dropped upstream is always among them.
        **how: `mode` for `vjp`.
    """
    __tracebackhide__ = True
    x = tf.convert_to_tensor(x)
    upstream = random_upstream(np.shape(function(x)))
    got, (slope,) = vjp(function, [x], upstream, **how)
    close = {"oracle": oracle, "rtol": rtol, "atol": atol, "dtype": x.dtype.name}
    if value is not None:
        assert_close(got, value, call=call, inputs=_along(inputs, np.shape(value)), **close)
    call = f"tape.gradient({call}, x, output_gradients=upstream)"
    if slope is None:
        cause = "no differentiable path leads from x to the result"
        raise mismatch(call, expected=f"a tensor, by {oracle}", got="None", cause=cause)
    wrong = {cause: bug(upstream) for cause, bug in (bugs or {}).items()}
    wrong["the upstream gradient dropped"] = want(np.ones_like(upstream))
    right = want(upstream)
    assert_close(slope, right, call=call, bugs=wrong, inputs=_along(inputs, right.shape), **close)


def every_mode(function, *args):
    """Returns `function` as it is, traced by tf.function, and compiled by XLA.

    Args:
        function: Takes and returns tensors, in any structure.
        *args: Tensors like those it will be called with.

    Returns:
        {how to say it before a call: function}. The last two share one trace, which
        takes as long as many a compilation.
    """
    traced = trace(function, *args)
    compiled = tf.function(lambda *args: traced(*args), autograph=False, jit_compile=True)
    return {"": function, "in a tf.function: ": traced, "compiled by XLA: ": compiled}


def assert_gradient_in_every_mode(function, x, want, *, call, ordinary=None, **how):
    """Fails unless `assert_gradient` passes eagerly, in tf.function, and in XLA.

    Args:
        function, x, want, call, **how: As for `assert_gradient`.
        ordinary: How many rows of `x`, of `value` and of `inputs` stand before the extreme
            ones, which another clause asks for. These count only where they are right eagerly.
    """
    __tracebackhide__ = True
    x = tf.convert_to_tensor(x)
    upstream = random_upstream(np.shape(function(x)))
    modes = every_mode(lambda: vjp(function, [x], upstream))

    def check(said, rows=None):
        __tracebackhide__ = True
        mode = lambda _: lambda: _first(modes[said](), rows)
        right = (lambda upstream: want(upstream)[:rows]) if rows else want
        part = how
        if rows:
            told = {name: array[:rows] for name, array in how["inputs"].items()}
            part = how | {"value": how["value"][:rows], "inputs": told}
        assert_gradient(function, x, right, call=said + call, mode=mode, **part)

    if ordinary is not None:
        check("", ordinary)
        with contextlib.suppress(Mismatch):
            check("")
            ordinary = None
    for said in modes:
        check(said, ordinary)


def _first(results, rows):
    """The first rows of a value and its slope; all for None."""
    value, (slope,) = results
    return (value, [slope]) if rows is None or slope is None else (value[:rows], [slope[:rows]])


def _along(inputs, shape):
    """Those inputs that tell the elements of `shape` apart: one an element, or one a row."""
    told = {name: np.asarray(array) for name, array in (inputs or {}).items()}
    for name, array in told.items():
        if array.ndim < len(shape) and array.shape == shape[: array.ndim]:
            told[name] = array.reshape(array.shape + (1,) * (len(shape) - array.ndim))
    return {name: array for name, array in told.items() if array.ndim <= len(shape)}


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


def assert_no_gradient(function, inputs, leaks, *, call, oracle, **how):
    """Fails unless no gradient reaches the inputs: each gets None, or zeros.

    Args:
        function: Takes the inputs by position, returns one tensor.
        inputs: {name: tensor}.
        leaks: {cause: function from an upstream, shaped like the value, to {name: the
            gradient that this mistake lets through}}.
        call, oracle: As for `assert_gradients`.
        **how: `mode` for `vjp`.
    """
    __tracebackhide__ = True
    upstream = random_upstream(np.shape(function(*inputs.values())))
    slopes = vjp(function, list(inputs.values()), upstream, **how)[1]
    for (name, value), slope in zip(inputs.items(), slopes, strict=True):
        if slope is None:
            continue
        assert_close(
            slope,
            np.zeros(np.shape(value)),
            call=f"tape.gradient({call}, {name}, output_gradients=upstream)",
            oracle=f"{oracle}; None will do",
            rtol=1e-5,  # of the leaks: of 0 it leaves nothing
            bugs={cause: leak(upstream)[name] for cause, leak in leaks.items()},
        )


def assert_each_call_keeps_its_value(
    function,
    variable,
    values,
    slope,
    *,
    call,
    name,
    oracle,
    rtol,
    atol=0.0,
    source=None,
    mode=lambda function: function,
):
    """Fails unless the gradient rule of a call uses the variable as that call read it.

    One backward pass goes through two calls, between which the variable was assigned.

    Args:
        function: Of no arguments. Reads `variable`, returns one tensor.
        variable: tf.Variable.
        values: Two arrays: what it holds at the first and at the second call.
        slope: Function from such an array to the gradient of the summed result.
        call, name: The call and the variable, as the learner would write them.
        oracle, rtol, atol: As for `assert_close`.
        source: Tensor to differentiate by; None for the variable itself.
        mode: What compiles the whole computation, such as `tf.function`.
    """
    __tracebackhide__ = True
    source = variable if source is None else source

    def gradient():
        variable.assign(values[0])
        with tf.GradientTape() as tape:
            tape.watch(source)
            first = function()
            variable.assign(values[1])
            both = first + function()
        return tape.gradient(both, source)

    got, (before, after) = mode(gradient)(), map(slope, values)
    asked = f"the gradient of y_1 + y_2: y_1 = {call}; {name}.assign(…); y_2 = {call}"
    bugs = {
        f"{name} read in the backward pass, when it held the second value": 2 * after,
        f"the first value of {name} for both calls": 2 * before,
    }
    how = {"oracle": oracle, "rtol": rtol, "atol": atol, "bugs": bugs}
    assert_close(got, before + after, call=asked, **how)


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
    upstream = random_upstream(np.shape(function(*inputs)))
    for position, slope in enumerate(vjp(function, inputs, upstream)[1]):

        def weighted(x, before=inputs[:position], after=inputs[position + 1 :]):
            return np.sum(upstream * function(*before, tf.constant(x), *after).numpy())

        assert_close(
            slope,
            differences(weighted, inputs[position].numpy()),
            call=f"the gradient of sum(upstream * {call}) with respect to argument {position}",
            oracle="central differences in float64",
            rtol=rtol,
            atol=atol,
        )


def differences(function, x, h=1e-3):
    """Returns the slopes [...] of a smooth function of x [...] that returns one number.

    Central differences in float64, with Richardson's step: off by h⁴ f⁽⁵⁾ and eps |f| / h.
    """
    slopes = np.empty_like(x)
    for place in np.ndindex(x.shape):
        unit = np.zeros_like(x)
        unit[place] = h
        wide = (function(x + unit) - function(x - unit)) / (2 * h)
        narrow = (function(x + unit / 2) - function(x - unit / 2)) / h
        slopes[place] = (4 * narrow - wide) / 3
    return slopes
