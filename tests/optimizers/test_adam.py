"""Adam as a Keras 3 optimizer, with the paper's epsilon.

Question (20 min). Derive Adam, then write it as Algorithm 1 has it, not as Keras does.
For each variable w with gradient g, in update t = 1, 2, ... at the learning rate lr:

    m <- beta_1 m + (1 - beta_1) g           m and v start at 0
    v <- beta_2 v + (1 - beta_2) g^2
    w <- w - lr m_hat / (sqrt(v_hat) + epsilon)

    m_hat = m / (1 - beta_1^t)      v_hat = v / (1 - beta_2^t)

Test k checks clause k:

    1. Several steps on several variables of different shapes follow Algorithm 1, in
       float32 and float64, eager, in tf.function and in XLA.
    2. epsilon is added after the bias correction and outside the root, which shows when
       gradients are as small as epsilon. A zero gradient moves nothing.
    3. t is 1 in the first update and one for all variables; with Keras'
       gradient_accumulation_steps it counts updates, not gradients. The learning rate
       may change between steps.
    4. Sparse gradients (tf.IndexedSlices) move the weights as the dense gradient does:
       the rows of a repeated id are summed before they are squared.
    5. `fit` under tf.function equals eager steps, and a step on two replicas equals the
       step on one.
    6. beta_1 or beta_2 outside [0, 1) and epsilon < 0 raise a ValueError that names the
       argument, as in `Received: beta_1=1.0`.
    7. The class is registered with Keras, its config round-trips, the base class's
       settings (weight_decay, clipnorm, ...) work, and 5 steps, save, load, 5 steps
       equal 10 steps.

Run   nox -s check -- adam
Read  https://arxiv.org/abs/1412.6980, Algorithm 1
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.closeness import assert_close
from tests.keras_optimizers import (
    ROWS,
    START,
    TABLE,
    Halving,
    assert_duplicate_rows_are_summed,
    assert_fit_equals_eager,
    assert_replicas_agree,
    assert_resumes,
    assert_trajectory,
    random_gradients,
    scattered,
)
from tests.modes import graph
from tests.serialization import assert_config_round_trip

# A step is lr <= 0.4 times a ratio near 1 of some ten roundings; 1 - beta_2^t in float32
# adds eps / (1 - 0.95) = 1.2e-6. Six steps: 6 * 0.1 * 2e-6, and weights round at 2e-7.
CLOSE = {"rtol": 1e-6, "atol": 4e-6}
GRADIENTS = random_gradients()
SETTINGS = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.01}
CALL = "Adam(0.05, beta_1=0.8, beta_2=0.95, epsilon=0.01)"
PAPER = "Algorithm 1 in float64"


def paper(m, v, c_1, c_2, epsilon):
    """The direction, where c = 1 - beta^t."""
    return m / c_1 / (np.sqrt(v / c_2) + epsilon)


def epsilon_hat(m, v, c_1, c_2, epsilon):
    return m / c_1 * np.sqrt(c_2) / (np.sqrt(v) + epsilon)


def epsilon_inside(m, v, c_1, c_2, epsilon):
    return m / c_1 / np.sqrt(v / c_2 + epsilon)


def uncorrected(m, v, c_1, c_2, epsilon):
    return paper(m, v, 1, 1, epsilon)


def oracle(
    gradients,
    rates,
    beta_1,
    beta_2,
    epsilon,
    *,
    start=START,
    rule=paper,
    t=lambda k, i: k + 1,
    decay=0.0,
    squares=None,
):
    """Returns the weights after each step; `t` sees step k and variable i from 0."""
    w = [x.copy() for x in start]
    m, v = [np.zeros_like(x) for x in w], [np.zeros_like(x) for x in w]
    path = []
    for k, (arrays, lr) in enumerate(zip(gradients, rates, strict=True)):
        for i, g in enumerate(arrays):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * (squares[k][i] if squares else g**2)
            corrections = 1 - beta_1 ** t(k, i), 1 - beta_2 ** t(k, i)
            w[i] = (1 - lr * decay) * w[i] - lr * rule(m[i], v[i], *corrections, epsilon)
        path.append([x.copy() for x in w])
    return path


def steady(lr):
    return [lr] * len(GRADIENTS)


RULES = {
    "no bias correction": uncorrected,
    "only m corrected": lambda m, v, c_1, c_2, e: paper(m, v, c_1, 1, e),
    "only v corrected": lambda m, v, c_1, c_2, e: paper(m, v, 1, c_2, e),
    "no root of v_hat": lambda m, v, c_1, c_2, e: m / c_1 / (v / c_2 + e),
    "epsilon inside the root": epsilon_inside,
    "epsilon added before the correction (Keras' epsilon-hat form)": epsilon_hat,
    "epsilon ignored": lambda m, v, c_1, c_2, e: paper(m, v, c_1, c_2, 0),
    "the sign of the gradient": lambda *args: -paper(*args),
    "g for m: no first moment": lambda m, v, c_1, c_2, e: m,
}
COUNTERS = {
    "t one too large (iterations + 2)": lambda k, i: k + 2,
    "t raised once for each variable": lambda k, i: len(START) * k + i + 1,
    "t frozen at 1: a Python number is read once, at tracing": lambda k, i: 1,
}


def wrong(gradients, rates):
    """{cause: path} of the usual mistakes."""
    walk = functools.partial(oracle, gradients, rates)
    swapped = SETTINGS | {"beta_1": SETTINGS["beta_2"], "beta_2": SETTINGS["beta_1"]}
    return (
        {cause: walk(**SETTINGS, rule=rule) for cause, rule in RULES.items()}
        | {cause: walk(**SETTINGS, t=t) for cause, t in COUNTERS.items()}
        | {"beta_1 and beta_2 swapped": walk(**swapped)}
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_1_steps_follow_algorithm_1(kata, dtype):
    assert_trajectory(
        kata.Adam(0.05, **SETTINGS),
        oracle(GRADIENTS, steady(0.05), **SETTINGS),
        gradients=GRADIENTS,
        dtype=dtype,
        call=CALL,
        oracle=PAPER,
        bugs=wrong(GRADIENTS, steady(0.05)),
        **CLOSE,
    )


def test_1_every_mode_takes_the_same_steps(kata, mode):
    assert_trajectory(
        kata.Adam(0.05, **SETTINGS),
        oracle(GRADIENTS, steady(0.05), **SETTINGS),
        gradients=GRADIENTS,
        mode=mode,
        call=CALL,
        oracle=PAPER,
        bugs=wrong(GRADIENTS, steady(0.05)),
        **CLOSE,
    )


# As small as the default epsilon: g / (g + epsilon) is far from 1.
TINY = [[1e-8 * g for g in arrays] for arrays in GRADIENTS]


def test_1_defaults_are_those_of_the_signature(kata):
    walk = functools.partial(oracle, TINY, steady(0.001))
    assert_trajectory(
        kata.Adam(),
        walk(0.9, 0.999, 1e-8),
        gradients=TINY,
        call="Adam()",
        oracle=PAPER,
        # Steps are at most 0.001, and known to 2e-5 where 1 - 0.999 is float32.
        rtol=1e-6,
        atol=1e-6,
        bugs={
            "epsilon = 1e-7, Keras' default": walk(0.9, 0.999, 1e-7),
            "beta_2 = 0.99": walk(0.9, 0.99, 1e-8),
        },
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_2_epsilon_is_added_to_the_corrected_root(kata, dtype):
    settings = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-8}
    walk = functools.partial(oracle, TINY, steady(0.05), **settings)
    assert_trajectory(
        kata.Adam(0.05, **settings),
        walk(),
        gradients=TINY,
        dtype=dtype,
        call="Adam(0.05, beta_1=0.8, beta_2=0.95, epsilon=1e-8) for gradients near 1e-8",
        oracle=PAPER,
        bugs={cause: walk(rule=rule) for cause, rule in RULES.items()},
        **CLOSE,
    )


def test_2_gradients_of_any_size_move_by_the_learning_rate(kata):
    gradients = [0.0, 1e-15, -1e-7, 1e-3, -1e15]
    w = tf.Variable(tf.zeros(5))
    kata.Adam(0.5, epsilon=1e-7).apply([tf.constant(gradients)], [w])
    sign = np.array([0, 1, -1, 1, -1])
    assert_close(
        w,
        -0.5 * sign * np.abs(gradients) / (np.abs(gradients) + 1e-7),
        call="one step of Adam(0.5, epsilon=1e-7) from 0",
        oracle="-lr g / (|g| + epsilon)",
        rtol=2e-5,  # 1 - 0.999 in float32
        inputs={"gradient": gradients},
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_3_a_schedule_sets_the_rate_of_each_step(kata, dtype):
    schedule = Halving(0.4)
    rates = schedule.rates(len(GRADIENTS))
    walk = functools.partial(oracle, GRADIENTS, **SETTINGS)
    assert_trajectory(
        kata.Adam(schedule, **SETTINGS),
        walk(rates),
        gradients=GRADIENTS,
        mode=graph,
        dtype=dtype,
        call="Adam(a schedule that halves from 0.4, ...)",
        oracle=PAPER,
        bugs={
            "the first learning rate kept for all steps": walk(steady(0.4)),
            "the learning rate of the step before": walk([rates[0], *rates[:-1]]),
        },
        **CLOSE,
    )


def test_3_t_counts_updates_when_gradients_are_accumulated(kata):
    pairs = zip(GRADIENTS[::2], GRADIENTS[1::2], strict=True)
    means = [[(a + b) / 2 for a, b in zip(*pair, strict=True)] for pair in pairs]
    # Every first gradient of a pair leaves the weights as they are.
    held = lambda path: [weights for last in [START, *path] for weights in [last, last]][1:-1]
    walk = functools.partial(oracle, means, [0.05] * len(means), **SETTINGS)
    assert_trajectory(
        kata.Adam(0.05, gradient_accumulation_steps=2, **SETTINGS),
        held(walk()),
        gradients=GRADIENTS,
        call=f"{CALL[:-1]}, gradient_accumulation_steps=2)",
        oracle="Algorithm 1 on the mean of each two gradients",
        bugs={"t counts gradients, not updates": held(walk(t=lambda k, i: 2 * k + 2))},
        **CLOSE,
    )


def test_4_repeated_rows_are_summed(kata):
    sums, squares = [[[table] for table in scattered(rows)] for rows in (ROWS, ROWS**2)]
    apart = oracle(sums, [0.1] * len(sums), **SETTINGS, start=[TABLE], squares=squares)
    assert_duplicate_rows_are_summed(
        functools.partial(kata.Adam, 0.1, **SETTINGS),
        bugs={"rows of one id squared apart, then summed": apart[-1][0]},
    )


def test_5_fit_equals_eager_steps(kata):
    assert_fit_equals_eager(lambda: kata.Adam(Halving(0.4), **SETTINGS))


def test_5_two_replicas_step_as_one(kata):
    assert_replicas_agree(lambda: kata.Adam(0.1, **SETTINGS))


BAD = [
    {"beta_1": -0.1},
    {"beta_1": 1.0},
    {"beta_2": -0.1},
    {"beta_2": 1.0},
    {"beta_2": 999.0},
    {"epsilon": -1e-8},
]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_6_bad_arguments_are_named(kata, bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"{name}.*Received: {name}={bad[name]}"):
        kata.Adam(**bad)


def test_6_zero_is_allowed(kata):
    walk = functools.partial(oracle, GRADIENTS, steady(0.05))
    assert_trajectory(
        kata.Adam(0.05, beta_1=0.0, beta_2=0.0, epsilon=0.0),
        walk(0.0, 0.0, 0.0),
        gradients=GRADIENTS,
        call="Adam(0.05, beta_1=0.0, beta_2=0.0, epsilon=0.0)",
        oracle="the sign of the gradient: what is left of Algorithm 1",
        **CLOSE,
    )


def test_7_config_round_trip(kata):
    own = {"beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-4}
    assert_config_round_trip(kata.Adam, learning_rate=0.3, name="mine", weight_decay=0.2, **own)


def test_7_base_class_settings_work(kata):
    walk = functools.partial(oracle, GRADIENTS, steady(0.05), **SETTINGS)
    assert_trajectory(
        kata.Adam(0.05, weight_decay=0.5, **SETTINGS),
        walk(decay=0.5),
        gradients=GRADIENTS,
        call=f"{CALL[:-1]}, weight_decay=0.5)",
        oracle="AdamW: w - lr weight_decay w, then Algorithm 1",
        bugs={"weight_decay ignored": walk()},
        **CLOSE,
    )


def test_7_resumes_where_it_was_saved(kata, tmp_path):
    assert_resumes(lambda: kata.Adam(0.1, **SETTINGS), tmp_path)
