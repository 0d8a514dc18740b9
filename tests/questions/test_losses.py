"""The figures of QUESTIONS.md under Losses, measured again; conftest.py says how."""

import inspect
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.questions.derivatives import GRAPH, XLA, constant, gradient, norm
from tests.questions.double_softmax import ByHand, reported
from tests.questions.notation import short_power
from tests.questions.one_weight import linear, ones
from tests.support.replicas import two_replicas


def test_l01_how_much_easy_examples_shrink(quoted):
    easy, even = 1 / (1 - 0.9) ** 2, 1 / (1 - 0.5) ** 2
    quoted(
        f"At p_t = 0.9 and gamma = 2 the loss is {easy:.0f} times smaller than cross-entropy, "
        f"at p_t = 0.5 only {even:.0f} times"
    )


def test_l01_bias_for_a_prior(quoted):
    bias = -np.log((1 - 0.01) / 0.01)
    assert 1 / (1 + np.exp(-bias)) == pytest.approx(0.01)
    quoted(f"`b = -log((1 - π) / π)`, which is {bias:.3f} for π = 0.01")


def test_l02_where_one_minus_p_is_zero(quoted):
    z = next(z / 10 for z in range(150, 200) if 1 - tf.sigmoid(constant(z / 10)) == 0)
    quoted(f"In float32, `1 - sigmoid(z)` is exactly 0 from z = {z:g}")


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_l02_the_built_in_is_nan_when_certain(quoted, gamma):
    loss = keras.losses.BinaryFocalCrossentropy(gamma=gamma, from_logits=True)

    def slope(z):
        return gradient(lambda z: loss(constant([[1.0]]), z), constant([[z]])).item()

    assert np.isfinite(slope(16.0))
    assert np.isnan(slope(17.0))
    quoted("has gradient nan for label 1 at logit 17, with gamma = 0 as with gamma = 0.5")


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_l02_the_form_in_logs_is_finite(quoted, gamma):
    def loss(z):
        return tf.exp(-gamma * tf.nn.softplus(z)) * tf.nn.softplus(-z)

    z = constant([-1e4, -1000.0, -17.0, 0.0, 17.0, 100.0, 1000.0, 1e4])
    assert np.isfinite(loss(z)).all()
    assert np.isfinite(gradient(loss, z)).all()
    quoted("the form above is finite up to ±1e4")


def test_l03_a_scalar_alpha_does_not_balance(quoted):
    def categorical(alpha):
        loss = keras.losses.CategoricalFocalCrossentropy(alpha=alpha, gamma=0.0, reduction="none")
        return loss([[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]).numpy()

    first, second = categorical(0.25)
    assert first == second
    one, other = categorical([0.25, 0.75])
    quoted(
        f"alpha = 0.25 gives {first:.3f} for either class; the list [0.25, 0.75] gives "
        f"{one:.3f} and {other:.3f}"
    )


def binary_at_even_odds(**how):
    """Keras' binary focal loss with alpha = 0.25 for label 1 and label 0 at probability 1/2."""
    loss = keras.losses.BinaryFocalCrossentropy(alpha=0.25, gamma=0.0, reduction="none", **how)
    return loss([[1.0], [0.0]], [[0.5], [0.5]]).numpy()


def test_l03_binary_alpha_is_ignored_without_the_flag(quoted):
    first, second = binary_at_even_odds()
    assert first == second
    quoted(f"without the flag both classes read {first:.3f}")


def test_l03_binary_alpha_acts_with_the_flag(quoted):
    balanced = binary_at_even_odds(apply_class_balancing=True)
    assert balanced[1] == pytest.approx(3 * balanced[0])
    quoted("ignores alpha until `apply_class_balancing=True`")


def pinball_minimizer(tau, sign=1):
    data = np.arange(1, 101)
    guesses = np.arange(0, 101)
    e = sign * (data - guesses[:, None])
    losses = np.maximum(tau * e, (tau - 1) * e).mean(1)
    return guesses[losses == losses.min()].min()


def test_l13_flipped_pinball_does_not_show_at_the_median(quoted):
    assert pinball_minimizer(0.5) == pinball_minimizer(0.5, sign=-1)
    quoted("At τ = 0.5 nothing shows")


def test_l13_flipped_pinball_finds_the_other_quantile(quoted):
    wrong, right = pinball_minimizer(0.9, sign=-1), pinball_minimizer(0.9)
    quoted(f"At τ = 0.9 on the numbers 1 to 100 the minimizer is then {wrong} instead of {right}")


def test_l13_quantile_of_two_costs(quoted):
    quoted(f"a missing unit costs 9 and a surplus unit 1, predict the {9 / (9 + 1):g} quantile")


def test_l13_huber_away_from_delta_1(quoted):
    value = keras.losses.Huber(delta=2.0)([[0.0]], [[3.0]])
    slip = 2.0 * 3.0 - 0.5
    quoted(
        f"at delta = 2 and an error of 3 the value is {value:g}, while the common slip "
        f"`delta * abs(e) - 1/2` gives {slip:g}"
    )


def test_l13_cosh_overflows(quoted):
    x = next(x for x in range(80, 100) if np.isinf(tf.math.log(tf.cosh(constant(x)))))
    quoted(f"in float32 `log(cosh(x))` is inf at {x}")


def test_l13_log_cosh_by_softplus(quoted):
    x = 90
    stable = constant(x) + tf.nn.softplus(constant(-2.0 * x)) - np.log(2)
    np.testing.assert_allclose(stable, x - np.log(2), rtol=1e-6)
    quoted("Compute it as `e + softplus(-2 * e) - log(2)`, since cosh overflows")


def hinge(d):
    return tf.maximum(1 - d, 0.0) ** 2


def test_l22_forces_on_a_dissimilar_pair(quoted):
    at_0, at_2, at_margin = (gradient(hinge, constant(d)) for d in (0.0, 0.2, 1.0))
    assert at_margin == 0
    quoted(f"the gradient of a dissimilar pair is {at_0:g} at d = 0 and {at_2:g} at d = 0.2")


def test_l22_hinge_on_the_squared_distance(quoted):
    d = constant(0.5)
    quoted(
        f"at d = 0.5 and margin 1 it is {tf.maximum(1 - d**2, 0.0):g}, "
        f"the right value is {hinge(d):g}"
    )


def test_l22_without_the_clamp_a_far_pair_pays(quoted):
    assert hinge(constant(3.0)) == 0
    quoted(f"at distance 3 with margin 1 then costs {(1 - constant(3.0)) ** 2:g}")


@pytest.mark.parametrize("how", [{}, XLA], ids=["eager", "XLA"])
def test_l22_equal_embeddings_of_a_dissimilar_pair(quoted, how):
    assert np.isnan(gradient(lambda e: hinge(norm(e)), constant([0.0, 0.0]), **how)).all()
    quoted("The dissimilar term passes it on in every mode")


def test_l22_equal_embeddings_of_a_similar_pair(quoted):
    zero = constant([0.0, 0.0])
    assert np.isfinite(gradient(lambda e: norm(e) ** 2, zero)).all()
    assert np.isnan(gradient(lambda e: norm(e) ** 2, zero, **XLA)).all()
    quoted("the similar term, whose upstream is 0 there, under XLA only")


def test_l11_temperature_picks_the_hardest(quoted):
    def share(temperature):
        return float(tf.nn.softmax(constant([0.8, 0.1]) / temperature)[0])

    quoted(
        f"the first takes {share(1.0):.0%} of the push at temperature 1 and {share(0.1):.1%} at 0.1"
    )


SMOOTHING, CLASSES = 0.1, 10
BEST_GAP = np.log((1 - SMOOTHING + SMOOTHING / CLASSES) / (SMOOTHING / CLASSES))


def smoothed(z):
    """The smoothed loss of label 0 by Keras."""
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING)
    return loss(tf.one_hot([0], CLASSES), z)


def test_l10_the_best_gap_is_finite(quoted):
    z = constant([[BEST_GAP] + [0.0] * 9])
    np.testing.assert_allclose(gradient(smoothed, z), 0, atol=1e-6)
    quoted(f"{BEST_GAP:.2f} for s = {SMOOTHING} and ten classes")


def test_l10_the_loss_has_a_floor(quoted):
    floor = smoothed(constant([[BEST_GAP] + [0.0] * 9]))
    quoted(f"for s = {SMOOTHING} and ten classes its floor is {floor:.3f}")


# For C = 4 and s = 0.1, as in the trap of L10.
FOUR = np.array([0.7, 0.1, 0.1, 0.1])


def smoothed_by_keras():
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    return float(loss(np.eye(4)[:1], FOUR[None]))


def test_l10_integer_labels_need_no_one_hot(quoted):
    sparse = -(0.9 * np.log(FOUR[0]) + 0.1 * np.log(FOUR).mean())
    assert smoothed_by_keras() == pytest.approx(sparse)
    quoted("the loss is `(1 - s)` times the cross-entropy plus `s` times the mean of `-log(p)`")


def test_l10_spread_over_the_others(quoted):
    wrong = -(0.9 * np.log(FOUR[0]) + 0.1 / 3 * np.log(FOUR[1:]).sum())
    quoted(f"that gives {wrong:.3f} instead of {smoothed_by_keras():.3f}")


def test_l10_keras_sparse_loss_has_no_smoothing(quoted):
    losses = keras.losses
    assert "label_smoothing" in inspect.signature(losses.CategoricalCrossentropy).parameters
    assert (
        "label_smoothing" not in inspect.signature(losses.SparseCategoricalCrossentropy).parameters
    )
    quoted(f"in {keras.__version__.rpartition('.')[0]} the sparse loss has no such argument")


def test_l27_an_untrained_model(quoted):
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits([7], tf.zeros([1, 50_000]))
    quoted(f"an untrained model costs log V, {float(loss[0]):.2f} for 50,000 tokens")


def ignored_label(**how):
    """The cross-entropy of the label -100."""
    function = tf.nn.sparse_softmax_cross_entropy_with_logits
    compiled = tf.function(function, **how) if how else function
    return compiled(labels=tf.constant([-100, 1]), logits=tf.zeros([2, 3])).numpy()


def test_l27_the_label_that_is_none(quoted):
    for how in ({}, GRAPH):
        with pytest.raises(tf.errors.InvalidArgumentError, match="outside the valid range"):
            ignored_label(**how)
    assert np.isnan(ignored_label(**XLA)).tolist() == [True, False]
    quoted("On a CPU TensorFlow raises, eagerly and in a graph. Under XLA it returns nan")


def test_l27_keras_masks_and_does_not_shift(quoted):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-100)
    labels, logits = constant([[1, -100, 2]], tf.int32), constant([[[0.0, 2, 0]] * 2 + [[0, 0, 1]]])
    log_p = np.log(tf.nn.softmax(logits))[0]
    assert float(loss(labels, logits)) == pytest.approx(-(log_p[0, 1] + log_p[2, 2]) / 2)
    quoted("masks, and divides by the targets that are left. It does not shift")


def test_l28_perplexity(quoted):
    uniform = tf.nn.sparse_softmax_cross_entropy_with_logits([3], tf.zeros([1, 10]))
    loss, perplexity = float(uniform[0]), float(tf.exp(uniform)[0])
    quoted(f"a loss of {loss:.3f} has perplexity {perplexity:.0f}")


def test_l28_a_mean_of_perplexities(quoted):
    losses = np.array([2, 4])
    quoted(
        f"losses of 2 and 4 have perplexity {np.exp(losses.mean()):.1f} together, and their "
        f"perplexities a mean of {np.exp(losses).mean():.1f}"
    )


def test_l28_two_tokenizers(quoted):
    tokens, nats = np.array([25, 20]), np.array([2.6, 3.1])
    bits = tokens * nats / np.log(2) / 100
    assert np.argmin(bits) != np.argmin(nats)
    quoted(
        "Their perplexities are {:.1f} and {:.1f}, their bits per byte {:.2f} and {:.2f}".format(
            *np.exp(nats), *bits
        )
    )


def test_l29_the_size_of_the_logits(quoted):
    row = 128_000 * np.dtype("float32").itemsize / 1e9
    quoted(f"the largest tensor of the model: {8 * 4096 * row:.1f} GB in float32")
    quoted(f"A chunk of 1,024 tokens takes {1024 * row:.1f} GB")


def loss_of_padded_words(mask_zero, sample_weight=None):
    """The loss of a uniform guess among 5 classes, where half of the positions are padded."""
    table = keras.layers.Embedding(6, 5, mask_zero=mask_zero, embeddings_initializer="zeros")
    model = keras.Sequential([keras.Input((4,)), table])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    words, y = np.array([[1, 2, 0, 0]]), np.zeros((1, 4))
    return model.evaluate(words, y, sample_weight=sample_weight, verbose=0)


@pytest.fixture(scope="module")
def over_all():
    return loss_of_padded_words(False, sample_weight=np.array([[1.0, 1, 0, 0]]))


@pytest.fixture(scope="module")
def over_tokens():
    return loss_of_padded_words(mask_zero=True)


def test_t18_a_mask_divides_by_the_real_tokens(quoted, over_tokens):
    assert over_tokens == pytest.approx(np.log(5), rel=1e-5)
    quoted("(`mask_zero=True`), the loss applies it and divides by the real tokens")


def test_t18_sample_weight_alone_divides_by_all_positions(quoted, over_all, over_tokens):
    assert over_all == pytest.approx(over_tokens / 2)
    quoted("With `sample_weight` alone it divides by all positions")


def test_t18_a_mean_over_all_positions(quoted, over_all, over_tokens):
    quoted(
        f"the loss of a uniform guess among 5 classes reads {over_all:.3f} instead of "
        f"{over_tokens:.3f}"
    )


P, Q = np.array([0.7, 0.2, 0.1]), np.array([0.5, 0.3, 0.2])


def divergence(p, q):
    return np.sum(p * np.log(p / q))


def test_l26_cross_entropy_is_entropy_and_divergence(quoted):
    entropy, kl = -np.sum(P * np.log(P)), divergence(P, Q)
    assert float(keras.losses.KLDivergence()(P[None], Q[None])) == pytest.approx(kl)
    whole = float(keras.losses.CategoricalCrossentropy()(P[None], Q[None]))
    assert whole == pytest.approx(entropy + kl)
    quoted(f"that is {whole:.3f} = {entropy:.3f} + {kl:.3f}")


def test_l26_divergence_is_not_symmetric(quoted):
    quoted(f"the other way round it is {divergence(Q, P):.3f}")


STUDENT, TEACHER = constant([4.0, 1.0, 0.0], tf.float64), constant([3.0, 2.0, 0.0], tf.float64)


def distilled(temperature):
    """The gradient of the first logit of a student, without the factor T²."""
    target = tf.nn.softmax(TEACHER / temperature)
    loss = lambda z: tf.nn.softmax_cross_entropy_with_logits(target, z / temperature)
    return gradient(loss, STUDENT)[0]


def test_l26_temperature_shrinks_the_gradient(quoted):
    plain, soft = distilled(1), distilled(4)
    quoted(f"for one example {plain:.4f} at T = 1 and {soft:.4f} at T = 4")
    quoted(f"with the factor {soft * 4**2:.4f}")


def test_l26_a_large_temperature(quoted):
    centred = lambda z: z - tf.reduce_mean(z)
    limit = (centred(STUDENT) - centred(TEACHER))[0].numpy() / 3
    assert distilled(1e4) * 1e8 == pytest.approx(limit, rel=1e-3)
    quoted("tends to their difference over the number of classes")


def test_l26_from_a_gaussian_to_the_standard_one(quoted):
    mu, sigma = 0.5, 0.8
    x = np.random.default_rng(0).normal(mu, sigma, 1_000_000)
    log_ratio = (x**2 - ((x - mu) / sigma) ** 2) / 2 - np.log(sigma)
    assert (sigma**2 + mu**2 - 1 - np.log(sigma**2)) / 2 == pytest.approx(
        log_ratio.mean(), abs=3e-3
    )
    quoted("`(σ² + μ² - 1 - log σ²) / 2` for each dimension")


def test_l26_logits_in_keras_divergence(quoted):
    kl, p, logits = keras.losses.KLDivergence(), constant(P[None]), constant([[3.0, 2.0, -1.0]])
    wrong, right = float(kl(p, logits)), float(kl(p, tf.nn.softmax(logits)))
    quoted(f"it returns {wrong:.3f}, where softmax first gives {right:.3f}")
    assert not gradient(lambda z: kl(p, z), logits).any()
    quoted("and all three gradients are 0")


DIFFERENCE = TEACHER - STUDENT


def soft_term(temperature):
    """T² KL of teacher and student, by NumPy."""
    p, q = (tf.nn.softmax(z / temperature).numpy() for z in (TEACHER, STUDENT))
    return temperature**2 * divergence(p, q)


def test_l36_half_the_variance(quoted):
    variance = np.var(DIFFERENCE)
    assert soft_term(1e3) == pytest.approx(variance / 2, rel=1e-3)
    quoted(
        f"the difference has variance {variance:.3f}, and the soft term is {soft_term(3):.3f} at "
        f"T = 3 and {soft_term(100):.3f} at T = 100"
    )


def by_keras(**how):
    loss = keras.distillation.LogitsDistillation(temperature=3.0, **how)
    return float(loss.compute_loss(TEACHER[None], STUDENT[None]))


def test_l36_keras_divergence_of_logits(quoted):
    quoted(
        f"without softmax or T²: {by_keras():.3f} for that example. With `KLDivergence()` it gives "
        f"{by_keras(loss=keras.losses.KLDivergence()):.3f}"
    )


def test_l36_the_log_of_a_softmax(quoted):
    gap = lambda z: tf.math.log(tf.nn.softmax(constant([0.0, -z])))[1]
    first = next(z for z in range(50, 150) if np.isinf(gap(float(z))))
    quoted(f"`log(softmax)` is minus infinity from a gap of {first} on")


def test_l36_the_temperature_without_its_square(quoted):
    quoted(f"From T = 1 to 4 the gradient falls {distilled(1) / distilled(4):.0f} times")


def test_l37_the_size_of_stored_logits(quoted):
    whole, top = 128_000 * 2, 50 * (2 + 4)
    quoted(f"128,000 float16 numbers a token are {whole * 1e9 / 1e12:.0f} TB for a billion tokens")
    quoted(f"Keep the top 50 with their ids, {top * 1e9 / 1e12:.1f} TB")


def test_l32_a_sigmoid_and_its_logarithm(quoted):
    stable = lambda x: -tf.math.log_sigmoid(x)
    x = constant(-200.0)
    quoted(f"A margin of -200 gives a loss of {stable(x):g} with slope {gradient(stable, x):g}")
    naive = lambda x: tf.math.log(tf.sigmoid(x))
    assert naive(x) == -np.inf
    assert np.isnan(gradient(naive, x))
    quoted("`log(sigmoid(-200))` is minus infinity, with a gradient of nan")


def preference(margin, beta=0.1):
    return float(-tf.math.log_sigmoid(constant(beta * margin)))


def test_l32_the_first_loss(quoted):
    quoted(f"the loss must be log 2 = {preference(0.0):.3f}")


def test_l33_both_log_probabilities_fall(quoted):
    chosen, rejected = -2, -10
    quoted(
        f"a margin of {chosen - rejected}: at beta 0.1 the loss is "
        f"{preference(chosen - rejected):.3f}, well below log 2"
    )


def surrogate(log_ratio, advantage=1.0):
    """PPO's loss of one action, as one writes it first."""
    ratio = tf.exp(log_ratio)
    return -tf.minimum(ratio * advantage, tf.clip_by_value(ratio, 0.8, 1.2) * advantage)


def test_l34_the_same_tensor(quoted):
    x = constant(-3.0)
    assert gradient(lambda x: surrogate(x - x), x) == 0
    assert gradient(lambda x: surrogate(x - tf.stop_gradient(x), 2.5), x) == -2.5
    quoted("r is exp(x - x): the value is right, and the gradient 0")
    quoted("the gradient is the plain policy gradient, `-A` for each log-probability")


def test_l34_the_clip_alone_is_flat(quoted):
    clip_alone = lambda x: tf.clip_by_value(tf.exp(x), 0.8, 1.2)
    x = constant(np.log(3.0))
    assert gradient(clip_alone, x) == 0
    assert gradient(lambda x: surrogate(x, -1.0), x) == pytest.approx(3)
    quoted("The clip alone is flat there, and the mistake stays")


def test_l34_a_large_ratio(quoted):
    x = constant(99.0)
    assert np.isnan(gradient(surrogate, x))
    quoted(f"the value is right, {surrogate(x):g} for A = 1, and the gradient nan")


def test_l35_advantages_of_a_group(quoted):
    rewards = np.array([1.0, 0, 0, 0])
    advantages = (rewards - rewards.mean()) / rewards.std()
    quoted(f"make advantages of {advantages[0]:.2f} and three times {advantages[1]:.2f}")


def test_l35_the_estimate_of_the_divergence(quoted):
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.5, 0.3, 0.2])
    d = np.log(q / p)
    estimate = np.exp(d) - d - 1
    assert (estimate > 0).all()
    assert (p * estimate).sum() == pytest.approx((p * np.log(p / q)).sum())
    quoted("`exp(d) - d - 1` with d = log reference - log policy, which is never negative")


def test_l14_dice_flattens_the_batch(quoted):
    y = constant([[1.0, 0.0], [1.0, 1.0]])
    p = constant([[0.0, 1.0], [1.0, 1.0]])
    flat, per_sample = keras.losses.Dice()(y, p), keras.losses.Dice(axis=1)(y, p)
    quoted(f"it gives {flat:.3f}, where per sample the mean is {per_sample:g}")


def tversky(y, p, alpha, beta):
    hits, extra, missed = (y * p).sum(), ((1 - y) * p).sum(), (y * (1 - p)).sum()
    return 1 - hits / (hits + alpha * extra + beta * missed)


TRUTH = np.array([[1.0, 1, 0, 0]])
HALF_MISSED, ONE_TOO_MANY = np.array([[1.0, 0, 0, 0]]), np.array([[1.0, 1, 1, 0]])


def test_l14_a_larger_beta_favours_recall(quoted):
    for p in (HALF_MISSED, ONE_TOO_MANY):
        even = tversky(TRUTH, p, 0.5, 0.5)
        assert even == pytest.approx(float(keras.losses.Dice()(TRUTH, p)))
        change = tversky(TRUTH, p, 0.1, 0.9) - even
        assert change > 0 if p is HALF_MISSED else change < 0
    quoted("With both one half it is Dice; a larger β favours recall")


def test_l14_keras_exchanges_the_two_mistakes(quoted):
    built_in = float(keras.losses.Tversky(alpha=0.1, beta=0.9)(TRUTH, HALF_MISSED))
    quoted(
        f"a mask of which one half is missed costs {built_in:.3f}, where the formula gives "
        f"{tversky(TRUTH, HALF_MISSED, 0.1, 0.9):.3f}"
    )


def test_l14_dice_of_an_empty_mask(quoted):
    loss, empty = keras.losses.Dice(), constant([[0.0, 0.0]])
    for p in (empty, constant([[0.3, 0.9]])):
        assert loss(empty, p) == 1
        assert not gradient(lambda p: loss(empty, p), p).any()
    quoted(
        "an empty mask has a loss of 1, the worst value, whatever is predicted, "
        "with a gradient of 0"
    )


def smoothed_tversky(y, p, alpha=0.5, beta=0.5, smooth=1.0):
    hits, extra, missed = (y * p).sum(), ((1 - y) * p).sum(), (y * (1 - p)).sum()
    return 1 - (hits + smooth) / (hits + alpha * extra + beta * missed + smooth)


def test_l38_an_empty_mask_of_an_untrained_network(quoted):
    y, p = np.zeros(10_000), np.full(10_000, 0.01)
    assert smoothed_tversky(y, 0 * p) == 0
    quoted(f"pays {smoothed_tversky(y, p):.2f} for an empty mask, at s = 1")


def test_l38_halves_are_dice(quoted):
    y, p = np.array([1.0, 1, 0, 0]), np.array([0.9, 0.4, 0.3, 0.1])
    dice = 1 - (2 * (y * p).sum() + 2) / (y.sum() + p.sum() + 2)
    assert smoothed_tversky(y, p) == pytest.approx(dice)
    quoted("With both halves it is soft Dice with a smoothing of 2 s")


def test_l38_the_slope_of_the_sigmoid(quoted):
    z = constant(-10.0)
    quoted(f"at a logit of -10 it is {gradient(tf.sigmoid, z):.1e}")
    quoted(f"Cross-entropy has slope {gradient(lambda z: tf.nn.softplus(-z), z):.0f} there")


def scores_of_pairs(pairs=16, size=8, temperature=0.5):
    """[2N, 2N]: the cosines of random pairs, the second view a noisy first, and the partners."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=(pairs, size))
    rows = np.concatenate([first, first + 0.5 * rng.normal(size=(pairs, size))])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T / temperature, np.roll(np.arange(2 * pairs), pairs)


def found(scores, partners):
    """The mean cross-entropy of finding each row's partner."""
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(partners, scores)
    return float(tf.reduce_mean(each))


def test_l30_the_mask_of_the_diagonal(quoted):
    scores, partners = scores_of_pairs()
    n, itself = len(scores) // 2, np.eye(len(scores), dtype=bool)
    right = found(np.where(itself, -np.inf, scores), partners)
    zeros = found(np.where(itself, 0, scores), partners)
    across = scores[:n, n:]
    clip = (found(across, np.arange(n)) + found(across.T, np.arange(n))) / 2
    quoted(f"the loss at temperature 0.5 is {right:.3f}")
    quoted(f"With the diagonal left in it is {found(scores, partners):.3f}")
    quoted(f"with zeros on the diagonal {zeros:.3f}, against the other view only {clip:.3f}")


def at_chance(pairs):
    """Where all scores are equal."""
    scores = np.where(np.eye(2 * pairs, dtype=bool), -np.inf, 0.0)
    return found(scores, np.roll(np.arange(2 * pairs), pairs))


def test_l30_the_loss_at_chance(quoted):
    quoted(f"At chance the loss is log(2N - 1), {at_chance(256):.2f} for 256 pairs")


def test_l30_exp_overflows(quoted):
    assert np.isfinite(tf.exp(constant(88.0)))
    assert np.isinf(tf.exp(constant(89.0)))
    quoted("exp(89) is inf in float32")


def test_l31_the_bound_on_mutual_information(quoted):
    quoted(f"cannot exceed log N, which is {np.log(256):.1f} nats for 256 candidates")


def test_l31_negatives_of_micro_batches(quoted):
    small, large = 2 * 64 - 2, 2 * 256 - 2
    quoted(
        f"Four micro-batches of 64 pairs have {small} negatives each; one batch of 256 has {large}"
    )


def test_l31_the_loss_at_chance(quoted):
    quoted(f"At chance it is log(2N - 1): {at_chance(64):.2f} for 64 pairs, {at_chance(256):.2f}")


def test_l21_modulator_of_the_true_class_only(quoted):
    log_p = tf.nn.log_softmax(constant([2.0, 1.0, 0.0]))
    modulators = (1 - tf.exp(log_p)) ** 2
    right, averaged = -modulators[0] * log_p[0], -tf.reduce_mean(modulators) * log_p[0]
    quoted(f"gamma 2, the loss is {right:.4f}; averaged it reads {averaged:.4f}")


def test_l21_keras_clips_the_softmax(quoted):
    loss = keras.losses.CategoricalFocalCrossentropy(from_logits=True)
    z = constant([[-100.0, 100.0]])
    label = constant([[1.0, 0.0]])
    value, slope = loss(label, z), gradient(lambda z: loss(label, z), z)
    assert slope[0, 0] == slope[0, 1]
    exact = 0.25 * 200
    quoted(
        f"it gives {value:.2f} with gradient {slope[0, 0]:g}, "
        f"where `alpha * 200` = {exact:g} is right"
    )


def test_l21_powers_of_zero(quoted):
    def slope(gamma):
        return gradient(lambda x: tf.pow(x, gamma), constant(0.0))

    assert np.isinf(slope(0.5))
    quoted(f"Its gradient is {slope(0.0):g} for gamma = 0 and infinite for gamma below 1")


def in_batch(scores):
    """The loss of each row of a [B, B] matrix."""
    labels = np.arange(len(scores))
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, constant(scores)).numpy()


def test_l39_the_plain_softmax_learns_a_ratio(quoted):
    """The scores of least loss, over items drawn by popularity, are those of p / q."""
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.7, 0.2, 0.1])
    # A right item by p against one negative by q: scores s, one query.
    pairs = [(i, j, p[i] * q[j]) for i in range(3) for j in range(3) if i != j]
    loss = lambda s: sum(w * tf.nn.softplus(s[j] - s[i]) for i, j, w in pairs)
    ratio = constant(np.log(p / q), tf.float64)
    np.testing.assert_allclose(gradient(loss, ratio), 0, atol=1e-12)
    quoted("The plain softmax learns log(p / popularity)")


def test_l39_a_constant_and_a_row_cancel(quoted):
    scores, log_q = np.random.default_rng(0).normal(size=(4, 4)), np.array([-1.0, -4, -2, -3])
    corrected = in_batch(scores - log_q)
    np.testing.assert_allclose(in_batch(scores - (log_q + 3)), corrected, rtol=1e-5)
    quoted("Then a constant in log q changes nothing")
    np.testing.assert_allclose(in_batch(scores - log_q[:, None]), in_batch(scores), rtol=1e-5)
    quoted("By row it cancels")


def test_l39_accidental_hits(quoted):
    cost = in_batch(np.full((4, 4), 5.0))[0]
    quoted(f"One item clicked in all of 4 rows costs log 4 = {cost:.3f} for a perfect model")


def test_l39_minus_infinity(quoted):
    scores = constant([[1.0, -np.inf], [0.0, 1.0]])
    assert np.isfinite(in_batch(scores)).all()
    dense = tf.nn.softmax_cross_entropy_with_logits(np.eye(2, dtype="float32"), scores)
    assert np.isnan(dense[0])
    quoted("With one-hot rows minus infinity is nan")


def test_l39_the_correction_of_a_rare_item(quoted):
    quoted(f"A rare right item with q = 0.001 then stands {-np.log(0.001):.1f} below")


def giou_loss(box, mode="giou", low=0.0):
    """The loss of a box against the unit box; sides are clamped at `low`."""
    y, x = (tf.minimum(box[i + 2], 1.0) - tf.maximum(box[i], 0.0) for i in (0, 1))
    inter = tf.maximum(y, low) * tf.maximum(x, low)
    union = 1 + (box[2] - box[0]) * (box[3] - box[1]) - inter
    sides = (tf.maximum(box[i + 2], 1.0) - tf.minimum(box[i], 0.0) for i in (0, 1))
    hull = tf.reduce_prod(list(sides))
    return 1 - inter / union + (0.0 if mode == "iou" else (hull - union) / hull)


DISJOINT = [2.0, 2.0, 3.0, 3.0]


def test_l15_iou_of_disjoint_boxes_is_flat(quoted):
    flat = gradient(lambda box: giou_loss(box, "iou"), constant(DISJOINT))
    np.testing.assert_array_equal(flat, 0)
    quoted(f"IoU's is {flat[0]:g} in all four corners")


def test_l15_giou_of_disjoint_boxes_has_a_slope(quoted):
    slope = gradient(giou_loss, constant(DISJOINT))
    np.testing.assert_array_equal(slope[[0, 2]], slope[[1, 3]])
    quoted(f"GIoU's is {slope[0]:.3f} at the near corner and {slope[2]:.3f} at the far one")


def test_l15_two_negative_sides_multiply_to_an_area(quoted):
    box = constant(DISJOINT)
    wrong, right = giou_loss(box, low=-np.inf), giou_loss(box)
    quoted(f"for the two boxes above the loss is then {wrong:.3f} instead of {right:.3f}")


def test_l15_two_points_reach_the_end_of_the_range(quoted):
    # Two points at the corners of the unit square: no overlap, no union, an enclosure of 1.
    overlap = union = constant(0.0)
    enclosure = constant(1.0)
    divide = tf.math.divide_no_nan
    loss = 1 - divide(overlap, union) + divide(enclosure - union, enclosure)
    quoted(f"only boxes without area, two separate points, reach {loss:g}")


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


THREE_CLASSES = np.array([0, 0, 1, 1, 2, 2])


def test_l12_masking_by_a_product_picks_zero(quoted):
    embeddings = np.random.default_rng(0).normal(size=(6, 3))
    wrong = triplet_loss(embeddings, THREE_CLASSES, 1.0, masked_by_product=True)
    right = triplet_loss(embeddings, THREE_CLASSES, 1.0)
    quoted(f"with margin 1 the loss then reads {wrong:.3f} instead of {right:.3f}")


def test_l12_collapsed_embeddings_rest_at_the_margin(quoted):
    collapsed = triplet_loss(np.zeros((6, 3)), THREE_CLASSES, 0.2)
    quoted(f"the loss then rests at the margin, {collapsed:g} for a margin of 0.2")


def test_l04_squared_error_is_flat_where_it_matters(quoted):
    z = constant(-10.0)
    squared = gradient(lambda z: (1 - tf.sigmoid(z)) ** 2, z)
    cross_entropy = gradient(lambda z: tf.nn.softplus(-z), z)
    quoted(
        f"for label 1 at a logit of -10 its gradient is {squared:.1e}, "
        f"that of cross-entropy {cross_entropy:.1f}"
    )


def test_l05_the_binary_loss_clips(quoted):
    epsilon = short_power(keras.config.epsilon(), "g")
    quoted(f"in the binary loss to [{epsilon}, 1 - {epsilon}]")


def test_l05_logits_taken_as_probabilities(quoted):
    loss = keras.losses.BinaryCrossentropy()
    z = constant([[3.0], [-3.0]])
    signs, flipped = constant([[1.0], [0.0]]), constant([[0.0], [1.0]])
    right, wrong = loss(signs, z), loss(flipped, z)
    for labels in (signs, flipped):
        assert not gradient(lambda z, labels=labels: loss(labels, z), z).any()
    quoted(
        f"For logits of ±3 the loss reads about {right:.0f} where the sign is right and "
        f"{wrong:.0f} where it is wrong, with gradient 0 in both cases"
    )


def sparse_cross_entropy(labels, z):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, z)


def test_l05_ten_perfect_probabilities_taken_as_logits(quoted):
    floor = sparse_cross_entropy(tf.constant([0]), tf.one_hot([0], 10))
    quoted(f"a perfect one-hot output the loss stays at {floor:.3f}")
    quoted(f"{floor:.3f} for ten classes is a fingerprint")


def test_l05_perfect_binary_probabilities_taken_as_logits(quoted):
    labels = [[1.0], [0.0]]
    loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction="none")
    positive, negative = loss(labels, labels).numpy()
    quoted(
        f"perfect probabilities read as logits cost {positive:.3f} on a positive and "
        f"{negative:.3f} on a negative, {(positive + negative) / 2:.3f} where the two are balanced"
    )


def test_l05_a_double_softmax_shrinks_the_gradient(quoted):
    z, label = constant([[6.0, 0.0]]), tf.constant([1])
    twice = gradient(lambda z: sparse_cross_entropy(label, tf.nn.softmax(z)), z)[0, 0]
    once = gradient(lambda z: sparse_cross_entropy(label, z), z)[0, 0]
    quoted(f"logit gap of 6 the gradient is {twice:.4f} where {once:.4f} is right")


def test_l05_keras_goes_back_to_the_logits(quoted):
    true, warned = reported()
    assert not warned
    seen, warned = reported(keras.layers.Softmax())
    assert warned
    assert seen == true
    quoted(f"A random model of ten classes has a loss of {true:.2f} by its logits")
    quoted(f"`from_logits=True` Keras still reports {seen:.2f}, and warns")


@pytest.mark.parametrize("how", ["by hand", "reshape", "mixed_float16"])
def test_l05_a_softmax_that_keras_does_not_see(quoted, how):
    mixed = {"policy": "mixed_float16"}
    ends, options = {
        "by hand": ([ByHand()], {}),
        "reshape": ([keras.layers.Softmax(), keras.layers.Reshape((10,))], {}),
        "mixed_float16": ([keras.layers.Softmax(dtype="mixed_float16")], mixed),
    }[how]
    wrong, warned = reported(*ends, **options)
    assert not warned
    quoted(f"under `mixed_float16`, it reports {wrong:.2f} and says nothing")


def test_l05_a_loss_of_your_own_does_not_look(quoted):
    def own(y_true, z):
        return tf.nn.softmax_cross_entropy_with_logits(y_true, z)

    model = keras.Sequential([keras.Input((3,)), keras.layers.Softmax()])
    model.compile("sgd", own)
    z, label = constant([[9.0, 0.0, 0.0]]), constant([[0.0, 1.0, 0.0]])
    loss = model.evaluate(z, label, verbose=0)
    assert loss == pytest.approx(float(own(label, tf.nn.softmax(z))[0]))
    assert loss != pytest.approx(float(own(label, z)[0]))
    quoted("mixed precision, whose cast hides it, a loss of your own")


def test_l05_behind_a_softmax_layer_probabilities_are_logits_again(quoted):
    def loss(softmax):
        model = keras.Sequential([keras.Input((3,)), softmax])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=False))
        return model.evaluate(constant([[200.0, 0.0, 0.0]]), np.array([1]), verbose=0)

    seen, clipped = loss(keras.layers.Softmax()), loss(ByHand())
    quoted(f"a gap of 200 on the wrong side costs {seen:.0f}")
    quoted(f"the same example costs {clipped:.2f}")


def test_l05_accuracy_cuts_logits_at_a_half(quoted):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    at_zero = keras.metrics.BinaryAccuracy(threshold=0.0, name="at_zero")
    model.compile("sgd", loss, metrics=["accuracy", at_zero])
    x, y = constant([[0.2], [0.4], [-1.0]]), constant([[1.0], [1.0], [0.0]])
    result = model.evaluate(x, y, verbose=0, return_dict=True)
    assert result["at_zero"] == 1
    quoted(f"three examples on the right side of 0 scored {result['accuracy']:.2f}")


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


def test_l08_a_function_is_aligned(quoted):
    weights, _, _ = learned(squared_error)
    np.testing.assert_allclose(weights, [1, 2, 3], atol=0.05)  # a subclass ends 1 to 3 away
    quoted("with true weights 1, 2, 3 the same line of code learned them as a function")


def test_l08_a_subclass_is_not_aligned(quoted):
    weights, loss, variance = learned(Subclass())
    np.testing.assert_allclose(loss, variance, rtol=1e-5)
    (weight,) = {abs(round(float(w), 5)) for w in weights}
    quoted(
        "On a linear problem with true weights 1, 2, 3 the same line of code learned them as a "
        f"function, and as a `Loss` subclass it ended at weights of {weight:g} and a loss equal "
        "to the variance of y"
    )


def test_l08_perfect_predictions_of_the_wrong_shape(quoted):
    y = constant([1.0, 2.0, 3.0])
    p = y[:, None]
    assert keras.losses.MeanSquaredError()(y, p) == 0
    quoted(f"the mean of `(y - p) ** 2` is {tf.reduce_mean((y - p) ** 2):.3f}")


def test_l06_a_scalar_ignores_whom_the_weights_meant(quoted):
    y, p, weights = tf.zeros((2, 1)), constant([[1.0], [3.0]]), constant([1.0, 0.0])
    vector, scalar = (Subclass(s)(y, p, sample_weight=weights) for s in (False, True))
    quoted(
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


def test_l06_a_scalar_doubles_the_step_on_two_replicas(quoted):
    one = tf.distribute.get_strategy()
    doubled = step_under(two_replicas(), scalar=True)
    right = {round(step_under(s, scalar=False), 6) for s in (one, two_replicas())}
    assert right == {round(step_under(one, scalar=True), 6)}
    quoted(
        f"the weight moved by {doubled:.2f} where one device, or the vector version, moved it "
        f"by {right.pop():.2f}"
    )


def reduced(reduction):
    """The loss of two values of 1 with weights 1 and 0."""
    loss = keras.losses.MeanSquaredError(reduction=reduction)
    return loss(tf.zeros((2, 1)), tf.ones((2, 1)), sample_weight=constant([1.0, 0.0]))


def test_l07_none_keeps_the_examples_apart(quoted):
    np.testing.assert_array_equal(reduced("none"), [1, 0])
    quoted("`none` returns the weighted per-example values")


def test_l07_sum(quoted):
    assert reduced("sum") == 1
    quoted("`sum` adds them up")


def test_l07_mean_is_another_name_of_the_default(quoted):
    assert reduced("mean") == reduced("sum_over_batch_size")
    quoted("`mean` is another name for `sum_over_batch_size`")


def test_l07_the_default_is_no_weighted_mean(quoted):
    y, p, weights = tf.zeros((2, 1)), tf.ones((2, 1)), constant([1.0, 0.0])
    metric = keras.metrics.MeanSquaredError()(y, p, sample_weight=weights)
    default, weighted = reduced("sum_over_batch_size"), reduced("mean_with_sample_weight")
    assert metric == weighted
    quoted(
        f"For two losses of 1 with weights 1 and 0 the loss is {default:g}, "
        f"`mean_with_sample_weight` gives {weighted:g}, and so does the metric"
    )


def test_l07_fit_follows_the_sum_of_unreduced_losses(quoted):
    def fitted(reduction):
        model = linear(kernel_initializer="zeros")
        loss = keras.losses.MeanSquaredError(reduction=reduction)
        model.compile(keras.optimizers.SGD(0.01), loss)
        history = model.fit(ones(8), ones(8), batch_size=8, verbose=0).history
        return model.get_weights()[0].item(), history["loss"]

    (unreduced, shown), (default, same) = fitted("none"), fitted("sum_over_batch_size")
    assert shown == same
    quoted(
        f"on a batch of eight the step is {unreduced / default:.0f} times that of the default, "
        "at the same loss on the screen"
    )


def test_l07_auto_is_no_reduction_any_more(quoted):
    with pytest.raises(ValueError, match="reduction"):
        keras.losses.MeanSquaredError(reduction="auto")
    quoted('*What became of `"auto"`?* It raises ValueError in Keras 3')


def weighted_sequences(n, steps, weights):
    loss = keras.losses.MeanSquaredError(reduction="none")
    return loss(tf.zeros((n, steps, 1)), tf.ones((n, steps, 1)), sample_weight=constant(weights))


FIRST_STEPS = np.array([[1.0, 0.0, 0.0]] * 3)


def test_l09_weights_of_one_axis_go_along_time(quoted):
    np.testing.assert_array_equal(weighted_sequences(3, 3, [1.0, 0.0, 0.0]), FIRST_STEPS)
    quoted("They are applied along time, without an error")
    quoted("all of the first column was kept: step 0 of every sequence")


def test_l09_weights_of_a_column_go_along_sequences(quoted):
    kept = weighted_sequences(3, 3, [[1.0], [0.0], [0.0]])
    np.testing.assert_array_equal(kept, FIRST_STEPS.T)
    quoted("To weigh whole sequences, pass (N, 1), which broadcasts over time")


def test_l09_weights_of_one_axis_raise_where_n_is_not_t(quoted):
    with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
        weighted_sequences(2, 3, [1.0, 0.0])
    quoted("They are applied along time, without an error. For N different from T it raises")


def test_l09_class_weight_and_sample_weight_exclude_each_other(quoted):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    one = np.ones(2)
    with pytest.raises(ValueError, match="class_weight"):
        model.fit(one[:, None], one, sample_weight=one, class_weight={1: 2.0}, verbose=0)
    quoted("Keras 3 refuses to take both at once")


def masked_loss(*values):
    """The squared error of a sequence, of whose two steps the second is masked."""
    p = constant([[[value] for value in values]])
    p._keras_mask = tf.constant([[True, False]])
    return keras.losses.MeanSquaredError()(tf.zeros((1, 2, 1)), p)


def test_l09_a_mask_leaves_the_denominator(quoted):
    assert masked_loss(1.0, 5.0) == 1
    quoted("masked steps are left out of the denominator too. Weights of 0 are not")


def test_l09_a_mask_lets_nan_through(quoted):
    assert np.isnan(masked_loss(1.0, float("nan")))
    quoted("0 times nan is nan. Replace the masked values before the loss")


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


def test_l19_a_forgotten_key_comes_back_as_its_default(quoted, tmp_path):
    forgetful = Forgetful(gamma=5)
    loaded = keras.saving.load_model(saved(forgetful, tmp_path)).loss
    quoted(
        f"A loss with gamma = {forgetful.gamma} that forgot the key came back with its default "
        f"of {loaded.gamma}"
    )


@pytest.fixture
def saved_closure(tmp_path):
    def make(scale):
        def loss(y_true, y_pred):
            return scale * squared_error(y_true, y_pred)

        return loss

    return saved(make(2.0), tmp_path)


def test_l19_a_closure_cannot_be_found(quoted, saved_closure):
    with pytest.raises(TypeError, match="Could not locate function 'loss'"):
        keras.saving.load_model(saved_closure)
    quoted("loading raises \"Could not locate function 'loss'\"")


def test_l19_a_model_loads_without_its_closure(quoted, saved_closure):
    assert keras.saving.load_model(saved_closure, compile=False).built
    quoted("For inference load with `compile=False`")


def test_l19_registered_names_overwrite_each_other(quoted):
    def register():
        @keras.saving.register_keras_serializable(package="quoted_twice")
        class Twin:
            def get_config(self):
                return {}

        return Twin

    first, second = register(), register()
    found = keras.saving.get_registered_object("quoted_twice>Twin")
    assert found is second
    assert found is not first
    quoted("Two libraries that register the same package and class overwrite each other")


def kappa_loss(p, labels, scale=1.0):
    """Soft quadratic weighted kappa loss; `scale` divides the penalties."""
    classes = np.arange(p.shape[1])
    penalty = (classes[:, None] - classes) ** 2 / scale
    marginal = np.bincount(labels, minlength=len(classes)) / len(labels)
    return (penalty[labels] * p).sum() / (marginal @ penalty @ p.sum(0))


GRADES = np.array([0, 1, 2, 3, 1, 2])


def graded():
    """Probabilities of four grades for six examples."""
    return np.random.RandomState(0).dirichlet([1] * 4, 6)


def test_l16_kappa_belongs_to_its_batch(quoted):
    p = graded()
    whole = kappa_loss(p, GRADES)
    halves = np.mean([kappa_loss(p[:3], GRADES[:3]), kappa_loss(p[3:], GRADES[3:])])
    quoted(
        f"On one batch of six the loss was {whole:.3f}, "
        f"and the mean over its two halves {halves:.3f}"
    )


def test_l16_the_normalizer_cancels(quoted):
    assert kappa_loss(graded(), GRADES, scale=9.0) == pytest.approx(kappa_loss(graded(), GRADES))
    quoted("It stands in numerator and denominator and cancels")


def half(value):
    return constant(value, tf.float16)


def test_l18_a_squared_error_in_float16(quoted):
    squared = half(300.0) ** 2
    loss = keras.losses.MeanSquaredError()(half([[0.0]]), half([[300.0]]))
    quoted(
        f"(300)² in float16 is {squared:g}; `keras.losses.MeanSquaredError` on the same tensors "
        f"returns {loss:.0f}"
    )


def test_l18_an_epsilon_has_to_be_representable(quoted):
    quoted(f"1e-8 is {half(1e-8):g} in float16, and 1 - 1e-7 is exactly {half(1.0) - half(1e-7):g}")


def test_l18_range_of_float16(quoted):
    quoted(f"float16 ends at {np.finfo(np.float16).max:.0f} and keeps")


def test_l18_squares_overflow(quoted):
    first = next(n for n in range(200, 300) if np.isinf(half(n) ** 2))
    quoted(f"so a square overflows from {first} on")


def test_l18_counts_stop(quoted):
    stuck = next(n for n in range(1, 5000) if half(n) + 1 == half(n))
    quoted(f"since counts in float16 stop at {stuck}")


def test_l18_bfloat16_rounds_to_1(quoted):
    total = constant(1.0, tf.bfloat16) + constant(1 / 512, tf.bfloat16)
    quoted(f"1 + 1/512 is {float(total):g}")


def test_l18_metrics_are_handed_half_precision(quoted):
    seen = []

    def record(y_true, y_pred):
        seen.append(y_pred.dtype.name)
        return tf.abs(y_pred)

    outputs = keras.layers.Dense(1, dtype="mixed_float16")
    model = keras.Sequential([keras.Input((1,)), outputs])
    model.compile("sgd", "mse", metrics=[record])
    model.fit(tf.ones((2, 1)), tf.ones((2, 1)), verbose=0)
    (dtype,) = set(seen)
    quoted(f"They are handed the {dtype} outputs")


def test_l18_compile_casts_functions_too(quoted):
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
    quoted(f"to {seen[0]}, also of a plain function passed to `compile`")


# Of negatives that were kept when half a percent of positives became even odds.
KEPT = 0.005 / 0.995


def corrected(q):
    return KEPT * q / (KEPT * q + 1 - q)


def test_l17_prior_correction(quoted):
    assert corrected(0.5) == pytest.approx(0.005)
    quoted(
        f"β is about {KEPT:.3f} and the shift {np.log(KEPT):.2f}; a resampled score of "
        f"0.9 becomes {corrected(0.9):.3f}"
    )


def test_l17_balancing_twice_squares_the_ratio(quoted):
    ratio = 0.995 / 0.005
    quoted(f"a ratio of {ratio:.0f} becomes {ratio**2:.0f}")


def test_l17_labelling_errors_outnumber_the_positives(quoted):
    outnumber = 0.01 * 0.995 / 0.005
    quoted(
        "a labelling error of 1% among the negatives would outnumber the true positives "
        f"{ {2: 'two'}[round(outnumber)] } to one"
    )


def test_l17_accuracy_of_always_no(quoted):
    quoted(f"Accuracy is {1 - 0.005:.1%} for a model that always says no")


def test_l20_asymmetric_delivery(quoted):
    quoted(f"Pinball with τ = 3/4: promise the {3 / (3 + 1):.0%} quantile of the arrival time")


def cross_entropy(p_t):
    return -np.log(p_t)


def focal(p_t):
    return (1 - p_t) ** 2 * cross_entropy(p_t)


def test_l25_effective_numbers(quoted):
    effective = {n: (1 - 0.999**n) / (1 - 0.999) for n in (100, 10_000)}
    quoted(
        f"the weights differ by {effective[10_000] / effective[100]:.1f}, not by {10_000 // 100}"
    )


def test_l25_the_positives_share_of_the_loss(quoted):
    easy, hard = 0.99, 0.1

    def share(loss, negatives=10_000, weight=1):
        positives = 10 * weight * loss(hard)
        return positives / (positives + negatives * loss(easy))

    mined, weighted = share(cross_entropy, negatives=30), share(cross_entropy, weight=1000)
    quoted(
        f"cross-entropy gives the positives {share(cross_entropy):.0%} of the loss, focal loss "
        f"with gamma 2 {share(focal):.1%}, mining at three to one {mined:.1%}, inverse frequency "
        f"{weighted:.1%}"
    )


def test_l25_a_wrong_label(quoted):
    plain, focused = (loss(0.001) / loss(0.7) for loss in (cross_entropy, focal))
    quoted(
        f"counts {plain:.0f} times as much in cross-entropy and {focused:.0f} times in focal loss"
    )


def test_l25_mining_by_top_k(quoted):
    mined = lambda losses: tf.reduce_mean(tf.math.top_k(losses, 2).values)
    slope = gradient(mined, constant([3.0, 1.0, 2.0]))
    np.testing.assert_array_equal(slope, [0.5, 0, 0.5])
    quoted("The gradient goes to the chosen ones only, and no `stop_gradient` is needed")


def test_l25_mining_by_zeros(quoted):
    losses = constant(np.linspace(1, 2, 10_010))
    hardest = tf.math.top_k(losses, 40).values
    zeros = tf.reduce_mean(tf.where(losses >= hardest[-1], losses, 0.0))
    ratio = float(tf.reduce_mean(hardest) / zeros)
    quoted(f"loss and gradient are {ratio:.0f} times too small")


class PenalizedSlope(keras.Model):
    """w x, whose loss holds the square of its slope in x, which is w."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)
        self.training_flags = []

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.training_flags.append(training)
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = self(x)
        penalty = tf.reduce_mean(tf.square(tape.gradient(outputs, x)))
        return super().compute_loss(x, y, y_pred, sample_weight, training) + penalty


def test_l23_a_gradient_penalty_in_compute_loss(quoted):
    model = PenalizedSlope()
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(ones(4), ones(4), verbose=0)
    quoted(f"one step leads to w = {model.dense.kernel.numpy().item():.1f}")
    model.evaluate(ones(4), ones(4), verbose=0)
    assert set(model.training_flags) == {True, False}
    quoted("both `fit` and `evaluate` call it")


def loss_of_a_layer(reduce):
    """What a layer adds that calls add_loss on the squares of four ones, all of weight 0."""

    class Adding(keras.layers.Layer):
        def call(self, x):
            self.add_loss(reduce(tf.square(x)))
            return x

    model = keras.Sequential([keras.Input((1,)), Adding()])
    model.compile(loss="mse")
    return model.evaluate(ones(4), ones(4), sample_weight=np.zeros(4), verbose=0)


def test_l23_added_losses_are_summed(quoted):
    vector, mean = loss_of_a_layer(lambda losses: losses[:, 0]), loss_of_a_layer(tf.reduce_mean)
    quoted(f"adds {vector:.1f} where its mean adds {mean:.1f}")
    quoted("and sample weights do not reach it")


def fit_labels(y, **compiled):
    model = linear(kernel_initializer="zeros")
    model.compile("sgd", **compiled)
    return model.fit(ones(4), y, verbose=0).history


def test_l23_labels_in_a_dict(quoted):
    with pytest.raises(ValueError, match="different structures"):
        fit_labels({"y": ones(4), "extra": ones(4)}, loss=lambda y, p: tf.square(y["y"] - p))
    quoted('a ValueError speaks of "different structures"')


def test_l23_packed_labels_reach_the_metrics(quoted):
    y = np.float32([[1], [3], [1], [1]])
    packed = np.concatenate([y, 100 + y], axis=1)
    loss = lambda y, p: tf.square(y[:, :1] - p)
    read = fit_labels(packed, loss=loss, metrics=["mae"])["mae"][0]
    quoted(f"labels with a mean of {y.mean()}, beside a column of about 100")
    quoted(f'`metrics=["mae"]` reads {read:.1f}')


def symbolic():
    inputs = keras.Input((1,))
    hidden = keras.layers.Dense(1)(inputs)
    return keras.Model(inputs, keras.layers.Dense(1)(hidden)), hidden


def test_l23_a_loss_that_closes_over_a_layers_output(quoted):
    model, hidden = symbolic()
    square = lambda x: keras.ops.mean(keras.ops.square(x))
    model.compile("sgd", lambda y, p: square(y - p) + square(hidden))
    with pytest.raises(ValueError) as error:
        model.fit(ones(4), ones(4), verbose=0)
    quoted(f'with "{str(error.value).partition(".")[0]}" or a TypeError')
    model.compile("sgd", lambda y, p: tf.square(y - p) + hidden)
    with pytest.raises(TypeError):
        model.fit(ones(4), ones(4), verbose=0)


def test_l23_adding_a_symbolic_loss(quoted):
    model, hidden = symbolic()
    with pytest.raises(NotImplementedError):
        model.add_loss(keras.ops.mean(hidden))
    quoted("and `model.add_loss` on such a tensor with a NotImplementedError")


def test_l24_gradients_of_two_losses(quoted):
    large = gradient(lambda w: tf.square(w - 1000.0), constant(1.0))
    small = gradient(lambda w: tf.nn.sigmoid_cross_entropy_with_logits(1.0, w), constant(1.0))
    quoted(f"sends a gradient of {large:.0f} where a cross-entropy sends {small:.2f}")


def learned_weights(losses, log_term, steps=1000, rate=0.1):
    """The weights exp(-s) after steps of SGD on s, while the losses stand still."""
    s = np.zeros(2)
    for _ in range(steps):
        s -= rate * (log_term - np.exp(-s) * losses)
    return np.exp(-s)


def test_l24_uncertainty_settles_at_one_over_the_loss(quoted):
    first, second = learned_weights(np.array([4.0, 0.25]), log_term=1)
    quoted(f"for losses of 4 and 0.25 at {first:.2f} and {second:.0f}")


def test_l24_weights_without_the_log_term(quoted):
    weights = learned_weights(np.array([1.0, 1.0]), log_term=0)
    quoted(f"bring each weight to {weights[0]:.2f}")


def test_l24_pcgrad(quoted):
    a, b = np.array([1.0, 0.0]), np.array([-1.0, 1.0])

    def without_conflict(g, other):
        return g - min(0, g @ other) / (other @ other) * other

    pair = lambda v: f"({v[0]:g}, {v[1]:g})"
    first, second = without_conflict(a, b), without_conflict(b, a)
    quoted(
        f"The first becomes {pair(first)}, the second {pair(second)}, in sum "
        f"{pair(first + second)} where adding gives {pair(a + b)}"
    )
    assert a @ (first + second) > 0 == a @ (a + b)
    quoted("now both tasks gain")


def test_l24_a_variable_as_loss_weight(quoted):
    inputs, weight = keras.Input((1,)), keras.Variable(10.0)
    heads = {n: keras.layers.Dense(1, kernel_initializer="zeros", name=n)(inputs) for n in "ab"}
    model, y = keras.Model(inputs, heads), {name: ones(4) for name in "ab"}
    losses = dict.fromkeys("ab", "mse")
    model.compile(keras.optimizers.SGD(0.0), losses, loss_weights={"a": 1.0, "b": weight})
    total = lambda: model.fit(ones(4), y, verbose=0).history["loss"][0]
    before = total()
    model.loss_weights = {"a": 0.0, "b": 0.0}
    assert total() == before
    weight.assign(0.0)
    quoted(f"weights 1 and 10 `fit` reports {before:.0f}, and {total():.0f} after the variable")
    quoted("Setting the model's attribute `loss_weights` changes nothing")
