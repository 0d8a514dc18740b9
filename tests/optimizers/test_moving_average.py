"""A moving average of the weights, as a wrapper round any optimizer.

Question (12 min). Evaluate the average of the weights, train the weights. The wrapper has an
average of each weight, which starts as a copy; after each step of the wrapped optimizer

    average <- decay average + (1 - decay) weights

All is given but `apply`, which makes such a step, and `swap`, which exchanges the weights and
their averages, for an evaluation and back. Test k checks clause k:

    1. After each step every average takes the new weights in by this formula, without
       debiasing; also that of a weight which has no gradient in this step.
    2. The weights are those of the wrapped optimizer alone: its schedule, its state, its
       clipping and its weight_decay work, and the averages do not disturb it.
    3. swap() exchanges both exactly, whether they are tf.Variables or keras.Variables: two
       swaps restore every bit.
    4. In tf.function `apply` and `swap` do the same, in every call.
    5. Averages survive model.save and load_model, as does the state of the wrapped optimizer:
       3 steps, save, load and another step end at the averages of 4 steps.

`build` has been called before. Not asked: replicas, XLA, other dtypes than float32, sparse
gradients, steps between two swaps, the wrapper's own step count.

Run   nox -s check -- moving_average
Read  https://arxiv.org/abs/1806.05594, equation 1
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.adam_oracle import adam_path, keras_direction
from tests.support.closeness import assert_close
from tests.support.modes import MODES
from tests.support.trajectories import (
    START,
    Halving,
    assert_trajectory,
    flat,
    random_gradients,
)

# Four steps of some six roundings of weights below 4: 24 * 1.2e-7 at most.
CLOSE = {"rtol": 1e-6, "atol": 3e-6}
GRADIENTS = random_gradients()
CALL = "MovingAverage(SGD(0.5), decay=0.7)"


def sgd_path(gradients, lr=0.5):
    """START, then the weights after each step of plain SGD, in float64."""
    path = [START]
    for arrays in gradients:
        steps = [0.0 if g is None else lr * g for g in arrays]
        path.append([w - step for w, step in zip(path[-1], steps, strict=True)])
    return path


def mean_of(path, decay, start=1.0, first=0):
    """decay^t w_0 + (1 - decay) sum of decay^(t - i) w_i, flat.

    Args:
        path: The weights w_0, ..., w_t.
        start: The share of w_first in the average at the beginning.
        first: The step after which the average begins.
    """
    weights, last = flat(path), len(path) - 1
    later = range(first + 1, last + 1)
    sums = sum((1 - decay) * decay ** (last - i) * weights[i] for i in later)
    return start * decay ** (last - first) * weights[first] + sums


def trained_from_the_average(gradients, decay, lr=0.5):
    """The average where each step starts at it."""
    average = START
    for arrays in gradients:
        pairs = zip(average, arrays, strict=True)
        average = [decay * a + (1 - decay) * (a - lr * g) for a, g in pairs]
    return flat([average])[0]


def wrong(gradients, decay):
    """{cause: averages} of the usual mistakes."""
    path = sgd_path(gradients)
    late = mean_of([START, *path[:-1]], decay)
    return {
        "the average moved before the step": late,
        "decay and 1 - decay exchanged": mean_of(path, 1 - decay),
        "averages that start at 0": mean_of(path, decay, start=0.0),
        "debiased, from 0": mean_of(path, decay, start=0.0) / (1 - decay ** (len(path) - 1)),
        "averages that start at the weights after the first step": mean_of(path, decay, first=1),
        "averages that never move": flat(path)[0],
        "the weights, not their averages": flat(path)[-1],
        "each step starts at the average": trained_from_the_average(gradients, decay),
        "the plain mean of all weights": flat(path).mean(axis=0),
    }


def variables_at(start, kind=tf.Variable):
    return [kind(w.astype("float32")) for w in start]


def values(variables):
    """All elements of all variables, float32."""
    return np.concatenate([np.ravel(v.numpy()) for v in variables])


def averages_after(optimizer, gradients, mode="eager"):
    """The averages after these steps, brought into the weights by one swap."""
    variables = variables_at(START)
    optimizer.build(variables)
    step = MODES[mode](lambda *g: optimizer.apply(g, variables))
    for arrays in gradients:
        step(*[None if g is None else tf.constant(g, tf.float32) for g in arrays])
    MODES[mode](optimizer.swap)()
    return tf.constant(values(variables))


def test_1_the_average_follows_the_formula(kata):
    assert_close(
        averages_after(kata.MovingAverage(keras.optimizers.SGD(0.5), decay=0.7), GRADIENTS),
        mean_of(sgd_path(GRADIENTS), 0.7),
        call=f"{CALL}: the weights after 4 steps and swap()",
        oracle="decay^t w_0 + (1 - decay) sum of decay^(t-i) w_i",
        bugs=wrong(GRADIENTS, 0.7),
        **CLOSE,
    )


def test_1_the_default_decay_is_0_99(kata):
    assert_close(
        averages_after(kata.MovingAverage(keras.optimizers.SGD(0.5)), GRADIENTS),
        mean_of(sgd_path(GRADIENTS), 0.99),
        call="MovingAverage(SGD(0.5)): the weights after 4 steps and swap()",
        oracle="the formula with decay = 0.99",
        bugs={"decay = 0.999": mean_of(sgd_path(GRADIENTS), 0.999)},
        **CLOSE,
    )


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_1_a_weight_without_gradient_has_its_average_moved(kata):
    gradients = [GRADIENTS[0], [None, *GRADIENTS[1][1:]], GRADIENTS[2]]
    path = sgd_path(gradients)
    moved = mean_of(path, 0.7)
    first = START[0].size
    still = mean_of([START, path[1], path[3]], 0.7)
    assert_close(
        averages_after(kata.MovingAverage(keras.optimizers.SGD(0.5), decay=0.7), gradients),
        moved,
        call=f"{CALL}: 3 steps, the first weight without gradient in the second, then swap()",
        oracle="the formula, in which every step counts",
        bugs={"an average left alone in such a step": np.r_[still[:first], moved[first:]]},
        **CLOSE,
    )


def whole_step(gradients, rates, mu=0.8, decay=0.5, clip=0.5):
    """The weights after each step of SGD with momentum, decay and clipping."""
    w, velocity, path = START, [np.zeros_like(x) for x in START], []
    for arrays, lr in zip(gradients, rates, strict=True):
        clipped = [np.clip(g, -clip, clip) for g in arrays]
        velocity = [mu * v - lr * g for v, g in zip(velocity, clipped, strict=True)]
        w = [x - lr * decay * x + v for x, v in zip(w, velocity, strict=True)]
        path.append(w)
    return path


def test_2_the_weights_are_those_of_the_wrapped_optimizer(kata):
    given, rates = GRADIENTS[:3], Halving(0.4).rates(3)
    wrapped = keras.optimizers.SGD(Halving(0.4), momentum=0.8, weight_decay=0.5, clipvalue=0.5)
    assert_trajectory(
        kata.MovingAverage(wrapped, decay=0.7),
        whole_step(given, rates),
        gradients=given,
        call="MovingAverage(SGD(a schedule that halves from 0.4, momentum=0.8, weight_decay=0.5, "
        "clipvalue=0.5), decay=0.7)",
        oracle="the same steps without the wrapper",
        bugs={
            "weight_decay of the wrapped optimizer ignored": whole_step(given, rates, decay=0.0),
            "clipvalue of the wrapped optimizer ignored": whole_step(given, rates, clip=9.0),
            "only update_step of the wrapped optimizer called": whole_step(
                given, rates, decay=0.0, clip=9.0
            ),
            "only update_step of the wrapped optimizer called, at its first rate": whole_step(
                given, [0.4] * 3, decay=0.0, clip=9.0
            ),
            "the first learning rate kept": whole_step(given, [0.4] * 3),
            "a step counted twice": whole_step(given, Halving(0.4).rates(6)[::2]),
        },
        **CLOSE,
    )


def test_2_adam_keeps_its_state_and_its_step_count(kata):
    given = [arrays[:1] for arrays in GRADIENTS[:3]]
    settings = {"rates": 0.1, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
    walk = lambda **change: adam_path(
        given, start=START[:1], direction=keras_direction, **settings, **change
    )
    assert_trajectory(
        kata.MovingAverage(keras.optimizers.Adam(0.1)),
        walk(),
        gradients=given,
        start=START[:1],
        call="MovingAverage(Adam(0.1))",
        oracle="the steps of Adam in float64",
        rtol=1e-6,
        atol=5e-5,  # 1 - 0.999 in float32 is 1.3e-5 off, in each of three steps of 0.1
        bugs={"the step count of the wrapped optimizer stands still": walk(t=lambda k, i: 1)},
    )


# What the averages are and what the weights are: no bit of either survives a sum of both.
KEPT = [np.array([1e8, 0.1, -7.0]), np.array([3e-5, 2e5, 1.0])]
NOW = [np.array([1e-3, 1e8, 0.3]), np.array([-4e6, 0.7, 1e-9])]


def swapped_by_sums(w, a, times=3):
    """w after each w += a; a = w - a; w -= a, in float32."""
    rows = []
    for _ in range(times):
        w = w + a
        a = w - a
        w = w - a
        rows.append(w)
    return rows


@pytest.mark.parametrize("kind", [tf.Variable, keras.Variable], ids=["tf", "keras"])
def test_3_two_swaps_restore_every_bit(kata, kind):
    optimizer, variables = kata.MovingAverage(keras.optimizers.SGD(0.5)), variables_at(KEPT, kind)
    optimizer.build(variables)
    for variable, now in zip(variables, NOW, strict=True):
        variable.assign(now)
    rows = []
    for _ in range(3):
        optimizer.swap()
        rows.append(values(variables))
    kept, now = (np.concatenate(arrays).astype("float32") for arrays in (KEPT, NOW))
    assert_close(
        tf.constant(np.array(rows)),
        np.array([kept, now, kept]),
        call=f"weights [0.001, 1e8, ...], averages [1e8, 0.1, ...], both "
        f"{kind.__module__.split('.')[0]}.Variables: the weights after each of 3 calls of swap()",
        oracle="the averages, the weights, the averages, bit by bit",
        rtol=0.0,
        bugs={
            "the weights are lost: overwritten before they were read, or not written back": [kept]
            * 3,
            "exchanged by addition and subtraction, which round": swapped_by_sums(now, kept),
        },
    )


def test_4_graphs_do_the_same_in_every_call(kata):
    optimizer, variables = kata.MovingAverage(keras.optimizers.SGD(0.5), 0.7), variables_at(START)
    optimizer.build(variables)
    step = MODES["graph"](lambda *g: optimizer.apply(g, variables))
    swap = MODES["graph"](optimizer.swap)
    path, got, want = sgd_path(GRADIENTS), [], []
    for k, arrays in enumerate(GRADIENTS, 1):
        step(*[tf.constant(g, tf.float32) for g in arrays])
        for expected in [mean_of(path[: k + 1], 0.7), flat(path)[k]]:
            swap()
            got.append(values(variables))
            want.append(expected)
    assert_close(
        tf.constant(np.array(got)),
        np.array(want),
        call=f"{CALL} in tf.functions: after each of 4 steps the weights after swap(), "
        "and after another",
        oracle="the averages, then the weights, in float64",
        bugs={
            "what swap() exchanges frozen at tracing: NumPy arrays are constants there": (
                np.tile(want[0], [len(want), 1])
            )
        },
        **CLOSE,
    )


def small_model(optimizer):
    inputs = keras.Input([3])
    # A model that is loaded begins at 0, whatever it reads afterwards.
    layer = keras.layers.Dense(2, use_bias=False, kernel_initializer="zeros")
    model = keras.Model(inputs, layer(inputs))
    model.set_weights([START[0].reshape(3, 2)])
    model.compile(optimizer=optimizer, loss="mse", jit_compile=False)
    optimizer.build(model.trainable_variables)
    return model


def apply(model, gradients):
    for g, *_ in gradients:
        gradient = tf.constant(g.reshape(3, 2), tf.float32)
        model.optimizer.apply([gradient], model.trainable_variables)


def test_5_averages_survive_saving(kata, tmp_path):
    wrapped = keras.optimizers.SGD(0.5, momentum=0.8)  # its velocity is to survive, too
    model = small_model(kata.MovingAverage(wrapped, 0.7))
    apply(model, GRADIENTS[:3])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    apply(loaded, GRADIENTS[3:])
    loaded.optimizer.swap()
    steps = whole_step(GRADIENTS, [0.5] * 4, decay=0.0, clip=9.0)
    path = [arrays[:1] for arrays in [START, *steps]]
    assert_close(
        tf.constant(values(loaded.trainable_variables)),
        mean_of(path, 0.7),
        call="MovingAverage(SGD(0.5, momentum=0.8), decay=0.7): 3 steps, model.save, load_model, "
        "another step, swap()",
        oracle="the averages of 4 steps",
        bugs={
            "averages that start again at load: not optimizer variables": mean_of(
                path[3:], 0.7, start=0.0
            ),
            "averages that start again at the loaded weights": mean_of(path[3:], 0.7),
        },
        **CLOSE,
    )
