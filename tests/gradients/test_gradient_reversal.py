"""A layer that does nothing forward and turns the gradient around.

Question (10 min). In domain-adversarial training a second head learns to tell two
domains apart, and the features before it should learn to make that impossible. Build
the piece between them: the identity forward, a reversed gradient backward.

    y = x            dL/dx = -scale * dL/dy

The paper raises scale from 0 to 1 during training, so it may be a variable. Write the
function and a Keras layer. Test k checks clause k:

    1. The value is `x`, to the last bit, in its shape and dtype: float16, 32 and 64.
       Python floats and lists of them become float32 tensors.
    2. The gradient with respect to `x` is -scale times the upstream gradient, in the
       dtype of `x`. The scale is a number or a scalar tensor, and 1 by default.
    3. A tf.Variable given as scale, to the function or to the layer, is read at each
       call, also by a tf.function that was traced before. What was read then is the
       scale of that call, even if the variable has changed before the backward pass.
       The variable gets no gradient (None).
    4. Eager mode, tf.function and XLA agree; so do calls by keyword and by position.
    5. GradientReversal(scale) is the function as a Keras layer. In a model it turns the
       gradients of the layers before it, and leaves those after it alone.
    6. It is registered with Keras and comes back from its config. A model with it comes
       back from its file, where a variable has become the number that it held.

Run   nox -s check -- gradient_reversal
Read  https://arxiv.org/abs/1505.07818, section 4.2
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.gradient_checks import (
    assert_each_call_keeps_its_value,
    assert_gradient,
    vjp,
)
from tests.support.modes import graph
from tests.support.serialization import assert_config_round_trip

# The scale, the upstream and their product are each rounded to eps / 2. A gradient that is
# the difference of upstream and (1 + scale) * upstream errs by eps / 2 of each: with a
# scale of 0.3, 4.3 eps of the result. Five eps in all.
RTOL = {"float16": 5e-3, "float32": 6e-7, "float64": 1.2e-15}
# A scale may pass float32.
SCALED = RTOL | {"float64": 1e-6}
EXACT = {"rtol": 0.0}

X = np.array([[-1e4, -2.5, -1e-3], [0.0, 0.75, 3.0]])
IDENTITY, RULE = "y = x", "-scale * upstream"
INPUTS = {"x": X}


@pytest.mark.parametrize("dtype", RTOL)
def test_1_the_value_is_x(kata, dtype):
    x, scale = X.astype(dtype), np.array(0.3, dtype)
    assert_close(
        kata.gradient_reversal(tf.constant(x), 0.3),
        x,
        call="gradient_reversal(x, 0.3)",
        oracle=IDENTITY,
        dtype=dtype,
        inputs=INPUTS,
        bugs={"x multiplied by -scale in the forward pass": -scale * x},
        **EXACT,
    )


LARGE = {"float16": 6e4, "float32": 3e38, "float64": 1e308}


@pytest.mark.parametrize("scale", [2.0, 1e4], ids="scale={}".format)
@pytest.mark.parametrize("dtype", RTOL)
def test_1_the_value_is_x_to_the_last_bit(kata, dtype, scale):
    # Twice the largest overflows; 1e4 * 0.1 leaves few bits to 0.1.
    x = np.array([LARGE[dtype], -LARGE[dtype], 0.75] if scale == 2 else [0.1, -0.3, 3], dtype)
    with np.errstate(all="ignore"):
        turned = x.dtype.type(scale) * x
        rebuilt = (x + turned) - turned
    assert_close(
        kata.gradient_reversal(tf.constant(x), scale),
        x,
        call=f"gradient_reversal(x, {scale:g})",
        oracle=IDENTITY,
        dtype=dtype,
        inputs={"x": x},
        bugs={
            "x rebuilt from a sum and a difference, which are rounded": rebuilt,
            "x multiplied by -scale in the forward pass": -turned,
        },
        **EXACT,
    )


def test_1_the_sign_of_the_value_stays(kata):
    assert_close(
        kata.gradient_reversal(tf.constant(X, tf.float32)),
        X.astype("float32"),
        call="gradient_reversal(x)",
        oracle=IDENTITY,
        inputs=INPUTS,
        bugs={"x negated in the forward pass": -X.astype("float32")},
        **EXACT,
    )


@pytest.mark.parametrize("x", [2.5, [2.5, -1.0], np.ones((1, 0), "float32")], ids=str)
def test_1_any_shape_goes_through(kata, x):
    call = f"gradient_reversal({x!r}, 0.3)"
    value = kata.gradient_reversal(x, 0.3)
    assert_close(value, x, call=call, oracle=IDENTITY, dtype="float32", **EXACT)


@pytest.mark.parametrize("scale", [0.3, 2, -0.5], ids="scale={}".format)
@pytest.mark.parametrize("dtype", RTOL)
def test_2_gradient_is_minus_scale_times_the_upstream(kata, dtype, scale):
    assert_gradient(
        lambda x: kata.gradient_reversal(x, scale),
        tf.constant(X, dtype),
        lambda up: -scale * up,
        call=f"gradient_reversal(x, {scale})",
        oracle=RULE,
        rtol=(SCALED if scale == 0.3 else RTOL)[dtype],
        inputs=INPUTS,
        bugs={
            "the minus sign lost": lambda up: scale * up,
            "the scale lost": lambda up: -up,
            "neither sign nor scale: no custom gradient": lambda up: up,
            "the scale added": lambda up: scale - up,
        },
    )


def test_2_the_scale_is_1_by_default(kata):
    assert_gradient(
        kata.gradient_reversal,
        tf.constant(X, tf.float32),
        lambda up: -up,
        call="gradient_reversal(x)",
        oracle=RULE,
        rtol=RTOL["float32"],
        bugs={"the minus sign lost": lambda up: up},
    )


def test_2_a_scale_of_zero_stops_the_gradient(kata):
    _, (slope,) = vjp(lambda x: kata.gradient_reversal(x, 0.0), [tf.constant([1.0, -2.0])])
    call = "tape.gradient(gradient_reversal(x, 0.0), x)"
    assert_close(slope, [0.0, 0.0], call=call, oracle=RULE, rtol=0.0)


@pytest.mark.parametrize("dtype", RTOL)
def test_2_the_scale_may_be_a_tensor(kata, dtype):
    scale = tf.constant(0.3, dtype)
    assert_gradient(
        lambda x: kata.gradient_reversal(x, scale),
        tf.constant(X, dtype),
        lambda up: -0.3 * up,
        call="gradient_reversal(x, tf.constant(0.3))",
        oracle=RULE,
        rtol=SCALED[dtype],
        inputs=INPUTS,
    )


def test_3_a_variable_is_read_at_each_call(kata, mode):
    scale, x = tf.Variable(0.0), tf.constant(X, tf.float32)
    assert_follows(lambda x: kata.gradient_reversal(x, scale), scale, x, mode, "function")


def test_3_the_layer_reads_its_variable_at_each_call(kata, mode):
    scale, x = tf.Variable(0.0), tf.constant(X, tf.float32)
    assert_follows(kata.GradientReversal(scale), scale, x, mode, "layer")


def assert_follows(function, scale, x, mode, name):
    """One traced function gives the gradient of each value that scale is assigned."""
    __tracebackhide__ = True

    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)

    traced, first = mode(gradient), 0.0
    for now in (first, 0.3, 2.0):
        scale.assign(now)
        assert_close(
            traced(),
            np.full(X.shape, -now),
            call=f"tape.gradient({name}, x) after scale.assign({now})",
            oracle=RULE,
            rtol=RTOL["float32"],
            bugs={"the scale of the first call, kept": 0 * X} if now != first else None,
        )


@pytest.mark.parametrize("layer", [False, True], ids=["function", "layer"])
@pytest.mark.parametrize("mode", [lambda f: f, graph], ids=["eager", "graph"])
def test_3_each_call_keeps_the_scale_that_it_read(kata, layer, mode):
    # Not first the default.
    scale, x = tf.Variable(2.0), tf.constant(X, tf.float32)
    turn = kata.GradientReversal(scale) if layer else lambda x: kata.gradient_reversal(x, scale)
    assert_each_call_keeps_its_value(
        lambda: turn(x),
        scale,
        [2.0, 3.0],
        lambda scale: np.full(X.shape, -scale),
        call="layer(x)" if layer else "gradient_reversal(x, scale)",
        name="scale",
        oracle=RULE,
        rtol=RTOL["float32"],
        source=x,
        mode=mode,
    )


def test_3_a_variable_gets_no_gradient(kata, mode):
    inputs = [tf.constant(X, tf.float32), tf.Variable(0.3)]
    _, (_, slope) = vjp(kata.gradient_reversal, inputs, mode=mode)
    if slope is not None:
        call = "tape.gradient(gradient_reversal(x, scale), scale)"
        raise mismatch(call, expected="None", got=f"{slope}")


def test_4_every_mode_has_the_same_value_and_gradient(kata, mode):
    x, upstream = tf.constant(X, tf.float32), np.arange(1.0, 7.0).reshape(X.shape)
    reversal = lambda x: kata.gradient_reversal(x, 0.3)
    value, (slope,) = vjp(reversal, [x], upstream, mode=mode)
    call, same = "gradient_reversal(x, 0.3)", X.astype("float32")
    assert_close(value, same, call=call, oracle=IDENTITY, inputs=INPUTS, **EXACT)
    call = "tape.gradient(gradient_reversal(x, 0.3), x, output_gradients=upstream)"
    want, how = -0.3 * upstream, {"rtol": RTOL["float32"], "inputs": INPUTS}
    assert_close(slope, want, call=call, oracle=RULE, **how)


def test_4_keywords_keep_the_custom_gradient(kata, mode):
    cause = "tf.custom_gradient sees positional arguments only; autodiff took over"
    assert_gradient(
        lambda x: kata.gradient_reversal(x=x, scale=0.3),
        tf.constant(X, tf.float32),
        lambda up: -0.3 * up,
        call="gradient_reversal(x=x, scale=0.3)",
        oracle=RULE,
        rtol=RTOL["float32"],
        inputs=INPUTS,
        bugs={cause: lambda up: up},
        mode=mode,
    )


@pytest.mark.parametrize("scale", [0.3, None], ids="scale={}".format)
def test_5_the_layer_is_the_function(kata, scale):
    layer = kata.GradientReversal() if scale is None else kata.GradientReversal(scale)
    call = f"GradientReversal({'' if scale is None else scale})(x)"
    x, minus = tf.constant(X, tf.float32), -1.0 if scale is None else -scale
    forward = {"-scale multiplied in on the way forward": minus * x.numpy()} if scale else {}
    assert_close(
        layer(x), x.numpy(), call=call, oracle=IDENTITY, inputs=INPUTS, bugs=forward, **EXACT
    )
    ignored = {"a scale of 1, whatever the layer was given": lambda up: -up} if scale else {}
    how = {"rtol": RTOL["float32"], "inputs": INPUTS}
    assert_gradient(layer, x, lambda up: minus * up, call=call, oracle=RULE, bugs=ignored, **how)


def small_model(layer):
    """Two features, `layer`, one domain score."""
    inputs = keras.Input((3,))
    features = keras.layers.Dense(2, use_bias=False, name="features")(inputs)
    domain = keras.layers.Dense(1, use_bias=False, name="domain")(layer(features))
    model = keras.Model(inputs, domain)
    # By layer: `layer` may have a weight of its own.
    model.get_layer("features").set_weights([np.array([[1, -2], [0.5, 3], [-1, 1]])])
    model.get_layer("domain").set_weights([np.array([[2.0], [-1.5]])])
    return model


BATCH = np.array([[1.0, 2.0, -1.0], [0.5, -3.0, 2.0]], "float32")


def slopes(model):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(BATCH) ** 2)
    return tape.gradient(loss, model.trainable_variables)


def test_5_only_the_layers_before_it_are_reversed(kata):
    before, after = slopes(small_model(keras.layers.Identity()))
    got = slopes(small_model(kata.GradientReversal(0.3)))
    how = {"oracle": "the model with the identity in its place", "rtol": 1e-5}
    call = "the gradient of {} GradientReversal(0.3)"
    assert_close(
        got[1],
        after.numpy(),
        call=call.format("the layer after"),
        bugs={
            "the layer after it reversed as well": -0.3 * after,
            "-scale multiplied in on the way forward": 0.09 * after,
        },
        **how,
    )
    assert_close(
        got[0],
        -0.3 * before.numpy(),
        call=call.format("the layer before"),
        bugs={"the layer before it not reversed": before},
        **how,
    )


def test_6_it_comes_back_from_its_config(kata):
    revived = assert_config_round_trip(kata.GradientReversal, scale=0.3, name="mine")
    assert_gradient(
        revived,
        tf.constant(X, tf.float32),
        lambda up: -0.3 * up,
        call="the revived GradientReversal(0.3)(x)",
        oracle=RULE,
        rtol=RTOL["float32"],
    )


def test_6_a_model_with_it_comes_back_from_its_file(kata, tmp_path):
    scale = tf.Variable(0.9)
    model = small_model(kata.GradientReversal(scale))
    scale.assign(0.3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for want, got in zip(slopes(model), slopes(loaded), strict=True):
        call = "the gradients of keras.models.load_model(path)"
        assert_close(got, want.numpy(), call=call, oracle="the saved model", rtol=1e-6)
