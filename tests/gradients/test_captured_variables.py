"""A custom gradient over variables that the function captures.

Question (15 min). A layer's bias should learn at another pace than its kernel. Write
`affine(kernel, bias, bias_gradient_scale)`, which returns a function of x alone

    f(x) = x @ kernel + bias            x [..., I], kernel [I, O], bias [O]

with a rule of your own: its backward pass multiplies the gradient of the bias, and no
other, by the scale. The rule captures the two variables. What does `tf.custom_gradient`
want from `grad` now? Test k checks clause k:

    1. Values match x @ kernel + bias for any leading axes of x, or none, in the dtype of
       the variables: float16, 32 and 64. The variables are read at each call of f.
    2. x gets upstream @ kernel^T, and the kernel gets the sum over all leading axes of
       the outer products of x and upstream, whatever the scale is. The kernel counts as
       it was at the call, even if it has changed before the backward pass.
    3. The bias gets the scale times the sum of the upstream over all leading axes. The
       scale is a number or a scalar tensor, 1 by default.
    4. What `tf.custom_gradient` decorates takes no variable as an argument. It reads kernel
       and bias itself, as if they were inside somebody else's layer; so TensorFlow hands
       both to `grad`, and asks it for their gradients.
    5. Each variable gets its own gradient, whatever the variables are called. One that
       is frozen (trainable=False) gets None, and x and the other variable get theirs.
    6. Eager mode, tf.function and XLA agree.

Run   nox -s check -- captured_variables
Read  https://www.tensorflow.org/api_docs/python/tf/custom_gradient
"""

import inspect
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.gradient_checks import (
    assert_each_call_keeps_its_value,
    assert_gradient_by_differences,
    assert_gradients,
    random_upstream,
    vjp,
)
from tests.support.modes import graph

# Sums of at most 6 products of order one, each rounded: 2 * 6 * eps, times the 4 that a
# sum may lose by cancelling. As an absolute error, because sums may be near 0.
ATOL = {"float16": 5e-2, "float32": 6e-6, "float64": 1e-14}
RTOL = {"float16": 1e-2, "float32": 1e-6, "float64": 1e-7}  # the scale may pass float32
FLOAT32 = {"rtol": RTOL["float32"], "atol": ATOL["float32"]}

X = np.array([[[1.0, -2.0], [0.5, 0.0], [3.0, 1.5]], [[-1.0, 0.25], [2.0, 2.0], [0.0, 1.0]]])
KERNEL = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
BIAS = np.array([1.0, -2.0, 0.5])


def variables(dtype="float32", names=("kernel", "bias")):
    return [
        tf.Variable(value, dtype=dtype, name=name)
        for value, name in zip([KERNEL, BIAS], names, strict=True)
    ]


def gradients(upstream, scale, x=X):
    """By the definition, one row of x at a time."""
    rows = list(zip(x.reshape(-1, 2), upstream.reshape(-1, 3), strict=True))
    return {
        "x": np.array([KERNEL @ up for _, up in rows]).reshape(x.shape),
        "kernel": sum(np.outer(row, up) for row, up in rows),
        "bias": scale * sum(up for _, up in rows),
    }


def spoilt(scale):
    """Wrong gradients, as functions of the upstream."""
    right = lambda up: gradients(up, scale)
    mean = lambda up: {name: right(up)[name] / 6 for name in ["kernel", "bias"]}
    swapped = lambda up: {"kernel": right(up)["bias"], "bias": right(up)["kernel"]}
    everywhere = {
        "the gradients of kernel and bias in the wrong order": swapped,
        "not summed over the leading axes": lambda up: {"bias": scale * up},
        "summed over the first axis only": lambda up: {"bias": scale * up.sum(axis=0)},
        "the mean over the leading axes where the sum is asked": mean,
    }
    if scale == 1:
        return everywhere
    return everywhere | {
        "the scale left out": lambda up: {"bias": gradients(up, 1)["bias"]},
        "divided by the scale": lambda up: {"bias": gradients(up, 1 / scale)["bias"]},
        "the scale on the kernel too": lambda up: {"kernel": scale * right(up)["kernel"]},
        "the scale on the input too": lambda up: {"x": scale * right(up)["x"]},
    }


def assert_affine_gradients(kata, dtype="float32", names=("kernel", "bias"), **how):
    """Clauses 2 and 3 in one: all three gradients, with a scale of 0.25."""
    __tracebackhide__ = True
    kernel, bias = variables(dtype, names)
    assert_gradients(
        lambda x, kernel, bias: kata.affine(kernel, bias, 0.25)(x),
        {"x": tf.constant(X, dtype), "kernel": kernel, "bias": bias},
        lambda up: gradients(np.float64(up.astype(dtype)), 0.25),
        call="affine(kernel, bias, 0.25)(x)",
        oracle="the definition, row by row",
        rtol=RTOL[dtype],
        atol=ATOL[dtype],
        bugs=spoilt(0.25),
        **how,
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_1_values_match_the_formula(kata, dtype):
    assert_close(
        kata.affine(*variables(dtype), bias_gradient_scale=0.5)(tf.constant(X, dtype)),
        X @ KERNEL + BIAS,
        call="affine(kernel, bias, bias_gradient_scale=0.5)(x)",
        oracle="x @ kernel + bias",
        rtol=RTOL[dtype],
        atol=ATOL[dtype],
        dtype=dtype,
        bugs={
            "the scale on the value of the bias": X @ KERNEL + 0.5 * BIAS,
            "no bias": X @ KERNEL,
        },
    )


@pytest.mark.parametrize("shape", [(2,), (1, 2), (0, 2), (5, 2), (1, 3, 1, 2)], ids=str)
def test_1_any_leading_axes(kata, shape):
    x = np.random.default_rng(0).normal(size=shape)
    assert_close(
        kata.affine(*variables())(tf.constant(x, tf.float32)),
        x @ KERNEL + BIAS,
        call=f"affine(kernel, bias)(x {shape})",
        oracle="x @ kernel + bias",
        **FLOAT32,
    )


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "graph"])
def test_1_variables_are_read_at_each_call(kata, compiled):
    kernel, bias = variables()
    f = kata.affine(kernel, bias)
    f = graph(f) if compiled else f
    f(tf.constant(X, tf.float32))
    kernel.assign(2 * KERNEL)
    bias.assign(3 * BIAS)
    assert_close(
        f(tf.constant(X, tf.float32)),
        X @ (2 * KERNEL) + 3 * BIAS,
        call="f(x), after kernel.assign(…) and bias.assign(…)",
        oracle="x @ kernel + bias",
        bugs={"the values from before assign": X @ KERNEL + BIAS},
        **FLOAT32,
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_2_gradients_to_input_and_kernel(kata, dtype):
    assert_affine_gradients(kata, dtype)


@pytest.mark.parametrize("shape", [(2,), (4, 2), (1, 2, 1, 2)], ids=str)
def test_2_gradients_for_any_leading_axes(kata, shape):
    x = np.random.default_rng(3).normal(size=shape)
    kernel, bias = variables()
    assert_gradients(
        lambda x, kernel, bias: kata.affine(kernel, bias, 2.0)(x),
        {"x": tf.constant(x, tf.float32), "kernel": kernel, "bias": bias},
        lambda up: gradients(up, 2.0, x),
        call=f"affine(kernel, bias, 2.0)(x {shape})",
        oracle="the definition, row by row",
        **FLOAT32,
    )


def test_2_gradient_to_input_matches_finite_differences(kata):
    f = kata.affine(*variables("float64"))
    assert_gradient_by_differences(f, [X[0]], call="affine(kernel, bias)(x)")


def test_2_two_calls_before_one_backward_pass(kata):
    kernel, bias = tf.Variable([[2.0]]), tf.Variable([0.5])

    def function(a, b, kernel, bias):
        f = kata.affine(kernel, bias, 0.25)
        return f(a) + 10 * f(b)

    assert_gradients(
        function,
        {"a": tf.constant([1.0]), "b": tf.constant([3.0]), "kernel": kernel, "bias": bias},
        lambda up: {"a": 2 * up, "b": 20 * up, "kernel": 31 * up[:, None], "bias": 2.75 * up},
        call="(lambda f: f(a) + 10 * f(b))(affine(kernel, bias, 0.25))",
        oracle="by hand",
        rtol=RTOL["float32"],
        bugs={"the x of the last call for both": lambda up: {"kernel": 33 * up[:, None]}},
    )


@pytest.mark.parametrize("mode", [lambda f: f, graph], ids=["eager", "graph"])
def test_2_each_call_keeps_the_kernel_that_it_read(kata, mode):
    kernel, bias = variables()
    x = tf.constant(X, tf.float32)
    assert_each_call_keeps_its_value(
        lambda: kata.affine(kernel, bias)(x),
        kernel,
        [KERNEL, 3 * KERNEL],
        lambda kernel: np.broadcast_to(kernel.sum(axis=1), X.shape),
        call="affine(kernel, bias)(x)",
        name="kernel",
        oracle="the definition",
        source=x,
        mode=mode,
        **FLOAT32,
    )


SCALES = {"0.25": 0.25, "3": 3, "-1.5": -1.5, "tf.constant(0.75)": 0.75, "": 1}


@pytest.mark.parametrize("argument", SCALES)
def test_3_gradient_to_the_bias_is_scaled(kata, argument):
    scale = SCALES[argument]
    given = {"": [], "tf.constant(0.75)": [tf.constant(0.75)]}.get(argument, [scale])
    kernel, bias = variables()
    assert_gradients(
        lambda x, kernel, bias: kata.affine(kernel, bias, *given)(x),
        {"x": tf.constant(X, tf.float32), "kernel": kernel, "bias": bias},
        lambda up: gradients(up, scale),
        call=f"affine(kernel, bias, {argument})(x)".replace(", )", ")"),
        oracle="the definition, row by row",
        bugs=spoilt(scale),
        **FLOAT32,
    )


def test_3_a_scale_of_0_stops_the_bias_only(kata):
    kernel, bias = variables()
    f = lambda kernel, bias: kata.affine(kernel, bias, 0)(tf.constant(X, tf.float32))
    to_kernel, to_bias = vjp(f, [kernel, bias])[1]
    want = gradients(np.ones([2, 3, 3]), 0)
    call, how = "tape.gradient(affine(kernel, bias, 0)(x), {})", {"oracle": "the definition"}
    assert_close(to_kernel, want["kernel"], call=call.format("kernel"), **how, **FLOAT32)
    assert_close(to_bias, want["bias"], call=call.format("bias"), **how, **FLOAT32)


def handed_to_grad(compute):
    """The `variables` that functions were given while `compute` ran, each once."""
    handed = {}

    def watch(frame, event, _):
        if event == "call":
            arguments = inspect.getargvalues(frame)
            given = arguments.locals.get("variables") if "variables" in arguments.args else ()
            given = arguments.locals.get(arguments.keywords, {}).get("variables", given)
            handed.update((id(v), v) for v in given or () if isinstance(v, tf.Variable))

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        compute()
    finally:
        sys.setprofile(before)
    return list(handed.values())


def test_4_grad_is_handed_both_variables(kata):
    kernel, bias = variables()
    f, x = kata.affine(kernel, bias, 0.25), tf.constant(X, tf.float32)
    handed = handed_to_grad(lambda: vjp(lambda *_: f(x), [kernel, bias]))
    missing = [v for v in (kernel, bias) if not any(v is given for given in handed)]
    if missing:
        raise mismatch(
            "grad(upstream, variables=…), in the backward pass of affine(kernel, bias)(x)",
            expected="kernel and bias among `variables`, since the rule reads them",
            got=f"{[v.name for v in handed]}",
            cause="read outside what tf.custom_gradient decorates, or passed to it: "
            + " and ".join(v.name for v in missing),
        )


@pytest.mark.parametrize("names", [("kernel", "bias"), ("a", "b"), ("same", "same")])
def test_5_each_variable_gets_its_own_gradient(kata, names):
    assert_affine_gradients(kata, names=names, mode=graph)


def test_5_in_whatever_order_eager_mode_lists_them(kata):
    kept = [variables() for _ in range(8)]  # alive together: each has its own address
    for kernel, bias in kept:
        assert_gradients(
            lambda kernel, bias: kata.affine(kernel, bias)(tf.constant(X, tf.float32)),
            {"kernel": kernel, "bias": bias},
            lambda up: {k: v for k, v in gradients(up, 1).items() if k != "x"},
            call="affine(kernel, bias)(x)",
            oracle="the definition, row by row",
            bugs=spoilt(1),
            **FLOAT32,
        )


@pytest.mark.parametrize("frozen", ["kernel", "bias"])
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "graph"])
def test_5_a_frozen_variable_gets_none(kata, frozen, compiled):
    trained = {"kernel": "bias", "bias": "kernel"}[frozen]
    values = {"kernel": KERNEL, "bias": BIAS}
    captured = {
        name: tf.Variable(value, dtype=tf.float32, trainable=name != frozen)
        for name, value in values.items()
    }
    f, x = kata.affine(**captured, bias_gradient_scale=0.25), tf.constant(X, tf.float32)

    def slopes():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return tape.gradient(y, [x, captured[trained], captured[frozen]])

    call = f"tape.gradient(f(x), {{}}) with a frozen {frozen}"
    to_x, to_trained, to_frozen = (graph(slopes) if compiled else slopes)()
    want = gradients(np.ones([2, 3, 3]), 0.25)
    how = {"oracle": "the definition, row by row"} | FLOAT32
    assert_close(to_x, want["x"], call=call.format("x"), **how)
    assert_close(to_trained, want[trained], call=call.format(trained), **how)
    if to_frozen is not None:
        raise mismatch(call.format(frozen), expected="None", got=f"{to_frozen}")


def test_6_every_mode_agrees(kata, mode):
    inputs = [tf.constant(X, tf.float32), *variables()]
    upstream = random_upstream([2, 3, 3])
    function = lambda x, kernel, bias: kata.affine(kernel, bias, 0.25)(x)
    value, slopes = vjp(function, inputs, upstream, mode)
    call = "affine(kernel, bias, 0.25)(x)"
    assert_close(value, X @ KERNEL + BIAS, call=call, oracle="x @ kernel + bias", **FLOAT32)
    for (name, want), got in zip(gradients(upstream, 0.25).items(), slopes, strict=True):
        asked = f"tape.gradient({call}, {name}, output_gradients=upstream)"
        assert_close(got, want, call=asked, oracle="the definition, row by row", **FLOAT32)
