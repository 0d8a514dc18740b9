"""A training loop that runs and is wrong: find its six bugs.

Question (25 min). A colleague's loop trains a classifier, badly, and reports what cannot
be. The program below is all of it. It has six bugs; nothing raises, and every docstring
is right. See it run, which takes ten seconds, then repair it: any rewrite will do that
keeps the public names and what their docstrings say.

    .venv/bin/python katas/repair/debug_loop.py

On these digits a right program ends near loss 0.85 and accuracy 0.69 in training, 0.69
and 0.82 in the test. Test k checks clause k, which says what a right program shows:

    1. Ten examples in batches of 4 come as 4, 4 and 2: each once, with its own label,
       in another order at each call and in each epoch. The seed decides the orders.
    2. At learning rate 0 and without dropout, `fit` and `evaluate` report the mean of
       log(sum of exp z) - z[label] over the examples and the share whose largest z is
       the label's, where z = relu(x w1 + b1) w2 + b2 by the model's own weights; w1 has
       64 columns.
    3. At dropout 0.9 and rate 0, an epoch's loss is not that of `evaluate`, which is
       what it would be without dropout.
    4. Of ten examples in batches of 4, each counts a tenth in the loss and the accuracy
       that an epoch and `evaluate` report.
    5. Each step is -rate * slope of the batch's mean loss, at the rate of its epoch: if
       that is 0 after epoch 0, three epochs end where one does.
    6. A report is about its own pass alone: after other labels, in a second epoch, fit
       or evaluation, it is what a new `Trainer` would report.

Labels may come in any integer dtype.

Run   nox -s check -- debug_loop
Read  https://www.tensorflow.org/guide/keras/writing_a_training_loop_from_scratch
"""

import contextlib
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch

FEATURES, CLASSES = 3, 4
X = np.random.default_rng(0).normal(size=[10, FEATURES]).astype("float32")

# Losses below 10 from sums of a hundred products: 100 * 10 * 6e-8, of which most cancels.
CLOSE = {"rtol": 1e-5, "atol": 2e-5}


def still(epoch):
    """A schedule that trains nothing."""
    return 0.0


def labels(label):
    """[10] of one class: then it does not matter which example has which label."""
    return np.full(len(X), label)


@functools.cache
def make_model(kata, dropout=0.0):
    """Returns a model of the kata; those of all dropouts have the same weights."""
    model = kata.make_model(FEATURES, CLASSES, dropout)
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


@contextlib.contextmanager
def untraced():
    """Where it does not matter what is in a trace: to make one takes long."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def epoch_at_rest(kata, *, size=10, dropout=0.0):
    """Returns the report of an epoch at rate 0, on the ten examples of class 1."""
    trainer = kata.Trainer(make_model(kata, dropout), still, batch_size=size)
    with untraced():
        (report,) = trainer.fit(X, labels(1), 1)
    return report


def evaluation(kata, model, label=1, size=10):
    """Returns what a new trainer reports on the ten examples: loss and accuracy, [2]."""
    return pair(kata.Trainer(model, still, batch_size=size).evaluate(X, labels(label)))


def by_hand(model, label):
    """Returns loss and accuracy in float64, from the kernels and biases of a model."""
    weights = [np.float64(w) for w in model.get_weights()]
    z = np.float64(X)
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        z = np.maximum(z @ kernel + bias, 0)
    z = z @ weights[-2] + weights[-1]
    losses = np.log(np.exp(z).sum(axis=-1)) - z[:, label]
    return np.array([losses.mean(), np.mean(z.argmax(axis=-1) == label)])


def pair(report):
    """Loss and accuracy of a report, [2]."""
    return np.array([float(report["loss"]), float(report["accuracy"])])


def assert_report(report, want, *, call, oracle):
    __tracebackhide__ = True
    got, names = tf.constant(pair(report)), f"loss and accuracy of {call}"
    assert_close(got, want, call=names, oracle=oracle, **CLOSE)


def flat(model):
    """All weights of a model, [n] in float64."""
    return np.concatenate([np.ravel(w) for w in model.get_weights()]).astype("float64")


def put(model, weights):
    """Gives a model the weights [n] of `flat`."""
    shapes = [w.shape for w in model.get_weights()]
    parts = np.split(weights, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
    model.set_weights([part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)])


IDS = np.arange(10)
EXAMPLES = np.stack([IDS, 100 - IDS], axis=1).astype("float32")


def drawn(kata, rng, y=IDS):
    """Returns the batches of one call, as arrays."""
    found = list(kata.batches(EXAMPLES, y, 4, rng))
    return [np.asarray(x) for x, _ in found], [np.asarray(y) for _, y in found]


def test_1_each_example_comes_once_with_its_own_label(kata):
    x, y = drawn(kata, np.random.default_rng(3))
    sizes, call = [len(batch) for batch in x], "batches(x, y, 4, rng) of ten examples"
    if sizes != [4, 4, 2] or sizes != [len(batch) for batch in y]:
        raise mismatch(call, expected="batches of 4, 4 and 2", got=f"batches of {sizes}")
    x, y = np.concatenate(x), np.concatenate(y)
    exact = {"oracle": "x[i] = [i, 100 - i] and y[i] = i", "rtol": 0}
    rows = tf.constant(np.column_stack([x, y]))
    want = np.column_stack([EXAMPLES, IDS])[x[:, 0].astype(int)]
    assert_close(rows, want, call=f"each row of x and its label, from {call}", **exact)
    assert_close(tf.constant(np.sort(y)), IDS, call=f"the labels of {call}, sorted", **exact)


def test_1_every_call_has_another_order_and_the_generator_decides_it(kata):
    rng = np.random.default_rng(3)
    first, second = (np.concatenate(drawn(kata, rng)[1]) for _ in range(2))
    again = np.concatenate(drawn(kata, np.random.default_rng(3))[1])
    call = "the labels of batches(x, y, 4, rng), called twice"
    for order, other, what in [(first, IDS, "another order than that of x"), (second, first, "")]:
        if np.array_equal(order, other):
            want = what or "another order at each call"
            raise mismatch(call, expected=want, got=f"{order} after {other}")
    same = "the first call with a generator of the same seed"
    assert_close(tf.constant(again), first, call=same, oracle="the same order", rtol=0)


class Spy(keras.layers.Layer):
    """The identity, which notes the first column of each batch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, x):
        write = lambda ids: self.seen.extend(ids.tolist()) or np.int32(0)
        with tf.control_dependencies([tf.numpy_function(write, [x[:, 0]], tf.int32)]):
            return tf.identity(x)


def orders(kata, seeds):
    """Returns the ids of the examples in two epochs, for each seed: [2, 10] each."""
    spy = Spy()
    model = keras.Sequential([keras.Input([2]), spy, keras.layers.Dense(CLASSES)])
    for seed in seeds:
        spy.seen.clear()
        with untraced():
            kata.Trainer(model, still, batch_size=5, seed=seed).fit(EXAMPLES, labels(1), 2)
        yield np.reshape(spy.seen, [-1, 10])


def test_1_each_epoch_has_another_order_and_the_seed_decides_it(kata):
    first, again, other = orders(kata, [7, 7, 8])
    call = "the examples in the order of two epochs, fit(x, y, 2)"
    ids = tf.constant(np.sort(first, axis=-1))
    want = np.stack([IDS, IDS])
    assert_close(ids, want, call=f"{call}, sorted", oracle="each once an epoch", rtol=0)
    if np.array_equal(first[0], first[1]):
        raise mismatch(call, expected="another order in each epoch", got=str(first[0]))
    same = f"{call}, a second trainer of seed=7"
    assert_close(tf.constant(again), first, call=same, oracle="the first of seed=7", rtol=0)
    if np.array_equal(first, other):
        raise mismatch(call, expected="another order for seed=8", got="that of seed=7")


@functools.cache
def passes(kata):
    """Returns what one trainer reports, pass after pass: (name, its class, the report)."""
    trainer = kata.Trainer(make_model(kata), still)
    first = trainer.fit(X, labels(1), 2)
    if len(first) != 2:
        raise mismatch("fit(x, y, epochs=2)", expected="2 reports", got=f"{len(first)}")
    (second,) = trainer.fit(X, labels(3), 1)
    return [
        ("fit at rate 0, all labels 1: its first epoch", 1, first[0]),
        ("fit at rate 0, all labels 1: its second epoch", 1, first[1]),
        ("fit with all labels 3, after one with all labels 1", 3, second),
        (
            "evaluate with all labels 1, after fit with all labels 3",
            1,
            trainer.evaluate(X, labels(1)),
        ),
        ("evaluate with all labels 3, after labels 1", 3, trainer.evaluate(X, labels(3))),
    ]


FORMULA = "the formulas in float64"


def test_2_the_loss_and_accuracy_of_an_epoch(kata):
    call, label, report = passes(kata)[0]
    assert_report(report, by_hand(make_model(kata), label), call=call, oracle=FORMULA)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_2_the_loss_and_accuracy_of_an_evaluation(kata, dtype):
    model = make_model(kata)
    report = kata.Trainer(model, still, batch_size=10).evaluate(X, labels(3).astype(dtype))
    call = f"evaluate, all labels 3 in {dtype}"
    assert_report(report, by_hand(model, 3), call=call, oracle=FORMULA)


def test_2_the_hidden_layer_has_64_units(kata):
    model = kata.make_model(FEATURES, CLASSES)
    shape, call = model.get_weights()[0].shape, "the first weight of make_model(3, 4)"
    if shape != (FEATURES, 64):
        raise mismatch(call, expected="shape (3, 64)", got=f"shape {shape}")


def test_3_dropout_drops_in_training_only(kata):
    report = epoch_at_rest(kata, dropout=0.9)
    at_rest = evaluation(kata, make_model(kata, 0.9))
    dropped, call = float(report["loss"]), "the loss of fit at dropout=0.9 and rate 0"
    if abs(dropped - at_rest[0]) <= 1e-3 * abs(at_rest[0]):
        other = f"not {at_rest[0]:.6g}, which is evaluate's"
        raise mismatch(call, expected=other, got=f"{dropped:.6g}")
    assert_close(
        tf.constant(at_rest),
        evaluation(kata, make_model(kata)),
        call="loss and accuracy of evaluate, a model of dropout=0.9",
        oracle="evaluate with the same weights and dropout=0",
        **CLOSE,
    )


ONE_BATCH = "evaluate, all ten in one batch"


def test_4_each_example_counts_a_tenth_in_an_epoch(kata):
    report = epoch_at_rest(kata, size=4)
    call = "fit at rate 0, ten examples in batches of 4"
    assert_report(report, evaluation(kata, make_model(kata)), call=call, oracle=ONE_BATCH)


def test_4_each_example_counts_a_tenth_in_an_evaluation(kata):
    model, call = make_model(kata), "evaluate, ten examples in batches of 4"
    got = tf.constant(evaluation(kata, model, size=4))
    want, call = evaluation(kata, model), f"loss and accuracy of {call}"
    assert_close(got, want, call=call, oracle=ONE_BATCH, **CLOSE)


@functools.cache
def trained(kata, *rates):
    """Returns the reports of an epoch at each of these rates, and the weights [n] at the end."""
    model = make_model(kata)
    start = flat(model)
    trainer = kata.Trainer(model, lambda epoch: rates[epoch], batch_size=10)
    reports, end = trainer.fit(X, labels(1), len(rates)), flat(model)
    put(model, start)
    return reports, end


def test_5_at_rate_0_three_epochs_end_where_one_does(kata):
    assert_close(
        tf.constant(trained(kata, 0.05, 0.0, 0.0)[1]),
        trained(kata, 0.05)[1],
        call="the weights after fit of 3 epochs at rates 0.05, 0 and 0",
        oracle="fit of 1 epoch at rate 0.05",
        # Weights of size 1, and sums over a batch that are rounded in another order.
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("rates", [(0.05,), (0.05, 0.2)], ids=["first", "second"])
def test_5_a_step_is_the_slope_times_the_rate_of_its_epoch(kata, rates):
    before = trained(kata, *rates[:-1])[1] if rates[:-1] else flat(make_model(kata))
    step = trained(kata, *rates)[1] - before
    length = max(np.linalg.norm(step), 1e-9)
    # Of a step -rate * slope, the slope along it is -length / rate. Losses are right to
    # 2e-6, so their difference of 2e-2 to 1e-4, and the slope bends by less than 1e-3.
    assert_close(
        tf.constant(length),
        -rates[-1] * slope_along(kata, before, step / length),
        call=f"the length of the step of epoch {len(rates) - 1}, fit at rates {rates}",
        oracle="its rate * slope of evaluate's loss along it, by differences",
        # 1e-4 of 2e-2, twice.
        rtol=1e-2,
    )


def slope_along(kata, start, direction, reach=0.01):
    """Returns the slope of evaluate's loss at weights [n], along a direction of length 1."""
    ahead, behind = (evaluation_at(kata, start + way * reach * direction)[0] for way in (1, -1))
    return (ahead - behind) / (2 * reach)


def evaluation_at(kata, weights):
    """Returns what a new trainer reports at weights [n]."""
    model = make_model(kata)
    kept = flat(model)
    put(model, weights)
    report = evaluation(kata, model)
    put(model, kept)
    return report


@pytest.mark.parametrize("which", range(1, 5))
def test_6_a_report_is_about_its_own_pass_alone(kata, which):
    call, label, report = passes(kata)[which]
    want = evaluation(kata, make_model(kata), label)
    assert_report(report, want, call=call, oracle="evaluate of a new trainer")


def test_6_an_epoch_is_not_averaged_with_the_one_before(kata):
    reports, _ = trained(kata, 0.05, 0.0, 0.0)
    want = evaluation_at(kata, trained(kata, 0.05)[1])
    call = "the second epoch of fit, at rates 0.05 and 0"
    assert_report(reports[1], want, call=call, oracle="evaluate after the first epoch")
