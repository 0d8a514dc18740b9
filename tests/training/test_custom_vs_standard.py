"""The capstone: your own parts against the standard ones, compared fairly, on MNIST.

Question (60 min). You wrote a clip, a focal loss and a Momentum; somebody asks what they
are worth. Write the comparison, so that the loser has nothing to complain about. The
parts come in as arguments. Test k checks clause k:

    1. Every optimizer is tried at every rate with every seed. A seed means one set of
       initial weights for all, whatever an optimizer draws when it is made.
    2. A training is `epochs` passes over the training examples, in batches of 32 (the
       last may be smaller), each pass in a new order. A seed means one series of orders
       for all, at every call.
    3. The best mean over the seeds of the final validation accuracy wins; of equals, the
       first.
    4. Validation accuracies are the winner's, after each epoch, in the order of seeds.
    5. Test examples are seen by the winner's final models alone, once each, after that
       optimizer's tuning. Mean and deviation are over the seeds.
    6. The picture shows mean curves, their spread over the seeds, labelled axes and a
       legend of the names. All works on MNIST.

Run   nox -s check -- custom_vs_standard
Read  https://arxiv.org/abs/1910.05446
"""

import functools
import itertools
import random

import keras
import matplotlib.colors
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.lines import Line2D

from dojo.data import load_mnist
from tests.support.closeness import assert_close, mismatch

# Dozens of small trainings: an answer that calls fit and evaluate for each takes half a minute.
pytestmark = pytest.mark.timeout(60)


class Diary(keras.layers.Layer):
    """Notes each batch that runs through the model, and drops the column of ids."""

    def __init__(self, note):
        super().__init__()
        self.note = note

    def call(self, x, training=False):
        # It runs when the batch does, also in a tf.function.
        write = lambda ids: self.note(ids, bool(training)) or np.int32(0)
        with tf.control_dependencies([tf.numpy_function(write, [x[:, 0]], tf.int32)]):
            return tf.identity(x[:, 1:])

    def compute_output_shape(self, shape):
        return (*shape[:-1], shape[-1] - 1)


class Training:
    """One model's diary: `start`, its weights before the first batch, and `batches`."""

    def __init__(self, name, rate):
        self.name, self.rate, self.start, self.batches, self.end = name, rate, None, [], None

    def passes(self):
        """Returns the ids in the order of training, cut into passes."""
        ids = np.concatenate(self.batches)
        return [tuple(ids[at : at + len(X)]) for at in range(0, len(ids), len(X))]

    def key(self):
        return tuple(np.ravel(self.start[0]))


# Ids say which part an example belongs to.
TRAIN, VALIDATION, TEST = 0, 1000, 2000
SEEDS, RATES, EPOCHS = (8, 3), (0.3, 0.02), 2
FACTORS = {"plain": 1.0, "brisk": 4.0}
# Seeds, optimizers and rates of a second, smaller comparison.
ALONE = SEEDS[1:], ("plain", "drawing"), RATES[:1]


def part(first_id, count):
    """Returns x [count, 3], an id and two features, and y [count] of three classes."""
    generator = np.random.default_rng(first_id)
    features, noise = generator.normal(size=[count, 2]), generator.normal(size=[count, 3])
    scores = features @ [[2.0, -1.0, 0.0], [0.0, 1.5, -2.0]] + noise
    ids = np.arange(first_id, first_id + count)[:, None]
    return np.hstack([ids, features]).astype("float32"), scores.argmax(axis=-1)


DATA = {"train": part(TRAIN, 70), "validation": part(VALIDATION, 90), "test": part(TEST, 80)}
X, Y = DATA["train"]


class Laboratory:
    """Optimizers and models for `fair_comparison` that note what is done to them."""

    def __init__(self):
        self.trainings, self.tests, self.clock = [], [], itertools.count()
        self.made = []  # holds the optimizers too, so that no two share an id

    def make(self, name, rate):
        if name == "drawing":
            random.random(), np.random.random(), tf.random.uniform([])
        optimizer = keras.optimizers.SGD(FACTORS.get(name, 1.0) * rate)
        self.made.append((optimizer, name, rate))
        return optimizer

    def build(self, optimizer):
        name, rate = next(rest for made, *rest in self.made if made is optimizer)
        training = Training(name, rate)
        diary = Diary(lambda ids, on: self.note(training, model, ids, on))
        model = keras.Sequential([keras.Input([3]), diary, keras.layers.Dense(3)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss, metrics=["accuracy"], run_eagerly=True)
        return model

    def note(self, training, model, ids, on):
        now = next(self.clock)
        if on:
            if not training.batches:
                training.start = [np.float64(w.numpy()) for w in model.trainable_variables]
                self.trainings.append(training)
            training.batches.append(ids)
            training.end = now
        elif ids.max() >= TEST:
            self.tests.append((now, training, ids))
        elif ids.max() >= VALIDATION and training.end is not None:
            training.end = now

    def of(self, name, rate):
        """Returns, for each start, the first training of an optimizer at a rate."""
        firsts = {}
        for training in self.trainings:
            if (training.name, training.rate) == (name, rate):
                firsts.setdefault(training.key(), training)
        return firsts


@functools.cache
def trial(kata, seeds=SEEDS, names=tuple(FACTORS), rates=RATES):
    """Returns a laboratory and the results of one small comparison in it."""
    laboratory = Laboratory()
    results = kata.fair_comparison(
        laboratory.build,
        {name: functools.partial(laboratory.make, name) for name in names},
        DATA,
        learning_rates=rates,
        seeds=seeds,
        epochs=EPOCHS,
    )
    return laboratory, results


def replay(training):
    """Returns validation accuracy after each epoch and final test accuracy, by hand.

    Softmax regression in float64, from the noted weights and batches.
    """
    kernel, bias = training.start
    rate, seen, curve = FACTORS[training.name] * training.rate, 0, []

    def accuracy(which):
        x, y = DATA[which]
        return np.mean((x[:, 1:] @ kernel + bias).argmax(axis=-1) == y)

    for ids in training.batches:
        rows = ids.astype(int)
        x, y = np.float64(X[rows, 1:]), Y[rows]
        scores = np.exp(x @ kernel + bias)
        slope = (scores / scores.sum(axis=-1, keepdims=True) - np.eye(3)[y]) / len(y)
        kernel, bias = kernel - rate * x.T @ slope, bias - rate * slope.sum(axis=0)
        seen += len(ids)
        if seen % len(X) == 0:
            curve.append(accuracy("validation"))
    return curve, accuracy("test")


def in_order_of_seeds(kata, trainings):
    """Returns the trainings of `SEEDS`, told apart by a call with the last seed alone."""
    __tracebackhide__ = True
    (alone,) = trial(kata, *ALONE)[0].of("plain", RATES[0])
    if len(trainings) != 2 or alone not in trainings:
        raise mismatch(
            f"the initial weights of seed {SEEDS[1]}, in calls with seeds={SEEDS} and alone",
            expected="the same",
            got=f"others; {len(trainings)} different starts for {len(SEEDS)} seeds",
        )
    (other,) = set(trainings) - {alone}
    return [trainings[other], trainings[alone]]


GRID = list(itertools.product(FACTORS, RATES))


def test_1_every_optimizer_is_tried_at_every_rate_with_every_seed(kata):
    laboratory, results = trial(kata)
    tried = {(name, rate): len(laboratory.of(name, rate)) for name, rate in GRID}
    assert set(results) == set(FACTORS)
    if set(tried.values()) != {len(SEEDS)}:
        missing = {cell for cell, count in tried.items() if not count}
        raise mismatch(
            f"trainings with different starts per optimizer and rate, seeds={SEEDS}",
            expected=f"{len(SEEDS)} of each",
            got=str(tried),
            cause="tuned on one side only, or not on the whole grid" if missing else None,
        )


def test_1_a_seed_gives_all_the_same_initial_weights(kata):
    laboratory, _ = trial(kata)
    starts = {cell: set(laboratory.of(*cell)) for cell in GRID}
    together = set.union(*starts.values())
    if len(together) != len(SEEDS):
        raise mismatch(
            "the different initial weights of all trainings",
            expected=f"{len(SEEDS)}, one for each seed",
            got=str(len(together)),
            cause="different initial weights" if len(together) > len(SEEDS) else "one seed",
        )
    assert all(start == together for start in starts.values())


def test_1_what_an_optimizer_draws_moves_no_weights(kata):
    plain, drawing = (trial(kata, *ALONE)[0].of(name, RATES[0]) for name in ALONE[1])
    if plain.keys() != drawing.keys():
        raise mismatch(
            "the initial weights for an optimizer that draws random numbers when it is made",
            expected="those of the seed, as for any other optimizer",
            got="others",
            cause="the seed is set before the optimizer is made",
        )


def test_2_each_pass_sees_each_training_example_once_in_batches_of_32(kata):
    for training in trial(kata)[0].trainings:
        ids = np.sort(np.concatenate(training.batches))
        if ids[-1] >= VALIDATION:
            which = "test" if ids[-1] >= TEST else "validation"
            raise mismatch(
                f"the examples trained on in {EPOCHS} epochs",
                expected="training examples",
                got=f"{which} examples, too",
                cause=f"trained on {which} examples",
            )
        assert_close(
            tf.constant([len(batch) for batch in training.batches]),
            [32, 32, 6] * EPOCHS,
            call=f"the sizes of the batches trained on in {EPOCHS} epochs",
            oracle="batches of 32 from 70 examples",
            rtol=0,
            bugs={"the last, smaller batch is left out": [32, 32] * EPOCHS},
        )
        assert_close(
            tf.constant(ids),
            np.sort(np.tile(X[:, 0], EPOCHS)),
            call=f"the ids of all examples trained on in {EPOCHS} epochs, sorted",
            oracle="the training examples",
            rtol=0,
        )
        assert all(sorted(p) == list(X[:, 0]) for p in training.passes())


def test_2_each_pass_is_shuffled(kata):
    for training in trial(kata)[0].trainings:
        if tuple(X[:, 0]) in training.passes():
            call = f"the orders of {EPOCHS} passes over the training examples"
            cause = "the examples are taken in the order of the data"
            raise mismatch(call, expected="shuffled orders", got="0, 1, 2, ...", cause=cause)


def test_2_each_pass_has_an_order_of_its_own(kata):
    for training in trial(kata)[0].trainings:
        if len(set(training.passes())) < EPOCHS:
            begins = ", ".join(f"{id:.0f}" for id in training.batches[0][:5])
            raise mismatch(
                f"the orders of {EPOCHS} passes over the training examples",
                expected="a new order in each pass",
                got=f"one order, which begins {begins}, in all of them",
                cause="one order for all passes, as fit has it after set_random_seed",
            )


def test_2_the_order_belongs_to_the_seed(kata):
    laboratory, _ = trial(kata)
    orders = {}
    for training in laboratory.trainings:
        orders.setdefault(training.key(), set()).add(tuple(training.passes()))
    if any(len(found) > 1 for found in orders.values()):
        raise mismatch(
            "the data orders of trainings that start from the same weights",
            expected="one for each seed",
            got=str([len(found) for found in orders.values()]),
            cause="a data order that goes on from one training to the next",
        )
    if len(set.union(*orders.values())) != len(SEEDS):
        cause = "the seed does not reach the data order"
        title = "the different data orders of all trainings"
        raise mismatch(title, expected=str(len(SEEDS)), got="1", cause=cause)


def test_2_a_seed_gives_the_same_order_at_the_next_call(kata):
    (again,) = trial(kata, *ALONE)[0].of("plain", RATES[0]).values()
    first = in_order_of_seeds(kata, trial(kata)[0].of("plain", RATES[0]))[1]
    assert_close(
        tf.constant(again.passes()),
        first.passes(),
        call=f"the order of seed {SEEDS[1]}, at another call with that seed alone",
        oracle="the order at the first call",
        rtol=0,
    )


def test_2_what_an_optimizer_draws_changes_no_order(kata):
    first = [next(iter(trial(kata, *ALONE)[0].of(name, RATES[0]).values())) for name in ALONE[1]]
    plain, drawing = (training.passes() for training in first)
    if plain != drawing:
        raise mismatch(
            "the data orders for an optimizer that draws random numbers when it is made",
            expected="those of the seed, as for any other optimizer",
            got="others",
            cause="the seed is set before the optimizer is made",
        )


# x above the threshold is class 1. Validation examples are all of class 1, and the others
# are not: who tunes on the wrong examples finds the opposite.
LINE = ((np.arange(20) + 0.5) / 20)[:, None].astype("float32")
LEVELS = {
    "train": (LINE, np.zeros(20, int)),
    "validation": (LINE, np.ones(20, int)),
    "test": (LINE, np.zeros(20, int)),
}
# Rate: [seeds, epochs] of the validation accuracy it reaches.
SCRIPT = {
    0.3: [[0.1, 0.95], [0.1, 0.05]],
    0.4: [[0.2, 0.6], [0.1, 0.5]],
    0.2: [[0.9, 0.4], [0.9, 0.4]],
    0.1: [[0.1, 0.5], [0.2, 0.6]],
    0.5: [[0.0, 0.0], [0.0, 0.0]],
}
CHOICES = {
    "of equals not the first": 0.1,
    "the best epoch, or the mean over epochs, not the final one": 0.2,
    "one seed, or the best one, not their mean": 0.3,
    "tuned on test or training examples": 0.5,
}


class Scripted(keras.optimizers.Optimizer):
    """Puts the model where it has a given validation accuracy after each epoch."""

    def __init__(self, script):
        super().__init__(0.1)
        self.script = script

    def update_step(self, gradient, variable, learning_rate):
        # 20 examples are one step, and one step an epoch.
        epoch = tf.cast(self.iterations, tf.int32)
        self.assign(variable, 1 - tf.gather(tf.constant(self.script), epoch))


class Level(keras.layers.Layer):
    def build(self, shape):
        self.level = self.add_weight(shape=(), initializer="random_uniform")

    def call(self, x):
        return tf.concat([tf.zeros_like(x), x - self.level], axis=-1)


def level_model(optimizer):
    model = keras.Sequential([keras.Input([1]), Level()])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], run_eagerly=True)
    return model


@functools.cache
def scripted_results(kata):
    """Returns the results for an optimizer on script."""
    made = {rate: itertools.count() for rate in SCRIPT}
    make = lambda rate: Scripted(SCRIPT[rate][next(made[rate]) % 2])
    grid = {"learning_rates": list(SCRIPT), "seeds": [1, 2], "epochs": 2}
    return kata.fair_comparison(level_model, {"scripted": make}, LEVELS, **grid)["scripted"]


def test_3_the_best_mean_final_validation_accuracy_wins(kata):
    assert_close(
        tf.constant(scripted_results(kata)["learning_rate"], tf.float64),
        0.4,
        call=f'results["learning_rate"] for validation accuracies {SCRIPT}',
        oracle="the means of the last column",
        rtol=1e-6,
        bugs=CHOICES,
    )


def test_3_each_optimizer_has_its_own_winner_and_of_equals_the_first(kata):
    optimizers = {
        "early": lambda rate: Scripted([0.9 if rate == 0.2 else 0.1]),
        "hopeless": lambda rate: Scripted([0.0]),
    }
    grid = {"learning_rates": [0.3, 0.2, 0.4], "seeds": [1], "epochs": 1}
    results = kata.fair_comparison(level_model, optimizers, LEVELS, **grid)
    rates = [results[name]["learning_rate"] for name in optimizers]
    assert_close(
        tf.constant(rates, tf.float64),
        [0.2, 0.3],
        call='"learning_rate" of one at its best with 0.2 and one that never finds any',
        oracle="the first of the best in the grid 0.3, 0.2, 0.4",
        rtol=1e-6,
        bugs={
            "the last of equals": [0.2, 0.4],
            "the smallest of equals, or the rate that won for another": [0.2, 0.2],
            "one rate for all": [0.3, 0.3],
        },
    )


# Accuracies are fractions of 80 and 90, and Keras' metric holds them in float32.
EXACT = {"rtol": 1e-6, "atol": 1e-6}


def winners(kata, name):
    """Returns the trainings behind results[name], in the order of the seeds."""
    __tracebackhide__ = True
    laboratory, results = trial(kata)
    rate = results[name]["learning_rate"]
    return in_order_of_seeds(kata, laboratory.of(name, rate)), results[name]


@pytest.mark.parametrize("name", FACTORS)
def test_4_validation_accuracy_is_that_after_each_epoch(kata, name):
    trainings, result = winners(kata, name)
    want = np.array([replay(training)[0] for training in trainings])
    got = np.asarray(result["validation_accuracy"])
    # What is wanted depends on the answer's own shuffle; some leave the matrix symmetric.
    symmetric = np.allclose(want, want.T, **EXACT)
    assert_close(
        tf.constant(got),
        want,
        call=f'results["{name}"]["validation_accuracy"]',
        oracle="the same steps in NumPy",
        bugs={} if symmetric else {"epochs in rows, seeds in columns": want.T},
        **EXACT,
    )


def test_4_the_last_epoch_counts_also_when_it_is_not_the_best(kata):
    script = [0.3, 0.9, 0.5, 0.4]
    grid = {"learning_rates": [0.1], "seeds": [1], "epochs": len(script)}
    optimizers = {"scripted": lambda rate: Scripted(script)}
    result = kata.fair_comparison(level_model, optimizers, LEVELS, **grid)["scripted"]
    assert_close(
        tf.constant([*np.ravel(result["validation_accuracy"]), *result["test_accuracy"]]),
        [*script, 1 - 0.4],
        call='"validation_accuracy" and "test_accuracy" of a training that is best in epoch 2',
        oracle="the script",
        bugs={"the best epoch's weights restored": [*script, 1 - 0.9]},
        **EXACT,
    )


def test_4_accuracies_of_more_examples_than_fit_a_batch(kata):
    x = ((np.arange(520) + 0.5) / 520)[:, None].astype("float32")
    data = LEVELS | {"validation": (x, np.ones(520, int)), "test": (x, np.zeros(520, int))}
    grid = {"learning_rates": [0.1], "seeds": [1], "epochs": 1}
    optimizers = {"scripted": lambda rate: Scripted([0.75])}
    result = kata.fair_comparison(level_model, optimizers, data, **grid)["scripted"]
    assert_close(
        tf.constant([*np.ravel(result["validation_accuracy"]), *result["test_accuracy"]]),
        [0.75, 0.25],
        call='"validation_accuracy" and "test_accuracy" on 520 examples',
        oracle="the script",
        **EXACT,
    )


def test_5_test_examples_are_seen_once_when_the_tuning_is_over(kata):
    laboratory, results = trial(kata)
    for name, result in results.items():
        tests = [entry for entry in laboratory.tests if entry[1].name == name]
        grid = [t for rate in RATES for t in laboratory.of(name, rate).values()]
        if any(now < training.end for now, *_ in tests for training in grid):
            cause = "tuned or looked at on the test set"
            expected, got = "after the whole grid", "before the last training's end"
            raise mismatch(f"when {name} saw test data", expected=expected, got=got, cause=cause)
        rates = {t.rate for _, t, _ in tests}
        if rates != {result["learning_rate"]}:
            title = f"the learning rate of the models of {name} that saw test data"
            expected, got = str(result["learning_rate"]), ", ".join(map(str, rates))
            cause = "models of another rate than the winner's" if rates else None
            raise mismatch(title, expected=expected, got=got or "none did", cause=cause)
        seen = np.sort(np.concatenate([ids for *_, ids in tests]))
        assert_close(
            tf.constant(seen),
            np.repeat(DATA["test"][0][:, 0], len(SEEDS)),
            call=f"the ids of all test examples that {name} saw, sorted",
            oracle="the test examples, once for each seed",
            rtol=0,
        )


@pytest.mark.parametrize("name", FACTORS)
def test_5_test_accuracy_is_that_of_the_winners_final_models(kata, name):
    trainings, result = winners(kata, name)
    assert_close(
        tf.constant(np.asarray(result["test_accuracy"])),
        [replay(training)[1] for training in trainings],
        call=f'results["{name}"]["test_accuracy"]',
        oracle="the same steps in NumPy",
        **EXACT,
    )


def assert_summary(result, mean, deviation, bugs=None):
    __tracebackhide__ = True
    assert_close(
        tf.constant([result["test_mean"], result["test_std"]], tf.float64),
        [mean, deviation],
        call=f'"test_mean" and "test_std" of {np.asarray(result["test_accuracy"])}',
        oracle="the definitions",
        bugs=bugs,
        **EXACT,
    )


def test_5_mean_and_deviation_over_the_seeds(kata):
    # The scripted winner's accuracies on the test examples are 1 - 0.6 and 1 - 0.5.
    result = scripted_results(kata)
    deviation = np.sqrt(2 * 0.05**2)
    bugs = {
        "n in the deviation, for n - 1": [0.45, 0.05],
        "no spread": [0.45, 0.0],
        "the best seed, for the mean": [0.5, deviation],
    }
    assert_summary(result, 0.45, deviation, bugs)


def test_5_one_seed_has_no_deviation(kata):
    result = trial(kata, *ALONE)[1]["plain"]
    assert np.shape(result["test_accuracy"]) == (1,)
    assert_summary(result, np.asarray(result["test_accuracy"])[0], 0.0)


def pretended(seeds):
    """Returns results with so many seeds: Lepton's are better, and lie further apart."""
    apart = np.array([[-1.0], [0.3], [0.7]])[:seeds]
    curves = {
        "Quark": np.linspace(0.1, 0.35, 4) + 0.005 * apart,
        "Lepton": np.linspace(0.6, 0.9, 4) + 0.08 * apart,
    }
    return {
        name: {
            "learning_rate": 0.1,
            "validation_accuracy": curve,
            "test_accuracy": curve[:, -1],
            "test_mean": curve[:, -1].mean(),
            "test_std": 0.1,
        }
        for name, curve in curves.items()
    }


@pytest.mark.parametrize(
    "suffix, magic", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_6_the_picture_has_the_type_of_its_suffix(kata, tmp_path, suffix, magic):
    path = tmp_path / f"curves.{suffix}"
    kata.plot_comparison(pretended(3), str(path) if suffix == "png" else path)
    begins = path.read_bytes()[: len(magic)]
    if begins != magic:
        title = f'the first bytes of "curves.{suffix}" that plot_comparison writes'
        cause = "the type is fixed, whatever the suffix"
        raise mismatch(title, expected=str(magic), got=str(begins), cause=cause)


def drawn(kata, results, path, monkeypatch):
    """Returns the figure that `plot_comparison` writes."""
    figures, write = [], FigureCanvasBase.print_figure

    def spy(canvas, *args, **kwargs):
        figures.append(canvas.figure)
        return write(canvas, *args, **kwargs)

    monkeypatch.setattr(FigureCanvasBase, "print_figure", spy)
    kata.plot_comparison(results, path)
    return figures[-1]


def heights(figure):
    """Returns what each line and each band of the figure holds in y."""
    lines = [np.asarray(line.get_ydata(), float) for a in figure.axes for line in a.get_lines()]
    bands = [band for axes in figure.axes for band in axes.collections]
    paths = [path for band in bands for path in band.get_paths()]
    return lines, [p.vertices[:, 1] for p in paths]


def mean_of(result):
    return result["validation_accuracy"].mean(axis=0)


def is_curve(line, want):
    return np.shape(line) == want.shape and np.allclose(np.asarray(line, float), want)


@pytest.mark.parametrize("seeds", [3, 1], ids="seeds={}".format)
def test_6_it_shows_each_optimizers_mean_curve(kata, tmp_path, monkeypatch, seeds):
    results = pretended(seeds)
    figure = drawn(kata, results, tmp_path / "curves.png", monkeypatch)
    for name, result in results.items():
        if not lines_of(figure, result):
            title = f"the lines that plot_comparison draws; the mean curve of {name}"
            lines = heights(figure)[0]
            cause = why_not_the_mean(lines, result)
            raise mismatch(title, expected=str(mean_of(result)), got=str(lines), cause=cause)


def why_not_the_mean(lines, result):
    """Returns what the lines prove of one whose mean curve is not among them, or None."""
    if any(is_curve(line, mean_of(result)) for line in lines):
        return "the epochs do not go up from left to right"
    one = any(is_curve(line, curve) for line in lines for curve in result["validation_accuracy"])
    return "one seed's curve, for the mean" if one else None


def lines_of(figure, result):
    """Returns the lines with the mean curve of a result, from the first epoch to the last."""
    return [
        line
        for axes in figure.axes
        for line in axes.get_lines()
        if is_curve(line.get_ydata(), mean_of(result))
        and np.all(np.diff(line.get_xdata(orig=False)) > 0)
    ]


def test_6_it_shows_the_spread(kata, tmp_path, monkeypatch):
    results = pretended(3)
    figure = drawn(kata, results, tmp_path / "curves.png", monkeypatch)
    lines, bands = heights(figure)
    means = [mean_of(result) for result in results.values()]
    more = bands + [line for line in lines if not any(is_curve(line, m) for m in means)]
    for (name, result), mean in zip(results.items(), means, strict=True):
        # A band, a bar or a curve of one seed goes above and below the mean: from a standard
        # error, a quarter of the range of three numbers, to three standard deviations, less
        # than twice their range.
        extent = np.ptp(result["validation_accuracy"], axis=0).max()
        near, far = 0.15 * extent, 2 * extent
        above = any(near < np.nanmax(m) - mean.max() < far for m in more)
        below = any(near < mean.min() - np.nanmin(m) < far for m in more)
        if not (above and below):
            title = f"what plot_comparison draws round the mean curve of {name}"
            got = "nothing of that size"
            raise mismatch(title, expected="its spread over the seeds", got=got)


def legends_of(figure):
    return [*figure.legends, *(a.get_legend() for a in figure.axes if a.get_legend())]


def look(line):
    return matplotlib.colors.to_hex(line.get_color()), line.get_linestyle(), line.get_marker()


def test_6_the_legend_names_the_right_curves(kata, tmp_path, monkeypatch):
    results = pretended(3)
    figure = drawn(kata, results, tmp_path / "curves.png", monkeypatch)
    looks = {name: [look(line) for line in lines_of(figure, results[name])] for name in results}
    entries = [
        (text.get_text(), look(handle))
        for legend in legends_of(figure)
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True)
        if isinstance(handle, Line2D)
    ]
    for name, other in itertools.permutations(results):
        labelled = [style for text, style in entries if name in text and other not in text]
        if any(style in looks[other] and style not in looks[name] for style in labelled):
            title = f'the line that the legend calls "{name}"'
            raise mismatch(title, expected=f"that of {name}", got=f"that of {other}")


def test_6_axes_are_labelled_and_the_legend_has_the_names(kata, tmp_path, monkeypatch):
    figure = drawn(kata, pretended(3), tmp_path / "curves.png", monkeypatch)
    axes = figure.axes[0]
    texts = " ".join(t.get_text() for legend in legends_of(figure) for t in legend.get_texts())
    labels = {
        "x axis": axes.get_xlabel() or figure.get_supxlabel(),
        "y axis": axes.get_ylabel() or figure.get_supylabel(),
        "legend with Quark": "Quark" in texts,
        "legend with Lepton": "Lepton" in texts,
    }
    if missing := [name for name, present in labels.items() if not present]:
        title = "the labels of the picture that plot_comparison writes"
        raise mismatch(title, expected=f"{', '.join(labels)}", got=f"no {', '.join(missing)}")


@tf.custom_gradient
def clip(x):
    """Between 0 and 1, with the gradient written by hand."""
    inside = (x >= 0) & (x <= 1)
    return tf.clip_by_value(x, 0, 1), lambda up: tf.where(inside, up, tf.zeros_like(up))


class FocalLoss(keras.losses.Loss):
    """(1 - p_y)^2 cross-entropy, one value per example."""

    def call(self, y_true, y_pred):
        rows = tf.one_hot(tf.cast(tf.reshape(y_true, [-1]), tf.int32), 10)
        log_p = tf.reduce_sum(rows * tf.nn.log_softmax(y_pred), axis=-1)
        return -((1 - tf.exp(log_p)) ** 2) * log_p


class Momentum(keras.optimizers.Optimizer):
    """v <- 0.9 v - lr g, w <- w + v."""

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient, variable, learning_rate):
        velocity = self.velocities[self._get_variable_index(variable)]
        self.assign(velocity, 0.9 * tf.convert_to_tensor(velocity) - learning_rate * gradient)
        self.assign_add(variable, velocity)


def digit_model(optimizer):
    layers = [
        keras.Input([28, 28]),
        keras.layers.Flatten(),
        keras.layers.Dense(32),
        keras.layers.Lambda(clip),
        keras.layers.Dense(10),
    ]
    model = keras.Sequential(layers)
    # XLA would double the time, and is no part of the question.
    model.compile(optimizer, FocalLoss(), metrics=["accuracy"], jit_compile=False)
    return model


def test_6_own_parts_and_adam_learn_the_digits(kata, tmp_path):
    (x, y), (x_test, y_test) = load_mnist()
    x, x_test = (images.astype("float32") / 255 for images in (x, x_test))
    data = {
        "train": (x[:800], y[:800]),
        "validation": (x[-400:], y[-400:]),
        "test": (x_test[:400], y_test[:400]),
    }
    optimizers = {"Momentum": Momentum, "Adam": keras.optimizers.Adam}
    grid = {"learning_rates": (0.02,), "seeds": (1,), "epochs": 2}
    results = kata.fair_comparison(digit_model, optimizers, data, **grid)
    for name, result in results.items():
        assert np.shape(result["validation_accuracy"]) == (1, 2)
        # Guessing finds 10%.
        if not 0.6 < result["test_mean"] <= 1:
            title = f"the mean test accuracy of {name} on 400 digits"
            raise mismatch(title, expected="above 0.6", got=f"{result['test_mean']:.3f}")
    kata.plot_comparison(results, tmp_path / "digits.png")
    assert (tmp_path / "digits.png").stat().st_size > 0
