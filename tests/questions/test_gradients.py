"""The figures of QUESTIONS.md under Gradients, measured again; conftest.py says how."""

import contextlib
import json
import subprocess
import sys
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops  # the registry of gradients has no public name

from dojo.data import load_mnist
from tests.questions.by_heart import learned_by_heart
from tests.questions.derivatives import GRAPH, XLA, constant, gradient, norm
from tests.questions.notation import listed, short_power
from tests.questions.one_weight import train
from tests.questions.tracing import traces


def test_g01_a_forgotten_upstream_shows_only_downstream(quoted):
    forgets = tf.custom_gradient(lambda x: (x * x, lambda upstream: 2 * x))
    right = tf.custom_gradient(lambda x: (x * x, lambda upstream: upstream * 2 * x))
    x = constant(2.0)

    assert gradient(forgets, x) == gradient(right, x)
    wrong, true = (gradient(lambda x, f=f: 3 * f(x), x) for f in (forgets, right))
    quoted(f"`3 * f(x)` at x = 2 then has gradient {wrong:g} instead of {true:g}")


@pytest.mark.parametrize("how", [{}, GRAPH, XLA], ids=["eager", "graph", "XLA"])
def test_g01_the_skeleton_runs(how):
    square = learned_by_heart("G01", tf=tf)["square"]
    np.testing.assert_array_equal(square(constant([2.0, -3.0])), [4, 9])
    slope = gradient(lambda x: 3 * square(x), constant([2.0, -3.0]), **how)
    np.testing.assert_array_equal(slope, [12, -18])


def test_g01_an_input_without_a_gradient(quoted):
    first = tf.custom_gradient(lambda x, y: (x * y, lambda upstream: (upstream * y, None)))
    assert product_gradients(first) == [3, None]
    quoted("Return `None` in its place. The tape then reports `None` for it")


def test_g09_clip_gradients_at_the_bounds(quoted):
    x = constant([-2.0, -1.0, 0.0, 1.0, 2.0])
    slope = gradient(lambda x: tf.clip_by_value(x, -1.0, 1.0), x)

    by_hand = gradient(lambda x: tf.minimum(tf.maximum(x, -1.0), 1.0), x)
    np.testing.assert_array_equal(slope, by_hand)
    quoted(f"with bounds -1 and 1 the gradients are {listed(slope)}")


def test_g09_a_variable_bound_gets_the_gradient_of_what_it_replaced(quoted):
    low = tf.Variable([-1.0] * 3)
    with tf.GradientTape() as tape:
        y = tf.clip_by_value([-2.0, 0.0, 2.0], low, 1.0)

    np.testing.assert_array_equal(tape.gradient(y, low), [1, 0, 0])
    quoted("A variable passed as a bound receives the gradient of every element it replaced")


def test_g09_clipping_probabilities_leaves_no_gradient(quoted):
    loss = keras.losses.BinaryCrossentropy()
    p = constant([[0.0]])
    one = constant([[1.0]])
    value, slope = loss(one, p), gradient(lambda p: loss(one, p), p).item()

    quoted(f"label 1 at probability 0 reports a loss of {value:.2f} with a gradient of {slope:g}")


def test_g09_clip_with_the_gradient_whole(quoted):
    x = constant([-2.0, 0.5, 3.0])

    def clip(x):
        return x + tf.stop_gradient(tf.clip_by_value(x, -1.0, 1.0) - x)

    np.testing.assert_allclose(clip(x), [-1, 0.5, 1])
    np.testing.assert_array_equal(gradient(clip, x), [1, 1, 1])
    quoted("`x + tf.stop_gradient(tf.clip_by_value(x, low, high) - x)`")


def test_g09_the_one_line_rounds(quoted):
    x = constant(1e8)
    clipped = x + tf.stop_gradient(tf.clip_by_value(x, -1.0, 1.0) - x)
    quoted(f"at x = 1e8 and a bound of 1 it gives {clipped:g}")


@tf.custom_gradient
def thousand(x, y):
    return x * y, lambda upstream: (1000 * upstream, 1000 * upstream)


def product_gradients(call):
    x, y = constant(2.0), constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        z = call(x, y)
    return tape.gradient(z, [x, y])


def test_g05_keywords_fall_back_to_autodiff(quoted):
    dx, dy = product_gradients(lambda x, y: thousand(x=x, y=y))

    assert [float(g) for g in product_gradients(thousand)] == [1000, 1000]
    quoted(f"`mul(x=2., y=3.)` gives the gradients {dx:g} and {dy:g} of autodiff")


def test_g05_positions_and_keywords_mixed_raise(quoted):
    with pytest.raises(ValueError, match="expected to return 1 gradients"):
        product_gradients(lambda x, y: thousand(x, y=y))
    quoted("A mixture of positional and keyword arguments raises")


def test_g05_any_keyword_raises_in_a_graph(quoted):
    with pytest.raises(ValueError, match="only when eager execution is enabled"):
        tf.function(lambda: product_gradients(lambda x, y: thousand(x=x, y=y)))()
    quoted("Inside a `tf.function` any keyword raises a ValueError")


def test_g05_positional_only_cannot_be_misused(quoted):
    @tf.custom_gradient
    def product(x, y, /):
        return x * y, lambda upstream: (upstream * y, upstream * x)

    with pytest.raises(TypeError, match="positional-only"):
        product_gradients(lambda x, y: product(x=x, y=y))
    quoted("a positional-only decorated function, `def f(x, y, /)`")


def test_g08_a_float_is_frozen_at_tracing(quoted):
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
    quoted(f"with 0.5 at tracing and 1.0 afterwards the traced function still returns {after:g}")


def test_g08_every_python_float_is_a_new_trace(quoted):
    x = constant(1.0)
    quoted(f"three values gave {traces((x, scale) for scale in (0.1, 0.2, 0.3))} traces")


def test_g08_a_variable_makes_one_trace(quoted):
    x, variable = constant(1.0), tf.Variable(0.0)

    def assigned():
        for scale in (0.1, 0.2, 0.3):
            variable.assign(scale)
            yield x, variable

    assert traces(assigned()) == 1
    quoted("A tensor or a variable gives one")


def test_g07_rounding_has_no_gradient(quoted):
    assert gradient(tf.round, constant([-2.0, -0.4, 0.3, 1.7])) is None
    quoted("`tf.round` does not even give that: its gradient is `None`")


def test_g07_stop_gradient_lets_the_upstream_through(quoted):
    x = constant([-2.0, -0.4, 0.3, 1.7])
    slope = gradient(lambda x: x + tf.stop_gradient(tf.round(x) - x), x)

    np.testing.assert_array_equal(slope, [1, 1, 1, 1])
    quoted("`x + tf.stop_gradient(q(x) - x)`: the value is q(x), and only the bare `x`")


def test_g07_stop_gradient_round_the_whole_sum(quoted):
    x = constant([-2.0, -0.4, 0.3, 1.7])

    assert gradient(lambda x: tf.stop_gradient(x + tf.round(x) - x), x) is None
    quoted("`tf.stop_gradient(x + q(x) - x)`. The value is right and the gradient is `None`")


def test_g07_sign_of_zero(quoted):
    quoted(f"`tf.sign(0.)` is {tf.sign(0.0):g}, which is neither of the two levels")


def test_g07_two_term_form_rounds(quoted):
    x = constant(1e8)
    quoted(f"in float32 at x = 1e8, `x + (1 - x)` gives {x + (1 - x):g} instead of 1")


def gumbel(shape):
    """Draws of the standard Gumbel distribution, from uniform ones."""
    return -np.log(-np.log(np.random.default_rng(0).uniform(size=shape)))


def soft(z):
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


GUMBEL_LOGITS = np.array([1.0, 0.0, -1.0])


def test_g32_the_skeleton_is_hard_forward_and_soft_backward():
    choose = learned_by_heart("G32", tf=tf)["gumbel_softmax"]
    logits, noise = constant(GUMBEL_LOGITS), constant(gumbel(3))
    sample = choose(logits, noise, 0.5)
    assert sorted(sample.numpy()) == [0, 0, 1]
    s = soft((GUMBEL_LOGITS + noise.numpy()) / 0.5)
    slope = gradient(lambda x: choose(x, noise, 0.5)[0], logits)
    np.testing.assert_allclose(slope, s[0] * ([1, 0, 0] - s) / 0.5, rtol=1e-5)


def test_g32_the_order_of_the_sum(quoted):
    s = constant(0.3)
    assert 1 + (s - s) == 1
    quoted(f"with 0.3 for soft it is {(1 + s) - s:.8f} in float32")


def test_g32_noise_after_the_division(quoted):
    noise = gumbel((20_000, 3))
    shares = [
        np.mean(z.argmax(axis=1) == 0) for z in (GUMBEL_LOGITS / 0.5 + noise, noise + GUMBEL_LOGITS)
    ]
    # A share of 20,000 draws has a deviation of at most 0.0035: three of them.
    np.testing.assert_allclose(shares, [soft(GUMBEL_LOGITS / t)[0] for t in (0.5, 1)], atol=0.0105)
    quoted("in {:.0%} of 20,000 draws instead of {:.0%}".format(*shares))


def straight_through_slopes(temperature):
    """Of the first logit, for the probability of the first class: [20000]."""
    s = soft((GUMBEL_LOGITS + gumbel((20_000, 3))) / temperature)[:, 0]
    return s * (1 - s) / temperature


def test_g33_bias_against_variance(quoted):
    p = soft(GUMBEL_LOGITS)[0]
    high, low = (straight_through_slopes(t) for t in (1.0, 0.1))
    quoted(
        f"the true slope is {p * (1 - p):.3f}. Over 20,000 draws the straight-through estimate is "
        f"{high.mean():.3f} with a deviation of {high.std():.2f} at temperature 1, and "
        f"{low.mean():.3f} with one of {low.std():.2f} at 0.1"
    )
    assert low.max() <= 1 / (4 * 0.1)


def test_g33_reinforce(quoted):
    first = (GUMBEL_LOGITS + gumbel((20_000, 3))).argmax(axis=1) == 0
    quoted(
        f"a deviation of {np.std(first * (1 - soft(GUMBEL_LOGITS)[0])):.2f} without any baseline"
    )


def test_g33_most_draws_teach_nothing(quoted):
    few = np.mean(straight_through_slopes(0.05) < 1e-3)
    quoted(f"At 0.05, {few:.0%} of the draws have a slope below 0.001")


def test_g34_the_skeleton_moves_each_side_by_its_own_term():
    quantize = learned_by_heart("G34", tf=tf)["vector_quantize"]
    z, e = constant([1.0, 2.0]), constant([3.0, 5.0])
    assert quantize(z, e)[0].numpy().tolist() == [3, 5]
    np.testing.assert_allclose(gradient(lambda z: quantize(z, e)[0], z), [1, 1])
    # 2 (z - e) / N, times the cost; and 2 (e - z) / N.
    np.testing.assert_allclose(gradient(lambda z: quantize(z, e)[1], z), [-0.5, -0.75])
    np.testing.assert_allclose(gradient(lambda e: quantize(z, e)[1], e), [2, 3])


def test_g34_a_row_is_a_row_up_to_rounding(quoted):
    z, e = constant(1e4), constant(0.1)
    quoted(f"in float32 with z = 1e4 the row 0.1 comes out as {z + (e - z):.4f}")


def nearest_rows(z, codebook):
    """[B] indices, by the distances themselves."""
    return np.square(z[:, None] - codebook).sum(axis=-1).argmin(axis=1)


def test_g34_the_largest_product_is_not_the_nearest_row(quoted):
    random = np.random.default_rng(0)
    z, codebook = random.normal(size=(5000, 8)), random.normal(size=(64, 8))
    by_product = (z @ codebook.T).argmax(axis=1)
    right = np.mean(by_product == nearest_rows(z, codebook))
    unused = 64 - len(set(by_product))
    quoted(f"{right:.0%} of random vectors get their nearest row, and {unused} rows are never used")


def test_g35_rows_far_from_the_data_are_never_chosen(quoted):
    def used(offset, start_at_data=False):
        random = np.random.default_rng(0)
        z, codebook = random.normal(size=(5000, 2)) + offset, random.normal(size=(64, 2))
        return len(set(nearest_rows(z, z[:64] if start_at_data else codebook)))

    quoted(
        f"around (3, 3), {used(3)} rows are ever chosen; around (5, 5), {used(5)}. With 64 of the "
        f"vectors for rows, all {used(5, start_at_data=True)} are"
    )


@tf.custom_gradient
def documented(x):
    """The example of the custom_gradient page."""
    e = tf.exp(x)
    return tf.math.log(1 + e), lambda upstream: upstream * (1 - 1 / (1 + e))


def naive_softplus(x):
    return tf.math.log(1 + tf.exp(x))


def test_g06_naive_gradient_is_0_at_88(quoted):
    quoted(f"In float32 its gradient at 88 is already {gradient(naive_softplus, constant(88.0)):g}")


def test_g06_naive_gradient_is_nan_at_89(quoted):
    quoted(f"at 89 it is {gradient(naive_softplus, constant(89.0)):g}, from 0 times infinity")


def test_g06_documented_softplus_overflows(quoted):
    x = constant(89.0)
    quoted(
        f"the gradient at 89 is {gradient(documented, x):g}, "
        f"but the forward pass reads {documented(x):g} at 89"
    )


def test_g06_a_test_of_the_gradient_alone_passes_where_the_value_overflows(quoted):
    x = constant(100.0)
    assert gradient(documented, x) == 1
    quoted(f"it is right at 100, where the value is {documented(x):g}")


def test_g06_without_log1p_small_values_are_lost(quoted):
    x = constant(-20.0)
    naive, right = naive_softplus(x), tf.math.softplus(x)
    quoted(f"the value at -20 is {naive:g} instead of {right:.3e}")


def recited(first):
    """The stable softplus, whose maximum is `first`(x)."""
    return lambda x: first(x) + tf.math.log1p(tf.exp(-tf.abs(x)))


def test_g06_recited_form_has_the_wrong_slope_at_0(quoted):
    zero = constant(0.0)
    given, swapped, truth = (
        gradient(f, zero)
        for f in (
            recited(lambda x: tf.maximum(x, 0.0)),
            recited(lambda x: tf.maximum(0.0, x)),
            tf.math.softplus,
        )
    )
    quoted(
        f"`tf.maximum(x, 0.)` in the sum gives a gradient of {given:g}, with the arguments "
        f"swapped {swapped:g}, while the truth is {truth:g}"
    )


def test_g06_logaddexp_at_0(quoted):
    slope = gradient(lambda x: keras.ops.logaddexp(x, 0.0), constant(0.0))
    quoted(
        f"`keras.ops.logaddexp(x, 0.)` get it right?* The value, yes. "
        f"Its gradient at 0 is {slope:g}"
    )


def cube(rule):
    """x³ with `rule(x, upstream)` for a gradient."""
    return tf.custom_gradient(lambda x: (x**3, lambda upstream: rule(x, upstream)))


def second_gradient(function, x):
    x = constant(x)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        slope = inner.gradient(y, x)
    return outer.gradient(slope, x)


def test_g13_a_rule_in_tensorflow_ops_is_differentiated_again(quoted):
    second = second_gradient(cube(lambda x, upstream: upstream * 3 * x**2), 2.0)
    quoted(f"`upstream * 3 * x ** 2` the second derivative at 2 is {second:g}")


def test_g13_numpy_in_the_rule_cuts_the_tape(quoted):
    in_numpy = cube(lambda x, upstream: upstream * 3 * np.float32(x.numpy()) ** 2)

    assert gradient(in_numpy, constant(2.0)) == 12
    assert second_gradient(in_numpy, 2.0) is None
    quoted("The first derivative stays right, the second is `None`, and nothing raises")


def test_g13_a_rule_that_promises_first_order_only(quoted):
    def once(x, upstream):
        @tf.custom_gradient
        def inner(upstream, x):
            def refuse(upstream):
                raise NotImplementedError("there is no second derivative")

            return upstream * 3 * x**2, refuse

        return inner(upstream, x)

    assert gradient(cube(once), constant(2.0)) == 12
    with pytest.raises(NotImplementedError, match="second derivative"):
        second_gradient(cube(once), 2.0)
    quoted("by a nested custom gradient whose rule raises")


def test_g13_nested_rule_needs_x(quoted):
    """A nested rule that is wrong on purpose, 777, shows where it is asked at all."""

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
    quoted(
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


def test_g23_first_step_goes_the_wrong_way(quoted):
    wrong = bias_after_one_step(recited_cross_entropy(lambda z: tf.maximum(z, 0.0)))
    right = bias_after_one_step(keras.losses.BinaryCrossentropy(from_logits=True))
    quoted(
        f"one step of SGD at rate 1 moves the bias to {wrong:g}, where "
        f"`BinaryCrossentropy(from_logits=True)` moves it to {right:g}"
    )


def test_g23_swapped_arguments_go_too_far(quoted):
    swapped = bias_after_one_step(recited_cross_entropy(lambda z: tf.maximum(0.0, z)))
    quoted(f"so the gradient becomes `-y` and the bias moves to {swapped:g}")


def test_g23_huber_joins_with_one_slope(quoted):
    zero = constant([0.0])
    slope = gradient(lambda e: keras.losses.Huber(delta=1.0)(zero, e), constant([1.0]))
    np.testing.assert_array_equal(slope, [1])
    quoted("Huber is safe: both pieces have the same value and slope where they meet")


@pytest.mark.parametrize("how", [{}, XLA], ids=["eager", "XLA"])
def test_g19_norm_at_zero_is_nan(quoted, how):
    zero = constant([0.0, 0.0])
    for f in (norm, tf.norm):
        assert np.isnan(gradient(f, zero, **how)).all()
    quoted("their product is nan. `tf.norm` does it too, eagerly and under XLA")


@pytest.mark.parametrize("how", [{}, XLA], ids=["eager", "XLA"])
def test_g19_a_maximum_before_the_root_does_not_help(quoted, how):
    zero = constant([0.0, 0.0])
    slope = gradient(lambda x: tf.sqrt(tf.maximum(tf.reduce_sum(x * x), 0.0)), zero, **how)
    assert np.isnan(slope).all()
    quoted("at 0 the gradient of the root is still infinite")


def test_g19_epsilon_inside_the_root_is_a_bias(quoted):
    biased = tf.sqrt(constant(0.0) + 1e-7)
    quoted(f"with 1e-7 inside, a vector of length 0 reads {biased:.2e}")


def test_g19_slope_of_l2_normalize_at_zero(quoted):
    slope = gradient(lambda x: tf.math.l2_normalize(x)[0], constant([0.0, 0.0]))[0]
    quoted(f"the slope of `tf.math.l2_normalize` at 0 is {slope:.0e}")


def test_g19_slope_of_keras_normalize_at_zero(quoted):
    def normalize(x):
        return keras.ops.normalize(x)[0]

    zero = constant([0.0, 0.0])
    eager, compiled = gradient(normalize, zero)[0], gradient(normalize, zero, **XLA)[0]
    quoted(
        f"`keras.ops.normalize` of zeros has a slope of {eager:.0e} eagerly and "
        f"{compiled:g} under XLA"
    )


def test_g19_diagonal_of_a_distance_matrix(quoted):
    def distances(e):
        squared = tf.reduce_sum((e[:, None] - e[None]) ** 2, -1)
        return tf.sqrt(tf.maximum(squared, 0.0))

    assert np.isnan(gradient(distances, constant([[1.0, 2.0], [3.0, 5.0]]))).all()
    quoted("all gradients of a pairwise distance matrix are nan because of its diagonal")


def masked(f):
    return lambda x: tf.where(x > 0, f(x), tf.zeros_like(x))


DANGEROUS = {
    "log": tf.math.log,
    "1/x": lambda x: 1 / x,
    "x ** 0.5": lambda x: x**0.5,
    "x * log(x)": lambda x: x * tf.math.log(x),
}


@pytest.mark.parametrize("how", [{}, GRAPH, XLA], ids=["eager", "graph", "XLA"])
def test_g10_one_where_is_not_enough(quoted, how):
    x = constant([0.0, 4.0])
    for f in DANGEROUS.values():
        assert np.isnan(gradient(masked(f), x, **how)[0])
    overflow = gradient(
        lambda x: tf.where(x < 10, tf.exp(x), tf.zeros_like(x)), constant([100.0]), **how
    )
    assert np.isnan(overflow[0])

    names = ", ".join(f"`{name}`" for name in DANGEROUS)
    quoted(f"{names} at 0, and an `exp` that overflows, in every mode")


def test_g10_double_where(quoted):
    double = gradient(
        lambda x: tf.where(x > 0, tf.math.log(tf.where(x > 0, x, 1.0)), 0.0),
        constant([0.0, 4.0]),
        **XLA,
    )
    np.testing.assert_array_equal(double, [0, 0.25])
    quoted("`tf.where(x > 0, tf.math.log(tf.where(x > 0, x, 1.)), 0.)`")


def test_g10_ops_with_the_guard_built_in(quoted):
    x = constant([0.0, 4.0])
    for f in (lambda x: tf.math.xlogy(x, x), lambda x: tf.math.divide_no_nan(1.0, x)):
        assert np.isfinite(gradient(f, x)).all()
    quoted("Ops with the guard built in are shorter where they fit: `tf.math.divide_no_nan`")


def test_g10_masking_the_output_is_too_late(quoted):
    x = constant([0.0, 4.0])
    product = gradient(lambda x: tf.cast(x > 0, x.dtype) * tf.math.log(x), x)
    guarded = gradient(
        lambda x: tf.math.multiply_no_nan(tf.math.log(x), tf.cast(x > 0, x.dtype)), x
    )
    assert np.isnan([product[0], guarded[0]]).all()
    quoted("whether by a product or by `tf.math.multiply_no_nan`")


def test_g10_xla_may_simplify_a_mask_away(quoted):
    x = constant([0.0, 4.0])
    product = lambda x: tf.cast(x > 0, x.dtype) * tf.math.log(x)
    assert np.isnan(gradient(product, x)[0])
    assert gradient(product, x, **XLA)[0] == 0
    quoted("a product with a 0/1 mask around `log`, nan eagerly, may be simplified away there")


def test_g10_the_root_fails_only_under_xla(quoted):
    x = constant([0.0, 4.0])
    for f in (tf.sqrt, tf.math.rsqrt):
        assert np.isfinite(gradient(masked(f), x)).all()
        assert np.isnan(gradient(masked(f), x, **XLA)[0])
    quoted("`tf.sqrt` and `tf.math.rsqrt` fail only with `jit_compile=True`")


def test_g10_the_root_demonstrates_nothing_eagerly(quoted):
    slope = gradient(masked(tf.sqrt), constant([0.0, 4.0]))[0]
    quoted(f"on this TensorFlow the gradient at 0 is {slope:g}, because the kernel")


@pytest.fixture
def check_numerics():
    tf.debugging.enable_check_numerics()
    yield
    tf.debugging.disable_check_numerics()


def test_g10_check_numerics_stops_before_a_gradient_is_taken(quoted, check_numerics):
    with pytest.raises(tf.errors.InvalidArgumentError, match='op "Log"'):
        masked(tf.math.log)(constant([0.0, 4.0]))
    quoted("so here it names the culprit before a gradient is taken")


def test_g24_squares_overflow(quoted):
    quoted(f"`tf.norm([1e30, 1e30])` is {tf.norm([1e30, 1e30]):g}")


def test_g24_squares_underflow(quoted):
    quoted(f"`tf.norm([1e-30, 1e-30])` is {tf.norm([1e-30, 1e-30]):g}")


def test_g24_range_of_float32(quoted):
    largest = np.finfo(np.float32).max
    quoted(f"float32 ends at {short_power(largest, '.1e')}")
    quoted(f"anything above {short_power(largest**0.5, '.1e')} squares")


def test_g24_range_of_float16(quoted):
    assert np.isinf(constant(300.0, tf.float16) ** 2)
    quoted(f"float16, which ends at {np.finfo(np.float16).max:.0f}: there a component of 300")


def test_g24_scaling_by_a_detached_maximum_is_exact(quoted):
    def scaled(x):
        m = tf.stop_gradient(tf.reduce_max(tf.abs(x)))
        return m * norm(x / m)

    for size in (1e30, 1e-30):
        x = constant([3 * size, 4 * size])
        np.testing.assert_allclose(scaled(x), 5 * size, rtol=1e-6)
        np.testing.assert_allclose(gradient(scaled, x), [0.6, 0.8], rtol=1e-6)
    quoted("Treat m as a constant with `tf.stop_gradient`")


def clipped_by_global_norm(*gradients):
    """The second gradient by `tf.clip_by_global_norm`, and a weight of 0 stepped with it."""
    gradients = [constant(g) for g in gradients]
    weights = [keras.Variable(0.0) for _ in gradients]
    keras.optimizers.SGD(1.0, global_clipnorm=1.0).apply(gradients, weights)
    return tf.clip_by_global_norm(gradients, 1.0)[0], weights[1]


def test_g24_an_infinite_norm_spoils_every_gradient(quoted):
    clipped, weight = clipped_by_global_norm(1e30, 1.0)
    assert np.isnan(clipped).all()
    assert np.isnan(weight)
    quoted("turn every gradient into nan when the norm is not finite")


def test_g18_log_of_softmax_breaks(quoted):
    z = constant([1000.0, 0.0])

    def naive(z):
        return -tf.math.log(tf.nn.softmax(z)[1])

    def stable(z):
        return -tf.nn.log_softmax(z)[1]

    assert np.isnan(gradient(naive, z)).all()
    quoted(
        f"for z = [1000, 0] and the second label, the loss is {naive(z):g} and the gradient "
        f"nan, where `tf.nn.log_softmax` gives {stable(z):g} and {listed(gradient(stable, z))}"
    )


def test_g18_tensorflow_assumes_labels_that_sum_to_1(quoted):
    labels, z = constant([2.0, 1.0]), constant([0.0, 0.0])

    def fused(z):
        return tf.nn.softmax_cross_entropy_with_logits(labels, z)

    def plain(z):
        return -tf.reduce_sum(labels * tf.nn.log_softmax(z))

    np.testing.assert_allclose(fused(z), plain(z))
    quoted(
        "for labels [2, 1] and logits [0, 0] `tf.nn.softmax_cross_entropy_with_logits` returns "
        f"the right value, {fused(z):.3f}, and the gradient {listed(gradient(fused, z))}, where "
        f"the derivative of that value is {listed(gradient(plain, z))}"
    )


def small_classifier():
    """x, one-hot y and the weights w1, b1, w2, b2 of 5 rows, 4 inputs, 6 units, 3 classes."""
    random = np.random.default_rng(0)
    x, *weights = [random.normal(size=s) for s in [(5, 4), (4, 6), (6,), (6, 3), (3,)]]
    return tf.constant(x), tf.one_hot([2, 0, 1, 1, 2], 3, dtype=tf.float64), weights


def forward(x, w1, b1, w2, b2):
    """a, h and z."""
    a = x @ w1 + b1
    h = tf.nn.relu(a)
    return a, h, h @ w2 + b2


def taped(x, y, weights):
    """Gradients of the mean cross-entropy with respect to the weights."""
    weights = [tf.constant(w) for w in weights]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        losses = tf.nn.softmax_cross_entropy_with_logits(y, forward(x, *weights)[2])
        loss = tf.reduce_mean(losses)
    return tape.gradient(loss, weights)


def test_g30_the_skeleton_is_the_tapes_gradient():
    x, y, weights = small_classifier()
    a, h, z = forward(x, *weights)
    backward = learned_by_heart("G30", tf=tf)["backward"]
    got = backward(x, y, a, h, tf.nn.softmax(z), weights[2])
    for mine, theirs in zip(got, taped(x, y, weights), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)


def test_g30_with_zero_weights_only_the_last_bias_learns(quoted):
    x, y, weights = small_classifier()
    moves = [bool(np.any(g)) for g in taped(x, y, [0 * w for w in weights])]
    assert moves == [False, False, False, True]
    quoted("Only b2 learns: the net predicts the frequencies of the classes for ever")


def test_g30_a_mean_over_rows_is_slower_by_the_batch(quoted):
    g_z = np.random.default_rng(0).normal(size=(32, 3))
    ratio = (g_z.sum(axis=0) / g_z.mean(axis=0)).mean()
    quoted(f"at B = 32 the biases learn {ratio:.0f} times too slowly")


def learned(transposed=True, masked=True):
    """First and last loss of ten hidden units on 200 digits, 100 steps of rate 0.2."""
    (images, labels), _ = load_mnist()
    x, y = images[:200].reshape(200, -1) / 255, np.eye(10)[labels[:200]]
    random = np.random.default_rng(0)
    w1, w2 = random.normal(size=(784, 10)) / 784**0.5, random.normal(size=(10, 10)) / 10**0.5
    w1, w2, b1, b2, losses = 2**0.5 * w1, 2**0.5 * w2, np.zeros(10), np.zeros(10), []
    for _ in range(101):
        a = x @ w1 + b1
        h = np.maximum(a, 0)
        z = h @ w2 + b2
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        losses.append(-np.mean(np.sum(y * log_p, axis=1)))
        g_z = 0.2 * (np.exp(log_p) - y) / len(x)
        g_a = g_z @ (w2.T if transposed else w2) * ((a > 0) | (not masked))
        w1, b1 = w1 - x.T @ g_a, b1 - g_a.sum(axis=0)
        w2, b2 = w2 - h.T @ g_z, b2 - g_z.sum(axis=0)
    return losses[0], losses[-1]


def test_g31_wrong_backward_passes_learn(quoted):
    (first, right), (_, same), (_, unmasked) = (
        learned(),
        learned(transposed=False),
        learned(masked=False),
    )
    quoted(
        f"the loss falls from {first:.2f} to {right:.2f}; with w2 for its transpose it falls to "
        f"{same:.2f}, without relu's mask to {unmasked:.2f}"
    )


def test_g31_adam_hides_a_factor(quoted):
    steps = [1 - train(keras.optimizers.Adam(0.001), [g]) for g in (1.0, 32.0)]
    np.testing.assert_allclose(*steps, rtol=1e-3)
    quoted(f"first step for a gradient of 1 and for one of 32 is the same, {steps[0]:.3f}")


def test_g38_the_skeleton_is_the_hessian_times_a_vector():
    product = learned_by_heart("G38", tf=tf)["hessian_vector_product"]
    w = tf.Variable([1.0, 2.0])
    [got] = product(lambda: w[0] ** 2 * w[1], [w], [constant([1.0, 10.0])])
    np.testing.assert_allclose(got, [24, 2])


def test_g38_the_size_of_a_hessian(quoted):
    quoted(f"{300_000**2 * 4 / 1e9:.0f} GB for 300,000 weights")


def test_g38_differentiated_through_the_vector(quoted):
    w = tf.Variable(2.0)

    def product(vector):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                loss = w**3
            along = inner.gradient(loss, w) * vector()
        return outer.gradient(along, w)

    through, right = product(lambda: w), product(lambda: tf.stop_gradient(w))
    quoted(f"at w = 2 and v = w that gives {through:g}, and H v is {right:g}")


def test_g38_forward_mode_refuses_a_keras_variable(quoted):
    w, one = keras.Variable(2.0), constant(1.0)
    with pytest.raises(AttributeError), tf.autodiff.ForwardAccumulator(w, one):
        pass
    with tf.autodiff.ForwardAccumulator(w.value, one) as accumulator:
        y = w.value * 3
    assert accumulator.jvp(y) == 3
    quoted("a Keras variable raises an AttributeError; its `.value` works")


def test_g39_gradient_descent_up_to_2_over_lambda(quoted):
    random = np.random.default_rng(0)
    x = random.normal(size=(100, 10)) * np.linspace(0.5, 2, 10)
    y, v = x @ random.normal(size=10), random.normal(size=10)
    for _ in range(50):
        v = x.T @ (x @ v) / 100
        largest = np.linalg.norm(v)
        v /= largest

    def loss_after(rate):
        w = np.zeros(10)
        for _ in range(100):
            w -= rate * x.T @ (x @ w - y) / 100
        return np.sum((x @ w - y) ** 2) / 200

    start, below, above = loss_after(0), loss_after(1.9 / largest), loss_after(2.1 / largest)
    quoted(
        f"50 rounds find λ = {largest:.2f}. In 100 steps a rate of 1.9 / λ brings the loss from "
        f"{start:.1f} to {below:.0e}, and one of 2.1 / λ to {above:.0e}"
    )


NORMAL = np.random.default_rng(0).normal(size=2000)


def at_3_bits(step):
    """NORMAL / step, and the integers."""
    r = NORMAL / step
    return r, np.round(np.clip(r, -4, 3))


def quantization_error(step):
    return np.mean((step * at_3_bits(step)[1] - NORMAL) ** 2)


def fitted_step(clipped=True):
    """The step after descent on the squared error, by LSQ's rule or without its clipped terms."""
    step = 0.9
    for _ in range(2000):
        r, q = at_3_bits(step)
        inside = (r > -4) & (r < 3)
        slopes = np.where(inside, q - r, q if clipped else 0)
        step -= 0.05 * np.mean((step * q - NORMAL) * slopes)
    return step


def test_g36_the_step_of_least_error(quoted):
    steps = np.linspace(0.3, 1.0, 1401)
    best = steps[np.argmin([quantization_error(step) for step in steps])]
    largest = abs(NORMAL).max() / 4
    quoted(f"the largest gives a step of {largest:.2f}, least error one of {best:.2f}")


def test_g36_small_updates_are_rounded_away(quoted):
    weight = 0.2
    for _ in range(10):
        weight = 0.1 * np.round((weight - 0.001) / 0.1)
    quoted(f"a weight of 0.2 is still {weight:.1f} after 10 updates of 0.001, each rounded")


def test_g37_clipped_elements_make_the_step_grow(quoted):
    lost, found = fitted_step(clipped=False), fitted_step()
    quoted(
        f"shrinks to {lost:.2f}, with an error of {quantization_error(lost):.2f}, in 2,000 steps, "
        f"and goes on; LSQ finds {found:.2f} and {quantization_error(found):.2f}"
    )


def test_g04_without_the_variables_argument_the_call_raises(quoted):
    w = tf.Variable(3.0)
    no_argument = tf.custom_gradient(lambda x: (x * w, lambda upstream: upstream * w))
    with pytest.raises(TypeError, match="must accept keyword argument 'variables'"):
        no_argument(constant(1.0))
    quoted("Without the `variables` argument it is a TypeError as soon as the function is called")


def test_g04_too_few_gradients_of_variables(quoted):
    w, v = tf.Variable(3.0), tf.Variable(4.0)
    too_few = tf.custom_gradient(
        lambda x: (x * w * v, lambda upstream, variables=None: (upstream, [upstream]))
    )
    with pytest.raises(ValueError, match="Must return gradient for each variable"):
        gradient(too_few, constant(1.0))
    quoted('A ValueError when the gradient is taken: "Must return gradient for each variable"')


@pytest.mark.parametrize("how", [{}, GRAPH], ids=["eager", "graph"])
def test_g04_non_trainable_variables_do_not_count(quoted, how):
    w = tf.Variable(3.0, trainable=False)
    f = tf.custom_gradient(lambda x: (x * w, lambda upstream: upstream * 7.0))
    assert gradient(f, constant(1.0), **how) == 7
    quoted("A non-trainable one asks for no `variables` argument, eagerly or in a graph")


def test_g04_a_keras_variable_appears_as_its_tf_variable(quoted):
    w, seen = keras.Variable(3.0), []

    @tf.custom_gradient
    def f(x):
        def grad(upstream, variables=None):
            seen.extend(variables)
            return upstream * 3.0, [upstream * x]

        return x * w, grad

    gradient(f, constant(2.0))
    assert seen[0] is w.value
    quoted("a Keras variable appears as the `tf.Variable` inside it")


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
def test_g04_the_kernel_as_an_argument_survives_mixed_precision(quoted, policy):
    layer = Affine(captured=False, dtype=policy)
    with tf.GradientTape() as tape:
        y = layer(tf.ones((3, 4)))
    slope = tape.gradient(y, layer.kernel.value)
    assert slope.dtype == tf.float32
    np.testing.assert_array_equal(slope, np.full((4, 2), 3))
    quoted("The cast's own gradient leads back to float32")


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_g04_a_captured_kernel_raises(quoted, policy):
    with pytest.raises(TypeError, match="variables"):
        Affine(captured=True, dtype=policy)(tf.ones((3, 4)))
    quoted("as soon as the body reads `self.kernel` directly, the call raises TypeError")


def test_g15_on_plain_tensors_the_update_broadcasts(quoted):
    bias, slope = tf.zeros(3), tf.ones((4, 3))
    assert (bias - 0.1 * slope).shape == (4, 3)
    quoted("the update broadcasts and nothing complains")


@pytest.fixture
def broadcast_bias():
    """A bias whose rule returns the upstream as it is, and the gradients of input and bias."""
    x, bias = tf.ones((4, 3)), keras.Variable(np.zeros(3, "float32"))
    add = tf.custom_gradient(lambda x, b: (x + b, lambda upstream: (upstream, upstream)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = add(x, tf.convert_to_tensor(bias))
    return bias, tape.gradient(y, [x, bias.value])


def test_g15_the_tape_passes_a_wrong_shape(quoted, broadcast_bias):
    _, (dx, db) = broadcast_bias
    quoted(f"The tape hands back gradients of shape {tuple(dx.shape)} and {tuple(db.shape)}")


def test_g15_the_optimizer_refuses_a_wrong_shape(quoted, broadcast_bias):
    bias, (_, db) = broadcast_bias
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"Cannot update variable with shape \[3\]"
    ):
        keras.optimizers.SGD().apply([db], [bias])
    quoted('`SGD.apply` raises "Cannot update variable with shape [3]"')


def test_g17_recomputing_dropout_draws_another_mask(quoted):
    tf.random.set_seed(0)
    x = tf.ones(1000)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.recompute_grad(lambda x: tf.nn.dropout(x, 0.5))(x)
    agree = np.mean((y > 0) == (tape.gradient(y, x) > 0))
    share = {0.5: "half", 1.0: "all"}[round(2 * agree) / 2]
    quoted(f"on 1000 units the two masks agreed on about {share} of them")


def test_g17_recomputing_batch_normalization_updates_twice(quoted):
    x = tf.random.stateless_normal((1000, 3), [1, 2]) + 5

    def moving_mean(wrap):
        layer = keras.layers.BatchNormalization(momentum=0.9)
        layer.build((None, 3))
        segment = wrap(lambda x: layer(x, training=True))
        gradient(lambda x: segment(x) ** 3, x)
        return float(np.mean(layer.moving_mean))

    once, twice = moving_mean(lambda f: f), moving_mean(tf.recompute_grad)
    quoted(f"the moving mean after one step is near {twice:.0f} instead of {once:.1f}")


def recomputed(f, pause):
    """A checkpoint of a function of one tensor."""

    @tf.custom_gradient
    def checkpoint(x):
        with pause():
            y = f(x)

        def grad(upstream):
            with tf.GradientTape() as tape:
                again = tf.identity(x)
                tape.watch(again)
                y = f(again)
            return tape.gradient(y, again, upstream)

        return y, grad

    return checkpoint


def kept_alive(wrap):
    """How many of a segment's 8 intermediate values outlive its forward pass."""
    values = []

    def segment(x):
        for _ in range(8):
            x = tf.tanh(1.5 * x)
            values.append(weakref.ref(x))
        return x

    x = constant([0.1, 0.2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = wrap(segment)(x)
    kept = sum(value() is not None for value in values)
    plain = gradient(segment, x)
    np.testing.assert_allclose(tape.gradient(y, x), plain, rtol=1e-6)
    return kept


def test_g17_the_tapes_outside_record_and_keep(quoted):
    plain = kept_alive(lambda f: f)
    recorded = kept_alive(lambda f: recomputed(f, contextlib.nullcontext))
    paused = kept_alive(lambda f: recomputed(f, tf.init_scope))
    assert plain == recorded
    assert paused == kept_alive(tf.recompute_grad)
    quoted(f"of 8 intermediate values all {recorded} stay alive until the backward pass")
    quoted(f"With `tf.init_scope()` around the forward call only {paused} does, the output")


def test_g17_variables_without_the_argument_raise(quoted):
    w = tf.Variable(3.0)
    with pytest.raises(TypeError, match="variables"):
        recomputed(lambda x: x * w, tf.init_scope)(constant(2.0))
    quoted("Without that argument the call raises a TypeError")


@pytest.mark.parametrize("built", [True, False], ids=["built", "not built"])
def test_g17_recompute_grad_with_a_dense_layer(quoted, built):
    x = tf.random.stateless_normal((5, 3), [1, 2])

    def kernel_gradient(wrap):
        dense = keras.layers.Dense(4, kernel_initializer="ones")
        if built:
            dense.build((None, 3))
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(wrap(dense)(x) ** 2)
        return tape.gradient(loss, dense.kernel.value)

    np.testing.assert_array_equal(kernel_gradient(lambda f: f), kernel_gradient(tf.recompute_grad))
    quoted("around a `Dense` layer, built or not, it gives the same kernel gradient as without")


def test_g16_unused_outputs_send_zeros(quoted):
    seen = []

    @tf.custom_gradient
    def powers(x):
        def grad(d1, d2):
            seen.extend([d1, d2])
            return d1 * 2 * x + d2 * 3 * x**2

        return (x**2, x**3), grad

    assert gradient(lambda x: powers(x)[0], constant(2.0)) == 4
    quoted(f"`grad` was called with {seen[0]:g} and {seen[1]:g}")


@pytest.mark.parametrize(
    "op",
    [
        tf.round,
        lambda x: tf.cast(tf.argmax([x, 1.0]), x.dtype),
        lambda x: tf.cast(x > 0, x.dtype),
    ],
    ids=["round", "argmax", "comparison"],
)
def test_g03_ops_without_a_gradient(quoted, op):
    assert gradient(op, constant(1.5)) is None
    quoted("An op on the path has no gradient: `argmax`, `round`, a comparison")


def test_g03_numpy_functions_leave_the_path(quoted):
    squared = lambda x: tf.numpy_function(np.square, [x], tf.float32)
    assert gradient(squared, constant(1.5)) is None
    quoted("The path left TensorFlow: NumPy, or `tf.numpy_function`")


def test_g03_a_py_function_stays_on_the_path(quoted):
    squared = lambda x: tf.py_function(tf.square, [x], tf.float32)
    assert gradient(squared, constant(1.5)) == 3
    quoted("A `tf.py_function` of TensorFlow ops is differentiated")


def test_g03_integers_have_no_gradient(quoted):
    assert gradient(tf.square, tf.constant(3)) is None
    quoted("It has an integer or string dtype, which has no gradient even when watched")


def test_g03_a_value_that_was_assigned(quoted):
    x, other = tf.Variable(2.0), tf.Variable(0.0)
    with tf.GradientTape() as tape:
        other.assign(2 * x)
        y = 3 * other
    assert tape.gradient(y, x) is None
    quoted("the value went through `assign` into another variable, whose reading starts afresh")


def test_g03_a_rebound_name(quoted):
    v = tf.Variable(2.0)
    v = v - 0.1
    with tf.GradientTape() as tape:
        y = v * v
    assert tape.gradient(y, v) is None
    quoted("after `v = v - 0.1 * g` it is a tensor, and the next tape does not watch it")


def test_g03_sign_is_zero_and_round_is_none(quoted):
    sign = gradient(tf.sign, constant(1.5))
    quoted(f"*Why is `tf.sign` {sign:g} and `tf.round` `{gradient(tf.round, constant(1.5))}`?*")


def test_g03_round_has_a_registered_gradient(quoted):
    with tf.Graph().as_default():
        x = tf.constant(1.5)
        rules = [ops.get_gradient_function(op(x).op) for op in (tf.sign, tf.round)]
        assert rules[1](None, x) == [None]
    quoted("both have a registered gradient: that of sign returns zeros, that of round None")


def test_g03_unconnected_gradients(quoted):
    x = constant(1.5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.round(x)
    assert tape.gradient(y, x, unconnected_gradients="zero") == 0
    quoted('Ask for zeros with `unconnected_gradients="zero"`')


def test_g03_an_optimizer_only_warns(quoted):
    variables = [keras.Variable(1.0), keras.Variable(1.0)]
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        keras.optimizers.SGD().apply_gradients(zip([None, constant(1.0)], variables, strict=True))
    assert float(variables[0]) == 1
    quoted("An optimizer skips such a variable, most often with a warning only")


def focal(z, detach=False):
    p = tf.sigmoid(z)
    modulator = (1 - p) ** 2
    return -(tf.stop_gradient(modulator) if detach else modulator) * tf.math.log(p)


def test_g20_detaching_the_focal_factor(quoted):
    z = constant(-1.0)
    wrong, right = gradient(lambda z: focal(z, detach=True), z), gradient(focal, z)
    quoted(f"the gradient is then {wrong:.3f} instead of {right:.3f}")


def test_g20_ratio_of_the_true_focal_gradient_to_the_detached(quoted):
    for z in (-4.0, -1.0, 0.5, 3.0):
        p = 1 / (1 + np.exp(-z))
        ratio = gradient(focal, constant(z)) / gradient(lambda z: focal(z, True), constant(z))
        np.testing.assert_allclose(ratio, 1 + 2 * p * -np.log(p) / (1 - p), rtol=1e-4)
    quoted("larger by `1 + gamma * p_t * (-log(p_t)) / (1 - p_t)`")


def test_g12_step_sizes_in_float32(quoted):
    def error(h):
        x, h = np.float32(2), np.float32(h)
        slope = ((x + h) ** 3 - (x - h) ** 3) / (2 * h)
        return abs(float(slope) - 12) / 12

    quoted(
        f"For x³ at 2 the relative error is {error(1e-2):.0e} at h = 1e-2, {error(1e-4):.0e} at "
        f"h = 1e-4, and {error(1e-8):g} at h = 1e-8"
    )


def test_g12_cube_root_of_the_machine_epsilon(quoted):
    h = np.cbrt(np.finfo(np.float32).eps)
    quoted(f"cube root of the machine epsilon, times the scale of x: {short_power(h, '.0e')}")


def test_g12_compute_gradient_steps_by_a_1024th(quoted):
    (theory,), (numeric,) = tf.test.compute_gradient(lambda x: x**3, [constant([2.0], tf.float64)])
    error = abs(theory - numeric).item()
    np.testing.assert_allclose(error, 1 / 1024**2, rtol=1e-6)
    quoted(f"In float64 the error for x³ is therefore {error:.1e}, h² itself")


def test_g12_ones_hide_what_the_simplex_cancels(quoted):
    slope = gradient(lambda x: tf.reduce_sum(tf.nn.softmax(x)), constant([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(slope, 0, atol=1e-7)
    quoted("`sum(softmax(x))` has gradient 0")


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
def test_g11_automatic_compilation_is_off_on_a_cpu(quoted):
    compiled, weights = weights_after_one_step("auto")
    assert compiled is False
    assert np.isfinite(weights).all()
    quoted('trains on under `jit_compile="auto"` on a CPU')


def test_g11_xla_turns_the_weights_into_nan(quoted):
    assert np.isnan(weights_after_one_step(True)[1]).all()
    quoted("with `jit_compile=True` all weights are nan after one step")


def jvp(f, x):
    x = constant(x)
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
        y = f(x)
    return accumulator.jvp(y)


def test_g14_forward_mode_ignores_the_rule(quoted):
    square = tf.custom_gradient(lambda x: (x * x, lambda upstream: upstream * 100))
    reverse, forward = gradient(square, constant(3.0)), jvp(square, 3.0)
    quoted(f"reverse mode gives {reverse:g} and forward mode {forward:g} at x = 3")


def test_g14_forward_products_by_two_backward_passes(quoted):
    square = tf.custom_gradient(lambda x: (x * x, lambda upstream: upstream * 100))
    x, upstream, direction = constant(3.0), constant(0.0), constant(2.0)
    with tf.GradientTape() as outer:
        outer.watch(upstream)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = square(x)
        product = inner.gradient(y, x, upstream)
    assert outer.gradient(product, upstream, direction) == 200
    quoted("it is linear in it, so a second backward pass gives the product with the Jacobian")


def test_g14_forward_mode_of_a_stable_rule_is_naive(quoted):
    assert np.isnan(jvp(documented, 89.0))
    quoted("where forward mode still computes the naive derivative")


def test_g22_jacobian_through_a_custom_gradient(quoted):
    square = tf.custom_gradient(lambda x: (x * x, lambda upstream: upstream * 2 * x))
    w = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        losses = square(tf.linalg.matvec([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], w))
    a, b, c = (" ".join(f"{g:g}" for g in row) for row in tape.jacobian(losses, w).numpy())
    quoted(f"it returned the rows {a}, {b} and {c}")


def test_g22_a_vectorized_map_of_gradients(quoted):
    w, x = tf.Variable([1.0, 2.0]), constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

    def one(x):
        with tf.GradientTape() as tape:
            loss = tf.square(tf.reduce_sum(x * w))
        return tape.gradient(loss, w)

    np.testing.assert_allclose(tf.vectorized_map(one, x), [[10, 20], [66, 88], [170, 204]])
    quoted("or `tf.vectorized_map` of a function that takes the gradient of one example")


def fixed_point(w, x, steps=200):
    z = 0 * x
    for _ in range(steps):
        z = tf.tanh(w * z + x)
    return z


@tf.custom_gradient
def implicit_fixed_point(w, x):
    z = fixed_point(w, x)

    def grad(upstream):
        slope = 1 - z**2
        adjoint = upstream / (1 - slope * w)
        return adjoint * slope * z, adjoint * slope

    return z, grad


def slope_by_weight(solve):
    return gradient(lambda w: solve(w, constant(0.3)), constant(0.5))


def test_g25_implicit_gradient_of_a_fixed_point(quoted):
    implicit, unrolled = map(slope_by_weight, (implicit_fixed_point, fixed_point))
    np.testing.assert_allclose(implicit, unrolled, rtol=1e-5)
    quoted(
        f"For `z = tanh(0.5 * z + 0.3)` the implicit gradient with respect to the weight is "
        f"{implicit:.4f}, and unrolling 200 iterations gives the same"
    )


def test_g25_one_last_application_drops_the_inverse(quoted):
    def one_step(w, x):
        return tf.tanh(w * tf.stop_gradient(fixed_point(w, x)) + x)

    short, implicit = map(slope_by_weight, (one_step, implicit_fixed_point))
    quoted(f"here {short:.4f} instead of {implicit:.4f}")


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


def test_g21_a_variable_read_in_grad_under_cond(quoted):
    with pytest.raises(AttributeError):
        gradient_under_cond(read_in_grad)
    quoted("raises AttributeError on 2.21")


@pytest.mark.parametrize("make", [read_forward, passed])
def test_g21_a_variable_read_forward_or_passed_under_cond(quoted, make):
    assert gradient_under_cond(make) == 3
    quoted(
        "read in the forward function and captured as a tensor, or passed as an argument, it works"
    )


def kernel_gradients(activation, initializer, shape=lambda layer, h: layer(h)):
    """Norms of the kernels' gradients of 20 layers of width 64 and an output, from the first."""
    keras.utils.set_random_seed(0)
    inputs = h = keras.Input((64,))
    for _ in range(20):
        layer = keras.layers.Dense(64, activation=activation, kernel_initializer=initializer)
        h = shape(layer, h)
    model = keras.Model(inputs, keras.layers.Dense(1)(h))
    x = np.random.default_rng(0).normal(size=(32, 64)).astype("float32")
    kernels = [v for v in model.trainable_variables if v.path.endswith("kernel")]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x) - 1.0))
    return [float(tf.norm(g)) for g in tape.gradient(loss, kernels)]


def first_over_last(*net):
    norms = kernel_gradients(*net)
    return norms[0] / norms[-2]


def test_g28_the_slope_of_a_sigmoid(quoted):
    quoted(f"at most {gradient(tf.sigmoid, constant(0.0))}")


def test_g28_sigmoid_layers_vanish(quoted):
    ratio = first_over_last("sigmoid", "glorot_uniform")
    quoted(f"the first kernel's gradient is {short_power(ratio, '.0e')} of the last one's")


def test_g28_skips_keep_the_gradient(quoted):
    ratio = first_over_last("sigmoid", "glorot_uniform", lambda layer, h: h + layer(h))
    quoted(f"With a skip round each of those sigmoid layers the ratio is {ratio:.2f}")


def test_g28_normalization_keeps_the_gradient(quoted):
    normalized = lambda layer, h: keras.layers.LayerNormalization()(layer(h))
    ratio = first_over_last("sigmoid", "glorot_uniform", normalized)
    quoted(f"with layer normalization it is {ratio:.2f}")


def test_g28_standard_normal_weights_explode(quoted):
    first = kernel_gradients("relu", keras.initializers.RandomNormal(stddev=1.0))[0]
    quoted(f"With standard normal weights the gradients of 20 ReLU layers are {first}")


def test_g28_relu_with_the_default_weights(quoted):
    default = keras.layers.Dense(1).kernel_initializer.get_config()
    assert default == keras.initializers.GlorotUniform().get_config()
    glorot, he = (kernel_gradients("relu", name)[0] for name in ("glorot_uniform", "he_normal"))
    quoted(f"first kernel's gradient is then {glorot:.3f}, where `he_normal` gives {he:.0f}")


def test_g28_one_matrix_a_hundred_times(quoted):
    quoted(f"a gain of 0.9 leaves {0.9**100:.0e}, one of 1.1 makes {1.1**100:.0f}")


def test_g28_the_forget_gate_starts_open(quoted):
    lstm = keras.layers.LSTM(1)
    lstm.build((None, 1, 1))
    _, forget, _, _ = lstm.cell.bias.numpy()
    quoted(f"behind a forget gate near 1, which is why its bias starts at {forget:.0f}")


def test_g28_adam_below_epsilon(quoted):
    quoted(f"takes {1 - train(keras.optimizers.Adam(1.0), [1e-9]):.4f} of a full step in Keras")


@keras.ops.custom_gradient
def portable_square(x):
    def grad(*args, upstream=None):
        (upstream,) = args if upstream is None else (upstream,)
        return upstream * 100.0

    return x * x, grad


def test_g27_the_portable_form(quoted):
    slope = gradient(lambda x: 2 * portable_square(x), constant(3.0))
    quoted(f"a rule of 100, `2 * f(x)` has the gradient {slope:g}")


def test_g27_the_form_of_pytorch(quoted):
    @keras.ops.custom_gradient
    def square(x):
        def grad(*args, upstream):
            return upstream * 100.0

        return x * x, grad

    value = square(constant(3.0)).numpy()
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument"):
        gradient(square, constant(3.0))
    quoted(f"and not before: the value of `x * x` at 3 is {value:g}")


def test_g27_keras_wants_captured_variables_too(quoted):
    w = keras.Variable(2.0)
    scaled = keras.ops.custom_gradient(lambda x: (x * w, lambda upstream: upstream))
    with pytest.raises(TypeError, match="variables"):
        gradient(scaled, constant(3.0))
    quoted("TensorFlow wants `variables=` and raises a TypeError")


def test_g27_keras_ignores_the_rule_for_keywords(quoted):
    assert gradient(portable_square, constant(3.0)) == 100
    assert gradient(lambda x: portable_square(x=x), constant(3.0)) == 6
    quoted("only TensorFlow, eagerly, falls back to autodiff without a word")


def test_g27_a_second_derivative(quoted):
    @keras.ops.custom_gradient
    def cube(x):
        return x**3, lambda upstream: upstream * 3 * x**2

    x = constant(2.0)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = cube(x)
        first = tape.gradient(y, x)
    quoted(f"it is {outer.gradient(first, x):g} at 2")


@keras.saving.register_keras_serializable("test_g29")
class Hundred(keras.layers.Layer):
    """x -> x * x, with a rule of 100."""

    def call(self, x):
        return hundred(x)


@tf.custom_gradient
def hundred(x):
    return tf.identity(x * x), lambda upstream: 100 * upstream


@tf.custom_gradient
def hundred_times(x):
    return tf.identity(x * x), lambda upstream: 100 * upstream * x


@tf.custom_gradient
def with_numpy(x):
    def grad(upstream):
        return upstream * tf.numpy_function(lambda x: x, [x], tf.float32)

    return tf.identity(x * x), grad


class Scaled(tf.Module):
    """x -> w x, with a rule of 1000 for w."""

    def __init__(self):
        self.w = tf.Variable(2.0)

        @tf.custom_gradient
        def scaled(x):
            def grad(upstream, variables=None):
                return upstream, [1000 * tf.reduce_sum(upstream)]

            return x * self.w, grad

        self.f = traced(scaled)


def traced(op):
    return tf.function(lambda x: op(x), input_signature=[tf.TensorSpec([1])])


LOAD = """
import json, sys, keras, tensorflow as tf

x = tf.constant([3.0])

def slope(f, source=x):
    try:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return float(tf.squeeze(tape.gradient(y, source)))
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def curvature(f):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        first = tape.gradient(y, x)
    return float(outer.gradient(first, x)[0])

def without_the_class():
    try:
        return keras.saving.load_model("model.keras") and None
    except Exception as error:
        return type(error).__name__

kept, lost = (tf.saved_model.load(name) for name in ("kept", "lost"))
exported, scaled = tf.saved_model.load("exported"), tf.saved_model.load("scaled")
results = {
    "kept": slope(kept.hundred),
    "exported": slope(exported.serve),
    "TFSMLayer": slope(keras.layers.TFSMLayer("exported", call_endpoint="serve")),
    "variable": slope(scaled.f, scaled.w),
    "curvature": curvature(kept.hundred_times),
    "numpy": slope(kept.with_numpy),
    "lost": slope(lost.hundred),
    "lost value": float(lost.hundred(x)[0]),
    "without the class": without_the_class(),
}
print("RESULTS", json.dumps(results))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with `Hundred` and the ops above, saved in each form."""
    folder = tmp_path_factory.mktemp("saved")
    model = keras.Sequential([keras.Input(()), Hundred()])
    model.save(folder / "model.keras")
    model.export(folder / "exported", verbose=False)
    tf.saved_model.save(Scaled(), folder / "scaled")
    for name, keep in (("kept", True), ("lost", False)):
        module = tf.Module()
        for op in (hundred, hundred_times, with_numpy):
            setattr(module, op.__wrapped__.__name__, traced(op))
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=keep)
        tf.saved_model.save(module, folder / name, options=options)
    return folder


@pytest.fixture(scope="module")
def new_process(saved):
    """What a new process finds in that folder."""
    command = [sys.executable, "-c", LOAD]
    run = subprocess.run(command, cwd=saved, capture_output=True, text=True, check=True)
    results = json.loads(run.stdout.partition("RESULTS")[2])
    return results | {"warned": "unsaved custom gradients" in run.stderr}


def test_g29_the_rule_survives_in_three_forms(quoted, new_process):
    assert new_process["kept"] == new_process["exported"] == new_process["TFSMLayer"]
    quoted(
        f"a new process gets {new_process['kept']:g} from `tf.saved_model.save`, from "
        "`model.export`, and from a `TFSMLayer` round the export"
    )


def test_g29_keeping_the_rule_is_the_default(quoted):
    assert tf.saved_model.SaveOptions().experimental_custom_gradients
    quoted("The default is True")


def test_g29_keras_files_need_the_class(quoted, saved, new_process):
    assert new_process["without the class"] == "TypeError"
    model = keras.saving.load_model(saved / "model.keras")
    assert gradient(model, constant([3.0])) == 100
    quoted("Without the class it does not load")


def test_g29_variables_and_second_derivatives(quoted, new_process):
    assert new_process["variable"] == 1000 * 1
    assert new_process["curvature"] == 100
    quoted("Gradients for captured variables are stored too, and second derivatives")


def test_g29_python_does_not_travel(quoted, new_process):
    assert "Could not find callback" in new_process["numpy"]
    quoted("a `tf.numpy_function` in the rule fails in the new process")


def test_g29_without_the_rule_the_gradient_raises(quoted, new_process):
    assert new_process["warned"]
    error, _, message = new_process["lost"].partition(":")
    assert "IdentityN" in message
    quoted(f"The value is right, {new_process['lost value']:g} at 3")
    quoted(f"a call under a tape raises a {error} that names `IdentityN`")


def test_g29_the_process_that_saved_still_knows_the_rule(quoted, saved):
    lost = tf.saved_model.load(saved / "lost")
    quoted(f"the gradient there is {gradient(lost.hundred, constant([3.0])).item():g} as well")


def row_parts(x):
    """xhat and sigma of each row, without epsilon."""
    sigma = x.std(axis=-1, keepdims=True)
    return (x - x.mean(axis=-1, keepdims=True)) / sigma, sigma


def layer_norm_slope(g, x):
    """The gradient of xhat along g, by the formula that G50 derives."""
    xhat, sigma = row_parts(x)
    mean = lambda a: a.mean(axis=-1, keepdims=True)
    return (g - mean(g) - xhat * mean(g * xhat)) / sigma


def test_g50_statistics_taken_for_constants(quoted):
    x = np.random.default_rng(0).normal(size=[800, 16])
    np.testing.assert_allclose(layer_norm_slope(x, x), 0 * x, atol=1e-12)
    # Over rows of 16 the mean of (x / sigma)^2 is 1 + 1/13, 4% in length; the length of 12,800
    # normal numbers has a deviation of 1 / sqrt(25,600), 0.6%.
    assert np.linalg.norm(x / row_parts(x)[1]) == pytest.approx(np.linalg.norm(x), rel=0.05)
    quoted("where the true gradient is 0, that is as large as the upstream")


def test_g50_rows_of_two_numbers(quoted):
    x = constant([[3.0, 7.0], [5.0, -1.0]])
    upstream = constant([[1.0, 3.0], [-2.0, 5.0]])
    norm = keras.layers.LayerNormalization(epsilon=0.0)
    norm.build(x.shape)
    np.testing.assert_allclose(norm(x), [[-1, 1], [1, -1]], rtol=1e-6)
    np.testing.assert_allclose(gradient(lambda x: upstream * norm(x), x), 0 * x, atol=1e-6)
    quoted("xhat is (−1, 1) or (1, −1), whatever they are: the gradient is 0")


def test_g51_a_third_of_the_variances_is_negative(quoted):
    x = np.float32(1e4 + np.random.default_rng(0).normal(size=[1000, 64]))
    variance = tf.reduce_mean(x**2, -1) - tf.reduce_mean(x, -1) ** 2
    assert 0.25 < np.mean(variance.numpy() < 0) < 0.4
    quoted(f"float32 has steps of {np.spacing(np.float32(1e8)):.0f}. Of 1,000 rows of 64 numbers")
    quoted("variance 1 about a third come out negative")
    quoted(f"at 1e4 by up to {short_power(np.spacing(np.float32(1e4)) / 2, '.0e')}")


def test_g52_epsilon_by_default(quoted):
    row = constant([[0.01, -0.01]])
    keras_own = float(tf.math.reduce_std(keras.layers.LayerNormalization()(row)))
    small = float(tf.math.reduce_std(keras.layers.LayerNormalization(epsilon=1e-5)(row)))
    quoted(f"deviation {keras_own:.2f}, with 1e-5 it is {small:.2f}")
    quoted(f"epsilon {keras.layers.LayerNormalization().epsilon:g}, PyTorch 1e-5")


def test_g53_keras_adds_up_cumulative_sums(quoted):
    p = keras.activations.sparsemax(constant([0.1, 0.2, 0.3])).numpy()
    quoted(f"(0.1, 0.2, 0.3) is ({p[0]:g}, {p[1]:.3f}, {p[2]:.3f})")


def test_g53_slopes_at_the_threshold(quoted):
    zero = constant([0.0])
    slopes = gradient(lambda z: tf.maximum(z, 0.0), zero), gradient(tf.nn.relu, zero)
    quoted(f"`tf.maximum` would pass a slope of {slopes[0][0]:.0f} there, `tf.nn.relu` ")
    quoted(f"`tf.nn.relu` {slopes[1][0]:.0f}")


def test_g54_a_lower_temperature_is_never_sparse(quoted):
    z = constant([1.0, 0.5, -1.0])
    warm, cold = (float(tf.nn.softmax(z / t)[-1]) for t in (1.0, 0.5))
    quoted(f"the last keeps {warm:.3f} at temperature 1 and {cold:.3f} at 0.5")


def test_g55_one_example_among_a_hundred(quoted):
    gradients = np.array([100.0] + [1.0] * 99)
    clipped = np.minimum(gradients, 1.0)
    quoted(f"it counts {clipped[0]:.0f} of {clipped.sum():.0f}; in the mean it is")
    quoted(f"in the mean it is {gradients[0]:.0f} of {gradients.sum():.0f}")


def test_g56_a_vector_of_losses_is_summed(quoted):
    w = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        losses = tf.constant([8.0, 1.0]) * w
    quoted(f"For slopes 8 and 1 it returns {float(tape.gradient(losses, w)):.0f}")


def test_g56_dropout_draws_one_mask(quoted):
    layer = keras.layers.Dropout(0.5, seed=0)
    drop = lambda x: layer(x[None], training=True)[0]
    masks = tf.vectorized_map(drop, tf.ones([4, 64])).numpy()
    assert (masks == masks[0]).all()
    assert 0 < (masks[0] == 0).sum() < 64
    quoted("Under `vectorized_map` Keras' layer gives all examples one mask")
