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

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.gradient_checks import (
    assert_gradients,
    random_upstream,
    vjp,
)
from tests.support.modes import graph

# The same operations twice: 4 products and a tanh at order one, in another order at
# worst. Ten roundings; the absolute part for sums near 0.
RTOL = {"float16": 1e-2, "float32": 1e-5, "float64": 1e-13}
ATOL = {"float16": 1e-2, "float32": 5e-6, "float64": 1e-14}
FLOAT32 = {"rtol": RTOL["float32"], "atol": ATOL["float32"]}
AUTODIFF = "autodiff through f"

X = np.array([[0.5, -1.0, 0.25, 2.0], [1.5, 0.0, -0.5, 1.0]])
Y = np.array([[1.0, 2.0, -0.5], [0.25, -1.0, 3.0]])
KERNEL = np.linspace(-1, 1, 12).reshape(4, 3)
BIAS = np.array([0.1, -0.2, 0.3])
GIVEN = {"x": X, "y": Y, "kernel": KERNEL, "bias": BIAS}


def inputs(dtype="float32"):
    """x and y as tensors, kernel and bias as variables."""
    kinds = {"x": tf.constant, "y": tf.constant, "kernel": tf.Variable, "bias": tf.Variable}
    return {name: kinds[name](value, dtype=dtype) for name, value in GIVEN.items()}


def hidden(kernel, bias):
    """Returns f(x, y) over two captured variables: nothing in it is linear."""
    return lambda x, y: tf.tanh(x @ kernel + bias) * tf.square(y)


def autodiff(function, given, upstream):
    """{name: gradient}, by tape through the function itself, in float64."""
    given = {name: tf.constant(value.numpy(), tf.float64) for name, value in given.items()}
    return dict(zip(given, vjp(function, list(given.values()), upstream)[1], strict=True))


def assert_as_autodiff(kata, dtype="float32", **how):
    """All four gradients of `hidden` equal those of autodiff."""
    __tracebackhide__ = True
    plain = lambda x, y, kernel, bias: hidden(kernel, bias)(x, y)
    given = inputs(dtype)
    want = lambda up: autodiff(plain, given, up.astype(dtype))
    assert_gradients(
        lambda x, y, kernel, bias: kata.recompute(hidden(kernel, bias))(x, y),
        given,
        want,
        call="recompute(f)(x, y)",
        oracle=AUTODIFF,
        rtol=RTOL[dtype],
        atol=ATOL[dtype],
        bugs={
            "variables that f captures taken as constants": lambda up: {
                name: np.zeros_like(GIVEN[name]) for name in ["kernel", "bias"]
            },
            "the gradients of kernel and bias in the wrong order": lambda up: {
                "kernel": want(up)["bias"],
                "bias": want(up)["kernel"],
            },
        },
        **how,
    )


@pytest.mark.parametrize("dtype", RTOL)
def test_1_one_output(kata, dtype):
    given = inputs(dtype)
    x, y, kernel, bias = (value.numpy().astype("float64") for value in given.values())
    x_, y_, *captured = given.values()
    assert_close(
        kata.recompute(hidden(*captured))(x_, y_),
        np.tanh(x @ kernel + bias) * y**2,
        call="recompute(f)(x, y)",
        oracle="f(x, y) in NumPy",
        rtol=RTOL[dtype],
        atol=ATOL[dtype],
        dtype=dtype,
    )


@pytest.mark.parametrize("structure", [tuple, list])
def test_1_several_outputs(kata, structure):
    f = lambda x: structure([x + 1, tf.reduce_sum(x), tf.constant(3.0)])
    outputs = kata.recompute(f)(tf.constant(X, tf.float32))
    call = f"recompute(f)(x), where f returns a {structure.__name__} of three"
    if not isinstance(outputs, (tuple, list)) or len(outputs) != 3:
        raise mismatch(call, expected="three tensors", got=f"{outputs!r}")
    for got, want in zip(outputs, [X + 1, X.sum(), 3.0], strict=True):
        assert_close(got, want, call=call, oracle="f(x)", **FLOAT32)


@pytest.mark.parametrize("dtype", RTOL)
def test_2_gradients_to_arguments(kata, dtype):
    assert_as_autodiff(kata, dtype)


def test_2_a_tensor_passed_twice(kata):
    x = tf.constant(X, tf.float32)
    double = lambda up: {"x": 2 * up * (3 * X**2 + 1)}
    assert_gradients(
        lambda x: kata.recompute(lambda a, b: a**2 * b + b)(x, x),
        {"x": x},
        lambda up: {"x": up * (3 * X**2 + 1)},
        call="recompute(lambda a, b: a**2 * b + b)(x, x)",
        oracle="the derivative of x**3 + x",
        bugs={"both arguments given the gradient of their sum, and added again": double},
        **FLOAT32,
    )


def test_2_an_argument_that_f_ignores(kata):
    f = kata.recompute(lambda x, y: 3 * x)
    x, y = tf.constant(X, tf.float32), tf.constant(Y, tf.float32)
    to_x, to_y = vjp(f, [x, y])[1]
    call = "tape.gradient(recompute(lambda x, y: 3 * x)(x, y), {})"
    assert_close(to_x, np.full_like(X, 3), call=call.format("x"), oracle="3", **FLOAT32)
    if to_y is not None:
        assert_close(to_y, 0 * Y, call=call.format("y"), oracle="0", **FLOAT32)


def test_2_two_calls_before_one_backward_pass(kata):
    def function(a, b):
        g = kata.recompute(lambda x: x * x)
        return g(a) + g(b)

    assert_gradients(
        function,
        {"a": tf.constant(1.0), "b": tf.constant(3.0)},
        lambda up: {"a": 2 * up, "b": 6 * up},
        call="(lambda g: g(a) + g(b))(recompute(lambda x: x * x))",
        oracle="2 a and 2 b",
        rtol=RTOL["float32"],
        bugs={"the arguments of the last call for both": lambda up: {"a": 6 * up}},
    )


def pair(scale):
    """Two outputs of different shapes, which share their input."""
    return lambda x: (tf.sin(x) * scale, tf.reduce_sum(x**3, axis=1))


def joined(outputs):
    return tf.concat([tf.reshape(output, [-1]) for output in outputs], axis=0)


def test_2_each_output_has_its_own_upstream(kata, mode):
    to_scale = lambda up: np.sum(up[:8].reshape(2, 4) * np.sin(X))
    first = lambda up: 2 * up[:8].reshape(2, 4) * np.cos(X)
    second = lambda up: 3 * up[8:, None] * X**2
    assert_gradients(
        lambda x, scale: joined(kata.recompute(pair(scale))(x)),
        {"x": tf.constant(X, tf.float32), "scale": tf.Variable(2.0)},
        lambda up: {"x": first(up) + second(up), "scale": to_scale(up)},
        call="recompute(f)(x), where f returns (scale * sin(x), sum(x**3, axis=1))",
        oracle="the derivatives by hand",
        bugs={
            "the first output only": lambda up: {"x": first(up)},
            "the last output only": lambda up: {"x": second(up)},
        },
        mode=mode,
        **FLOAT32,
    )


@pytest.mark.parametrize("used", [0, 1])
def test_2_a_loss_may_use_some_outputs_only(kata, used):
    slopes = [lambda up: 2 * up * np.cos(X), lambda up: 3 * up[:, None] * X**2]
    assert_gradients(
        lambda x: kata.recompute(pair(2.0))(x)[used],
        {"x": tf.constant(X, tf.float32)},
        lambda up: {"x": slopes[used](up)},
        call=f"recompute(f)(x)[{used}]",
        oracle="the derivative by hand",
        **FLOAT32,
    )


def test_3_gradients_to_the_weights_of_layers(kata):
    layers = keras.Sequential(
        [keras.layers.Dense(5, "tanh"), keras.layers.Dense(2, "softplus", use_bias=False)]
    )
    x = tf.constant(X, tf.float32)
    layers(x)
    weights = [weight.value for weight in layers.trainable_variables]
    # The variables are read where f runs, not from the arguments.
    upstream = random_upstream((2, 2))
    want = vjp(lambda x, *_: layers(x), [x, *weights], upstream)[1]
    got = vjp(lambda x, *_: kata.recompute(layers)(x), [x, *weights], upstream)[1]
    names = ["x"] + [f"layers.trainable_variables[{k}]" for k in range(3)]
    for name, mine, theirs in zip(names, got, want, strict=True):
        call = f"tape.gradient(recompute(layers)(x), {name})"
        if mine is None:
            cause = f"no differentiable path leads from {name} to the result"
            raise mismatch(call, expected="a tensor", got="None", cause=cause)
        assert_close(mine, theirs, call=call, oracle=AUTODIFF, **FLOAT32)


def test_3_frozen_variables_and_tensors_are_constants(kata):
    frozen = tf.Variable(2.0, trainable=False)
    captured, free = tf.constant(3.0), tf.Variable(5.0)
    g = kata.recompute(lambda x: x * frozen * captured * free)
    with tf.GradientTape() as tape:
        x = tf.constant(1.0)
        tape.watch([x, captured])
        y = g(x)
    slopes = tape.gradient(y, {"x": x, "free": free, "frozen": frozen, "captured": captured})
    call = "tape.gradient(recompute(lambda x: x * frozen * captured * free)(x), {})"
    for name, want in {"x": 30.0, "free": 6.0}.items():
        assert_close(slopes[name], want, call=call.format(name), oracle=AUTODIFF, **FLOAT32)
    if slopes["frozen"] is not None:
        raise mismatch(call.format("frozen"), expected="None", got=f"{slopes['frozen']}")


STEPS, LENGTH = 8, 1000


def remembered(value, born):
    """Returns [LENGTH] tensor, and adds a weak reference to `born`: dead when it is freed.

    In a graph a tensor is a symbol, so there the reference is to the array that holds the
    numbers. TensorFlow takes it over, where it begins at a multiple of 64 bytes.
    """
    if tf.executing_eagerly():
        tensor = tf.fill([LENGTH], value)
        born.append(weakref.ref(tensor))
        return tensor

    def make():
        memory = np.empty(4 * LENGTH + 64, "uint8")
        start = -memory.ctypes.data % 64
        array = memory[start : start + 4 * LENGTH].view("float32")
        array[:] = value
        born.append(weakref.ref(array))
        return array

    return tf.ensure_shape(tf.numpy_function(make, [], tf.float32), [LENGTH])


def test_4_nothing_that_f_makes_is_alive_after_the_forward_pass(kata):
    born, scale = [], tf.Variable(1.25)

    def f(x):
        for step in range(STEPS):
            # The gradient of a product needs both factors.
            x = tf.sin(scale * x * remembered(1 + step / STEPS, born))
        return tf.reduce_sum(x)

    with tf.GradientTape() as tape:
        x = tf.ones([LENGTH])
        tape.watch(x)
        y = kata.recompute(f)(x)
    # TensorFlow lets go of NumPy's arrays when it next calls Python.
    tf.numpy_function(lambda: np.float32(0), [], tf.float32)
    gc.collect()
    alive = sum(reference() is not None for reference in born)
    if alive:
        raise mismatch(
            f"y = recompute(f)(x) under a tape, where f makes {STEPS} tensors on its way to y",
            expected="none of them alive before the backward pass",
            got=f"{alive} of {STEPS} alive",
            cause="a tape outside records what f does inside a custom gradient, or grad keeps it",
        )
    del y  # A tape lets go of what led to a result when that has gone.


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "graph"])
def test_5_f_runs_once_forward_and_once_per_backward_pass(kata, compiled):
    runs, x = tf.Variable(0, trainable=False), tf.constant(X, tf.float32)

    def counted(x):
        # The gradient needs this 1: a graph leaves out what nothing needs.
        one = tf.cast(tf.sign(runs.assign_add(1)), x.dtype)
        return tf.sin(x * one)

    g = kata.recompute(counted)

    def step(backwards):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = g(x)
        return [y, *(tape.gradient(y, x) for _ in range(backwards))]

    for backwards in [0, 1, 2]:
        runs.assign(0)
        (graph(step) if compiled else step)(backwards)
        got, want = int(runs), 1 + backwards
        if got != want:
            call = f"y = recompute(f)(x), then {backwards} × tape.gradient(y, x)"
            given = {"expected": f"{want} runs of f", "got": f"{got} runs"}
            raise mismatch(call, **given, cause=why_so_often(got - want, backwards))


def why_so_often(more, backwards):
    """Returns the cause, where f ran so many times more than it should."""
    if more > 0:
        return f"f ran more than once in {'a backward' if backwards else 'the forward'} pass"
    if backwards == 2:
        return "the second backward pass did not run f: the first one's values had been kept"
    return "the backward pass did not run f: its intermediate values had been kept"


def test_6_every_mode_agrees(kata, mode):
    assert_as_autodiff(kata, mode=mode)


def test_6_the_rule_is_your_own(kata, monkeypatch):
    def refuse(*_, **__):
        cause = "this kata asks for what tf.recompute_grad and keras.remat do, by hand"
        raise mismatch("recompute(f)", expected="a rule of your own", got="theirs", cause=cause)

    monkeypatch.setattr(tf, "recompute_grad", refuse)
    monkeypatch.setattr(keras, "remat", refuse)
    x = tf.constant(X, tf.float32)
    to_x = vjp(kata.recompute(tf.square), [x])[1][0]
    call = "tape.gradient(recompute(tf.square)(x), x)"
    assert_close(to_x, 2 * X, call=call, oracle="2 x", **FLOAT32)
