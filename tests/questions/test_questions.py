"""The numbers that QUESTIONS.md quotes under Gradients and Losses, measured again.

Each test recomputes a number and formats it into the sentence, which must stand in the
document. A claim without a number is checked, and then its sentence.
"""

import inspect
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.questions.quotes import assert_quoted
from tests.support.replicas import two_replicas

XLA = {"jit_compile": True}


def constant(value, dtype=tf.float32):
    return tf.constant(value, dtype)


def gradient(function, x, **how):
    """Returns d(sum of function(x)) / dx as NumPy, or None; compiled if told how."""
    x = tf.convert_to_tensor(x)

    @tf.autograph.experimental.do_not_convert
    def run():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)

    slope = tf.function(run, **how)() if how else run()
    return None if slope is None else slope.numpy()


def listed(values, form="g"):
    """Returns "[1, 2]" for an array; no zero is negative."""
    return "[" + ", ".join(f"{value + 0.0:{form}}" for value in values) + "]"


def second_gradient(function, x):
    x = constant(x)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        slope = inner.gradient(y, x)
    return outer.gradient(slope, x)


def scientific(value, digits=0):
    """Returns 2.061e-09 style."""
    return f"{value:.{digits}e}"


# Gradients


def test_g01_forgotten_upstream_passes_alone():
    forgets = tf.custom_gradient(lambda x: (x * x, lambda upstream: 2 * x))
    right = tf.custom_gradient(lambda x: (x * x, lambda upstream: upstream * 2 * x))
    x = constant(2.0)

    assert gradient(forgets, x) == gradient(right, x)
    wrong, true = (gradient(lambda x, f=f: 3 * f(x), x) for f in (forgets, right))
    assert_quoted(f"`3 * f(x)` at x = 2 then has gradient {wrong:g} instead of {true:g}")


def test_g09_clip_gradients_at_the_bounds():
    x = constant([-2.0, -1.0, 0.0, 1.0, 2.0])
    slope = gradient(lambda x: tf.clip_by_value(x, -1.0, 1.0), x)

    by_hand = gradient(lambda x: tf.minimum(tf.maximum(x, -1.0), 1.0), x)
    np.testing.assert_array_equal(slope, by_hand)
    assert_quoted(f"with bounds -1 and 1 the gradients are {listed(slope)}")


def test_g09_a_variable_bound_gets_the_gradient_of_what_it_replaced():
    low = tf.Variable([-1.0] * 3)
    with tf.GradientTape() as tape:
        y = tf.clip_by_value([-2.0, 0.0, 2.0], low, 1.0)

    np.testing.assert_array_equal(tape.gradient(y, low), [1, 0, 0])
    assert_quoted("A variable passed as a bound receives the gradient of every element it replaced")


def test_g09_clipping_probabilities_leaves_no_gradient():
    loss = keras.losses.BinaryCrossentropy()
    p = constant([[0.0]])
    one = constant([[1.0]])
    value, slope = loss(one, p), gradient(lambda p: loss(one, p), p).item()

    assert_quoted(
        f"label 1 at probability 0 reports a loss of {value:.2f} with a gradient of {slope:g}"
    )


def test_g09_clip_with_the_gradient_whole():
    x = constant([-2.0, 0.5, 3.0])

    def clip(x):
        return x + tf.stop_gradient(tf.clip_by_value(x, -1.0, 1.0) - x)

    np.testing.assert_allclose(clip(x), [-1, 0.5, 1])
    np.testing.assert_array_equal(gradient(clip, x), [1, 1, 1])
    assert_quoted("`x + tf.stop_gradient(tf.clip_by_value(x, low, high) - x)`")


@tf.custom_gradient
def thousand(x, y):
    return x * y, lambda upstream: (1000 * upstream, 1000 * upstream)


def product_gradients(call):
    x, y = constant(2.0), constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        z = call(x, y)
    return tape.gradient(z, [x, y])


def test_g05_keywords_fall_back_to_autodiff():
    dx, dy = product_gradients(lambda x, y: thousand(x=x, y=y))

    assert [float(g) for g in product_gradients(thousand)] == [1000, 1000]
    assert_quoted(f"`mul(x=2., y=3.)` gives the gradients {dx:g} and {dy:g} of autodiff")


def test_g05_mixed_keywords_and_graph_keywords_raise():
    with pytest.raises(ValueError, match="expected to return 1 gradients"):
        product_gradients(lambda x, y: thousand(x, y=y))
    with pytest.raises(ValueError, match="only when eager execution is enabled"):
        tf.function(lambda: product_gradients(lambda x, y: thousand(x=x, y=y)))()
    assert_quoted("Inside a `tf.function` any keyword raises a ValueError")


def test_g05_positional_only_cannot_be_misused():
    @tf.custom_gradient
    def product(x, y, /):
        return x * y, lambda upstream: (upstream * y, upstream * x)

    with pytest.raises(TypeError, match="positional-only"):
        product_gradients(lambda x, y: product(x=x, y=y))
    assert_quoted("a positional-only decorated function, `def f(x, y, /)`")


def test_g08_a_float_is_frozen_at_tracing():
    scale = [0.5]

    @tf.custom_gradient
    def reverse(x):
        frozen = scale[0]
        return tf.identity(x), lambda upstream: -frozen * upstream

    @tf.function
    def slope(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = reverse(x)
        return tape.gradient(y, x)

    before = slope(constant(1.0))
    scale[0] = 1.0
    after = slope(constant(1.0))
    assert before == -0.5
    assert_quoted(
        f"with 0.5 at tracing and 1.0 afterwards the traced function still returns {after:g}"
    )


def test_g08_every_python_float_is_a_new_trace():
    traces = []

    @tf.function
    def scaled(x, scale):
        traces.append(scale)
        return x * scale

    for scale in (0.1, 0.2, 0.3):
        scaled(constant(1.0), scale)
    assert_quoted(f"three values gave {len(traces)} traces")

    variable = tf.Variable(0.1)
    traces.clear()
    for scale in (0.1, 0.2, 0.3):
        variable.assign(scale)
        scaled(constant(1.0), variable)
    assert len(traces) == 1


def test_g07_rounding_has_no_gradient_until_straight_through():
    x = constant([-2.0, -0.4, 0.3, 1.7])

    assert gradient(tf.round, x) is None
    np.testing.assert_array_equal(
        gradient(lambda x: x + tf.stop_gradient(tf.round(x) - x), x), [1, 1, 1, 1]
    )
    assert gradient(lambda x: tf.stop_gradient(x + tf.round(x) - x), x) is None
    assert_quoted("`tf.round` does not even give that: its gradient is `None`")
    assert_quoted("`tf.stop_gradient(x + q(x) - x)`. The value is right and the gradient is `None`")


def test_g07_sign_of_zero():
    assert_quoted(f"`tf.sign(0.)` is {tf.sign(0.0):g}, which is neither of the two levels")


def test_g07_two_term_form_rounds():
    x = constant(1e8)
    assert_quoted(f"in float32 at x = 1e8, `x + (1 - x)` gives {x + (1 - x):g} instead of 1")


@tf.custom_gradient
def documented(x):
    """The example of the custom_gradient page."""
    e = tf.exp(x)
    return tf.math.log(1 + e), lambda upstream: upstream * (1 - 1 / (1 + e))


def naive_softplus(x):
    return tf.math.log(1 + tf.exp(x))


def test_g06_naive_gradient_is_0_and_then_nan():
    at_88, at_89 = (gradient(naive_softplus, constant(x)) for x in (88.0, 89.0))
    assert_quoted(f"In float32 its gradient at 88 is already {at_88:g}")
    assert_quoted(f"at 89 it is {at_89:g}, from 0 times infinity")


def test_g06_documented_softplus_overflows():
    x = constant(89.0)
    assert_quoted(
        f"the gradient at 89 is {gradient(documented, x):g}, "
        f"but the forward pass reads {documented(x):g} at 89"
    )
    at_100 = constant(100.0)
    assert gradient(documented, at_100) == 1
    assert_quoted(f"it is right at 100, where the value is {documented(at_100):g}")


def test_g06_without_log1p_small_values_are_lost():
    x = constant(-20.0)
    naive, right = naive_softplus(x), tf.math.softplus(x)
    assert_quoted(f"the value at -20 is {naive:g} instead of {scientific(right, 3)}")


def recited(first):
    """The stable softplus, whose maximum is `first`(x)."""
    return lambda x: first(x) + tf.math.log1p(tf.exp(-tf.abs(x)))


def test_g06_recited_form_has_the_wrong_slope_at_0():
    zero = constant(0.0)
    given, swapped, truth = (
        gradient(f, zero)
        for f in (
            recited(lambda x: tf.maximum(x, 0.0)),
            recited(lambda x: tf.maximum(0.0, x)),
            tf.math.softplus,
        )
    )
    assert_quoted(
        f"`tf.maximum(x, 0.)` in the sum gives a gradient of {given:g}, with the arguments "
        f"swapped {swapped:g}, while the truth is {truth:g}"
    )


def test_g06_logaddexp_at_0():
    slope = gradient(lambda x: keras.ops.logaddexp(x, 0.0), constant(0.0))
    assert_quoted(
        f"`keras.ops.logaddexp(x, 0.)` get it right?* The value, yes. "
        f"Its gradient at 0 is {slope:g}"
    )


def cube(rule):
    """x³ with `rule(x, upstream)` for a gradient."""
    return tf.custom_gradient(lambda x: (x**3, lambda upstream: rule(x, upstream)))


def test_g13_second_derivatives():
    in_tf = cube(lambda x, upstream: upstream * 3 * x**2)
    in_numpy = cube(lambda x, upstream: upstream * 3 * np.float32(x.numpy()) ** 2)

    second = second_gradient(in_tf, 2.0)
    assert_quoted(f"`upstream * 3 * x ** 2` the second derivative at 2 is {second:g}")
    assert gradient(in_numpy, constant(2.0)) == 12
    assert second_gradient(in_numpy, 2.0) is None
    assert_quoted("The first derivative stays right, the second is `None`, and nothing raises")


def test_g13_nested_rule_needs_x():
    def on_upstream(x, upstream):
        @tf.custom_gradient
        def inner(upstream):
            return upstream * 3 * x**2, lambda d: d * 777.0

        return inner(upstream)

    def on_both(x, upstream):
        @tf.custom_gradient
        def inner(upstream, x):
            return upstream * 3 * x**2, lambda d: (d * 3 * x**2, d * 777.0)

        return inner(upstream, x)

    ignored, honoured = (second_gradient(cube(rule), 2.0) for rule in (on_upstream, on_both))
    assert_quoted(
        f"With a deliberately wrong rule of 777, the one-argument version still returns "
        f"{ignored:g}, so the rule was ignored for x; on `(upstream, x)` it returns {honoured:g}"
    )


def bias_after_one_step(loss):
    """SGD at rate 1 from zero logits, six positives and two negatives."""
    labels = constant([[1.0]] * 6 + [[0.0]] * 2)
    bias = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        value = loss(labels, tf.zeros((8, 1)) + bias)
    return float(bias - tape.gradient(value, bias))


def recited_cross_entropy(maximum):
    return lambda y, z: tf.reduce_mean(maximum(z) - z * y + tf.math.log1p(tf.exp(-tf.abs(z))))


def test_g23_first_step_goes_the_wrong_way():
    wrong = bias_after_one_step(recited_cross_entropy(lambda z: tf.maximum(z, 0.0)))
    swapped = bias_after_one_step(recited_cross_entropy(lambda z: tf.maximum(0.0, z)))
    right = bias_after_one_step(keras.losses.BinaryCrossentropy(from_logits=True))
    assert_quoted(
        f"one step of SGD at rate 1 moves the bias to {wrong:g}, where "
        f"`BinaryCrossentropy(from_logits=True)` moves it to {right:g}"
    )
    assert_quoted(f"so the gradient becomes `-y` and the bias moves to {swapped:g}")


def test_g23_huber_joins_with_one_slope():
    zero = constant([0.0])
    slope = gradient(lambda e: keras.losses.Huber(delta=1.0)(zero, e), constant([1.0]))
    np.testing.assert_array_equal(slope, [1])
    assert_quoted("Huber is safe: both pieces have the same value and slope where they meet")


def norm(x):
    return tf.sqrt(tf.reduce_sum(x * x))


@pytest.mark.parametrize("how", [{}, XLA], ids=["eager", "XLA"])
def test_g19_norm_at_zero_is_nan(how):
    zero = constant([0.0, 0.0])
    for f in (norm, tf.norm, lambda x: tf.sqrt(tf.maximum(tf.reduce_sum(x * x), 0.0))):
        assert np.isnan(gradient(f, zero, **how)).all()
    assert_quoted("their product is nan. `tf.norm` does it too, eagerly and under XLA")


def test_g19_epsilon_inside_the_root_is_a_bias():
    biased = tf.sqrt(constant(0.0) + 1e-7)
    assert_quoted(f"with 1e-7 inside, a vector of length 0 reads {scientific(biased, 2)}")


def test_g19_slopes_of_normalizing_at_zero():
    zero = constant([0.0, 0.0])
    slope = gradient(lambda x: tf.math.l2_normalize(x)[0], zero)[0]
    assert_quoted(f"the slope of `tf.math.l2_normalize` at 0 is {scientific(slope)}")

    def normalize(x):
        return keras.ops.normalize(x)[0]

    eager, compiled = gradient(normalize, zero)[0], gradient(normalize, zero, **XLA)[0]
    assert_quoted(
        f"`keras.ops.normalize` of zeros has a slope of {scientific(eager)} eagerly and "
        f"{compiled:g} under XLA"
    )


def test_g19_diagonal_of_a_distance_matrix():
    def distances(e):
        squared = tf.reduce_sum((e[:, None] - e[None]) ** 2, -1)
        return tf.sqrt(tf.maximum(squared, 0.0))

    assert np.isnan(gradient(distances, constant([[1.0, 2.0], [3.0, 5.0]]))).all()
    assert_quoted("all gradients of a pairwise distance matrix are nan because of its diagonal")


def masked(f):
    return lambda x: tf.where(x > 0, f(x), tf.zeros_like(x))


DANGEROUS = {
    "log": tf.math.log,
    "1/x": lambda x: 1 / x,
    "x ** 0.5": lambda x: x**0.5,
    "x * log(x)": lambda x: x * tf.math.log(x),
}


@pytest.mark.parametrize("how", [{}, {"jit_compile": False}, XLA], ids=["eager", "graph", "XLA"])
def test_g10_one_where_is_not_enough(how):
    x = constant([0.0, 4.0])
    for f in DANGEROUS.values():
        assert np.isnan(gradient(masked(f), x, **how)[0])
    overflow = gradient(
        lambda x: tf.where(x < 10, tf.exp(x), tf.zeros_like(x)), constant([100.0]), **how
    )
    assert np.isnan(overflow[0])

    names = ", ".join(f"`{name}`" for name in DANGEROUS)
    assert_quoted(f"{names} at 0, and an `exp` that overflows, in every mode")


def test_g10_double_where_and_guarded_ops():
    x = constant([0.0, 4.0])
    double = gradient(
        lambda x: tf.where(x > 0, tf.math.log(tf.where(x > 0, x, 1.0)), 0.0), x, **XLA
    )
    np.testing.assert_array_equal(double, [0, 0.25])
    assert_quoted("`tf.where(x > 0, tf.math.log(tf.where(x > 0, x, 1.)), 0.)`")
    for f in (lambda x: tf.math.xlogy(x, x), lambda x: tf.math.divide_no_nan(1.0, x)):
        assert np.isfinite(gradient(f, x)).all()


def test_g10_masking_the_output_is_too_late():
    x = constant([0.0, 4.0])
    product = gradient(lambda x: tf.cast(x > 0, x.dtype) * tf.math.log(x), x)
    guarded = gradient(
        lambda x: tf.math.multiply_no_nan(tf.math.log(x), tf.cast(x > 0, x.dtype)), x
    )
    assert np.isnan([product[0], guarded[0]]).all()
    assert_quoted("whether by a product or by `tf.math.multiply_no_nan`")


def test_g10_the_root_fails_only_under_xla():
    x = constant([0.0, 4.0])
    for f in (tf.sqrt, tf.math.rsqrt):
        assert np.isfinite(gradient(masked(f), x)).all()
        assert np.isnan(gradient(masked(f), x, **XLA)[0])
    eager = gradient(masked(tf.sqrt), x)[0]
    assert_quoted(f"on this TensorFlow the gradient at 0 is {eager:g}, because the kernel")
    assert_quoted("`tf.sqrt` and `tf.math.rsqrt` fail only with `jit_compile=True`")


def test_g10_g26_check_numerics_names_the_op():
    tf.debugging.enable_check_numerics()
    try:
        with pytest.raises(tf.errors.InvalidArgumentError, match='op "Log"'):
            gradient(masked(tf.math.log), constant([0.0, 4.0]))
        with pytest.raises(tf.errors.InvalidArgumentError, match="unsupported operations"):
            gradient(masked(tf.math.log), constant([0.0, 4.0]), **XLA)
    finally:
        tf.debugging.disable_check_numerics()
    assert_quoted("stops at the first op whose output is infinite or nan, in either pass")
    assert_quoted("With `jit_compile=True` a function that carries its checks does not compile")


def test_g24_squares_leave_the_range():
    assert_quoted(f"`tf.norm([1e30, 1e30])` is {tf.norm([1e30, 1e30]):g}")
    assert_quoted(f"`tf.norm([1e-30, 1e-30])` is {tf.norm([1e-30, 1e-30]):g}")
    largest = np.finfo(np.float32).max
    assert_quoted(f"float32 ends at {largest:.1e}".replace("e+", "e"))
    assert_quoted(f"anything above {largest**0.5:.1e} squares".replace("e+", "e"))
    assert np.isinf(constant(300.0, tf.float16) ** 2)
    assert_quoted(
        f"float16, which ends at {np.finfo(np.float16).max:.0f}: there a component of 300"
    )


def test_g24_scaling_by_a_detached_maximum_is_exact():
    def scaled(x):
        m = tf.stop_gradient(tf.reduce_max(tf.abs(x)))
        return m * norm(x / m)

    for size in (1e30, 1e-30):
        x = constant([3 * size, 4 * size])
        np.testing.assert_allclose(scaled(x), 5 * size, rtol=1e-6)
        np.testing.assert_allclose(gradient(scaled, x), [0.6, 0.8], rtol=1e-6)
    assert_quoted("Treat m as a constant with `tf.stop_gradient`")


def test_g24_g26_global_norm_spreads_what_is_not_finite():
    for bad in (1e30, float("nan")):
        gradients = [constant(bad), constant(1.0)]
        assert np.isnan(tf.clip_by_global_norm(gradients, 1.0)[0]).all()
        variables = [keras.Variable(0.0), keras.Variable(0.0)]
        keras.optimizers.SGD(1.0, global_clipnorm=1.0).apply(gradients, variables)
        assert np.isnan(variables[1])
    assert np.isnan(tf.clip_by_value(float("nan"), -1.0, 1.0))
    assert_quoted("turn every gradient into nan when the norm is not finite")
    assert_quoted("By value, a nan stays a nan; by global norm, one nan component")


def test_g18_log_of_softmax_breaks():
    z = constant([1000.0, 0.0])

    def naive(z):
        return -tf.math.log(tf.nn.softmax(z)[1])

    def stable(z):
        return -tf.nn.log_softmax(z)[1]

    assert np.isnan(gradient(naive, z)).all()
    assert_quoted(
        f"for z = [1000, 0] and the second label, the loss is {naive(z):g} and the gradient "
        f"nan, where `tf.nn.log_softmax` gives {stable(z):g} and {listed(gradient(stable, z))}"
    )


def test_g18_tensorflow_assumes_labels_that_sum_to_1():
    labels, z = constant([2.0, 1.0]), constant([0.0, 0.0])

    def fused(z):
        return tf.nn.softmax_cross_entropy_with_logits(labels, z)

    def plain(z):
        return -tf.reduce_sum(labels * tf.nn.log_softmax(z))

    np.testing.assert_allclose(fused(z), plain(z))
    assert_quoted(
        "for labels [2, 1] and logits [0, 0] `tf.nn.softmax_cross_entropy_with_logits` returns "
        f"the right value, {fused(z):.3f}, and the gradient {listed(gradient(fused, z))}, where "
        f"the derivative of that value is {listed(gradient(plain, z))}"
    )


def test_g04_errors_for_captured_variables():
    w, v = tf.Variable(3.0), tf.Variable(4.0)
    no_argument = tf.custom_gradient(lambda x: (x * w, lambda upstream: upstream * w))
    too_few = tf.custom_gradient(
        lambda x: (x * w * v, lambda upstream, variables=None: (upstream, [upstream]))
    )
    with pytest.raises(TypeError, match="must accept keyword argument 'variables'"):
        no_argument(constant(1.0))
    with pytest.raises(ValueError, match="Must return gradient for each variable"):
        gradient(too_few, constant(1.0))
    assert_quoted(
        'A ValueError when the gradient is taken: "Must return gradient for each variable"'
    )


@pytest.mark.parametrize("how", [{}, {"jit_compile": False}], ids=["eager", "graph"])
def test_g04_non_trainable_variables_do_not_count(how):
    w = tf.Variable(3.0, trainable=False)
    f = tf.custom_gradient(lambda x: (x * w, lambda upstream: upstream * 7.0))
    assert gradient(f, constant(1.0), **how) == 7
    assert_quoted("A non-trainable one asks for no `variables` argument, eagerly or in a graph")


def test_g04_a_keras_variable_appears_as_its_tf_variable():
    w, seen = keras.Variable(3.0), []

    @tf.custom_gradient
    def f(x):
        def grad(upstream, variables=None):
            seen.extend(variables)
            return upstream * 3.0, [upstream * x]

        return x * w, grad

    gradient(f, constant(2.0))
    assert seen[0] is w.value
    assert_quoted("a Keras variable appears as the `tf.Variable` inside it")


class Affine(keras.layers.Layer):
    """x @ kernel with its own gradient; the kernel captured, or passed as an argument."""

    def __init__(self, captured, **kwargs):
        super().__init__(**kwargs)
        self.captured = captured
        self.kernel = self.add_weight(shape=(4, 2), initializer="ones")

    def call(self, x):
        if self.captured:
            captured = tf.custom_gradient(
                lambda x: (x @ self.kernel, lambda upstream: upstream @ tf.transpose(self.kernel))
            )
            return captured(x)

        @tf.custom_gradient
        def affine(x, kernel):
            def grad(upstream):
                return upstream @ tf.transpose(kernel), tf.transpose(x) @ upstream

            return x @ kernel, grad

        return affine(x, tf.convert_to_tensor(self.kernel))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_g04_the_kernel_as_an_argument_survives_mixed_precision(policy):
    layer = Affine(captured=False, dtype=policy)
    with tf.GradientTape() as tape:
        y = layer(tf.ones((3, 4)))
    slope = tape.gradient(y, layer.kernel.value)
    assert slope.dtype == tf.float32
    np.testing.assert_array_equal(slope, np.full((4, 2), 3))

    with pytest.raises(TypeError, match="variables"):
        Affine(captured=True, dtype=policy)(tf.ones((3, 4)))
    assert_quoted("as soon as the body reads `self.kernel` directly, the call raises TypeError")


def test_g15_a_wrong_shape_is_noticed_late():
    x, bias = tf.ones((4, 3)), keras.Variable(np.zeros(3, "float32"))
    add = tf.custom_gradient(lambda x, b: (x + b, lambda upstream: (upstream, upstream)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = add(x, tf.convert_to_tensor(bias))
    dx, db = tape.gradient(y, [x, bias.value])
    assert_quoted(f"The tape hands back gradients of shape {tuple(dx.shape)} and {tuple(db.shape)}")
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"Cannot update variable with shape \[3\]"
    ):
        keras.optimizers.SGD().apply([db], [bias])
    assert_quoted('`SGD.apply` raises "Cannot update variable with shape [3]"')


def test_g17_recomputing_dropout_draws_another_mask():
    tf.random.set_seed(0)
    x = tf.ones(1000)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.recompute_grad(lambda x: tf.nn.dropout(x, 0.5))(x)
    agree = np.mean((y > 0) == (tape.gradient(y, x) > 0))
    share = {0.5: "half", 1.0: "all"}[round(2 * agree) / 2]
    assert_quoted(f"on 1000 units the two masks agreed on about {share} of them")


def test_g17_recomputing_batch_normalization_updates_twice():
    x = tf.random.stateless_normal((1000, 3), [1, 2]) + 5

    def moving_mean(wrap):
        layer = keras.layers.BatchNormalization(momentum=0.9)
        layer.build((None, 3))
        segment = wrap(lambda x: layer(x, training=True))
        gradient(lambda x: segment(x) ** 3, x)
        return float(np.mean(layer.moving_mean))

    once, twice = moving_mean(lambda f: f), moving_mean(tf.recompute_grad)
    assert_quoted(f"the moving mean after one step is near {twice:.0f} instead of {once:.1f}")


def test_g17_recompute_grad_with_a_dense_layer():
    dense = keras.layers.Dense(4)
    dense.build((None, 3))
    x = tf.random.stateless_normal((5, 3), [1, 2])

    def kernel_gradient(f):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(f(x) ** 2)
        return tape.gradient(loss, dense.kernel.value)

    np.testing.assert_array_equal(kernel_gradient(dense), kernel_gradient(tf.recompute_grad(dense)))
    assert_quoted("around a `Dense` layer it gives the same kernel gradient as without")


def test_g16_unused_outputs_send_zeros():
    seen = []

    @tf.custom_gradient
    def powers(x):
        def grad(d1, d2):
            seen.extend([d1, d2])
            return d1 * 2 * x + d2 * 3 * x**2

        return (x**2, x**3), grad

    assert gradient(lambda x: powers(x)[0], constant(2.0)) == 4
    assert_quoted(f"`grad` was called with {seen[0]:g} and {seen[1]:g}")


def test_g03_causes_of_none():
    x = constant(1.5)
    for f in (
        tf.round,
        lambda x: tf.cast(tf.argmax([x, 1.0]), x.dtype),
        lambda x: tf.cast(x > 0, x.dtype),
        lambda x: tf.numpy_function(np.square, [x], tf.float32),
    ):
        assert gradient(f, x) is None
    assert gradient(lambda x: tf.py_function(tf.square, [x], tf.float32), x) == 3
    assert gradient(tf.square, tf.constant(3)) is None
    assert_quoted("A `tf.py_function` of TensorFlow ops is differentiated")
    assert_quoted("An op on the path has no gradient: `argmax`, `round`, a comparison")

    v = tf.Variable(2.0)
    v = v - 0.1
    with tf.GradientTape() as tape:
        y = v * v
    assert tape.gradient(y, v) is None
    assert_quoted("after `v = v - 0.1 * g` it is a tensor, and the next tape does not watch it")


def test_g03_sign_is_zero_and_round_is_none():
    sign = gradient(tf.sign, constant(1.5))
    assert_quoted(
        f"*Why is `tf.sign` {sign:g} and `tf.round` `{gradient(tf.round, constant(1.5))}`?*"
    )


def test_g03_unconnected_gradients():
    x = constant(1.5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.round(x)
    assert tape.gradient(y, x, unconnected_gradients="zero") == 0
    assert_quoted('Ask for zeros with `unconnected_gradients="zero"`')


def test_g03_an_optimizer_only_warns():
    variables = [keras.Variable(1.0), keras.Variable(1.0)]
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        keras.optimizers.SGD().apply_gradients(zip([None, constant(1.0)], variables, strict=True))
    assert float(variables[0]) == 1
    assert_quoted("An optimizer skips such a variable, most often with a warning only")


def focal(z, detach=False):
    p = tf.sigmoid(z)
    modulator = (1 - p) ** 2
    return -(tf.stop_gradient(modulator) if detach else modulator) * tf.math.log(p)


def test_g20_detaching_the_focal_factor():
    z = constant(-1.0)
    wrong, right = gradient(lambda z: focal(z, detach=True), z), gradient(focal, z)
    assert_quoted(f"the gradient is then {wrong:.3f} instead of {right:.3f}")

    for z in (-4.0, -1.0, 0.5, 3.0):
        p = 1 / (1 + np.exp(-z))
        ratio = gradient(focal, constant(z)) / gradient(lambda z: focal(z, True), constant(z))
        np.testing.assert_allclose(ratio, 1 + 2 * p * -np.log(p) / (1 - p), rtol=1e-4)
    assert_quoted("larger by `1 + gamma * p_t * (-log(p_t)) / (1 - p_t)`")


def test_g12_step_sizes_in_float32():
    def error(h):
        x, h = np.float32(2), np.float32(h)
        slope = ((x + h) ** 3 - (x - h) ** 3) / (2 * h)
        return abs(float(slope) - 12) / 12

    assert_quoted(
        f"For x³ at 2 the relative error is {error(1e-2):.0e} at h = 1e-2, {error(1e-4):.0e} at "
        f"h = 1e-4, and {error(1e-8):g} at h = 1e-8"
    )
    assert_quoted(
        f"cube root of the machine epsilon, times the scale of x: "
        f"{np.cbrt(np.finfo(np.float32).eps):.0e}".replace("e-0", "e-")
    )


def test_g12_compute_gradient_steps_by_a_1024th():
    (theory,), (numeric,) = tf.test.compute_gradient(lambda x: x**3, [constant([2.0], tf.float64)])
    error = abs(theory - numeric).item()
    np.testing.assert_allclose(error, 1 / 1024**2, rtol=1e-6)
    assert_quoted(f"In float64 the error for x³ is therefore {error:.1e}, h² itself")


def test_g12_ones_hide_what_the_simplex_cancels():
    slope = gradient(lambda x: tf.reduce_sum(tf.nn.softmax(x)), constant([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(slope, 0, atol=1e-7)
    assert_quoted("`sum(softmax(x))` has gradient 0")


def weights_after_one_step(jit_compile):
    """A Euclidean loss behind one tf.where; the first example is predicted exactly."""

    def loss(y_true, y_pred):
        squared = tf.reduce_sum((y_true - y_pred) ** 2, -1)
        return tf.where(squared > 0, tf.sqrt(squared), tf.zeros_like(squared))

    dense = keras.layers.Dense(2, use_bias=False, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((2,)), dense])
    model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=jit_compile)
    model.fit(constant([[0.0, 0.0], [1.0, 2.0]]), tf.zeros((2, 2)), verbose=0)
    return model.jit_compile, np.asarray(dense.kernel)


@pytest.mark.skipif(
    any(device.device_type != "CPU" for device in tf.config.list_physical_devices()),
    reason="the claim is about machines with a CPU only",
)
def test_g11_automatic_compilation_is_off_on_a_cpu():
    compiled, weights = weights_after_one_step("auto")
    assert compiled is False
    assert np.isfinite(weights).all()
    assert_quoted('trains on under `jit_compile="auto"` on a CPU')


def test_g11_xla_turns_the_weights_into_nan():
    assert np.isnan(weights_after_one_step(True)[1]).all()
    assert_quoted("with `jit_compile=True` all weights are nan after one step")


def jvp(f, x):
    x = constant(x)
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
        y = f(x)
    return accumulator.jvp(y)


def test_g14_forward_mode_ignores_the_rule():
    square = tf.custom_gradient(lambda x: (x * x, lambda upstream: upstream * 100))
    reverse, forward = gradient(square, constant(3.0)), jvp(square, 3.0)
    assert_quoted(f"reverse mode gives {reverse:g} and forward mode {forward:g} at x = 3")

    assert np.isnan(jvp(documented, 89.0))
    assert_quoted("where forward mode still computes the naive derivative")


def test_g22_jacobian_through_a_custom_gradient():
    square = tf.custom_gradient(lambda x: (x * x, lambda upstream: upstream * 2 * x))
    w = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        losses = square(tf.linalg.matvec([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], w))
    a, b, c = (" ".join(f"{g:g}" for g in row) for row in tape.jacobian(losses, w).numpy())
    assert_quoted(f"it returned the rows {a}, {b} and {c}")


def fixed_point(w, x, steps=200):
    z = 0 * x
    for _ in range(steps):
        z = tf.tanh(w * z + x)
    return z


def test_g25_implicit_gradient_of_a_fixed_point():
    @tf.custom_gradient
    def solve(w, x):
        z = fixed_point(w, x)

        def grad(upstream):
            slope = 1 - z**2
            adjoint = upstream / (1 - slope * w)
            return adjoint * slope * z, adjoint * slope

        return z, grad

    def one_step(w, x):
        return tf.tanh(w * tf.stop_gradient(fixed_point(w, x)) + x)

    def by_weight(f):
        return gradient(lambda w: f(w, constant(0.3)), constant(0.5))

    implicit, unrolled, short = map(by_weight, (solve, fixed_point, one_step))
    np.testing.assert_allclose(implicit, unrolled, rtol=1e-5)
    assert_quoted(
        f"For `z = tanh(0.5 * z + 0.3)` the implicit gradient with respect to the weight is "
        f"{implicit:.4f}, and unrolling 200 iterations gives the same"
    )
    assert_quoted(f"here {short:.4f} instead of {implicit:.4f}")


def gradient_under_cond(make):
    """The gradient of make(w)(x) for x = 2, called under tf.cond in a graph."""
    w = tf.Variable(3.0)
    f = make(w)

    @tf.autograph.experimental.do_not_convert
    def run(x, yes):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.cond(yes, lambda: f(x), lambda: x)
        return tape.gradient(y, x)

    return float(tf.function(run)(constant(2.0), tf.constant(True)))


def read_in_grad(w):
    def f(x):
        return x * w, lambda upstream, variables=None: (upstream * w, [upstream * x])

    return tf.custom_gradient(f)


def read_forward(w):
    def f(x):
        value = tf.convert_to_tensor(w)
        return x * value, lambda upstream, variables=None: (upstream * value, [upstream * x])

    return tf.custom_gradient(f)


def passed(w):
    f = tf.custom_gradient(lambda x, w: (x * w, lambda upstream: (upstream * w, upstream * x)))
    return lambda x: f(x, tf.convert_to_tensor(w))


def test_g21_variables_under_cond():
    with pytest.raises(AttributeError):
        gradient_under_cond(read_in_grad)
    assert gradient_under_cond(read_forward) == 3
    assert gradient_under_cond(passed) == 3
    assert_quoted("raises AttributeError on 2.21; read in the forward function and captured")


# Losses


def test_l01_how_much_easy_examples_shrink():
    easy, even = 1 / (1 - 0.9) ** 2, 1 / (1 - 0.5) ** 2
    assert_quoted(
        f"At p_t = 0.9 and gamma = 2 the loss is {easy:.0f} times smaller than cross-entropy, "
        f"at p_t = 0.5 only {even:.0f} times"
    )


def test_l01_bias_for_a_prior():
    bias = -np.log((1 - 0.01) / 0.01)
    assert 1 / (1 + np.exp(-bias)) == pytest.approx(0.01)
    assert_quoted(f"`b = -log((1 - π) / π)`, which is {bias:.3f} for π = 0.01")


def test_l02_where_one_minus_p_is_zero():
    z = next(z / 10 for z in range(150, 200) if 1 - tf.sigmoid(constant(z / 10)) == 0)
    assert_quoted(f"In float32, `1 - sigmoid(z)` is exactly 0 from z = {z:g}")


def keras_focal_gradient(gamma, z):
    loss = keras.losses.BinaryFocalCrossentropy(gamma=gamma, from_logits=True)
    return gradient(lambda z: loss(constant([[1.0]]), z), constant([[z]])).item()


def test_l02_the_built_in_is_nan_when_certain():
    for gamma in (0.0, 0.5):
        assert np.isfinite(keras_focal_gradient(gamma, 16.0))
        assert np.isnan(keras_focal_gradient(gamma, 17.0))
    assert_quoted("has gradient nan for label 1 at logit 17, with gamma = 0 as with gamma = 0.5")


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_l02_the_form_in_logs_is_finite(gamma):
    def loss(z):
        return tf.exp(-gamma * tf.nn.softplus(z)) * tf.nn.softplus(-z)

    z = constant([-1e4, -1000.0, -17.0, 0.0, 17.0, 100.0, 1000.0, 1e4])
    assert np.isfinite(loss(z)).all()
    assert np.isfinite(gradient(loss, z)).all()
    assert_quoted("the form above is finite up to ±1e4")


def test_l03_a_scalar_alpha_does_not_balance():
    def categorical(alpha):
        loss = keras.losses.CategoricalFocalCrossentropy(alpha=alpha, gamma=0.0, reduction="none")
        return loss([[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]).numpy()

    first, second = categorical(0.25)
    assert first == second
    one, other = categorical([0.25, 0.75])
    assert_quoted(
        f"alpha = 0.25 gives {first:.3f} for either class; the list [0.25, 0.75] gives "
        f"{one:.3f} and {other:.3f}"
    )


def test_l03_binary_alpha_needs_the_flag():
    def binary(**how):
        loss = keras.losses.BinaryFocalCrossentropy(alpha=0.25, gamma=0.0, reduction="none", **how)
        return loss([[1.0], [0.0]], [[0.5], [0.5]]).numpy()

    ignored = binary()
    assert ignored[0] == ignored[1]
    balanced = binary(apply_class_balancing=True)
    assert balanced[1] == pytest.approx(3 * balanced[0])
    assert_quoted(f"without the flag both classes read {ignored[0]:.3f}")


def pinball_minimizer(tau, sign=1):
    data = np.arange(1, 101)
    guesses = np.arange(0, 101)
    e = sign * (data - guesses[:, None])
    losses = np.maximum(tau * e, (tau - 1) * e).mean(1)
    return guesses[losses == losses.min()].min()


def test_l13_flipped_pinball_finds_the_other_quantile():
    assert pinball_minimizer(0.5) == pinball_minimizer(0.5, sign=-1)
    wrong, right = pinball_minimizer(0.9, sign=-1), pinball_minimizer(0.9)
    assert_quoted(
        f"At τ = 0.9 on the numbers 1 to 100 the minimizer is then {wrong} instead of {right}"
    )
    assert_quoted(
        f"a missing unit costs 9 and a surplus unit 1, predict the {9 / (9 + 1):g} quantile"
    )


def test_l13_huber_away_from_delta_1():
    value = keras.losses.Huber(delta=2.0)([[0.0]], [[3.0]])
    slip = 2.0 * 3.0 - 0.5
    assert_quoted(
        f"at delta = 2 and an error of 3 the value is {value:g}, while the common slip "
        f"`delta * abs(e) - 1/2` gives {slip:g}"
    )


def test_l13_cosh_overflows():
    x = next(x for x in range(80, 100) if np.isinf(tf.math.log(tf.cosh(constant(x)))))
    assert_quoted(f"in float32 `log(cosh(x))` is inf at {x}")
    stable = constant(x) + tf.nn.softplus(constant(-2.0 * x)) - np.log(2)
    np.testing.assert_allclose(stable, x - np.log(2), rtol=1e-6)


def hinge(d):
    return tf.maximum(1 - d, 0.0) ** 2


def test_l22_forces_on_a_dissimilar_pair():
    at_0, at_2, at_margin = (gradient(hinge, constant(d)) for d in (0.0, 0.2, 1.0))
    assert at_margin == 0
    assert_quoted(f"the gradient of a dissimilar pair is {at_0:g} at d = 0 and {at_2:g} at d = 0.2")


def test_l22_wrong_hinges():
    d = constant(0.5)
    assert_quoted(
        f"at d = 0.5 and margin 1 it is {tf.maximum(1 - d**2, 0.0):g}, "
        f"the right value is {hinge(d):g}"
    )
    assert hinge(constant(3.0)) == 0
    assert_quoted(f"at distance 3 with margin 1 then costs {(1 - constant(3.0)) ** 2:g}")


def test_l22_equal_embeddings():
    zero = constant([0.0, 0.0])
    for how in ({}, XLA):
        assert np.isnan(gradient(lambda e: hinge(norm(e)), zero, **how)).all()
    assert np.isfinite(gradient(lambda e: norm(e) ** 2, zero)).all()
    assert np.isnan(gradient(lambda e: norm(e) ** 2, zero, **XLA)).all()
    assert_quoted("the similar term, whose upstream is 0 there, under XLA only")


def test_l11_temperature_picks_the_hardest():
    def share(temperature):
        return float(tf.nn.softmax(constant([0.8, 0.1]) / temperature)[0])

    assert_quoted(
        f"the first takes {share(1.0):.0%} of the push at temperature 1 and {share(0.1):.1%} at 0.1"
    )


def test_l10_best_gap_and_floor():
    s, classes = 0.1, 10
    top, rest = 1 - s + s / classes, s / classes
    assert_quoted(f"{np.log(top / rest):.2f} for s = 0.1 and ten classes")

    z = constant([[np.log(top / rest)] + [0.0] * 9])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=s)
    label = tf.one_hot([0], classes)
    np.testing.assert_allclose(gradient(lambda z: loss(label, z), z), 0, atol=1e-6)
    assert_quoted(f"for s = 0.1 and ten classes its floor is {loss(label, z):.3f}")


def test_l10_spread_over_the_others():
    p = np.array([0.7, 0.1, 0.1, 0.1])
    right = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)(np.eye(4)[:1], p[None])
    wrong = -(0.9 * np.log(p[0]) + 0.1 / 3 * np.log(p[1:]).sum())
    sparse = -(0.9 * np.log(p[0]) + 0.1 * np.log(p).mean())
    assert float(right) == pytest.approx(sparse)
    assert_quoted(f"that gives {wrong:.3f} instead of {right:.3f}")


def test_l10_keras_sparse_loss_has_no_smoothing():
    losses = keras.losses
    assert "label_smoothing" in inspect.signature(losses.CategoricalCrossentropy).parameters
    assert (
        "label_smoothing" not in inspect.signature(losses.SparseCategoricalCrossentropy).parameters
    )
    assert_quoted(f"in {keras.__version__.rpartition('.')[0]} the sparse loss has no such argument")


def test_l21_modulator_of_the_true_class_only():
    log_p = tf.nn.log_softmax(constant([2.0, 1.0, 0.0]))
    modulators = (1 - tf.exp(log_p)) ** 2
    right, averaged = -modulators[0] * log_p[0], -tf.reduce_mean(modulators) * log_p[0]
    assert_quoted(f"gamma 2, the loss is {right:.4f}; averaged it reads {averaged:.4f}")


def test_l21_keras_clips_the_softmax():
    loss = keras.losses.CategoricalFocalCrossentropy(from_logits=True)
    z = constant([[-100.0, 100.0]])
    label = constant([[1.0, 0.0]])
    value, slope = loss(label, z), gradient(lambda z: loss(label, z), z)
    assert slope[0, 0] == slope[0, 1]
    exact = 0.25 * 200
    assert_quoted(
        f"it gives {value:.2f} with gradient {slope[0, 0]:g}, "
        f"where `alpha * 200` = {exact:g} is right"
    )


def test_l21_powers_of_zero():
    def slope(gamma):
        return gradient(lambda x: tf.pow(x, gamma), constant(0.0))

    assert np.isinf(slope(0.5))
    assert_quoted(f"Its gradient is {slope(0.0):g} for gamma = 0 and infinite for gamma below 1")


def giou_loss(box, mode="giou", low=0.0):
    """The loss of a box against the unit box; sides are clamped at `low`."""
    y, x = (tf.minimum(box[i + 2], 1.0) - tf.maximum(box[i], 0.0) for i in (0, 1))
    inter = tf.maximum(y, low) * tf.maximum(x, low)
    union = 1 + (box[2] - box[0]) * (box[3] - box[1]) - inter
    sides = (tf.maximum(box[i + 2], 1.0) - tf.minimum(box[i], 0.0) for i in (0, 1))
    hull = tf.reduce_prod(list(sides))
    return 1 - inter / union + (0.0 if mode == "iou" else (hull - union) / hull)


def test_l15_disjoint_boxes():
    box = constant([2.0, 2.0, 3.0, 3.0])
    flat = gradient(lambda box: giou_loss(box, "iou"), box)
    slope = gradient(giou_loss, box)
    np.testing.assert_array_equal(flat, 0)
    np.testing.assert_array_equal(slope[[0, 2]], slope[[1, 3]])
    assert_quoted(f"GIoU's is {slope[0]:.3f} at the near corner and {slope[2]:.3f} at the far one")

    wrong, right = giou_loss(box, low=-np.inf), giou_loss(box)
    assert_quoted(f"for the two boxes above the loss is then {wrong:.3f} instead of {right:.3f}")


def triplet_loss(embeddings, labels, margin, masked_by_product=False):
    """Semi-hard mining by loops."""
    distances = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=-1)
    losses = []
    for a, p in np.argwhere((labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool)):
        negative = labels != labels[a]
        semihard = negative & (distances[a] > distances[a, p])
        if masked_by_product:
            nearest = (distances[a] * semihard).min()
        elif semihard.any():
            nearest = distances[a][semihard].min()
        else:
            nearest = distances[a][negative].max()
        losses.append(max(distances[a, p] - nearest + margin, 0))
    return np.mean(losses)


def test_l12_masking_by_a_product_picks_zero():
    labels = np.array([0, 0, 1, 1, 2, 2])
    embeddings = np.random.default_rng(0).normal(size=(6, 3))
    wrong = triplet_loss(embeddings, labels, 1.0, masked_by_product=True)
    right = triplet_loss(embeddings, labels, 1.0)
    assert_quoted(f"with margin 1 the loss then reads {wrong:.3f} instead of {right:.3f}")

    collapsed = triplet_loss(np.zeros((6, 3)), labels, 0.2)
    assert_quoted(f"the loss then rests at the margin, {collapsed:g} for a margin of 0.2")


def test_l04_squared_error_is_flat_where_it_matters():
    z = constant(-10.0)
    squared = gradient(lambda z: (1 - tf.sigmoid(z)) ** 2, z)
    cross_entropy = gradient(lambda z: tf.nn.softplus(-z), z)
    assert_quoted(
        f"for label 1 at a logit of -10 its gradient is {squared:.1e}, "
        f"that of cross-entropy {cross_entropy:.1f}"
    )


def test_l05_logits_taken_as_probabilities():
    loss = keras.losses.BinaryCrossentropy()
    epsilon = f"{keras.config.epsilon():g}".replace("e-0", "e-")
    assert_quoted(f"in the binary loss to [{epsilon}, 1 - {epsilon}]")
    z = constant([[3.0], [-3.0]])
    signs, flipped = constant([[1.0], [0.0]]), constant([[0.0], [1.0]])
    right, wrong = loss(signs, z), loss(flipped, z)
    for labels in (signs, flipped):
        assert not gradient(lambda z, labels=labels: loss(labels, z), z).any()
    assert_quoted(
        f"For logits of ±3 the loss reads about {right:.0f} where the sign is right and "
        f"{wrong:.0f} where it is wrong, with gradient 0 in both cases"
    )


def test_l05_probabilities_taken_as_logits():
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    binary = keras.losses.BinaryCrossentropy(from_logits=True)
    floor = sparse(tf.constant([0]), tf.one_hot([0], 10))
    labels = [[1.0], [0.0]]
    assert_quoted(f"a perfect one-hot output the loss stays at {floor:.3f}")
    assert_quoted(f"{floor:.3f} for ten classes is a fingerprint")
    assert_quoted(
        f"perfect probabilities read as logits give a loss of {binary(labels, labels):.3f}"
    )

    z = constant([[6.0, 0.0]])
    twice = gradient(lambda z: sparse(tf.constant([1]), tf.nn.softmax(z)), z)[0, 0]
    once = gradient(lambda z: sparse(tf.constant([1]), z), z)[0, 0]
    assert_quoted(f"logit gap of 6 the gradient is {twice:.4f} where {once:.4f} is right")


def test_l05_keras_warns_of_an_activation():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.warns(UserWarning, match="does not represent logits"):
        model.fit(tf.zeros((4, 2)), tf.zeros(4), verbose=0)
    assert_quoted("If the output comes straight from a sigmoid or softmax activation it warns")


def test_l05_accuracy_cuts_logits_at_a_half():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    at_zero = keras.metrics.BinaryAccuracy(threshold=0.0, name="at_zero")
    model.compile("sgd", loss, metrics=["accuracy", at_zero])
    x, y = constant([[0.2], [0.4], [-1.0]]), constant([[1.0], [1.0], [0.0]])
    result = model.evaluate(x, y, verbose=0, return_dict=True)
    assert result["at_zero"] == 1
    assert_quoted(f"three examples on the right side of 0 scored {result['accuracy']:.2f}")


class Subclass(keras.losses.Loss):
    """Squared error per example, or its mean."""

    def __init__(self, scalar=False, **kwargs):
        super().__init__(**kwargs)
        self.scalar = scalar

    def call(self, y_true, y_pred):
        return tf.reduce_mean((y_true - y_pred) ** 2, None if self.scalar else -1)


def squared_error(y_true, y_pred):
    return tf.reduce_mean((y_true - y_pred) ** 2, -1)


def learned(loss):
    """Trains a linear model on 1, 2, 3 with y of shape (N,)."""
    x = np.random.default_rng(0).normal(size=(256, 3)).astype("float32")
    x -= x.mean(0)
    y = x @ np.float32([1, 2, 3])
    dense = keras.layers.Dense(1, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((3,)), dense])
    model.compile(keras.optimizers.SGD(0.4), loss)
    history = model.fit(x, y, batch_size=256, epochs=8, verbose=0)
    return np.asarray(dense.kernel).ravel(), history.history["loss"][-1], y.var()


def test_l08_a_function_is_aligned_and_a_subclass_is_not():
    as_function, _, _ = learned(squared_error)
    np.testing.assert_allclose(as_function, [1, 2, 3], atol=0.05)  # the other ends 1 to 3 away
    weights, loss, variance = learned(Subclass())
    np.testing.assert_allclose(loss, variance, rtol=1e-5)
    (weight,) = {abs(round(float(w), 5)) for w in weights}
    assert_quoted(
        "On a linear problem with true weights 1, 2, 3 the same line of code learned them as a "
        f"function, and as a `Loss` subclass it ended at weights of {weight:g} and a loss equal "
        "to the variance of y"
    )


def test_l08_perfect_predictions_of_the_wrong_shape():
    y = constant([1.0, 2.0, 3.0])
    p = y[:, None]
    assert keras.losses.MeanSquaredError()(y, p) == 0
    assert_quoted(f"the mean of `(y - p) ** 2` is {tf.reduce_mean((y - p) ** 2):.3f}")


def test_l06_a_scalar_ignores_whom_the_weights_meant():
    y, p, weights = tf.zeros((2, 1)), constant([[1.0], [3.0]]), constant([1.0, 0.0])
    vector, scalar = (Subclass(s)(y, p, sample_weight=weights) for s in (False, True))
    assert_quoted(
        f"For per-example losses 1 and 9 and weights 1 and 0, a vector gives {vector:g}; a scalar "
        f"`call` gives {scalar:g}, the mean loss of {Subclass(True)(y, p):g}"
    )


def step_under(strategy, scalar):
    with strategy.scope():
        dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        model = keras.Sequential([keras.Input((1,)), dense])
        model.compile(keras.optimizers.SGD(0.01), Subclass(scalar))
    x = constant([[1.0], [2.0], [3.0], [4.0]])
    data = tf.data.Dataset.from_tensor_slices((x, x)).batch(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras: shuffle=True is ignored for a Dataset
        model.fit(data, verbose=0)
    return float(np.asarray(dense.kernel).item())


def test_l06_a_scalar_doubles_the_step_on_two_replicas():
    one = tf.distribute.get_strategy()
    doubled = step_under(two_replicas(), scalar=True)
    right = {round(step_under(s, scalar=False), 6) for s in (one, two_replicas())}
    assert right == {round(step_under(one, scalar=True), 6)}
    assert_quoted(
        f"the weight moved by {doubled:.2f} where one device, or the vector version, moved it "
        f"by {right.pop():.2f}"
    )


def test_l07_reductions():
    y, p, weights = tf.zeros((2, 1)), tf.ones((2, 1)), constant([1.0, 0.0])

    def loss(reduction):
        return keras.losses.MeanSquaredError(reduction=reduction)(y, p, sample_weight=weights)

    metric = keras.metrics.MeanSquaredError()(y, p, sample_weight=weights)
    default, weighted = loss("sum_over_batch_size"), loss("mean_with_sample_weight")
    assert loss("mean") == default
    assert loss("sum") == 1
    np.testing.assert_array_equal(loss("none"), [1, 0])
    assert metric == weighted
    assert_quoted(
        f"For two losses of 1 with weights 1 and 0 the loss is {default:g}, "
        f"`mean_with_sample_weight` gives {weighted:g}, and so does the metric"
    )
    with pytest.raises(ValueError, match="reduction"):
        keras.losses.MeanSquaredError(reduction="auto")
    assert_quoted("It raises ValueError in Keras 3")


def weighted_sequences(n, steps, weights):
    loss = keras.losses.MeanSquaredError(reduction="none")
    return loss(tf.zeros((n, steps, 1)), tf.ones((n, steps, 1)), sample_weight=constant(weights))


def test_l09_weights_of_one_axis_go_along_time():
    along_time = np.zeros((3, 3))
    along_time[:, 0] = 1
    kept = weighted_sequences(3, 3, [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(kept, along_time)
    np.testing.assert_array_equal(weighted_sequences(3, 3, [[1.0], [0.0], [0.0]]), along_time.T)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
        weighted_sequences(2, 3, [1.0, 0.0])
    assert_quoted("They are applied along time, without an error. For N different from T it raises")
    assert_quoted("all of the first column was kept: step 0 of every sequence")


def test_l09_class_weight_and_sample_weight_exclude_each_other():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    one = np.ones(2)
    with pytest.raises(ValueError, match="class_weight"):
        model.fit(one[:, None], one, sample_weight=one, class_weight={1: 2.0}, verbose=0)
    assert_quoted("Keras 3 refuses to take both at once")


def test_l09_a_mask_leaves_the_denominator_and_lets_nan_through():
    def masked_loss(values):
        p = constant([[[value] for value in values]])
        p._keras_mask = tf.constant([[True, False]])
        return keras.losses.MeanSquaredError()(tf.zeros((1, 2, 1)), p)

    assert masked_loss([1.0, 5.0]) == 1
    assert np.isnan(masked_loss([1.0, float("nan")]))
    assert_quoted("masked steps are left out of the denominator too. Weights of 0 are not")
    assert_quoted("0 times nan is nan. Replace the masked values before the loss")


def test_l14_dice_flattens_the_batch():
    y = constant([[1.0, 0.0], [1.0, 1.0]])
    p = constant([[0.0, 1.0], [1.0, 1.0]])
    flat, per_sample = keras.losses.Dice()(y, p), keras.losses.Dice(axis=1)(y, p)
    assert_quoted(f"it gives {flat:.3f}, where per sample the mean is {per_sample:g}")


def test_l14_dice_of_an_empty_mask():
    loss, empty = keras.losses.Dice(), constant([[0.0, 0.0]])
    for p in (empty, constant([[0.3, 0.9]])):
        assert loss(empty, p) == 1
        assert not gradient(lambda p: loss(empty, p), p).any()
    assert_quoted(
        "an empty mask has a loss of 1, the worst value, whatever is predicted, "
        "with a gradient of 0"
    )


@keras.saving.register_keras_serializable(package="quoted")
class Forgetful(keras.losses.Loss):
    """Its configuration lacks gamma."""

    def __init__(self, gamma=2, name="forgetful", **kwargs):
        super().__init__(name=name, **kwargs)
        self.gamma = gamma

    def call(self, y_true, y_pred):
        return squared_error(y_true, y_pred)


def saved(loss, path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", loss)
    model.save(path / "model.keras")
    return path / "model.keras"


def test_l19_a_forgotten_key_comes_back_as_its_default(tmp_path):
    forgetful = Forgetful(gamma=5)
    loaded = keras.saving.load_model(saved(forgetful, tmp_path)).loss
    assert_quoted(
        f"A loss with gamma = {forgetful.gamma} that forgot the key came back with its default "
        f"of {loaded.gamma}"
    )


def test_l19_a_closure_cannot_be_found(tmp_path):
    def make(scale):
        def loss(y_true, y_pred):
            return scale * squared_error(y_true, y_pred)

        return loss

    path = saved(make(2.0), tmp_path)
    with pytest.raises(TypeError, match="Could not locate function 'loss'"):
        keras.saving.load_model(path)
    assert keras.saving.load_model(path, compile=False).built
    assert_quoted("loading raises \"Could not locate function 'loss'\"")


def test_l19_registered_names_overwrite_each_other():
    @keras.saving.register_keras_serializable(package="quoted_twice")
    class Twin:
        def get_config(self):
            return {}

    first = Twin

    @keras.saving.register_keras_serializable(package="quoted_twice")
    class Twin:
        def get_config(self):
            return {}

    found = keras.saving.get_registered_object("quoted_twice>Twin")
    assert found is Twin
    assert found is not first
    assert_quoted("Two libraries that register the same package and class overwrite each other")


def kappa_loss(p, labels, scale=1.0):
    """Soft quadratic weighted kappa loss; `scale` divides the penalties."""
    classes = np.arange(p.shape[1])
    penalty = (classes[:, None] - classes) ** 2 / scale
    marginal = np.bincount(labels, minlength=len(classes)) / len(labels)
    return (penalty[labels] * p).sum() / (marginal @ penalty @ p.sum(0))


def test_l16_kappa_belongs_to_its_batch():
    p = np.random.RandomState(0).dirichlet([1] * 4, 6)
    labels = np.array([0, 1, 2, 3, 1, 2])
    whole = kappa_loss(p, labels)
    halves = np.mean([kappa_loss(p[:3], labels[:3]), kappa_loss(p[3:], labels[3:])])
    assert_quoted(
        f"On one batch of six the loss was {whole:.3f}, "
        f"and the mean over its two halves {halves:.3f}"
    )
    assert kappa_loss(p, labels, scale=9.0) == pytest.approx(whole)
    assert_quoted("It stands in numerator and denominator and cancels")


def test_l18_float16_overflows_and_rounds():
    half = tf.float16
    squared = constant(300.0, half) ** 2
    loss = keras.losses.MeanSquaredError()(constant([[0.0]], half), constant([[300.0]], half))
    assert_quoted(
        f"(300)² in float16 is {squared:g}; `keras.losses.MeanSquaredError` on the same tensors "
        f"returns {loss:.0f}"
    )
    assert_quoted(
        f"1e-8 is {constant(1e-8, half):g} in float16, and 1 - 1e-7 is exactly "
        f"{constant(1.0, half) - constant(1e-7, half):g}"
    )
    limit = np.finfo(np.float16)
    assert_quoted(f"float16 ends at {limit.max:.0f} and keeps")
    first = next(n for n in range(200, 300) if np.isinf(constant(n, half) ** 2))
    assert_quoted(f"so a square overflows from {first} on")
    stuck = next(n for n in range(1, 5000) if constant(n, half) + 1 == constant(n, half))
    assert_quoted(f"since counts in float16 stop at {stuck}")


def test_l18_bfloat16_rounds_to_1():
    total = constant(1.0, tf.bfloat16) + constant(1 / 512, tf.bfloat16)
    assert_quoted(f"1 + 1/512 is {float(total):g}")


def test_l18_compile_casts_functions_too():
    seen = []

    def record(y_true, y_pred):
        seen.append(y_pred.dtype.name)
        return squared_error(y_true, y_pred)

    outputs = keras.layers.Dense(1, dtype="mixed_float16")
    model = keras.Sequential([keras.Input((1,)), outputs])
    assert model(tf.ones((2, 1))).dtype == tf.float16
    model.compile("sgd", record)
    model.fit(tf.ones((2, 1)), tf.ones((2, 1)), verbose=0)
    assert set(seen) == {"float32"}
    assert_quoted(f"to {seen[0]}, also of a plain function passed to `compile`")


def test_l17_prior_correction():
    beta = 0.005 / 0.995

    def corrected(q):
        return beta * q / (beta * q + 1 - q)

    assert corrected(0.5) == pytest.approx(0.005)
    assert_quoted(
        f"β is about {beta:.3f} and the shift {np.log(beta):.2f}; a resampled score of "
        f"0.9 becomes {corrected(0.9):.3f}"
    )
    ratio = 0.995 / 0.005
    assert_quoted(f"a ratio of {ratio:.0f} becomes {ratio**2:.0f}")
    outnumber = 0.01 * 0.995 / 0.005
    assert_quoted(
        "a labelling error of 1% among the negatives would outnumber the true positives "
        f"{ {2: 'two'}[round(outnumber)] } to one"
    )
    assert_quoted(f"Accuracy is {1 - 0.005:.1%} for a model that always says no")


def test_l20_asymmetric_delivery():
    assert_quoted(
        f"Pinball with τ = 3/4: promise the {3 / (3 + 1):.0%} quantile of the arrival time"
    )
