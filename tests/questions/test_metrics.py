"""The figures of QUESTIONS.md under Metrics, measured again; conftest.py says how."""

import itertools
import math
import statistics

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.questions.notation import with_minus
from tests.questions.one_weight import linear, ones
from tests.support.replicas import two_replicas


def score(metric, *batches):
    """The result after these updates."""
    metric.reset_state()
    for batch in batches:
        metric.update_state(*batch)
    return np.asarray(metric.result())


def column(*values):
    return np.array(values, "float32")[:, None]


def correlation(counts):
    """R_K of a confusion matrix, rows true and columns predicted."""
    s, true, predicted = counts.sum(), counts.sum(1), counts.sum(0)
    top = counts.trace() * s - true @ predicted
    bottom = (s**2 - true @ true) * (s**2 - predicted @ predicted)
    return top / np.sqrt(bottom) if bottom else 0.0


def test_m08_always_positive_on_95_to_5(quoted):
    (_, fp), (fn, tp) = counts = np.array([[0.0, 5], [0, 95]])
    f1 = 2 * tp / (2 * tp + fp + fn)
    quoted(
        f"accuracy {tp / counts.sum():.3f}, F1 {f1:.3f}, and a Matthews correlation of "
        f"{correlation(counts):.0f}"
    )


def test_m08_two_classes_reduce_to_the_binary_formula(quoted):
    (tn, fp), (fn, tp) = counts = np.array([[7.0, 2], [3, 11]])
    binary = (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    assert correlation(counts) == pytest.approx(binary)
    quoted("For two classes it reduces to the formula above")


def test_m08_hits_and_margins_are_enough(quoted):
    counts = np.random.default_rng(0).integers(1, 20, (4, 4))
    state = [counts.trace(), *counts.sum(1), *counts.sum(0)]
    hits, true, predicted = state[0], np.array(state[1:5]), np.array(state[5:])
    s = true.sum()
    bottom = (s**2 - true @ true) * (s**2 - predicted @ predicted)
    assert (hits * s - true @ predicted) / np.sqrt(bottom) == pytest.approx(correlation(counts))
    assert len(state) == 2 * 4 + 1
    quoted("the number of hits with both margins, 2K + 1 counts, is enough")


def test_m08_a_float32_counter_stops(quoted):
    stuck = next(2**k for k in range(32) if np.float32(2**k) + np.float32(1) == 2**k)
    quoted(f"A float32 counter stops at {stuck:,}: adding 1 leaves it unchanged")


def test_m08_products_of_margins_overflow(quoted):
    margin = next(n for n in range(1, 1000) if n**4 > np.iinfo("int32").max)
    with np.errstate(over="ignore"):
        power = next(k for k in range(64) if np.isinf(np.float32(2**k) ** 4))
    assert power == 32
    quoted(
        f"overflows int32 from {margin} each, and float32 from 2³², about "
        f"{2**power / 1e9:.1f} billion"
    )


class Batches(keras.metrics.Metric):
    """Counts batches in a Python attribute."""

    def __init__(self):
        super().__init__(name="batches")
        self.batches = 0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.batches += 1

    def result(self):
        return tf.constant(float(self.batches))

    def reset_state(self):
        self.batches = 0


def test_m02_python_state_freezes_in_a_graph(quoted):
    def history(run_eagerly):
        model = linear()
        model.compile("sgd", "mse", metrics=[Batches()], run_eagerly=run_eagerly)
        fit = model.fit(ones(8), ones(8), batch_size=2, epochs=2, verbose=0)
        return [int(n) for n in fit.history["batches"]]

    eager, compiled = history(True), history(False)
    assert eager == [4, 4]
    quoted(
        f"reports {eager[0]} in eager mode for four batches; compiled, it reports "
        f"{compiled[0]} in the first epoch and {compiled[1]} in the second"
    )


class Total(keras.metrics.Metric):
    """Adds up predictions in a tensor that is an attribute."""

    def __init__(self):
        super().__init__(name="total")
        self.total = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total = self.total + tf.reduce_sum(y_pred)

    def result(self):
        return self.total

    def reset_state(self):
        self.total = 0.0


def fit_with_total(verbose):
    model = linear()
    model.compile("sgd", "mse", metrics=[Total()])
    return model.fit(ones(4), ones(4), verbose=verbose).history["total"][0]


def test_m02_a_tensor_in_an_attribute_stays_symbolic(quoted):
    assert tf.is_symbolic_tensor(fit_with_total(verbose=0))
    quoted("With a tensor in the attribute, `fit` reports a symbolic tensor")


def test_m02_the_progress_bar_cannot_show_a_symbolic_tensor(quoted):
    with pytest.raises(NotImplementedError) as error:
        fit_with_total(verbose=2)
    name = type(error.value).__name__
    quoted(f"`fit` reports a symbolic tensor, and the progress bar fails with a {name}")


def test_m02_a_result_may_be_a_dict(quoted):
    class Counts(keras.metrics.Metric):
        def __init__(self):
            super().__init__()
            self.count = self.add_variable((), "zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.count.assign_add(1.0)

        def result(self):
            return {"once": self.count, "twice": 2 * self.count}

    model = linear()
    model.compile("sgd", "mse", metrics=[Counts()])
    history = model.fit(ones(4), ones(4), verbose=0).history
    assert (history["once"], history["twice"]) == ([1], [2])
    quoted("Yes, and Keras then reports each entry under its own name")


def test_m02_weighted_metrics_are_handed_weights(quoted):
    class Unweighted(keras.metrics.Metric):
        def update_state(self, y_true, y_pred):
            pass

        def result(self):
            return tf.constant(0.0)

    model = linear()
    model.compile("sgd", "mse", weighted_metrics=[Unweighted()])
    with pytest.raises(TypeError, match="sample_weight"):
        model.fit(ones(4), ones(4), sample_weight=np.ones(4), verbose=0)
    quoted("A metric without the argument fails there")


def test_m02_reset_zeroes_whatever_the_initializer(quoted):
    class One(keras.metrics.Metric):
        def __init__(self):
            super().__init__()
            self.one = self.add_variable((), "ones")

    metric = One()
    assert float(metric.one.numpy()) == 1
    metric.reset_state()
    assert float(metric.one.numpy()) == 0
    quoted("The base class sets every variable to zero, whatever its initializer")


def rmse(y_true, y_pred):
    return tf.sqrt(tf.reduce_mean(tf.square(y_true - y_pred)))


def evaluate_in_threes(x, y, metrics):
    model = linear()
    model.compile("sgd", "mse", metrics=metrics)
    return model.evaluate(x, y, batch_size=3, verbose=0, return_dict=True)


def test_m03_an_f1_function_is_averaged_over_batches(quoted):
    def f1(y_true, y_pred):
        true, positive = y_true[:, 0], tf.cast(y_pred[:, 0] > 0.5, "float32")
        hits = 2 * tf.reduce_sum(true * positive)
        return hits / (tf.reduce_sum(true) + tf.reduce_sum(positive))

    labels, scores = column(1, 1, 0, 1, 0, 0), column(1, 1, 0, 0, 1, 0)
    pooled = keras.metrics.F1Score(threshold=0.5, average="micro", name="pooled")
    result = evaluate_in_threes(scores, labels, [f1, pooled])
    quoted(
        f"Two batches with F1 1 and 0 average to {result['f1']:.3f}, where F1 over all six "
        f"examples is {result['pooled']:.3f}"
    )


def test_m03_a_root_mean_square_function_is_averaged_over_batches(quoted):
    pooled = keras.metrics.RootMeanSquaredError(name="pooled")
    x = column(2, 2, 2, 14, 14, 14)
    result = evaluate_in_threes(x, 0 * x, [rmse, pooled])
    quoted(
        f"A root-mean-square function reports {result['rmse']:.2f} where `RootMeanSquaredError` "
        f"reports {result['pooled']:.2f} on the same six errors"
    )


TRUE = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 2])
PREDICTED = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 1])


def keras_f1(average):
    one_hot = np.eye(3, dtype="float32")
    return float(score(keras.metrics.F1Score(average), (one_hot[TRUE], one_hot[PREDICTED])))


def f1_of_means(weights):
    """The harmonic mean of the classes' mean precision and their mean recall."""
    hits = np.bincount(TRUE[TRUE == PREDICTED], minlength=3)
    precision = hits / np.maximum(np.bincount(PREDICTED, minlength=3), 1)
    recall = hits / np.bincount(TRUE, minlength=3)
    p, r = (np.average(v, weights=weights) for v in (precision, recall))
    return 2 * p * r / (p + r)


def test_m04_two_definitions_of_macro(quoted):
    quoted(
        f"macro-F1 is {keras_f1('macro'):.3f}, and the F1 of macro precision and macro recall is "
        f"{f1_of_means(np.ones(3)):.3f}"
    )


def test_m04_two_definitions_of_weighted(quoted):
    weighted = f1_of_means(np.bincount(TRUE, minlength=3))
    quoted(f"the weighted pair is {keras_f1('weighted'):.3f} and {weighted:.3f}")


def test_m04_micro_f1_is_accuracy(quoted):
    assert keras_f1("micro") == pytest.approx(np.mean(TRUE == PREDICTED))
    quoted("micro-F1 equals accuracy")


def test_m05_argmax_of_one_column(quoted):
    batch = column(0, 0, 1, 1), column(0.1, 0.2, 0.8, 0.9)
    argmax = score(keras.metrics.F1Score(), batch)[0]
    half = score(keras.metrics.F1Score(threshold=0.5), batch)[0]
    quoted(
        f"it returns {argmax:.3f}, since every row's argmax is column 0; with "
        f"`threshold=0.5` it returns {half:.3f}"
    )


def test_m05_one_dimensional_labels_raise(quoted):
    batch = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    with pytest.raises(ValueError, match="2D"):
        score(keras.metrics.F1Score(), batch)
    quoted("One-dimensional labels raise a ValueError")


def test_m05_the_threshold_itself_is_not_above_it(quoted):
    batch = np.array([[1.0]]), np.array([[0.5]])
    assert score(keras.metrics.F1Score(threshold=0.5), batch)[0] == 0
    quoted('Keras\' F-scores use "greater than"')


# 5 positives in 100, of which one is found, and one false alarm.
RATERS = np.array([[94.0, 1], [4, 1]])


def kappa_by_agreement(counts):
    n = counts.sum()
    chance = counts.sum(0) @ counts.sum(1) / n**2
    return (counts.trace() / n - chance) / (1 - chance)


def test_m07_kappa_is_low_at_high_accuracy(quoted):
    accuracy = RATERS.trace() / RATERS.sum()
    quoted(f"accuracy is {accuracy:.2f} and kappa is {kappa_by_agreement(RATERS):.3f}")


def test_m07_matrix_form_of_kappa(quoted):
    penalty = 1 - np.eye(2)
    expected = np.outer(RATERS.sum(1), RATERS.sum(0)) / RATERS.sum()
    by_matrix = 1 - (penalty * RATERS).sum() / (penalty * expected).sum()
    assert by_matrix == pytest.approx(kappa_by_agreement(RATERS))
    quoted("In matrix form `κ = 1 − Σ W∘O / Σ W∘E`")


def test_m07_expected_counts_not_divided(quoted):
    penalty = 1 - np.eye(2)
    product = np.outer(RATERS.sum(1), RATERS.sum(0))
    wrong = 1 - (penalty * RATERS).sum() / (penalty * product).sum()
    quoted(f"kappa sits near 1 for every model: {wrong:.3f} for the one above")


def test_m07_weights_of_agreement(quoted):
    perfect = np.diag([50.0, 50])
    expected = np.outer(perfect.sum(1), perfect.sum(0)) / perfect.sum()
    wrong = 1 - (np.eye(2) * perfect).sum() / (np.eye(2) * expected).sum()
    quoted(f"a perfect predictor of two balanced classes then scores {with_minus(wrong, '.0f')}")


def test_m01_the_loss_that_fit_prints_is_a_mean_over_moving_weights(quoted):
    model = linear(kernel_initializer="zeros")
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x, y = ones(8), ones(8, 3.0)
    (printed,) = model.fit(x, y, batch_size=1, verbose=0).history["loss"]
    after = model.evaluate(x, y, verbose=0)
    assert printed == pytest.approx(np.mean(9 * 0.64 ** np.arange(8)), rel=1e-4)
    quoted(f"it says {printed:.2f} for an epoch after which the same data score {after:.2f}")


def test_m10_top_k_counts_ties(quoted):
    metric = keras.metrics.SparseTopKCategoricalAccuracy(k=1)
    tied = score(metric, ([1, 2], np.full((2, 3), 0.5, "float32")))
    quoted(f"has a top-1 accuracy of {tied:.1f} by `SparseTopKCategoricalAccuracy(k=1)`")


def test_m10_k_above_the_number_of_classes(quoted):
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tf.math.top_k([[1.0, 2.0]], k=3)
    assert tf.math.in_top_k([0], [[0.5, 0.6]], 3).numpy().all()
    quoted(f"`in_top_k` accepts it; `tf.math.top_k` raises an {type(error.value).__name__}")


def test_m10_a_nan_score_is_no_hit(quoted):
    assert not tf.math.in_top_k([1], [[0.5, np.nan]], 1).numpy().any()
    quoted("`in_top_k` says False when the true class scores nan")


def keras_r2(y_true, y_pred):
    return float(score(keras.metrics.R2Score(), (column(*y_true), column(*y_pred))))


def without_sign_of_zero(number):
    """To one decimal; a sum in another order may end a little below 0."""
    return round(number, 1) + 0.0


def test_m09_r2_fails_at_an_offset(quoted):
    y = np.arange(4.0)
    error = np.array([0.5, -0.5, 0.5, -0.5])
    right = 1 - np.sum(error**2) / np.sum((y - y.mean()) ** 2)
    assert keras_r2(y, y + error) == pytest.approx(right)
    offset = keras_r2(y + 1e4, y + error + 1e4)
    quoted(
        f"have R² {right:.1f}; add 10,000 to targets and predictions, and "
        f"`keras.metrics.R2Score` returns {without_sign_of_zero(offset):.1f}"
    )


def test_m09_r2_of_a_constant_target(quoted):
    three = np.full(4, 3.0)
    constant, perfect = keras_r2(three, np.arange(4.0)), keras_r2(three, three)
    quoted(
        f"A constant target of 3 scores {without_sign_of_zero(constant):.1f}, and {perfect} if the "
        "predictions are perfect"
    )


def test_m09_r2_of_a_constant_that_rounds(quoted):
    tenth = np.full(10, 0.1)
    millions = -keras_r2(tenth, tenth + 0.1) / 1e6
    quoted(f"ten predictions off by 0.1 score minus {millions:.0f} million")


def test_m11_a_weighted_mean_divides_by_the_weights(quoted):
    mean = score(keras.metrics.Mean(), ([1.0, 2, 3], [1.0, 0, 2]))
    quoted(f"`Mean` of 1, 2, 3 with weights 1, 0, 2 must be {mean:.3f}")


def test_m11_weights_reach_the_weighted_metrics_only(quoted):
    model = linear()
    plain, weighted = (keras.metrics.MeanSquaredError(name=n) for n in ("plain", "weighted"))
    model.compile("sgd", "mse", metrics=[plain], weighted_metrics=[weighted])
    x, y = ones(2), np.array([[2.0], [4.0]])
    result = model.evaluate(x, y, sample_weight=np.array([1.0, 0]), verbose=0, return_dict=True)
    assert (result["plain"], result["weighted"]) == (5, 1)
    quoted(
        "`metrics=` are computed without the weights given to `fit`, and `weighted_metrics=` "
        "with them"
    )


def test_m11_no_weight_at_all(quoted):
    mean = score(keras.metrics.Mean(), ([1.0, 2], [0.0, 0]))
    f1 = score(keras.metrics.F1Score(threshold=0.5), (column(1, 0), column(1, 1), [0.0, 0]))
    assert (mean, f1) == (0, 0)
    quoted("The same as having seen nothing: return 0, not nan")


def test_m06_auc_has_200_even_thresholds(quoted):
    thresholds = keras.metrics.AUC().thresholds
    quoted(f"at {len(thresholds)} fixed thresholds, evenly spaced over [0, 1]")
    quoted(f"Its resolution is therefore {np.diff(thresholds[1:-1]).mean():.3f} in score")


RANKS = np.arange(1000)
CROWDED = RANKS * 1e-6
LABELS = ((RANKS * 7919) % 1000 < RANKS).astype(int)


def keras_auc(scores, **how):
    return float(score(keras.metrics.AUC(**how), (LABELS, scores)))


def auc_by_ranks(labels, scores):
    rank = np.argsort(np.argsort(scores)) + 1
    positives = labels.sum()
    ranks = rank[labels == 1].sum() - positives * (positives + 1) / 2
    return ranks / (positives * (len(labels) - positives))


def test_m06_auc_of_crowded_scores(quoted):
    exact = auc_by_ranks(LABELS, CROWDED)
    quantiles = list(np.quantile(CROWDED, np.linspace(0.005, 0.995, 199)))
    quoted(
        f"Keras says {keras_auc(CROWDED):.3f} where the exact AUC is {exact:.3f}; with quantile "
        f"thresholds it says {keras_auc(CROWDED, thresholds=quantiles):.3f} too"
    )


def test_m06_from_logits_does_not_help_a_crowd(quoted):
    logits = np.log(np.maximum(CROWDED, 1e-9) / (1 - CROWDED))
    assert keras_auc(logits, from_logits=True) == keras_auc(CROWDED)
    quoted("so you get the same crowd back")


def test_m06_negative_logits_lie_below_every_threshold(quoted):
    ranked = score(keras.metrics.AUC(), ([0, 0, 1, 1], [-4.0, -3, -2, -1]))
    quoted(f"four perfectly ranked negative logits score {ranked:.1f}")


def test_m12_a_mean_of_batch_means(quoted):
    values = [[1.0, 2, 3, 4], [5.0]]
    mean = score(keras.metrics.Mean(), *([batch] for batch in values))
    quoted(f"give {np.mean([np.mean(v) for v in values]):.2f}, where the mean is {mean:.2f}")


def test_m12_a_function_is_nan_where_a_replica_is_empty(quoted):
    def evaluate(scope):
        with scope:
            model = linear()
            pooled = keras.metrics.RootMeanSquaredError(name="pooled")
            model.compile("sgd", "mse", metrics=[rmse, pooled])
        x = column(1, 2, 3, 4, 10)
        return model.evaluate(x, 0 * x, batch_size=4, verbose=0, return_dict=True)

    one, two = evaluate(tf.device("CPU:0")), evaluate(two_replicas().scope())
    assert two["pooled"] == pytest.approx(one["pooled"]) == pytest.approx(np.sqrt(26))
    quoted(
        f"a root-mean-square function reports {two['rmse']:.2f}, where the class reports "
        f"{two['pooled']:.2f}, as on one replica"
    )


def normal_quantiles(n, mean):
    """n scores that are spread like a normal variable, with no chance in them."""
    normal = statistics.NormalDist(mean)
    return np.array([normal.inv_cdf((i + 0.5) / n) for i in range(n)])


def curves(positives, negatives=10_000):
    """ROC-AUC, average precision, and false positives and precision at a recall of 80%."""
    good, bad = normal_quantiles(positives, 2.0), normal_quantiles(negatives, 0.0)
    beaten = np.searchsorted(bad, good)
    hits, false = np.arange(positives, 0, -1), negatives - beaten
    precision = hits / (hits + false)
    at = positives // 5
    return beaten.mean() / negatives, precision.mean(), false[at] / negatives, precision[at]


def test_m15_the_share_of_positives_rules_one_of_the_two(quoted):
    (even, even_precision, _, _), (rare, rare_precision, _, _) = curves(10_000), curves(100)
    assert f"{even:.2f}" == f"{rare:.2f}"
    quoted(
        f"a ROC-AUC of {even:.2f} either way, and an average precision of {even_precision:.2f} "
        f"with as many positives as negatives, {rare_precision:.2f} with one to a hundred"
    )
    quoted(f"Comparing a PR-AUC of {rare_precision:.2f} with one of {even_precision:.2f}")


def test_m15_false_positives_that_sound_fine(quoted):
    _, _, false, precision = curves(100)
    quoted(f"{false:.0%} false positives sound fine, and the precision is {precision:.0%}")


def keras_area(positives, negatives, curve="PR"):
    area = keras.metrics.AUC(curve=curve)
    area.update_state(
        np.r_[np.ones(len(positives)), np.zeros(len(negatives))], np.r_[positives, negatives]
    )
    return float(area.result())


def test_m15_keras_with_few_positives(quoted):
    probability = lambda z: 1 / (1 + np.exp(-z))
    good, bad = normal_quantiles(10, 2.0), normal_quantiles(10_000, 0.0)
    area = keras_area(probability(good), probability(bad))
    quoted(f"it gives {area:.3f} where the average precision is {curves(10)[1]:.3f}")


def test_m15_a_constant_score(quoted):
    area = keras_area(np.full(100, 0.5), np.full(9900, 0.5))
    quoted(f"on 1% positives a constant score has {area:.2f} in Keras")


def ndcg(grades, gain):
    def dcg(grades):
        return sum(gain(g) / np.log2(rank + 1) for rank, g in enumerate(grades, 1))

    return dcg(grades) / dcg(sorted(grades, reverse=True))


def test_m17_two_gains(quoted):
    grades = [1, 3, 0, 2]
    exponential, linear = ndcg(grades, lambda g: 2**g - 1), ndcg(grades, lambda g: g)
    quoted(f"in that order NDCG is {exponential:.3f} or {linear:.3f}")


def test_m17_mean_reciprocal_rank(quoted):
    quoted(f"First hits at ranks 1 and 3 and no hit at all give {(1 + 1 / 3 + 0) / 3:.3f}")


def test_m17_sampled_negatives(quoted):
    others, ahead, sample = 9_999, 499, 100
    in_the_first_ten = sum(
        math.comb(ahead, n) * math.comb(others - ahead, sample - n) for n in range(10)
    ) / math.comb(others, sample)
    quoted(f"in the first ten of 100 sampled negatives {in_the_first_ten:.0%} of the time")


def test_m17_keras_has_none_of_the_three(quoted):
    words = ("ndcg", "reciprocal", "recallatk", "gain")
    assert not [m for m in dir(keras.metrics) if any(word in m.lower() for word in words)]
    quoted("Keras 3.15 has none of the three")


def test_m17_a_dead_model(quoted):
    scores = tf.zeros([7, 100])
    first = tf.math.top_k(scores, 1).indices
    recall = tf.reduce_mean(tf.cast(first == 0, tf.float32))
    quoted(f"has a recall@1 of {recall:.1f} there")


def calibration_error(p, y, bins=15):
    """Weighted by count, the gap of a bin is that of its sums."""
    bin_of = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(bin_of, p, bins) - np.bincount(bin_of, y, bins)
    return np.abs(gaps).sum() / len(p)


def calibrated(random, n):
    """Logits, and labels that come true as often as the logits say."""
    z = random.normal(0, 2, n)
    return z, (random.random(n) < 1 / (1 + np.exp(-z))).astype(float)


def test_m16_temperature_repairs_doubled_logits(quoted):
    z, y = calibrated(np.random.default_rng(0), 20_000)
    logits, temperatures = 2 * z, np.linspace(0.5, 5, 451)
    log_loss = lambda t: np.mean(np.logaddexp(0, logits / t) - y * logits / t)
    best = min(temperatures, key=log_loss)
    before, after = (calibration_error(1 / (1 + np.exp(-logits / t)), y) for t in (1, best))
    quoted(f"T comes out as {best:.2f}, the error falls from {before:.3f} to {after:.3f}")


def test_m16_the_error_is_biased_upward(quoted):
    random = np.random.default_rng(0)

    def mean_error(n):
        draws = (calibrated(random, n) for _ in range(1_000_000 // n))
        return np.mean([calibration_error(1 / (1 + np.exp(-z)), y) for z, y in draws])

    little, much = mean_error(100), mean_error(10_000)
    quoted(f"{little:.2f} on average over 100 examples, {much:.3f} over 10,000")


def test_m16_the_base_rate_for_everybody(quoted):
    y = np.r_[np.ones(30), np.zeros(70)]
    error = calibration_error(np.full(100, y.mean()), y)
    area = keras_area(np.full(30, 0.3), np.full(70, 0.3), curve="ROC")
    quoted(f"has an error of {error:.3f} and an AUC of {area:.1f}")


def test_m18_pairs_inside_a_bin(quoted):
    random = np.random.default_rng(0)
    bins = (random.random(1000) * 1024).astype(int)
    positives, negatives = np.split(bins, 2)
    together = (positives[:, None] == negatives).mean()
    quoted(f"{together / 2:.4f} for 1,000 random scores in 1,024 bins")


def test_m18_ranks_of_equal_scores(quoted):
    labels = np.array([0, 0, 1, 0, 1])

    def by_ranks(labels):
        return auc_by_ranks(labels, np.full(len(labels), 0.3))

    quoted(
        f"With labels {', '.join(map(str, labels))} in that order the ranks say "
        f"{by_ranks(labels):.3f}, and {by_ranks(labels[::-1]):.3f} with the rows reversed"
    )


def test_m18_scores_near_0(quoted):
    scores = 0.9 * CROWDED
    bins = (scores * 1024).astype(int)
    positives, negatives = bins[LABELS == 1], bins[LABELS == 0]
    area = (positives[:, None] > negatives).mean() + (positives[:, None] == negatives).mean() / 2
    exact = auc_by_ranks(LABELS, scores)
    quoted(
        f"*Scores below {scores.max():.4f}, as for a rare event?* All fall into one bin, and an "
        f"area of {exact:.2f} reads {area:.2f}"
    )


def test_m19_the_mean_of_small_batches(quoted):
    z, y = calibrated(np.random.default_rng(0), 4096)
    p = 1 / (1 + np.exp(-z))
    # Of the top class, as the paper has it.
    confidence, correct = np.maximum(p, 1 - p), ((p > 0.5) == (y == 1)).astype(float)
    at_once = calibration_error(confidence, correct)
    batches = zip(np.split(confidence, 64), np.split(correct, 64), strict=True)
    mean = np.mean([calibration_error(*batch) for batch in batches])
    quoted(
        f"Perfect probabilities of 4,096 examples have an error of {at_once:.3f} at once, and of "
        f"{mean:.2f} as the mean of 64 batches of 64"
    )


def test_m19_edges_that_float32_moves(quoted):
    def moved(bins):
        edges = [round(m / bins, 6) for m in range(1, bins)]
        upper = [math.ceil(np.float32(edge) * np.float32(bins)) for edge in edges]
        return sum(m != bin_of for m, bin_of in enumerate(upper, 1))

    assert moved(8) == moved(16) == 0
    quoted(
        f"Of the 14 edges m/15, typed with six decimals, {moved(15)} fall on the wrong side in "
        "float32"
    )


def test_m19_a_fair_coin(quoted):
    correct = np.array([1.0, 0.0])
    assert calibration_error(np.full(2, 0.5), correct) == 0
    quoted(f"and gets {np.abs(correct - 0.5).mean()}")


def test_m20_ties(quoted):
    gain = lambda grade: 2**grade - 1
    grades = [3, 2, 0, 1]
    orders = [ndcg(order, gain) for order in itertools.permutations(grades)]
    quoted(
        f"for relevances 3, 2, 0, 1 has {ndcg(grades, gain):.3f} in this order of the columns, "
        f"{ndcg(grades[::-1], gain):.3f} in the reverse, {np.mean(orders):.3f} over all orders"
    )


def test_m20_padding_that_gains(quoted):
    gain = lambda grade: 2**grade - 1
    quoted(f"it gains `2^−1 − 1 = {with_minus(gain(-1), '.1f')}`")
    quoted(
        f"in this order, score {ndcg([1, 2, -1], gain):.3f} in place of {ndcg([1, 2], gain):.3f}"
    )


def test_m20_k_above_the_length(quoted):
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tf.math.top_k([[1.0, 2.0]], k=3)
    quoted(f"`top_k` with k above the list's length raises an {type(error.value).__name__}")
