"""A large batch in small pieces: gradient accumulation.

Question (15 min). The batch you want does not fit into memory; its pieces do. Write one
training step that takes a list of micro-batches and ends where a single step on the
joined batch would, one that minimises

    1/N sum over all N examples of loss(y_true, y_pred)  +  the model's own losses

Test k checks clause k:

    1. Every trainable variable is where one step on the joined batch puts it, also if
       the micro-batches differ in size: in float32 and float64, eager, in tf.function
       and in XLA. Any number of micro-batches, one included.
    2. The optimizer takes one step a call: its count rises by one, and momentum,
       clipping and schedules see the joined batch's gradient.
    3. The model runs in training mode, and its own losses (`model.losses`, here weight
       regularisation) count once, in the gradient and in the result.
    4. The result is a scalar tensor: the joined batch's mean loss, from before the
       step, plus the model's own losses. `loss` is called as loss(y_true, y_pred) and
       gives one value per example.
    5. The model never sees more than one micro-batch at a time.

The model has no batch normalisation and no dropout: with those nobody can keep clause
1. Every trainable variable has a gradient, and a dense one.

Run   nox -s check -- gradient_accumulation
Read  https://keras.io/guides/writing_a_custom_training_loop_in_tensorflow/
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, mismatch
from tests.support.training_checks import (
    CLOSE,
    DECAY,
    RATE,
    START,
    descend,
    examples,
    flat_weights,
    linear_model,
    value_and_gradients,
    weighted_squares,
)

# float64 shares may have passed through float32.
TOLERANCE = {"float32": CLOSE, "float64": {"rtol": 1e-6, "atol": 1e-6}}

X, Y = examples(11)
SIZES = [4, 1, 6]
N = len(X)
JOINED = "one step on the joined batch, by hand in float64"
CALL = "accumulated_step(model, loss, SGD(0.125), micro-batches of 4, 1 and 6)"


def split(array, sizes):
    return np.split(array, np.cumsum(sizes)[:-1])


def micro_batches(dtype="float32", x=X, y=Y, sizes=SIZES):
    pairs = zip(split(x, sizes), split(y, sizes), strict=True)
    return [(tf.constant(a, dtype), tf.constant(b, dtype)) for a, b in pairs]


def each(weight):
    """[N] the weight of every example, from its micro-batch's size and position."""
    return np.concatenate([np.full(n, weight(n, k)) for k, n in enumerate(SIZES)])


# What each example's loss counts, and how often the model's own losses do.
WRONG = {
    "the mean of the micro-batches' means": (each(lambda n, k: 1 / (3 * n)), 1),
    "the sum of the micro-batches' means": (each(lambda n, k: 1 / n), 3),
    "the sum over all examples, not their mean": (np.ones(N), 1),
    "sums over the micro-batches, divided by their number": (np.full(N, 1 / 3), 1),
    "only the last micro-batch": (each(lambda n, k: (k == 2) / n), 1),
    "only the first micro-batch": (each(lambda n, k: (k == 0) / n), 1),
    "the last micro-batch's share, not the sum": (each(lambda n, k: (k == 2) / N), SIZES[-1] / N),
}
OWN = {
    "the model's own losses forgotten": 0,
    "the model's own losses once per micro-batch": 3,
    "the model's own losses divided by the number of micro-batches": 1 / 3,
    "the model's own losses divided by the number of examples": 1 / N,
    "the mean of the model's own losses, not their sum": 1 / 2,
}
FIRST = "only the first of the model's own losses"


def one_step_per_micro_batch(share=None):
    weights = START
    for x, y in zip(split(X, SIZES), split(Y, SIZES), strict=True):
        weights = descend(weights, x, y, share or 1 / len(x))
    return weights


def start(optimizer=None, dtype="float32", **how):
    """Returns a new model and an optimizer built for it."""
    model = linear_model(dtype, **how)
    optimizer = optimizer or keras.optimizers.SGD(RATE)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def assert_stepped(model, want, call, oracle=JOINED, bugs=None, dtype="float32"):
    __tracebackhide__ = True
    assert_close(
        tf.constant(flat_weights(model.trainable_variables)),
        flat_weights(want),
        call=f"kernel and bias after {call}",
        oracle=oracle,
        bugs={cause: flat_weights(weights) for cause, weights in (bugs or {}).items()},
        **TOLERANCE[dtype],
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_1_micro_batches_of_any_size_step_as_the_joined_batch(kata, dtype):
    model, optimizer = start(dtype=dtype)
    kata.accumulated_step(model, weighted_squares, optimizer, micro_batches(dtype))
    bugs = {
        cause: descend(START, X, Y, shares, decay=times * DECAY)
        for cause, (shares, times) in WRONG.items()
    } | {
        "one optimizer step per micro-batch": one_step_per_micro_batch(),
        "one optimizer step per micro-batch, with its share": one_step_per_micro_batch(1 / N),
        "loss(y_pred, y_true)": descend(START, X, Y, 1 / N, swapped=True),
    }
    want = descend(START, X, Y, 1 / N)
    assert_stepped(model, want, CALL, bugs=bugs, dtype=dtype)


@pytest.mark.parametrize("mode", ["graph", "XLA"], indirect=True)
def test_1_compiled_it_takes_the_same_step(kata, mode):
    model, optimizer = start()
    step = mode(
        lambda *pairs: kata.accumulated_step(model, weighted_squares, optimizer, list(pairs))
    )
    step(*micro_batches(sizes=[9, 2]))
    call = "accumulated_step(model, loss, SGD(0.125), micro-batches of 9 and 2), compiled"
    assert_stepped(model, descend(START, X, Y, 1 / N), call)


@pytest.mark.parametrize("sizes", [[11], [2, 1, 1, 1, 6]], ids=["one", "five"])
def test_1_any_number_of_micro_batches(kata, sizes):
    model, optimizer = start()
    kata.accumulated_step(model, weighted_squares, optimizer, micro_batches(sizes=sizes))
    call = f"accumulated_step(…, {len(sizes)} micro-batches)"
    three = sum(sizes[:3])
    part = descend(START, X[:three], Y[:three], 1 / three)
    bugs = {"only the first three micro-batches": part} if len(sizes) > 3 else {}
    assert_stepped(model, descend(START, X, Y, 1 / N), call, bugs=bugs)


def test_1_other_variables_stay(kata):
    frozen = keras.layers.Dense(3, kernel_initializer="identity", trainable=False)
    model, optimizer = start(before=[frozen])
    kata.accumulated_step(model, weighted_squares, optimizer, micro_batches())
    assert_stepped(model, descend(START, X, Y, 1 / N), f"{CALL}, first layer frozen")
    now = np.vstack(frozen.get_weights())
    if not np.array_equal(now, np.eye(4, 3)):
        title = "kernel and bias of a layer with trainable=False"
        raise mismatch(title, expected="as before: the identity and 0", got=str(now))


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    """1/8, 1/16, 1/32, ... by step."""

    def __call__(self, step):
        return RATE * 0.5 ** tf.cast(step, tf.float32)


def test_2_the_step_count_rises_by_one(kata):
    model, optimizer = start()
    kata.accumulated_step(model, weighted_squares, optimizer, micro_batches())
    if (count := int(optimizer.iterations)) != 1:
        cause = "one optimizer step per micro-batch" if count == 3 else None
        title = "optimizer.iterations after a call with 3 micro-batches"
        raise mismatch(title, expected="1", got=str(count), cause=cause)


SETTINGS = {
    "momentum": lambda: keras.optimizers.SGD(Halving(), momentum=0.5),
    "clipping": lambda: keras.optimizers.SGD(RATE, global_clipnorm=1.0),
    "Adam": lambda: keras.optimizers.Adam(RATE, weight_decay=0.5),
}


def joined_steps(setting, memory=0):
    """Returns the weights after two joined batches, by the same optimizer.

    Args:
        memory: How often the first batch's gradient counts in the second step, too.
    """
    optimizer, before = SETTINGS[setting](), 0
    weights = [tf.Variable(w, dtype="float32") for w in START]
    optimizer.build(weights)
    for call in range(2):
        x, y = examples(11, seed=call)
        gradient = value_and_gradients([w.numpy() for w in weights], x, y, 1 / N)[1]
        gradient = [tf.constant(g, tf.float32) for g in gradient]
        pairs = zip(gradient, before or gradient, strict=True)
        optimizer.apply([g + memory * call * old for g, old in pairs], weights)
        before = gradient
    return weights


@pytest.mark.parametrize("setting", SETTINGS)
def test_2_the_optimizer_sees_the_joined_gradient_at_each_call(kata, setting):
    model, optimizer = start(SETTINGS[setting]())
    for call in range(2):
        x, y = examples(11, seed=call)
        pairs = micro_batches(x=x, y=y, sizes=[4, 7])
        kata.accumulated_step(model, weighted_squares, optimizer, pairs)
    leak = "the sums of the first call, never set back to zero"
    oracle = f"the same optimizer ({setting}) on the joined batches' gradients"
    bugs = {leak: joined_steps(setting, memory=1)}
    want = joined_steps(setting)
    assert_stepped(model, want, "2 calls of accumulated_step", oracle, bugs)


def test_3_training_mode_and_the_models_own_losses(kata):
    model, optimizer = start()
    kata.accumulated_step(model, weighted_squares, optimizer, micro_batches())
    bugs = {c: descend(START, X, Y, 1 / N, decay=times * DECAY) for c, times in OWN.items()}
    bugs["training=True forgotten"] = descend(START, X, Y, 1 / N, factor=1.0)
    bugs[FIRST] = descend(START, X, Y, 1 / N, bias_decay=0)
    assert_stepped(model, descend(START, X, Y, 1 / N), CALL, bugs=bugs)


def test_3_a_model_without_own_losses(kata):
    model, optimizer = start(decay=0)
    kata.accumulated_step(model, weighted_squares, optimizer, micro_batches())
    assert_stepped(model, descend(START, X, Y, 1 / N, decay=0), CALL)


def objective(shares=1 / N, weights=START, **how):
    return value_and_gradients(weights, X, Y, shares, **how)[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_4_the_result_is_the_joined_batchs_loss_before_the_step(kata, dtype):
    model, optimizer = start(dtype=dtype)
    bugs = {c: objective(shares, decay=n * DECAY) for c, (shares, n) in WRONG.items()}
    bugs |= {cause: objective(decay=times * DECAY) for cause, times in OWN.items()}
    bugs["training=True forgotten"] = objective(factor=1.0)
    bugs[FIRST] = objective(bias_decay=0)
    bugs["loss(y_pred, y_true)"] = objective(swapped=True)
    bugs["the loss after the step"] = objective(weights=descend(START, X, Y, 1 / N))
    result = kata.accumulated_step(model, weighted_squares, optimizer, micro_batches(dtype))
    assert_close(
        result,
        objective(),
        call=CALL,
        oracle="the joined batch's mean loss plus the model's own, in float64",
        bugs=bugs,
        **TOLERANCE[dtype],
    )


class Largest(keras.layers.Layer):
    """The identity, which notes the largest batch that it sees, also in a graph."""

    def __init__(self):
        super().__init__()
        self.largest = tf.Variable(0)

    def call(self, x):
        self.largest.assign(tf.maximum(self.largest, tf.shape(x)[0]))
        return 1 * x


def test_5_the_model_sees_one_micro_batch_at_a_time(kata):
    spy = Largest()
    model, optimizer = start(before=[spy])
    # Any two of them together are more than the largest.
    sizes = [4, 3, 4]
    kata.accumulated_step(model, weighted_squares, optimizer, micro_batches(sizes=sizes))
    if (largest := int(spy.largest)) > max(sizes):
        raise mismatch(
            f"the largest batch that the model was called with, of micro-batches of {sizes}",
            expected=f"at most {max(sizes)}",
            got=str(largest),
            cause="the micro-batches joined" if largest == N else None,
        )
