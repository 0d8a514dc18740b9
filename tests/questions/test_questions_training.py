"""Recomputes what QUESTIONS.md says of metrics, optimizers and training.

Each test runs the case that an answer quotes, writes the numbers into the sentence, and
looks the sentence up. A new TensorFlow that changes a number, or an edit that changes the
sentence, fails here. Question M08 is tested by test_m08_…
"""

import inspect
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tests.questions.quotes import assert_quoted

MNIST = Path(__file__).parents[2] / "data" / "mnist_small.npz"


@pytest.fixture(scope="module", autouse=True)
def two_cpus():
    import tests.support.replicas  # noqa: F401  # two logical CPUs, before the first op of all


@pytest.fixture
def tf():
    import tensorflow

    return tensorflow


@pytest.fixture
def keras():
    import keras

    keras.utils.set_random_seed(0)
    yield keras
    keras.backend.clear_session()


def linear(keras, **dense):
    """A model x -> w x with w = 1, or as the arguments of its one layer say."""
    dense = {"kernel_initializer": "ones", "use_bias": False} | dense
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, **dense)])


def ones(n, value=1.0):
    return np.full((n, 1), value, "float32")


def score(metric, *batches):
    """The result after these updates."""
    metric.reset_state()
    for batch in batches:
        metric.update_state(*batch)
    return np.asarray(metric.result())


def train(optimizer, gradients, start=1.0, dtype="float32"):
    """The weight after a step with each of the gradients."""
    import tensorflow as tf

    w = tf.Variable(tf.constant(start, dtype))
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient, dtype)], [w])
    return w.numpy().astype("float64")


def adam(gradients, learning_rate, *, first=1, form="paper", epsilon=1e-8):
    """How far a weight has moved by the paper's Algorithm 1, or by one of its mistakes."""
    beta_1, beta_2 = 0.9, 0.999
    moved = m = v = 0.0
    for t, g in enumerate(gradients, first):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
        moved += (
            learning_rate
            * {
                "paper": m_hat / (np.sqrt(v_hat) + epsilon),
                "inside": m_hat / np.sqrt(v_hat + epsilon),
                "uncorrected": m / (np.sqrt(v) + epsilon),
            }[form]
        )
    return moved


def auc_by_ranks(labels, scores):
    rank = np.argsort(np.argsort(scores)) + 1
    positives = labels.sum()
    ranks = rank[labels == 1].sum() - positives * (positives + 1) / 2
    return ranks / (positives * (len(labels) - positives))


# Metrics


def test_m01_the_loss_that_fit_prints_is_a_mean_over_moving_weights(keras):
    model = linear(keras, kernel_initializer="zeros")
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x, y = ones(8), ones(8, 3.0)
    (printed,) = model.fit(x, y, batch_size=1, verbose=0).history["loss"]
    after = model.evaluate(x, y, verbose=0)
    assert printed == pytest.approx(np.mean(9 * 0.64 ** np.arange(8)), rel=1e-4)
    assert_quoted(f"it says {printed:.2f} for an epoch after which the same data score {after:.2f}")


def test_m02_python_state_freezes_in_a_graph(keras, tf):
    class Batches(keras.metrics.Metric):
        def __init__(self):
            super().__init__(name="batches")
            self.batches = 0

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.batches += 1

        def result(self):
            return tf.constant(float(self.batches))

        def reset_state(self):
            self.batches = 0

    def history(run_eagerly):
        model = linear(keras)
        model.compile("sgd", "mse", metrics=[Batches()], run_eagerly=run_eagerly)
        fit = model.fit(ones(8), ones(8), batch_size=2, epochs=2, verbose=0)
        return [int(n) for n in fit.history["batches"]]

    eager, compiled = history(True), history(False)
    assert eager == [4, 4]
    assert_quoted(
        f"reports {eager[0]} in eager mode for four batches; compiled, it reports "
        f"{compiled[0]} in the first epoch and {compiled[1]} in the second"
    )


def test_m02_a_tensor_in_an_attribute_stays_symbolic(keras, tf):
    class Total(keras.metrics.Metric):
        def __init__(self):
            super().__init__(name="total")
            self.total = 0.0

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total = self.total + tf.reduce_sum(y_pred)

        def result(self):
            return self.total

        def reset_state(self):
            self.total = 0.0

    def fit(verbose):
        model = linear(keras)
        model.compile("sgd", "mse", metrics=[Total()])
        return model.fit(ones(4), ones(4), verbose=verbose).history["total"][0]

    assert tf.is_symbolic_tensor(fit(verbose=0))
    with pytest.raises(NotImplementedError) as error:
        fit(verbose=2)
    name = type(error.value).__name__
    assert_quoted(f"`fit` reports a symbolic tensor, and the progress bar fails with a {name}")


def test_m02_reset_zeroes_whatever_the_initializer(keras):
    class One(keras.metrics.Metric):
        def __init__(self):
            super().__init__()
            self.one = self.add_variable((), "ones")

    metric = One()
    assert float(metric.one.numpy()) == 1
    metric.reset_state()
    assert float(metric.one.numpy()) == 0
    assert_quoted("The base class sets every variable to zero, whatever its initializer")


def test_m03_functions_are_averaged_over_batches(keras, tf):
    def f1(y_true, y_pred):
        true, positive = y_true[:, 0], tf.cast(y_pred[:, 0] > 0.5, "float32")
        hits = 2 * tf.reduce_sum(true * positive)
        return hits / (tf.reduce_sum(true) + tf.reduce_sum(positive))

    def rmse(y_true, y_pred):
        return tf.sqrt(tf.reduce_mean(tf.square(y_true - y_pred)))

    def evaluate(x, y, metrics):
        model = linear(keras)
        model.compile("sgd", "mse", metrics=metrics)
        return model.evaluate(x, y, batch_size=3, verbose=0, return_dict=True)

    column = lambda *values: np.array(values, "float32")[:, None]
    labels, scores = column(1, 1, 0, 1, 0, 0), column(1, 1, 0, 0, 1, 0)
    pooled = keras.metrics.F1Score(threshold=0.5, average="micro", name="pooled")
    f = evaluate(scores, labels, [f1, pooled])
    assert_quoted(
        f"Two batches with F1 1 and 0 average to {f['f1']:.3f}, where F1 over all six examples "
        f"is {f['pooled']:.3f}"
    )
    pooled = keras.metrics.RootMeanSquaredError(name="pooled")
    r = evaluate(column(2, 2, 2, 14, 14, 14), 0 * labels, [rmse, pooled])
    assert_quoted(
        f"A root-mean-square function reports {r['rmse']:.2f} where `RootMeanSquaredError` "
        f"reports {r['pooled']:.2f} on the same six errors"
    )


def test_m04_two_definitions_of_macro_and_weighted(keras):
    true = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 2])
    pred = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 1])
    one_hot = np.eye(3, dtype="float32")
    f = {
        average: float(score(keras.metrics.F1Score(average), (one_hot[true], one_hot[pred])))
        for average in ["micro", "macro", "weighted"]
    }
    hits = np.array([np.sum((true == k) & (pred == k)) for k in range(3)])
    support = np.bincount(true, minlength=3)
    precision = hits / np.maximum(np.bincount(pred, minlength=3), 1)
    recall = hits / support
    harmonic = lambda p, r: 2 * p * r / (p + r)
    macro = harmonic(precision.mean(), recall.mean())
    weighted = harmonic(*(np.average(v, weights=support) for v in (precision, recall)))
    assert_quoted(
        f"macro-F1 is {f['macro']:.3f}, and the F1 of macro precision and macro recall is "
        f"{macro:.3f}; the weighted pair is {f['weighted']:.3f} and {weighted:.3f}"
    )
    assert f["micro"] == pytest.approx(np.mean(true == pred))
    assert_quoted("micro-F1 equals accuracy")


def test_m05_argmax_of_one_column(keras):
    batch = np.array([[0.0], [0], [1], [1]]), np.array([[0.1], [0.2], [0.8], [0.9]])
    argmax = score(keras.metrics.F1Score(), batch)[0]
    half = score(keras.metrics.F1Score(threshold=0.5), batch)[0]
    assert_quoted(
        f"it returns {argmax:.3f}, since every row's argmax is column 0; with "
        f"`threshold=0.5` it returns {half:.3f}"
    )
    with pytest.raises(ValueError, match="2D"):
        score(keras.metrics.F1Score(), [part[:, 0] for part in batch])
    assert_quoted("One-dimensional labels raise a ValueError")


def test_m05_the_threshold_itself_is_not_above_it(keras):
    batch = np.array([[1.0]]), np.array([[0.5]])
    assert score(keras.metrics.F1Score(threshold=0.5), batch)[0] == 0
    assert_quoted('Keras\' F-scores use "greater than"')


def test_m06_auc_of_crowded_scores(keras):
    n = np.arange(1000)
    scores, labels = n * 1e-6, ((n * 7919) % 1000 < n).astype(int)
    auc = lambda s, **kw: float(score(keras.metrics.AUC(**kw), (labels, s)))
    exact = auc_by_ranks(labels, scores)
    quantiles = list(np.quantile(scores, np.linspace(0.005, 0.995, 199)))
    assert_quoted(
        f"Keras says {auc(scores):.3f} where the exact AUC is {exact:.3f}; with quantile "
        f"thresholds it says {auc(scores, thresholds=quantiles):.3f} too"
    )
    logits = np.log(np.maximum(scores, 1e-9) / (1 - scores))
    assert auc(logits, from_logits=True) == auc(scores)
    assert_quoted("so you get the same crowd back")
    ranked = score(keras.metrics.AUC(), ([0, 0, 1, 1], [-4.0, -3, -2, -1]))
    assert_quoted(f"four perfectly ranked negative logits score {ranked:.1f}")


def test_m06_auc_has_200_even_thresholds(keras):
    thresholds = keras.metrics.AUC().thresholds
    assert_quoted(f"at {len(thresholds)} fixed thresholds, evenly spaced over [0, 1]")
    assert_quoted(f"Its resolution is therefore {np.diff(thresholds[1:-1]).mean():.3f} in score")


def test_m07_kappa_is_low_at_high_accuracy():
    counts = np.array([[94.0, 1], [4, 1]])
    n = counts.sum()
    agreement = counts.trace() / n
    chance = counts.sum(0) @ counts.sum(1) / n**2
    kappa = (agreement - chance) / (1 - chance)
    penalty = 1 - np.eye(2)
    expected = np.outer(counts.sum(1), counts.sum(0)) / n
    assert 1 - (penalty * counts).sum() / (penalty * expected).sum() == pytest.approx(kappa)
    assert_quoted(f"accuracy is {agreement:.2f} and kappa is {kappa:.3f}")


def test_m08_always_positive_on_95_to_5():
    def correlation(counts):  # R_K, of rows true and columns predicted
        s, true, predicted = counts.sum(), counts.sum(1), counts.sum(0)
        top = counts.trace() * s - true @ predicted
        bottom = (s**2 - true @ true) * (s**2 - predicted @ predicted)
        return top / np.sqrt(bottom) if bottom else 0.0

    (tn, fp), (fn, tp) = counts = np.array([[0.0, 5], [0, 95]])
    f1 = 2 * tp / (2 * tp + fp + fn)
    assert_quoted(
        f"accuracy {tp / counts.sum():.3f}, F1 {f1:.3f}, and a Matthews correlation of "
        f"{correlation(counts):.0f}"
    )
    (tn, fp), (fn, tp) = counts = np.array([[7.0, 2], [3, 11]])
    binary = (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    assert correlation(counts) == pytest.approx(binary)
    assert_quoted("For two classes it reduces to the formula above")


def test_m08_where_the_types_break():
    with np.errstate(over="ignore"):
        stuck = next(2**k for k in range(32) if np.float32(2**k) + np.float32(1) == 2**k)
        margin = next(n for n in range(1, 1000) if n**4 > np.iinfo("int32").max)
        power = next(k for k in range(64) if np.isinf(np.float32(2**k) ** 4))
    assert power == 32
    assert_quoted(f"A float32 counter stops at {stuck:,}: adding 1 leaves it unchanged")
    assert_quoted(
        f"overflows int32 from {margin} each, and float32 from 2³², about "
        f"{2**power / 1e9:.1f} billion"
    )


def test_m09_r2_fails_at_an_offset_and_for_constant_targets(keras):
    def r2(y_true, y_pred):
        column = lambda v: np.asarray(v, "float32")[:, None]
        return float(score(keras.metrics.R2Score(), (column(y_true), column(y_pred))))

    y = np.arange(4.0)
    error = np.array([0.5, -0.5, 0.5, -0.5])
    right = 1 - np.sum(error**2) / np.sum((y - y.mean()) ** 2)
    assert r2(y, y + error) == pytest.approx(right)
    assert_quoted(
        f"have R² {right:.1f}; add 10,000 to targets and predictions, and "
        f"`keras.metrics.R2Score` returns {r2(y + 1e4, y + error + 1e4):.1f}"
    )
    constant, perfect = r2(np.full(4, 3.0), y), r2(np.full(4, 3.0), np.full(4, 3.0))
    assert_quoted(
        f"For a constant target of 3 it returns {constant:.1f}, {perfect} if the predictions "
        "are perfect"
    )
    assert r2(np.full(10, 0.1), np.arange(10.0)) < -1e9
    assert_quoted("a score below minus a billion")


def test_m10_top_k_counts_ties(keras, tf):
    metric = keras.metrics.SparseTopKCategoricalAccuracy(k=1)
    tied = score(metric, ([1, 2], np.full((2, 3), 0.5, "float32")))
    assert_quoted(f"has a top-1 accuracy of {tied:.1f} by `SparseTopKCategoricalAccuracy(k=1)`")
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tf.math.top_k([[1.0, 2.0]], k=3)
    assert tf.math.in_top_k([0], [[0.5, 0.6]], 3).numpy().all()
    assert_quoted(f"`in_top_k` accepts it; `tf.math.top_k` raises an {type(error.value).__name__}")
    assert not tf.math.in_top_k([1], [[0.5, np.nan]], 1).numpy().any()
    assert_quoted("`in_top_k` says False when the true class scores nan")


def test_m11_weights(keras):
    mean = score(keras.metrics.Mean(), ([1.0, 2, 3], [1.0, 0, 2]))
    assert_quoted(f"`Mean` of 1, 2, 3 with weights 1, 0, 2 must be {mean:.3f}")
    model = linear(keras)
    plain, weighted = (keras.metrics.MeanSquaredError(name=n) for n in ("plain", "weighted"))
    model.compile("sgd", "mse", metrics=[plain], weighted_metrics=[weighted])
    x, y = ones(2), np.array([[2.0], [4.0]])
    result = model.evaluate(x, y, sample_weight=np.array([1.0, 0]), verbose=0, return_dict=True)
    assert (result["plain"], result["weighted"]) == (5, 1)
    assert_quoted(
        "`metrics=` are computed without the weights given to `fit`, and `weighted_metrics=` "
        "with them"
    )


def test_m12_across_batches_and_replicas(keras, tf):
    from tests.support.replicas import two_replicas

    values = [[1.0, 2, 3, 4], [5.0]]
    mean = score(keras.metrics.Mean(), *([batch] for batch in values))
    assert_quoted(f"give {np.mean([np.mean(v) for v in values]):.2f}, where the mean is {mean:.2f}")

    def rmse(y_true, y_pred):
        return tf.sqrt(tf.reduce_mean(tf.square(y_true - y_pred)))

    def evaluate(scope):
        with scope:
            model = linear(keras)
            pooled = keras.metrics.RootMeanSquaredError(name="pooled")
            model.compile("sgd", "mse", metrics=[rmse, pooled])
        x = np.array([[1.0], [2], [3], [4], [10]], "float32")
        return model.evaluate(x, 0 * x, batch_size=4, verbose=0, return_dict=True)

    one, two = evaluate(tf.device("CPU:0")), evaluate(two_replicas().scope())
    assert two["pooled"] == pytest.approx(one["pooled"]) == pytest.approx(np.sqrt(26))
    assert_quoted(
        f"a root-mean-square function reports {two['rmse']:.2f}, where the class reports "
        f"{two['pooled']:.2f}, as on one replica"
    )


# Optimizers


def test_o01_the_old_methods_and_their_errors(keras, tf):
    Optimizer = keras.optimizers.Optimizer

    class Old(Optimizer):
        def _resource_apply_dense(self, gradient, variable, apply_state=None):
            variable.assign_sub(gradient)

    class NoSuper(Optimizer):
        def build(self, variables):
            self.slots = [self.add_variable_from_reference(v, name="slot") for v in variables]

    with pytest.raises(NotImplementedError) as error:
        train(Old(learning_rate=0.1), [1.0])
    assert not str(error.value)
    assert_quoted("`_resource_apply_dense` ends in a bare NotImplementedError")
    assert not hasattr(Optimizer, "_set_hyper")
    assert_quoted("`_set_hyper` no longer exists")
    with pytest.raises(ValueError, match="Unknown variable"):
        train(NoSuper(learning_rate=0.1), [1.0])
    assert_quoted('Without `super().build` the first step says "Unknown variable"')


def test_o01_the_documented_example_does_not_run(keras):
    bases = keras.optimizers.Optimizer.__mro__
    doc = next(inspect.getdoc(c) for c in bases if "class SGD" in (c.__doc__ or ""))
    code = doc.split("```python")[1].split("```")[0]
    scope = {"Optimizer": keras.optimizers.Optimizer, "ops": keras.ops}
    exec(textwrap.dedent(code), scope)
    with pytest.raises(TypeError, match="learning_rate"):
        scope["SGD"]()
    with pytest.raises(AttributeError, match="nesterov"):
        scope["SGD"](learning_rate=0.1).get_config()
    assert_quoted(
        "The documentation's own SGD example cannot be made without arguments (`learning_rate` "
        "has no default), and its `get_config` fails on `self.nesterov`"
    )


def test_o01_the_counter_and_the_learning_rate(keras, tf):
    class Counting(keras.optimizers.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            seen.append(int(self.iterations.numpy()))

    seen = []
    train(Counting(learning_rate=0.1), [1.0, 1.0])
    assert seen == [0, 1]
    assert_quoted(f"It is {seen[0]} inside the first `update_step` and rises after it")
    for rate in (1, np.float32(0.1), tf.constant(0.1)):
        with pytest.raises(ValueError, match="learning_rate"):
            keras.optimizers.SGD(rate)
    assert_quoted("An int, a NumPy float32 or a tensor raises a ValueError")


def test_o02_two_forms_of_momentum(keras, tf):
    def keras_form(rates):
        w, optimizer = tf.Variable(0.0), keras.optimizers.SGD(rates[0], momentum=0.9)
        for rate in rates:
            optimizer.learning_rate = rate
            optimizer.apply([tf.constant(1.0)], [w])
        return float(w.numpy())

    def pytorch_form(rates):
        w = v = 0.0
        for rate in rates:
            v = 0.9 * v + 1.0
            w -= rate * v
        return w

    minus = lambda x: f"−{-x:.2f}"
    same = {minus(form([1.0, 1.0])) for form in (keras_form, pytorch_form)}
    assert len(same) == 1
    assert_quoted(f"give {same.pop()} in both forms")
    assert_quoted(
        f"Keras gives {minus(keras_form([1.0, 0.1]))} and PyTorch's form "
        f"{minus(pytorch_form([1.0, 0.1]))}"
    )


def test_o03_nesterov_after_two_steps(keras):
    plain, nesterov = (
        train(keras.optimizers.SGD(0.1, momentum=0.9, nesterov=n), [1.0, 1.0], 0.0)
        for n in (False, True)
    )
    assert_quoted(f"plain momentum stands at −{-plain:.3f}, Nesterov at −{-nesterov:.3f}")
    # The derivation: the stored weights are the ahead point of a plain recursion.
    w = v = 0.0
    for _ in range(2):
        v = 0.9 * v - 0.1 * 1.0
        w += v
    assert nesterov == pytest.approx(w + 0.9 * v)


def test_o04_bias_correction():
    ratio = (1 - 0.9) / np.sqrt(1 - 0.999)
    assert_quoted(f"`(1 − β₁)/√(1 − β₂)` times lr, {ratio:.2f} times with the defaults")
    without = [adam([1.0] * n, 0.001, form="uncorrected") for n in range(12)]
    with_correction = adam([1.0], 0.001)
    assert_quoted(f"the first step is {without[1]:.5f} against {with_correction:.5f}")
    assert_quoted(
        f"at the tenth unit gradient it is {without[10] - without[9]:.4f} instead of 0.001"
    )
    late, right = (adam([1.0, 2, -1], 0.1, first=t) for t in (2, 1))
    assert_quoted(f"the weight has moved {late:.4f} instead of {right:.4f}")
    assert_quoted(f"`1 − β₂ᵗ` reaches {1 - 0.999**1000:.2f} at t = 1000")


def test_o05_three_places_for_epsilon(keras):
    forms = {f: adam([1e-6], 1.0, form=f, epsilon=1e-7) for f in ("paper", "inside")}
    built_in = 1 - train(keras.optimizers.Adam(1.0, epsilon=1e-7), [1e-6])
    assert_quoted(
        f"the first step is {forms['paper']:.3f} by Algorithm 1, {built_in:.3f} in Keras, and "
        f"{forms['inside']:.4f} with ε inside"
    )
    assert_quoted(f"{1 / np.sqrt(1 - 0.999):.0f} times larger in the first step")
    assert_quoted(f"1e-7 becomes {np.sqrt(1e-7):.0e}".replace("e-04", "e-4"))
    rmsprop = 1 - train(keras.optimizers.RMSprop(1.0), [1e-6])
    inside = 1e-6 / np.sqrt(0.1 * 1e-12 + 1e-7)
    assert rmsprop == pytest.approx(inside, rel=1e-3)
    assert_quoted("Keras' RMSprop, Adagrad and Adadelta have it inside")
    assert np.float16(1e-8) == 0 == np.float16(1e-4) ** 2
    assert_quoted("1e-8 rounds to 0 in float16")


def test_o06_decoupled_decay(keras):
    optimizers = keras.optimizers
    decoupled = {
        train(o(0.1, weight_decay=0.5), [1.0]) for o in (optimizers.Adam, optimizers.AdamW)
    }
    assert len(decoupled) == 1
    assert_quoted("`Adam(weight_decay=…)` and `AdamW(weight_decay=…)` take the same step")
    coupled = train(optimizers.Adam(0.1), [1.0 + 0.5 * 1.0])
    after = train(optimizers.Adam(0.1), [1.0]) * (1 - 0.1 * 0.5)
    assert_quoted(
        f"gives {coupled:.3f} that way, {decoupled.pop():.3f} decoupled, and {after:.3f} if "
        "decay is multiplied in after the step"
    )
    sgd = train(optimizers.SGD(0.1, weight_decay=0.5), [1.0])
    assert sgd == pytest.approx(train(optimizers.SGD(0.1), [1.5]))
    assert_quoted("For plain SGD they are the same thing")


def test_o06_excluding_the_bias(keras, tf):
    bias, kernel = tf.Variable(1.0, name="bias"), tf.Variable(1.0, name="kernel")
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build([bias, kernel])
    optimizer.apply([tf.constant(0.0)] * 2, [bias, kernel])
    assert (bias.numpy(), kernel.numpy()) == (1, pytest.approx(0.95))
    assert_quoted('`exclude_from_weight_decay(var_names=["bias"])`, before `build`')


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_o07_zero_and_none(keras, tf):
    zero, none = tf.Variable(1.0), tf.Variable(1.0)
    keras.optimizers.AdamW(0.1, weight_decay=0.5).apply([tf.constant(0.0), None], [zero, none])
    assert_quoted(
        f"a weight of 1 with zero gradient is {zero.numpy():.2f}; with None it is "
        f"{none.numpy():.2f}"
    )
    with pytest.raises(ValueError) as error:
        keras.optimizers.AdamW(0.1).apply([None], [zero])
    assert_quoted(f'Keras raises a ValueError: "{str(error.value).rstrip(".")}"')


def slices(tf, rows, values):
    return tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant([3, 1]))


def test_o08_which_optimizers_do_not_sum_duplicates(keras, tf):
    def moved(optimizer, dense):
        w = tf.Variable(tf.ones((3, 1)))
        for rows in ([0, 0], [0, 1]):
            gradient = slices(tf, rows, [[1.0], [1.0]])
            optimizer.apply([tf.convert_to_tensor(gradient) if dense else gradient], [w])
        return 1 - w.numpy()

    nonlinear = ["Adam", "AdamW", "Adagrad", "RMSprop", "Adadelta", "Nadam", "Ftrl", "Lamb"]
    names = ["SGD", *nonlinear, "Adamax", "Lion"]
    wrong = [
        name
        for name in names
        for make in [getattr(keras.optimizers, name)]
        # Those that sum agree to rounding; the others drop a gradient.
        if not np.allclose(moved(make(0.1), True), moved(make(0.1), False), rtol=1e-5)
    ]
    assert_quoted(f"In Keras 3.15 {', '.join(wrong[:-1])} and {wrong[-1]} do not sum duplicates")


def test_o08_a_token_that_occurs_twice(keras, tf):
    def moved(dense):
        table, optimizer = tf.Variable(tf.zeros((3, 1))), keras.optimizers.Adam(0.1)
        for _ in range(2):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.gather(table, [0, 0]) * [[1.0], [3.0]])
            gradient = tape.gradient(loss, table)
            assert isinstance(gradient, tf.IndexedSlices)
            optimizer.apply([tf.convert_to_tensor(gradient) if dense else gradient], [table])
        return -table.numpy()[0, 0]

    assert_quoted(
        f"has moved {moved(False):.3f} after two Adam steps at rate 0.1; by the dense gradient "
        f"it is {moved(True):.3f}"
    )


def test_o08_slices_in_arithmetic_and_clipping(keras, tf):
    gradient = slices(tf, [0, 0], [[1.0], [3.0]])
    with pytest.raises(TypeError):
        gradient * 2.0
    assert not isinstance(tf.square(gradient), tf.IndexedSlices)
    assert isinstance(keras.ops.square(gradient), tf.IndexedSlices)
    assert_quoted("`slices * 2.0` raises a TypeError and `tf.square` makes them dense")
    w = tf.Variable(tf.zeros((3, 1)))
    keras.optimizers.SGD(1.0, clipnorm=1.0).apply([gradient], [w])
    assert_quoted(
        f"are a gradient of {tf.convert_to_tensor(gradient).numpy()[0, 0]:.0f}, but the norm is "
        f"computed as {tf.linalg.global_norm([gradient]).numpy():.3f}; after `clipnorm=1.0` the "
        f"weight moves by {-w.numpy()[0, 0]:.3f}"
    )


def test_o09_three_ways_to_clip(keras, tf):
    def clipped(second=4.0, **limit):
        a, b = tf.Variable(0.0), tf.Variable(0.0)
        optimizer = keras.optimizers.SGD(1.0, **limit)
        optimizer.apply([tf.constant(3.0), tf.constant(second)], [a, b])
        return -a.numpy(), -b.numpy()

    norm, together = clipped(clipnorm=1.0), clipped(global_clipnorm=1.0)
    assert_quoted(
        f"`clipnorm` gives ({norm[0]:.1f}, {norm[1]:.1f}) and `global_clipnorm` "
        f"({together[0]:.1f}, {together[1]:.1f})"
    )
    assert np.isnan(clipped(np.inf, global_clipnorm=1.0)).all()
    value = clipped(np.inf, clipvalue=1.0)
    assert_quoted(
        f"`global_clipnorm` makes every gradient nan; `clipvalue` makes it {value[1]:.0f}"
    )
    with pytest.raises(ValueError, match="Only one"):
        keras.optimizers.SGD(1.0, clipnorm=1.0, clipvalue=1.0)
    assert_quoted("Keras allows one of the three")


def test_o10_the_average_starts_at_the_weights(keras, tf):
    w, optimizer = tf.Variable(11.0), keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.9)
    optimizer.apply([tf.constant(1.0)], [w])
    (average,) = optimizer._model_variables_moving_average
    assert w.numpy() == 10
    assert_quoted(
        f"A weight that stands at {w.numpy():.0f} after the first step has an average of "
        f"{0.9 * 0 + 0.1 * w.numpy():.1f} then at m = 0.9, and {average.numpy():.1f} in Keras today"
    )


def test_o10_fit_ends_with_the_average(keras):
    class Last(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.trained = self.model.get_weights()[0].item()

    last, model = Last(), linear(keras, kernel_initializer="zeros")
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9), "mse")
    model.fit(ones(4), ones(4), batch_size=1, verbose=0, callbacks=[last])
    (average,) = model.optimizer._model_variables_moving_average
    assert model.get_weights()[0].item() == average.numpy().item() != last.trained
    assert_quoted("At its end `fit` overwrites the weights with the average")


def test_o12_decay_steps_count_after_warm_up(keras):
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=100, warmup_target=1.0, warmup_steps=10
    )
    assert float(schedule(10)) == 1
    assert float(schedule(110)) == pytest.approx(0, abs=1e-6)
    assert_quoted(f"the rate at step 100 is still {float(schedule(100)):.3f} of the peak")


def test_o12_accumulation_asks_the_schedule_at_the_micro_step(keras, tf):
    class Step(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return tf.cast(step, "float32")

    w, optimizer = tf.Variable(0.0), keras.optimizers.SGD(Step(), gradient_accumulation_steps=2)
    rates, before = [], 0.0
    for _ in range(6):
        optimizer.apply([tf.constant(1.0)], [w])
        if w.numpy() != before:
            rates.append(int(before - w.numpy()))
            before = w.numpy()
    first, second, third = rates
    assert_quoted(
        f"a schedule that returns the step itself gives {first}, {second} and {third} for the "
        "first three updates"
    )


def test_o12_callbacks_and_a_schedule(keras):
    def fit(callback):
        model = linear(keras)
        schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
        model.compile(keras.optimizers.SGD(schedule), "mse")
        return model.fit(ones(4), ones(4), epochs=3, verbose=0, callbacks=[callback])

    callbacks = keras.callbacks
    fit(callbacks.ReduceLROnPlateau(monitor="loss", patience=9))
    for callback in (
        callbacks.LearningRateScheduler(lambda epoch, rate: 0.1),
        callbacks.ReduceLROnPlateau(monitor="loss", patience=1, min_delta=1e9),
    ):
        with pytest.raises(TypeError, match="LearningRateSchedule"):
            fit(callback)
    assert_quoted(
        "`LearningRateScheduler` raises a TypeError at once, `ReduceLROnPlateau` only when it "
        "first wants to act"
    )


def test_o12_a_cached_rate_ignores_assignments(keras, tf):
    class Cached(keras.optimizers.Optimizer):
        def __init__(self, learning_rate):
            super().__init__(learning_rate)
            self.lr = learning_rate

        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, self.lr * gradient)

    optimizer = Cached(1.0)
    optimizer.learning_rate = 0.1
    assert train(optimizer, [1.0], 0.0) == -1
    assert_quoted("a later assignment, or a schedule, is ignored")


def test_o13_first_steps(keras):
    first = lambda optimizer: 1 - train(optimizer, [1.0])
    optimizers = keras.optimizers
    zero = first(optimizers.Adagrad(1.0, initial_accumulator_value=0.0))
    assert_quoted(
        f"Keras' Adagrad moves by {first(optimizers.Adagrad(1.0)):.3f}, one that starts at 0 by "
        f"{zero:.3f}"
    )
    assert_quoted(f"`lr/√(1 − ρ)`: {first(optimizers.RMSprop(1.0)):.2f} times lr with ρ = 0.9")
    assert_quoted(f"{first(optimizers.Adadelta(1.0)):.4f} for a unit gradient at rate 1 in Keras")


def test_o14_lion_and_its_mistakes(keras):
    def lion(gradients, beta_1=0.9, beta_2=0.99, memory_first=False):
        w = m = 0.0
        for g in gradients:
            updated = beta_2 * m + (1 - beta_2) * g
            seen = updated if memory_first else m
            w -= np.sign(beta_1 * seen + (1 - beta_1) * g)
            m = updated
        return w

    minus = lambda x: f"{x:.0f}".replace("-", "−")
    short, long = [1.0, -0.085], [1.0] * 11 + [-1.0]
    for gradients in (short, long):
        assert train(keras.optimizers.Lion(1.0), gradients, 0.0) == lion(gradients)
    assert_quoted(
        f"the gradients 1, −0.085 give {minus(lion(short))} by the rule and "
        f"{minus(abs(lion(short, memory_first=True)))} with `m` updated first; eleven gradients "
        f"of 1 and then −1 give {minus(lion(long))}, and {minus(lion(long, beta_1=0.99))} with β₂ "
        "in both places"
    )


def test_o15_keras_lamb_keeps_decay_outside_the_ratio(keras, tf):
    def built_in(w, **kwargs):
        w = tf.Variable(w)
        keras.optimizers.Lamb(0.1, **kwargs).apply([tf.constant([1.0, 2.0])], [w])
        return w.numpy()

    w, direction = np.array([3.0, 4.0]), np.array([1.0, 1.0])  # of Adam's first step
    r = direction + 0.5 * w
    paper = w - 0.1 * np.linalg.norm(w) / np.linalg.norm(r) * r
    keras_lamb = built_in([3.0, 4.0], weight_decay=0.5)
    pair = lambda v: f"({v[0]:.3f}, {v[1]:.3f})"
    assert_quoted(f"one step gives {pair(keras_lamb)}, where the paper's rule gives {pair(paper)}")
    guarded = -built_in([0.0, 0.0])[0]
    assert_quoted(f"they move by {guarded:.1f} in the first step at that rate")


def test_o16_when_rectification_starts():
    def rho(t, beta_2=0.999):
        return infinity - 2 * t * beta_2**t / (1 - beta_2**t)

    def factor(t):
        top = (rho(t) - 4) * (rho(t) - 2) * infinity
        return np.sqrt(top / ((infinity - 4) * (infinity - 2) * rho(t)))

    infinity = 2 / (1 - 0.999) - 1
    first = {limit: next(t for t in range(1, 99) if rho(t) > limit) for limit in (4, 5)}
    assert_quoted(f"`ρ_5` is {rho(5):.3f} and `ρ_6` is {rho(6):.3f}")
    assert_quoted(
        f"the first rectified step is t = {first[4]} in one and t = {first[5]} in the others"
    )
    assert_quoted(
        f"{factor(5):.3f} at t = 5, {factor(100):.2f} at t = 100, {factor(1000):.2f} at t = 1000"
    )


def test_o17_lookahead_that_starts_at_zero():
    def lookahead(slow):
        fast = 1.0
        for _ in range(3):
            fast -= 0.2
        return slow + 0.5 * (fast - slow)

    assert_quoted(f"the first sync gives {lookahead(0.0):.1f} instead of {lookahead(1.0):.1f}")


def test_o17_a_python_if_in_update_step(keras, tf):
    class Every(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate)
            if self.iterations % 2 == 0:
                self.assign(variable, variable * 1.0)

    assert train(Every(0.1), [1.0]) == pytest.approx(0.9)
    model = linear(keras)
    model.compile(Every(0.1), "mse")
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError) as error:
        model.fit(ones(4), ones(4), verbose=0)
    assert_quoted(f"works eagerly and raises {type(error.value).__name__} inside `fit`")
    assert_quoted("such as an optimizer's `update_step`, is not converted")


def test_o18_sam_must_restore(keras):
    w, rate, rho = 1.0, 0.1, 0.05
    gradient = lambda w: 2 * w
    ahead = w + rho * np.sign(gradient(w))
    restored, not_restored = (start - rate * gradient(ahead) for start in (w, ahead))
    assert_quoted(f"the step leads to {restored:.2f}; without going back, to {not_restored:.2f}")


def test_o19_a_python_counter_freezes(keras, tf):
    class Counter(keras.optimizers.Optimizer):
        t = 0

        def update_step(self, gradient, variable, learning_rate):
            self.t += 1
            self.assign_add(variable, float(self.t))

    def run(compiled):
        w, optimizer = tf.Variable(0.0), Counter(learning_rate=1.0)
        optimizer.build([w])
        step = lambda: optimizer.apply([tf.constant(1.0)], [w])
        step = tf.function(step) if compiled else step
        for _ in range(5):
            step()
        return w.numpy()

    assert_quoted(f"gives {run(False):.1f} eagerly and {run(True):.1f} in a `tf.function`")


def test_o19_plain_variables_are_not_saved(keras, tf, tmp_path):
    @keras.saving.register_keras_serializable(package="test_o19")
    class Plain(keras.optimizers.Optimizer):
        def __init__(self, learning_rate=0.1, **kwargs):
            super().__init__(learning_rate, **kwargs)

        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.slots = [tf.Variable(tf.zeros(v.shape)) for v in variables]

        def update_step(self, gradient, variable, learning_rate):
            self.slots[self._get_variable_index(variable)].assign_add(gradient)

    model = linear(keras, kernel_initializer="zeros")
    model.compile(Plain(), "mse")
    model.fit(ones(4), ones(4), verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert len(model.optimizer.variables) == 2  # the counter and the learning rate
    assert model.optimizer.slots[0].numpy() != 0 == again.optimizer.slots[0].numpy()
    assert_quoted(
        "is not in `optimizer.variables`, and comes back from a `.keras` file as freshly "
        "initialised"
    )


def test_o19_one_optimizer_for_one_model(keras):
    optimizer = keras.optimizers.Adam()
    for model in (linear(keras), linear(keras)):
        model.compile(optimizer, "mse")
        if optimizer.built:
            with pytest.raises(ValueError, match="Unknown variable"):
                model.fit(ones(4), ones(4), verbose=0)
        else:
            model.fit(ones(4), ones(4), verbose=0)
    assert_quoted('Why does "Unknown variable" appear?')


def test_o21_adam_in_half_precision(keras):
    optimizers = keras.optimizers
    assert train(optimizers.Adam(0.1), [1.0] * 3, dtype="bfloat16") == 1
    assert train(optimizers.SGD(0.1), [1.0] * 3, dtype="bfloat16") < 1
    assert_quoted("in Keras 3.15 the weights do not move at all, while with SGD they do")
    half = train(optimizers.Adam(0.1), [1e-4] * 3, dtype="float16")
    assert_quoted(f"three Adam steps at rate 0.1 take a weight from 1 to −{-half:.1f}")


def test_o21_bfloat16_loses_small_updates(tf):
    assert tf.cast(0.999, "bfloat16").numpy() == 1
    assert tf.cast(1 - 1 / 256, "bfloat16").numpy() == 1 - 1 / 256
    assert tf.cast(1 - 1 / 513, "bfloat16").numpy() == 1
    assert_quoted("Just below 1 its numbers are 1/256 apart, so 0.999 rounds to 1")
    assert_quoted("anything below 1/512 in the downward direction")
    w = tf.Variable(tf.constant(1.0, "bfloat16"))
    for _ in range(1000):
        w.assign_sub(tf.constant(0.001, "bfloat16"))
    assert_quoted(
        f"1,000 SGD steps of 0.001 each leave a bfloat16 weight of 1 at exactly {w.numpy():.0f}"
    )


def test_o22_state_of_each_optimizer(keras):
    def state(name, **kwargs):
        optimizer = getattr(keras.optimizers, name)(**kwargs)
        weight = keras.Variable(np.zeros((256, 512), "float32"))
        optimizer.build([weight])
        values = sum(int(np.prod(v.shape)) for v in optimizer.variables)
        return (values - 2) / (256 * 512)  # without the counter and the learning rate

    assert state("SGD") == 0
    assert state("SGD", momentum=0.9) == 1
    assert {state(name) for name in ("Lion", "RMSprop", "Adagrad")} == {1}
    assert {round(state(n), 4) for n in ("Adam", "Nadam", "Adadelta", "Ftrl", "Lamb")} == {2}
    assert state("Adam", amsgrad=True) == 3
    assert_quoted(
        "plain SGD nothing; momentum, Lion, RMSprop and Adagrad one value; Adam, Nadam, "
        "Adadelta, Ftrl and LAMB two; AMSGrad three"
    )
    assert_quoted(
        f"Adafactor keeps a full v besides the factors: {state('Adafactor'):.3f} values for each "
        "weight of a 256 × 512 matrix"
    )
    assert_quoted(f"That is {(2 + 2 + 4 + 4 + 4) * 7} GB before any activation")


def test_o24_update_step_on_two_replicas(keras, tf):
    from tests.support.replicas import two_replicas

    contexts = []

    class Watching(keras.optimizers.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            contexts.append(tf.distribute.get_replica_context())
            self.assign_sub(variable, tf.sign(gradient) * gradient**2)

    def step(gradients, **limit):
        strategy = two_replicas()
        with strategy.scope():
            w, optimizer = tf.Variable(0.0), Watching(learning_rate=1.0, **limit)
            optimizer.build([w])

        @tf.function
        def replica():
            mine = tf.distribute.get_replica_context().replica_id_in_sync_group
            optimizer.apply([tf.gather(tf.constant(gradients), mine)], [w])

        strategy.run(replica)
        square = -w.numpy()
        return np.sign(square) * np.sqrt(abs(square))

    assert step([3.0, 1.0]) == 3 + 1  # the square of the sum, not the sum of squares
    assert_quoted("So the gradient is already global")
    assert set(contexts) == {None}
    assert_quoted("read `tf.distribute.get_replica_context()`: there is none at that point")
    assert step([3.0, -3.0], clipnorm=1.0) == 0
    both = step([3.0, 1.0], clipnorm=1.0)
    whole = -train(keras.optimizers.SGD(1.0, clipnorm=1.0), [3.0 + 1.0], 0.0)
    assert_quoted(
        f"with 3 and 1 the sum of the clipped is {both:.1f}, where the clip of the sum is "
        f"{whole:.1f}"
    )


# Training


def test_o11_mean_of_means(keras):
    batches = [[1.0, 1, 1], [5.0]]
    of_means = np.mean([np.mean(b) for b in batches])
    whole = np.mean(np.concatenate(batches))
    assert_quoted(f"give {of_means:.1f}, where the batch gives {whole:.1f}")
    accumulated = train(keras.optimizers.Adam(0.1, gradient_accumulation_steps=3), [1.0, 2, 6])
    assert accumulated == train(keras.optimizers.Adam(0.1), [3.0]) != 1
    assert_quoted("Now Adam with three micro-batches equals one step on their mean")


def test_o11_clipping_and_decay_once_and_an_incomplete_window(keras, tf):
    window = {"gradient_accumulation_steps": 2}
    # Clipped one by one, 3 and -1 would cancel.
    clipped = train(keras.optimizers.SGD(1.0, clipnorm=1.0, **window), [3.0, -1.0], 0.0)
    assert clipped == -1
    decayed = train(keras.optimizers.SGD(0.1, weight_decay=0.5, **window), [0.0, 0.0])
    assert decayed == pytest.approx(0.95)
    optimizer = keras.optimizers.SGD(1.0, **window)
    assert train(optimizer, [1.0, 1.0, 5.0], 0.0) == -1
    assert optimizer._accumulated_gradients[0].numpy() == 5
    assert_quoted("In Keras its gradients stay in the accumulators")


def distributed_step(tf, keras, reduce, examples, replicas):
    """The weight after a step of w x, w = 0, towards 1, and the sum of the losses."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"][:replicas])
    with strategy.scope():
        w, optimizer = tf.Variable(0.0), keras.optimizers.SGD(0.1)
        optimizer.build([w])

    def replica(x):
        with tf.GradientTape() as tape:
            loss = reduce(tf.square(w * x - 1.0))
        optimizer.apply([tape.gradient(loss, w)], [w])
        return loss

    data = tf.data.Dataset.from_tensor_slices(np.float32(examples)).batch(len(examples))
    (batch,) = strategy.experimental_distribute_dataset(data)
    losses = strategy.run(tf.function(replica), args=(batch,))
    return float(w.numpy()), float(strategy.reduce("SUM", losses, axis=None))


def test_t07_the_mean_of_each_replica_doubles_the_step(keras, tf):
    def whole(losses):
        return tf.nn.compute_average_loss(losses, global_batch_size=4)

    def step(reduce, replicas):
        return distributed_step(tf, keras, reduce, [1.0] * 4, replicas)[0]

    one, two = step(tf.reduce_mean, 1), step(tf.reduce_mean, 2)
    assert step(whole, 1) == step(whole, 2) == one
    assert_quoted(f"{two:.1f} where one replica, or the global denominator, gives {one:.1f}")


def test_t07_the_default_denominator_assumes_equal_shards(keras, tf):
    def weight(example):
        """The weight of one example of three: 0.2 times it is the step."""
        examples = np.eye(3)[example]
        default = tf.nn.compute_average_loss
        return distributed_step(tf, keras, default, examples, 2)[0] / 0.2

    assert [round(weight(i), 3) for i in range(3)] == [0.25, 0.25, 0.5]
    assert_quoted(
        "of three examples over two replicas, the lone one weighs one half and the others a "
        "quarter each"
    )
    w, loss = distributed_step(tf, keras, tf.reduce_mean, [1.0], 2)
    assert w == pytest.approx(0.2)
    assert_quoted(f"an empty replica reports a loss of {loss}, though its gradient is 0")


def test_o20_defaults_against_tuned(keras, tf):
    with np.load(MNIST) as data:
        x, y = data["x_train"][:2000], data["y_train"][:2000].astype("int32")
        test = data["x_test"].reshape(-1, 784) / np.float32(255), data["y_test"]
    x = x.reshape(-1, 784) / np.float32(255)

    def accuracy(optimizer):
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(32, "relu"), keras.layers.Dense(10)]
        model = keras.Sequential([keras.Input((784,)), *layers])
        optimizer.build(model.trainable_variables)
        rng = np.random.default_rng(0)
        batches = np.concatenate([rng.permutation(1984).reshape(-1, 32) for _ in range(2)])

        @tf.function
        def fit(batches):
            for rows in batches:
                with tf.GradientTape() as tape:
                    logits = model(tf.gather(x, rows), training=True)
                    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
                        tf.gather(y, rows), logits
                    )
                    loss = tf.reduce_mean(loss)
                gradients = tape.gradient(loss, model.trainable_variables)
                optimizer.apply(gradients, model.trainable_variables)

        fit(tf.constant(batches))
        digits, labels = test
        return 100 * np.mean(np.argmax(model(digits), axis=-1) == labels)

    def gap(adam_settings, sgd_settings):
        adam, sgd = keras.optimizers.Adam(**adam_settings), keras.optimizers.SGD(**sgd_settings)
        return accuracy(adam) - accuracy(sgd)

    many, few = 15, 5  # over four seeds: 28 and 2, with a spread of 5 and 1
    assert gap({}, {}) > many
    tuned = {"learning_rate": 0.01}, {"learning_rate": 0.05, "momentum": 0.9}
    assert abs(gap(*tuned)) < few
    assert_quoted(f"Adam leads SGD by more than {many} points of test accuracy")
    assert_quoted(f"(Adam 0.01, SGD 0.05 with momentum 0.9) the gap is below {few} points")


def test_t01_outside_the_tape_and_without_training(keras, tf):
    model = linear(keras, kernel_regularizer=keras.regularizers.L2(0.5))
    y = model(ones(4))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(y**2)
    assert tape.gradient(loss, model.trainable_variables) == [None]
    assert_quoted("The forward pass outside the tape: every gradient is None")
    assert float(model.losses[0]) == 0.5 != float(loss)
    layer = keras.layers.BatchNormalization()
    means = []
    for training in (False, True):
        layer(ones(4, 5.0), training=training)
        means.append(layer.moving_mean.numpy().item())
    assert_quoted(
        f"its moving mean stays {means[0]:.2f}, where a training call makes it {means[1]:.2f}"
    )


@pytest.mark.filterwarnings("ignore:.*is deprecated")
def test_t02_train_step(keras, tf):
    class Custom(keras.Sequential):
        def train_step(self, data):
            x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
            for metric in self.metrics:
                metric.update_state(*((loss,) if metric.name == "loss" else (y, y_pred, weight)))
            return {metric.name: metric.result() for metric in self.metrics}

    class Old(keras.Sequential):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
            self.compiled_metrics.update_state(y, y_pred)
            return {"loss": loss}

    def history(model):
        keras.utils.set_random_seed(0)
        model = model([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse", metrics=["mae"])
        return model.fit(ones(4), ones(4, 3.0), verbose=0).history

    standard, custom, old = map(history, (keras.Sequential, Custom, Old))
    assert custom["loss"] == pytest.approx(standard["loss"])
    assert custom["mae"] == pytest.approx(standard["mae"])
    assert old == {"loss": pytest.approx(standard["loss"])}
    assert_quoted(
        "a step that returns the loss alone trains, and the metrics passed to `compile` never "
        "appear"
    )


def test_t03_traces(tf):
    traces = 0

    def body(x, rate=1.0):
        nonlocal traces
        traces += 1
        return x * rate

    def count(calls, **options):
        nonlocal traces
        traces, function = 0, tf.function(body, **options)
        for arguments in calls:
            function(*arguments)
        return traces

    x = tf.constant(1.0)
    floats = count([(x, 0.1 * k) for k in range(5)])
    tensors = count([(x, tf.constant(0.1 * k)) for k in range(5)])
    steps = count([(x, k) for k in range(10)])
    shapes = [(tf.ones(n),) for n in range(1, 6)]
    assert_quoted(f"five values make {floats} traces, as tensors {tensors}")
    assert_quoted(f"A Python step counter as argument makes {steps} traces in ten steps")
    assert_quoted(
        f"Five batch sizes make {count(shapes)} traces, {count(shapes, reduce_retracing=True)} "
        "with `reduce_retracing=True`"
    )


def test_t04_slots_on_a_later_call(keras, tf):
    def run(early):
        w = tf.Variable(1.0)
        sgd, adam = keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1)
        if early:
            sgd.build([w])
            adam.build([w])

        @tf.function
        def step(use_sgd):
            (sgd if use_sgd else adam).apply([tf.constant(1.0)], [w])

        step(True)
        step(False)

    message = "Creating variables on a non-first call"
    with pytest.raises(ValueError, match=message):
        run(early=False)
    run(early=True)
    assert_quoted(f'"{message}"')
    assert_quoted("the first call passes and the second raises")


def test_t05_policies(keras):
    before = keras.mixed_precision.dtype_policy()
    wrapped = {}
    try:
        for policy in ("mixed_float16", "mixed_bfloat16"):
            keras.mixed_precision.set_global_policy(policy)
            model = linear(keras)
            model.compile("sgd", "mse")
            assert model.layers[0].kernel.dtype == "float32"
            wrapped[policy] = type(model.optimizer).__name__
    finally:
        keras.mixed_precision.set_global_policy(before)
    assert wrapped["mixed_bfloat16"] == "SGD"
    assert_quoted(
        f"`compile` then wraps the optimizer in a {wrapped['mixed_float16']}; under "
        "mixed_bfloat16 it does not"
    )


def test_t06_loss_scaling(keras, tf):
    LossScale, SGD = keras.optimizers.LossScaleOptimizer, keras.optimizers.SGD
    default = LossScale(SGD())
    assert not hasattr(default, "get_scaled_loss")
    assert_quoted(
        f"after {default.dynamic_growth_steps:,} good steps in a row it doubles it. It starts at "
        f"{default.initial_scale:,.0f}"
    )
    w, optimizer = tf.Variable(1.0), LossScale(SGD(0.1), initial_scale=4.0)
    optimizer.build([w])
    optimizer.apply([tf.constant(np.inf)], [w])
    assert_quoted(
        f"leaves a weight of 1 at {w.numpy():.1f}, halves a scale of 4 to "
        f"{optimizer.dynamic_scale.numpy():.0f}, and the inner count stays "
        f"{optimizer.inner_optimizer.iterations.numpy()}"
    )
    optimizer = LossScale(SGD(1.0), initial_scale=4.0, dynamic_growth_steps=2)
    train(optimizer, [4.0] * 2)
    assert optimizer.dynamic_scale.numpy() == 8


def test_t06_clip_after_unscaling(keras, tf):
    LossScale, SGD = keras.optimizers.LossScaleOptimizer, keras.optimizers.SGD
    scale = 1024.0
    by_hand = tf.clip_by_norm(tf.constant(scale), 1.0).numpy()
    too_small = -train(LossScale(SGD(1.0), initial_scale=scale), [by_hand], 0.0)
    right = -train(LossScale(SGD(1.0, clipnorm=1.0), initial_scale=scale), [scale], 0.0)
    assert_quoted(f"the weight moves by {too_small:.5f} instead of {right:.0f}")
    with pytest.raises(ValueError, match="inner_optimizer"):
        LossScale(SGD(1.0), clipnorm=1.0)
    assert_quoted("set `clipnorm` on the inner optimizer. Keras refuses it on the wrapper")


def test_t08_check_numerics_names_the_op(tf):
    tf.debugging.enable_check_numerics()
    try:
        with pytest.raises(tf.errors.InvalidArgumentError, match="Log"):
            tf.function(lambda x: 0.0 * tf.math.log(x))(tf.constant(0.0))
    finally:
        tf.debugging.disable_check_numerics()
    assert_quoted("`tf.debugging.enable_check_numerics()` stops at the op and names it")
    clipped, _ = tf.clip_by_global_norm([tf.constant(np.nan), tf.constant(1.0)], 1.0)
    assert np.isnan([g.numpy() for g in clipped]).all()
    assert_quoted("the norm is nan, and then every gradient is")


def test_t09_the_loss_of_uniform_outputs(keras):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    uniform = float(loss(np.array([3]), np.zeros((1, 10), "float32")))
    assert_quoted(f"The loss starts at {uniform:.3f} with 10 classes")
    assert_quoted(f"`log 10` is {np.log(10):.3f}")


def test_t10_a_double_softmax_has_a_floor(keras):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    perfect = float(loss(np.array([0]), np.eye(10, dtype="float32")[:1]))
    assert_quoted(f"the loss of a perfect, fully confident answer is {perfect:.3f} instead of 0")


def test_t11_seeds(keras):
    def kernel(seed):
        seed(0)
        layer = keras.layers.Dense(1)
        layer.build((1, 1))
        return layer.kernel.numpy().item()

    assert kernel(np.random.seed) != kernel(np.random.seed)
    assert kernel(keras.utils.set_random_seed) == kernel(keras.utils.set_random_seed)
    assert_quoted("two Dense layers made so start with different weights")


@pytest.mark.filterwarnings("ignore:Model doesn't support `jit_compile=True`")
def test_t11_determinism_turns_xla_off(keras, tf):
    from tensorflow.python.framework import config  # the public switch has no way back

    def jit():
        model = linear(keras)
        model.compile("sgd", "mse", jit_compile=True)
        return model.jit_compile

    assert jit()
    tf.config.experimental.enable_op_determinism()
    try:
        assert not jit()
    finally:
        config.disable_op_determinism()
    assert_quoted("With it on, Keras turns `jit_compile=True` off, with a warning")


@pytest.mark.filterwarnings("ignore:Skipping variable loading")
def test_t12_resuming(keras, tf, tmp_path):
    rng = np.random.RandomState(0)
    x, y = rng.randn(32, 3).astype("float32"), rng.randn(32, 1).astype("float32")

    def model(steps=0):
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(2), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((3,)), *layers])
        model.compile(keras.optimizers.Adam(0.05), "mse")
        return train_on(model, steps)

    def train_on(model, steps):
        for _ in range(steps):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
            gradients = tape.gradient(loss, model.trainable_variables)
            model.optimizer.apply(gradients, model.trainable_variables)
        return model

    def off(other):
        pairs = zip(straight.get_weights(), train_on(other, 5).get_weights(), strict=True)
        return max(np.abs(a - b).max() for a, b in pairs)

    straight, half = model(10), model(5)
    half.save(tmp_path / "all.keras")
    half.save_weights(tmp_path / "some.weights.h5")
    weights_only, unbuilt, built = model(), model(), model()
    weights_only.set_weights(half.get_weights())
    unbuilt.load_weights(tmp_path / "some.weights.h5")
    built.optimizer.build(built.trainable_variables)
    built.load_weights(tmp_path / "some.weights.h5")
    exact = off(keras.models.load_model(tmp_path / "all.keras"))
    some = 0.1
    assert off(weights_only) > some
    assert_quoted(
        f"some weight is off by more than {some} in a small net, where the full save differs by "
        f"exactly {exact:.0f}"
    )
    assert exact == 0 == off(built) < some < off(unbuilt)
    assert_quoted("skips them with a warning otherwise")


def test_t13_names_lambdas_and_renaming(keras, tf, tmp_path):
    @keras.saving.register_keras_serializable(package="shop")
    class Old(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)

    class New(Old):
        pass

    name = keras.saving.get_registered_name(Old)
    assert_quoted(f"then `{name.replace('Old', 'Class')}`")
    model = linear(keras)
    model.compile("sgd", Old())
    path = tmp_path / "model.keras"
    model.save(path)
    objects = keras.saving.get_custom_objects()
    try:
        del objects[name]
        with pytest.raises(TypeError, match="Could not locate class 'Old'"):
            keras.models.load_model(path)
        objects[name] = New
        assert type(keras.models.load_model(path).loss) is New
    finally:
        objects.pop(name, None)
    assert_quoted('`keras.saving.get_custom_objects()["shop>Old"] = New`')

    keras.Sequential([keras.Input((1,)), keras.layers.Lambda(lambda x: x)]).save(path)
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.models.load_model(path)
    assert_quoted("does not load unless `safe_mode=False`")


def test_t14_batch_normalisation_of_tiny_batches(keras):
    x = np.float32([[3.7], [-1.2], [5.0]])
    layer = keras.layers.BatchNormalization()
    one, two = (layer(x[:n], training=True).numpy().ravel() for n in (1, 2))
    assert_quoted(f"For one example a batch-normalised output is exactly {one.item():.0f}")
    np.testing.assert_allclose(two, [1, -1], rtol=1e-3)
    assert_quoted("for two examples it is +1 and −1 up to epsilon, whatever the inputs")
    frozen = keras.layers.BatchNormalization()
    frozen.trainable = False
    np.testing.assert_allclose(frozen(x, training=True), x, rtol=1e-3)
    assert_quoted("makes batch normalisation run in inference mode even with `training=True`")


def test_t18_masked_mean(keras):
    mask, words = np.array([[1.0, 1, 0, 0]]), np.array([[1, 2, 0, 0]])

    def loss(mask_zero, sample_weight=None):
        table = keras.layers.Embedding(6, 5, mask_zero=mask_zero, embeddings_initializer="zeros")
        model = keras.Sequential([keras.Input((4,)), table])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        y = np.zeros((1, 4))
        return model.evaluate(words, y, sample_weight=sample_weight, verbose=0)

    over_all, over_tokens = loss(False, mask), loss(True)
    assert over_tokens == pytest.approx(np.log(5), rel=1e-5)
    assert_quoted(
        f"the loss of a uniform guess among 5 classes reads {over_all:.3f} instead of "
        f"{over_tokens:.3f}"
    )
    assert_quoted("With `sample_weight` alone it divides by all positions")
