"""LAMB as a Keras 3 optimizer.

Question (25 min). Batches of 32,000 need a step that fits each layer. LAMB takes Adam's
direction and scales it by a trust ratio. For each variable w with gradient g, in update
t = 1, 2, ... at the learning rate lr, with lambda = weight_decay_rate:

    m <- beta_1 m + (1 - beta_1) g           m and v start at 0
    v <- beta_2 v + (1 - beta_2) g^2
    r = m_hat / (sqrt(v_hat) + epsilon) + lambda w
    w <- w - lr (||w|| / ||r||) r

    m_hat = m / (1 - beta_1^t)      v_hat = v / (1 - beta_2^t)

Test k checks clause k:

    1. Several steps on several variables of different shapes follow the formula, in
       float32 and float64, eager, in tf.function and in XLA. The norms are Euclidean,
       over all elements of one variable; lambda w is part of r; the ratio has no
       bounds.
    2. The ratio is 1 where ||w|| or ||r|| is 0: zero weights start to move, a zero
       gradient gives no nan.
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
       settings (clipvalue, weight_decay, ...) work, and 5 steps, save, load, 5 steps
       equal 10 steps.

Run   nox -s check -- lamb
Read  https://arxiv.org/abs/1904.00962, Algorithm 2
"""

import functools

import numpy as np
import pytest

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

# A step is lr ||w|| <= 0.3 long, and known to some ten roundings and the 1.2e-6 of
# 1 - 0.95^t in float32: 6 * 0.3 * 2e-6, besides weights that round at 2e-7.
CLOSE = {"rtol": 1e-6, "atol": 5e-6}
GRADIENTS = random_gradients()
SETTINGS = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.01, "weight_decay_rate": 0.3}
CALL = "Lamb(0.05, beta_1=0.8, beta_2=0.95, epsilon=0.01, weight_decay_rate=0.3)"
PAPER = "the formula in float64"


def norm(x):
    return np.sqrt(np.sum(np.square(x)))


def adam(m, v, c_1, c_2, epsilon):
    """Adam's direction, where c = 1 - beta^t."""
    return m / c_1 / (np.sqrt(v / c_2) + epsilon)


def paper(w, u, decay):
    """What lr multiplies, for Adam's direction u."""
    r = u + decay * w
    return r * (norm(w) / norm(r) if norm(w) > 0 and norm(r) > 0 else 1.0)


def oracle(
    gradients,
    rates,
    beta_1,
    beta_2,
    epsilon,
    weight_decay_rate,
    *,
    start=START,
    direction=adam,
    step=paper,
    t=lambda k, i: k + 1,
    l2=0.0,
    shrink=0.0,
    squares=None,
):
    """Returns the weights after each step; `t` sees step k and variable i from 0.

    `l2` w is added to the gradient, lr `shrink` w is taken from w before the step.
    """
    w = [x.copy() for x in start]
    m, v = [np.zeros_like(x) for x in w], [np.zeros_like(x) for x in w]
    path = []
    for k, (arrays, lr) in enumerate(zip(gradients, rates, strict=True)):
        for i, g in enumerate(arrays):
            g = g + l2 * w[i]
            w[i] = w[i] - lr * shrink * w[i]
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * (squares[k][i] if squares else g**2)
            corrections = 1 - beta_1 ** t(k, i), 1 - beta_2 ** t(k, i)
            u = direction(m[i], v[i], *corrections, epsilon)
            w[i] = w[i] - lr * step(w[i], u, weight_decay_rate)
        path.append([x.copy() for x in w])
    return path


def steady(lr):
    return [lr] * len(GRADIENTS)


def per_element(w, u, decay):
    r = u + decay * w
    return np.abs(w) / np.abs(r) * r


STEPS = {
    "no trust ratio": lambda w, u, decay: u + decay * w,
    "the trust ratio upside down": lambda w, u, d: norm(u + d * w) / norm(w) * (u + d * w),
    "the ratio per element": per_element,
    "squared norms": lambda w, u, d: (norm(w) / norm(u + d * w)) ** 2 * (u + d * w),
    "the decay outside the ratio": lambda w, u, d: paper(w, u, 0) + d * w,
    "the decay scaled by the ratio, but not in the norm": lambda w, u, d: (
        norm(w) / norm(u) * (u + d * w)
    ),
    "no weight decay": lambda w, u, d: paper(w, u, 0),
    "the decay's sign": lambda w, u, d: paper(w, u, -d),
    "mean squares for norms of r": lambda w, u, d: paper(w, u, d) * np.sqrt(w.size),
    "the sign of the step": lambda w, u, d: -paper(w, u, d),
    "the ratio at most 1": lambda w, u, d: min(1, norm(w) / norm(u + d * w)) * (u + d * w),
}
DIRECTIONS = {
    "no bias correction": lambda m, v, c_1, c_2, e: adam(m, v, 1, 1, e),
    "only m corrected": lambda m, v, c_1, c_2, e: adam(m, v, c_1, 1, e),
    "only v corrected": lambda m, v, c_1, c_2, e: adam(m, v, 1, c_2, e),
    "epsilon inside the root": lambda m, v, c_1, c_2, e: m / c_1 / np.sqrt(v / c_2 + e),
    "epsilon added before the correction (Keras' epsilon-hat form)": (
        lambda m, v, c_1, c_2, e: m / c_1 * np.sqrt(c_2) / (np.sqrt(v) + e)
    ),
}
COUNTERS = {
    "t one too large (iterations + 2)": lambda k, i: k + 2,
    "t raised once for each variable": lambda k, i: len(START) * k + i + 1,
    "t frozen at 1: a Python number is read once, at tracing": lambda k, i: 1,
}


def wrong(gradients, rates):
    """{cause: path} of the usual mistakes."""
    walk = functools.partial(oracle, gradients, rates, **SETTINGS)
    without = functools.partial(walk, weight_decay_rate=0.0)
    return (
        {cause: walk(step=step) for cause, step in STEPS.items()}
        | {cause: walk(direction=direction) for cause, direction in DIRECTIONS.items()}
        | {cause: walk(t=t) for cause, t in COUNTERS.items()}
        | {"lambda w added to the gradient": without(l2=SETTINGS["weight_decay_rate"])}
        | {"the decay left to the base class": without(shrink=SETTINGS["weight_decay_rate"])}
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_1_steps_follow_the_formula(kata, dtype):
    assert_trajectory(
        kata.Lamb(0.05, **SETTINGS),
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
        kata.Lamb(0.05, **SETTINGS),
        oracle(GRADIENTS, steady(0.05), **SETTINGS),
        gradients=GRADIENTS,
        mode=mode,
        call=CALL,
        oracle=PAPER,
        bugs=wrong(GRADIENTS, steady(0.05)),
        **CLOSE,
    )


def test_1_defaults_are_those_of_the_signature(kata):
    # As small as the default epsilon: g / (g + epsilon) is far from 1.
    gradients = [[1e-6 * g for g in arrays] for arrays in GRADIENTS]
    walk = functools.partial(oracle, gradients, steady(0.001))
    assert_trajectory(
        kata.Lamb(),
        walk(0.9, 0.999, 1e-6, 0.0),
        gradients=gradients,
        call="Lamb()",
        oracle=PAPER,
        # Steps are at most 0.005 long, and known to 2e-5 where 1 - 0.999 is float32.
        rtol=1e-6,
        atol=1e-6,
        bugs={
            "epsilon = 1e-7, Keras' default": walk(0.9, 0.999, 1e-7, 0.0),
            "weight_decay_rate = 0.01": walk(0.9, 0.999, 1e-6, 0.01),
            "beta_2 = 0.99": walk(0.9, 0.99, 1e-6, 0.0),
        },
    )


def test_1_the_ratio_has_no_bounds(kata):
    start = [100 * w for w in START]
    bounded = lambda w, u, decay: min(10.0, norm(w) / norm(u)) * u
    settings = SETTINGS | {"weight_decay_rate": 0.0}
    walk = functools.partial(oracle, GRADIENTS, steady(0.05), **settings, start=start)
    assert_trajectory(
        kata.Lamb(0.05, **settings),
        walk(),
        gradients=GRADIENTS,
        start=start,
        dtype="float64",
        call=f"{CALL[:-4]}0.0) on weights up to 300",
        oracle=PAPER,
        bugs={"the ratio at most 10": walk(step=bounded)},
        **CLOSE,
    )


def test_2_zero_weights_start_to_move(kata):
    start = [np.zeros_like(START[0]), START[1]]
    walk = functools.partial(oracle, GRADIENTS, steady(0.05), **SETTINGS, start=start)

    def unguarded(w, u, decay):
        return norm(w) / norm(u + decay * w) * (u + decay * w)

    assert_trajectory(
        kata.Lamb(0.05, **SETTINGS),
        walk(),
        gradients=GRADIENTS,
        start=start,
        call=f"{CALL}, where one variable starts at 0",
        oracle=PAPER,
        bugs={"no guard: a ratio of 0, and zero weights never move": walk(step=unguarded)},
        **CLOSE,
    )


def test_2_a_zero_gradient_moves_nothing(kata):
    gradients = [[np.zeros_like(w) for w in START], *GRADIENTS[:2]]
    settings = SETTINGS | {"weight_decay_rate": 0.0}
    assert_trajectory(
        kata.Lamb(0.05, **settings),
        oracle(gradients, [0.05] * 3, **settings),
        gradients=gradients,
        mode=graph,
        call=f"{CALL[:-4]}0.0), whose first gradient is 0",
        oracle=PAPER,
        **CLOSE,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_3_a_schedule_sets_the_rate_of_each_step(kata, dtype):
    schedule = Halving(0.2)
    rates = schedule.rates(len(GRADIENTS))
    walk = functools.partial(oracle, GRADIENTS, **SETTINGS)
    assert_trajectory(
        kata.Lamb(schedule, **SETTINGS),
        walk(rates),
        gradients=GRADIENTS,
        mode=graph,
        dtype=dtype,
        call="Lamb(a schedule that halves from 0.2, ...)",
        oracle=PAPER,
        bugs={
            "the first learning rate kept for all steps": walk(steady(0.2)),
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
        kata.Lamb(0.05, gradient_accumulation_steps=2, **SETTINGS),
        held(walk()),
        gradients=GRADIENTS,
        call=f"{CALL[:-1]}, gradient_accumulation_steps=2)",
        oracle="the formula on the mean of each two gradients",
        bugs={"t counts gradients, not updates": held(walk(t=lambda k, i: 2 * k + 2))},
        **CLOSE,
    )


def test_4_repeated_rows_are_summed(kata):
    sums, squares = [[[table] for table in scattered(rows)] for rows in (ROWS, ROWS**2)]
    apart = oracle(sums, [0.1] * len(sums), **SETTINGS, start=[TABLE], squares=squares)
    assert_duplicate_rows_are_summed(
        functools.partial(kata.Lamb, 0.1, **SETTINGS),
        bugs={"rows of one id squared apart, then summed": apart[-1][0]},
    )


def test_5_fit_equals_eager_steps(kata):
    assert_fit_equals_eager(lambda: kata.Lamb(Halving(0.2), **SETTINGS))


def test_5_two_replicas_step_as_one(kata):
    assert_replicas_agree(lambda: kata.Lamb(0.1, **SETTINGS))


BAD = [
    {"beta_1": -0.1},
    {"beta_1": 1.0},
    {"beta_2": -0.1},
    {"beta_2": 1.0},
    {"beta_2": 999.0},
    {"epsilon": -1e-6},
]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_6_bad_arguments_are_named(kata, bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"{name}.*Received: {name}={bad[name]}"):
        kata.Lamb(**bad)


def test_6_zero_is_allowed(kata):
    walk = functools.partial(oracle, GRADIENTS, steady(0.05))
    assert_trajectory(
        kata.Lamb(0.05, beta_1=0.0, beta_2=0.0, epsilon=0.0),
        walk(0.0, 0.0, 0.0, 0.0),
        gradients=GRADIENTS,
        call="Lamb(0.05, beta_1=0.0, beta_2=0.0, epsilon=0.0)",
        oracle="the sign of the gradient, scaled to lr ||w||",
        **CLOSE,
    )


def test_7_config_round_trip(kata):
    own = {"beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-4, "weight_decay_rate": 0.2}
    assert_config_round_trip(kata.Lamb, learning_rate=0.3, name="mine", clipnorm=0.5, **own)


def test_7_base_class_settings_work(kata):
    clipped = [[np.clip(g, -0.5, 0.5) for g in arrays] for arrays in GRADIENTS]
    walk = functools.partial(oracle, rates=steady(0.05), **SETTINGS)
    assert_trajectory(
        kata.Lamb(0.05, clipvalue=0.5, **SETTINGS),
        walk(clipped),
        gradients=GRADIENTS,
        call=f"{CALL[:-1]}, clipvalue=0.5)",
        oracle="the formula on gradients clipped to ±0.5",
        bugs={"clipvalue ignored": walk(GRADIENTS)},
        **CLOSE,
    )


def test_7_resumes_where_it_was_saved(kata, tmp_path):
    assert_resumes(lambda: kata.Lamb(0.1, **SETTINGS), tmp_path)
