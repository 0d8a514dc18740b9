"""A distributed step that takes the same step on any number of replicas.

Question (30 min). Somebody moves a training loop with `tf.reduce_mean(losses)` to two
GPUs, and it trains with twice the step. Write one synchronous training step under
`tf.distribute` that minimises, over all replicas together,

    sum of all losses of the batch / global_batch_size + the model's own losses

`batch` is what `strategy.experimental_distribute_dataset` yields: a pair (x, y) per
replica. Test k checks clause k:

    1. The weights after a step are those of the formula on one replica and on two,
       under any strategy (the default one, OneDeviceStrategy, MirroredStrategy), in
       float32 and float64, called eagerly or inside a tf.function.
    2. Replicas may hold different numbers of examples, or none: the last batch of an
       epoch is short. Each example still counts 1 / global_batch_size.
    3. The model runs in training mode, and its own losses (`model.losses`, here weight
       regularisation) count once, however many replicas there are.
    4. The result is a scalar tensor: the formula's value before the step, over all
       replicas. `loss` is called as loss(y_true, y_pred) and gives one value per
       example.
    5. The optimizer takes one step a call: its count rises by one, and its state moves
       as on one replica.

Model and optimizer are made, and the optimizer is built, in the strategy's scope.
global_batch_size is an int.

Run   nox -s check -- replica_safe_loss
Read  https://www.tensorflow.org/tutorials/distribute/custom_training
"""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import tests.support.replicas
from tests.support.closeness import assert_close, mismatch
from tests.support.modes import graph
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

# Rate and share of an example are powers of two, exact in float32 too.
TOLERANCE = {"float32": CLOSE, "float64": {"rtol": 1e-9, "atol": 1e-9}}

GLOBAL = 8
FORMULA = "the formula in float64"

STRATEGIES = {
    "the default strategy": tf.distribute.get_strategy,
    "OneDeviceStrategy": lambda: tf.distribute.OneDeviceStrategy("CPU:0"),
    # One for all tests: a second one would reuse the keys of the first one's collectives.
    "two replicas": functools.cache(tests.support.replicas.two_replicas),
}


def start(strategy="two replicas", optimizer=None, dtype="float32", **how):
    """Returns a strategy, and a new model and optimizer in its scope."""
    strategy = STRATEGIES[strategy]()
    with strategy.scope():
        model = linear_model(dtype, **how)
        optimizer = optimizer() if optimizer else keras.optimizers.SGD(RATE)
        optimizer.build(model.trainable_variables)
    return strategy, model, optimizer


def dealt(strategy, x, y, size):
    """Yields what the strategy's dataset would, without the time that one takes to make."""
    replicas = strategy.num_replicas_in_sync
    for at in range(0, len(x), size):
        parts = [np.array_split(a[at : at + size], replicas) for a in (x, y)]
        pairs = [tuple(map(tf.constant, pair)) for pair in zip(*parts, strict=True)]
        yield strategy.experimental_distribute_values_from_function(
            lambda context, pairs=pairs: pairs[context.replica_id_in_sync_group]
        )


def from_dataset(strategy, x, y, size):
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(size)
    return strategy.experimental_distribute_dataset(batches)


def train(
    kata, count, *, decay=0, size=GLOBAL, compiled=lambda f: f, epoch=dealt, dtype="float32", **how
):
    """Returns the weights after, and the results of, an epoch of so many examples."""
    strategy, model, optimizer = start(decay=decay, dtype=dtype, **how)
    step = compiled(
        lambda batch: kata.distributed_step(
            strategy, model, optimizer, weighted_squares, batch, size
        )
    )
    x, y = (array.astype(dtype) for array in examples(count))
    results = [step(batch) for batch in epoch(strategy, x, y, size)]
    if not all(tf.is_tensor(result) for result in results):
        got = type(results[0]).__name__
        raise mismatch("the result of distributed_step", expected="a scalar tensor", got=got)
    return tf.constant(flat_weights(model.trainable_variables)), tf.stack(results)


def by_hand(count, decay=0, last=None, size=GLOBAL, **how):
    """Returns the weights after an epoch, and the values before its steps.

    Args:
        last: What each example of the last batch counts, a number or an array.
    """
    x, y = examples(count)
    weights, values = START, []
    for at in range(0, count, size):
        shares = 1 / size if last is None or at + size < count else last
        args = (x[at : at + size], y[at : at + size], shares)
        values.append(value_and_gradients(weights, *args, decay=decay, **how)[0])
        weights = descend(weights, *args, decay=decay, **how)
    return flat_weights(weights), np.array(values)


def call(batches, replicas="two replicas"):
    return f"kernel and bias after distributed_step on {batches}, {replicas}"


# What an example counts in a full batch, four on each replica.
FULL = {
    "two replicas double the step: a mean per replica, or gradients summed twice": 1 / 4,
    "the sum, not divided by the global batch size": 1.0,
    "gradients averaged over the replicas, not summed": 1 / 16,
    "only the first replica's gradient": np.repeat([1 / 8, 0], 4),
    "only the second replica's gradient": np.repeat([0, 1 / 8], 4),
}


@pytest.mark.parametrize("compiled", [lambda f: f, graph], ids=["eager", "graph"])
def test_1_two_replicas_take_the_formulas_step(kata, compiled):
    bugs = {cause: by_hand(8, last=share)[0] for cause, share in FULL.items()}
    bugs["loss(y_pred, y_true)"] = by_hand(8, swapped=True)[0]
    assert_close(
        train(kata, 8, compiled=compiled)[0],
        by_hand(8)[0],
        call=call("4 + 4 examples"),
        oracle=FORMULA,
        bugs=bugs,
        **CLOSE,
    )


def test_1_a_tf_function_need_not_know_the_size_of_the_batch(kata):
    strategy, model, optimizer = start("the default strategy", decay=0)
    x, y = (tf.constant(array, tf.float32) for array in examples(8))
    # As in a loop over a dataset inside a tf.function.
    unknown = [tf.TensorSpec([None, *array.shape[1:]]) for array in (x, y)]
    step = graph(
        lambda *batch: kata.distributed_step(
            strategy, model, optimizer, weighted_squares, batch, GLOBAL
        ),
        input_signature=unknown,
    )
    step(x, y)
    assert_close(
        tf.constant(flat_weights(model.trainable_variables)),
        by_hand(8)[0],
        call=call("8 examples in a tf.function traced for any number", "the default strategy"),
        oracle=FORMULA,
        **CLOSE,
    )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("strategy", ["the default strategy", "OneDeviceStrategy"])
def test_1_one_replica_takes_the_formulas_step(kata, strategy, dtype):
    assert_close(
        train(kata, 8, strategy=strategy, dtype=dtype)[0],
        by_hand(8)[0],
        call=call(f"8 examples in {dtype}", strategy),
        oracle=FORMULA,
        dtype=dtype,
        **TOLERANCE[dtype],
    )


# What the examples of the short batch count: two on the first replica, one on the second.
SHORT = {
    "a mean per replica: two replicas double the step": np.array([1 / 2, 1 / 2, 1]),
    "a mean per replica, divided by their number": np.array([1 / 4, 1 / 4, 1 / 2]),
    "the short batch divided by its own size": 1 / 3,
}


def test_2_each_example_of_a_short_batch_counts_as_any_other(kata):
    bugs = {cause: by_hand(3, last=share)[0] for cause, share in SHORT.items()}
    assert_close(
        train(kata, 3)[0],
        by_hand(3)[0],
        call=call("2 + 1 examples"),
        oracle=FORMULA,
        bugs=bugs,
        **CLOSE,
    )


def test_2_an_odd_global_batch_size_is_not_rounded(kata):
    half = by_hand(7, size=7, last=1 / 6)[0]
    assert_close(
        train(kata, 7, size=7)[0],
        by_hand(7, size=7)[0],
        call=call("4 + 3 examples with global_batch_size=7"),
        oracle=FORMULA,
        bugs={"global_batch_size // 2 examples expected on each replica": half},
        **CLOSE,
    )


def test_2_a_short_batch_on_one_replica(kata):
    bugs = {"the short batch divided by its own size": by_hand(3, last=1 / 3)[0]}
    assert_close(
        train(kata, 3, strategy="the default strategy")[0],
        by_hand(3)[0],
        call=call("3 examples", "the default strategy"),
        oracle=FORMULA,
        bugs=bugs,
        **CLOSE,
    )


def test_2_a_replica_without_examples_adds_nothing(kata):
    weights, results = train(kata, 9, decay=DECAY, epoch=from_dataset)
    want, values = by_hand(9, decay=DECAY)
    how = {"oracle": FORMULA, **CLOSE}
    assert_close(weights, want, call=call("4 + 4, then 1 + 0 examples"), **how)
    title = "the results of distributed_step on 4 + 4, then 1 + 0 examples"
    assert_close(results, values, call=title, **how)


OWN = {
    "the model's own losses forgotten": {"decay": 0},
    "the model's own losses once per replica": {"decay": 2 * DECAY},
    "the model's own losses divided by the global batch size": {"decay": DECAY / GLOBAL},
    "the model's own losses divided by the global batch size, per replica": {
        "decay": 2 * DECAY / GLOBAL
    },
    "only the first of the model's own losses": {"decay": DECAY, "bias_decay": 0},
    "training=True forgotten": {"decay": DECAY, "factor": 1.0},
}


def test_3_training_mode_and_own_losses_once_on_two_replicas(kata):
    assert_close(
        train(kata, 8, decay=DECAY)[0],
        by_hand(8, decay=DECAY)[0],
        call=call("4 + 4 examples"),
        oracle=FORMULA,
        bugs={cause: by_hand(8, **how)[0] for cause, how in OWN.items()},
        **CLOSE,
    )


def test_3_own_losses_once_on_one_replica(kata):
    assert_close(
        train(kata, 8, decay=DECAY, strategy="the default strategy")[0],
        by_hand(8, decay=DECAY)[0],
        call=call("8 examples", "the default strategy"),
        oracle=FORMULA,
        bugs={"the model's own losses halved, on one replica too": by_hand(8, decay=DECAY / 2)[0]},
        **CLOSE,
    )


def test_4_the_result_is_the_formulas_value_before_the_step(kata):
    want = by_hand(3, decay=DECAY)[1]
    bugs = {cause: by_hand(3, **how)[1] for cause, how in OWN.items()}
    bugs["the mean over the replicas, not the sum"] = want / 2
    bugs["the short batch divided by its own size"] = by_hand(3, DECAY, last=1 / 3)[1]
    # It has two of the three examples, and half of the model's own losses.
    bugs["the first replica's value, not the sum"] = by_hand(
        3, DECAY / 2, last=np.array([1 / GLOBAL, 1 / GLOBAL, 0])
    )[1]
    assert_close(
        train(kata, 3, decay=DECAY)[1],
        want,
        call="the result of distributed_step on 2 + 1 examples",
        oracle=FORMULA,
        bugs=bugs,
        **CLOSE,
    )


def test_5_state_and_count_move_as_on_one_replica(kata):
    make = lambda: keras.optimizers.Adam(RATE)
    strategy, model, optimizer = start(optimizer=make)
    twin, weights = make(), [tf.Variable(w, dtype="float32") for w in START]
    twin.build(weights)
    x, y = (array.astype("float32") for array in examples(11))
    for step, batch in enumerate(dealt(strategy, x, y, GLOBAL)):
        kata.distributed_step(strategy, model, optimizer, weighted_squares, batch, GLOBAL)
        part = slice(GLOBAL * step, GLOBAL * (step + 1))
        now = [w.numpy() for w in weights]
        gradients = value_and_gradients(now, x[part], y[part], 1 / GLOBAL)[1]
        twin.apply([tf.constant(g, tf.float32) for g in gradients], weights)
    assert_close(
        tf.constant(flat_weights(model.trainable_variables)),
        flat_weights(weights),
        call=call("4 + 4, then 2 + 1 examples, with Adam"),
        oracle="Adam on the formula's gradients",
        **CLOSE,
    )
    if (count := optimizer.iterations.numpy()) != 2:
        title = "optimizer.iterations after two calls"
        raise mismatch(title, expected="2", got=str(count))
