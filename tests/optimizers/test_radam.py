"""RAdam, rectified Adam, as a Keras 3 optimizer.

Question (20 min). Adam's first steps rest on few squared gradients. RAdam steps by momentum
until v is trustworthy, then scales Adam's step. Write `update_step`; the slots of m and v
are given. For each variable w with gradient g, in update t = 1, 2, ..., that is `iterations`
+ 1, at the learning rate lr of this step, where m and v start at 0:

    m <- beta_1 m + (1 - beta_1) g           m_hat = m / (1 - beta_1^t)
    v <- beta_2 v + (1 - beta_2) g^2         v_hat = v / (1 - beta_2^t)

    rho_inf = 2 / (1 - beta_2) - 1
    rho = rho_inf - 2 t beta_2^t / (1 - beta_2^t)
    r = sqrt((rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho))

    rho >= sma_threshold:  w <- w - lr r m_hat / (sqrt(v_hat) + epsilon)
    else:                  w <- w - lr m_hat

Test k checks clause k:

    1. Several steps on several variables follow this, below the threshold and above, eager
       and in tf.function.
    2. Which rule a step takes follows from beta_2, t and sma_threshold alone. That is 5 by
       default, and may be 4 or more.
    3. For beta_2 up to 0.9999 a rectified step is right to 2e-4 of itself, from the first on.
    4. The learning rate may change between steps, by a schedule or by assignment, also after
       tf.function has traced the step.
    5. A sparse gradient (tf.IndexedSlices), with repeated ids, too, moves all weights as the
       dense gradient does that it stands for.

Not asked: errors, saving, replicas, XLA, other dtypes of variables than float32.

Run   nox -s check -- radam
Read  https://arxiv.org/abs/1908.03265, Algorithm 2
"""

import functools
import math

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.sparse_gradients import (
    ROWS,
    TABLE,
    assert_duplicate_rows_are_summed,
    scattered,
)
from tests.support.trajectories import (
    START,
    assert_assigned_rate_holds,
    assert_schedule_sets_each_rate,
    assert_trajectory,
    per_step,
    random_gradients,
)

# A step is lr <= 0.1 times some fifteen roundings of a term below 3; 1 - beta_2^t in float32
# adds eps / (1 - 0.95) = 1.2e-6. Seven steps: 7 * 0.1 * 3e-6, and weights round at 2e-7.
CLOSE = {"rtol": 1e-6, "atol": 5e-6}
PAPER = {"oracle": "the formula in float64, rho by the mean age of the gradients", **CLOSE}
SETTINGS = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.01}
CALL = "RectifiedAdam(0.1, beta_1=0.8, beta_2=0.95, epsilon=0.01)"
# Two variables, for a step is some forty operations. rho passes 5 in step 6.
TWO = START[:2]
GRADIENTS = random_gradients(steps=7, start=TWO)
ONE = [g[:1] for g in GRADIENTS]


def memory(t, beta_2):
    """rho as 2 (mean age) - 1: the newest gradient is 1 old, and ages weigh beta_2^age."""
    ages = np.arange(1, t + 1)
    return 2 * np.average(ages, weights=beta_2**ages) - 1


def rectifier(rho, end):
    ratio = (rho - 4) * (rho - 2) * end / ((end - 4) * (end - 2) * rho)
    return math.sqrt(ratio) if ratio >= 0 else math.nan


def radam(m, m_hat, v, v_hat, r, rectified, epsilon):
    """What lr multiplies."""
    return r * m_hat / (np.sqrt(v_hat) + epsilon) if rectified else m_hat


def walk(
    gradients,
    rates,
    *,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    sma_threshold=5.0,
    start=TWO,
    take=radam,
    rho_of=memory,
    rectify=rectifier,
    t=lambda k, i: k + 1,
    squares=None,
    seen_only=False,
):
    """Returns the weights after each step, in float64.

    Args:
        take: Like `radam`.
        rho_of: Like `memory`. `rectify`: Like `rectifier`.
        t: A function of the step and the variable, both from 0.
        squares: Like `gradients`, in place of their squares.
        seen_only: Whether rows whose gradient is 0 stay as they are.
    """
    w = [x.copy() for x in start]
    m, v = [np.zeros_like(x) for x in w], [np.zeros_like(x) for x in w]
    end, path = 2 / (1 - beta_2) - 1, []
    for k, (arrays, lr) in enumerate(zip(gradients, per_step(rates, gradients), strict=True)):
        for i, g in enumerate(arrays):
            now = t(k, i)
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * (squares[k][i] if squares else g**2)
            m_hat, v_hat = m[i] / (1 - beta_1**now), v[i] / (1 - beta_2**now)
            rho = rho_of(now, beta_2)
            r, late = rectify(rho, end), rho >= sma_threshold
            step = take(m[i], m_hat, v[i], v_hat, r, late, epsilon)
            w[i] = w[i] - lr * step * (g != 0 if seen_only else 1)
        path.append([x.copy() for x in w])
    return path


def adam(m_hat, v_hat, epsilon):
    return m_hat / (np.sqrt(v_hat) + epsilon)


FROZEN = "t frozen at 1: a Python number is read once, at tracing"
TAKES = {
    "no step below the threshold": lambda m, mh, v, vh, r, late, e: (
        r * adam(mh, vh, e) if late else 0 * m
    ),
    "Adam's step below the threshold": lambda m, mh, v, vh, r, late, e: (
        r * adam(mh, vh, e) if late else adam(mh, vh, e)
    ),
    "m_hat always, as where rho is never large enough": lambda m, mh, v, vh, r, late, e: mh,
    "no r: Adam's step above the threshold": lambda m, mh, v, vh, r, late, e: (
        adam(mh, vh, e) if late else mh
    ),
    "r without its root": lambda m, mh, v, vh, r, late, e: r**2 * adam(mh, vh, e) if late else mh,
    "r upside down": lambda m, mh, v, vh, r, late, e: adam(mh, vh, e) / r if late else mh,
    "r below the threshold, not above": lambda m, mh, v, vh, r, late, e: (
        adam(mh, vh, e) if late else r * mh
    ),
    "m not corrected": lambda m, mh, v, vh, r, late, e: r * adam(m, vh, e) if late else m,
    "m not corrected below the threshold": lambda m, mh, v, vh, r, late, e: (
        r * adam(mh, vh, e) if late else m
    ),
    "v not corrected": lambda m, mh, v, vh, r, late, e: r * adam(mh, v, e) if late else mh,
    "epsilon inside the root": lambda m, mh, v, vh, r, late, e: (
        r * mh / np.sqrt(vh + e) if late else mh
    ),
    "r times m_hat, not divided by the root of v_hat": lambda m, mh, v, vh, r, late, e: (
        r * mh if late else mh
    ),
    "the sign of the step": lambda *args: -radam(*args),
}
CHANGES = {
    "threshold 4, the paper's, for 5": {"sma_threshold": 4.0},
    "rho > 6 - a step late": {"sma_threshold": 6.0},
    "the factor of rho_inf / rho left out of r": {
        "rectify": lambda rho, end: rectifier(rho, end) * math.sqrt(rho / end)
    },
    "t one too large (iterations + 2)": {"t": lambda k, i: k + 2},
    "t raised once for each variable": {"t": lambda k, i: len(TWO) * k + i + 1},
    FROZEN: {"t": lambda k, i: 1},
}


def wrong(gradients, rates, **settings):
    """{cause: path} of the usual mistakes."""
    here = functools.partial(walk, gradients, rates, **settings)
    swapped = {"beta_1": settings["beta_2"], "beta_2": settings["beta_1"]}
    return (
        {cause: here(take=take) for cause, take in TAKES.items()}
        | {cause: here(**change) for cause, change in CHANGES.items()}
        | {"beta_1 and beta_2 swapped": here(**swapped)}
    )


def test_1_steps_follow_the_formula(kata):
    assert_trajectory(
        kata.RectifiedAdam(0.1, **SETTINGS),
        walk(GRADIENTS, 0.1, **SETTINGS),
        gradients=GRADIENTS,
        start=TWO,
        call=CALL,
        bugs=wrong(GRADIENTS, 0.1, **SETTINGS),
        **PAPER,
    )


def test_1_a_graph_takes_the_same_steps(kata):
    here = functools.partial(walk, ONE, 0.1, start=TWO[:1], **SETTINGS)
    assert_trajectory(
        kata.RectifiedAdam(0.1, **SETTINGS),
        here(),
        gradients=ONE,
        start=TWO[:1],
        mode="graph",
        call=f"in a tf.function: {CALL}",
        bugs={FROZEN: here(**CHANGES[FROZEN])},
        **PAPER,
    )


def test_1_default_settings(kata):
    tiny = [[1e-7 * g for g in arrays] for arrays in ONE]
    origin = [np.zeros_like(START[0])]  # where weights as small as the steps round
    here = functools.partial(walk, tiny, 0.001, start=origin)
    assert_trajectory(
        kata.RectifiedAdam(),
        here(),
        gradients=tiny,
        start=origin,
        call="RectifiedAdam() for gradients near 1e-7",
        oracle=PAPER["oracle"],
        # Where 1 - 0.999^t is float32, v_hat's root is 1e-5 off; steps of 1e-10 come first.
        rtol=5e-5,
        atol=1e-13,
        bugs={
            "epsilon = 1e-8": here(epsilon=1e-8),
            "threshold 4, the paper's": here(sma_threshold=4.0),
            "beta_2 = 0.99": here(beta_2=0.99),
            "beta_1 = 0.95": here(beta_1=0.95),
        },
    )


# rho_5 is 4.8 and rho_7 6.6.
@pytest.mark.parametrize("sma_threshold, steps", [(4, 5), (6.5, 7)])
def test_2_the_threshold_sets_the_first_rectified_step(kata, sma_threshold, steps):
    unit = [[np.ones([1])] for _ in range(steps)]
    here = functools.partial(walk, unit, 0.1, start=[np.zeros([1])], **SETTINGS)
    assert_trajectory(
        kata.RectifiedAdam(0.1, **SETTINGS, sma_threshold=sma_threshold),
        here(sma_threshold=sma_threshold),
        gradients=unit,
        start=[np.zeros([1])],
        call=f"{CALL[:-1]}, sma_threshold={sma_threshold}) on gradients of 1",
        bugs={"sma_threshold ignored: 5": here()},
        **PAPER,
    )


def test_2_a_short_memory_is_never_rectified(kata):
    settings = SETTINGS | {"beta_2": 0.5}
    here = functools.partial(walk, ONE, 0.1, start=START[:1], **settings)
    always = lambda m, m_hat, v, v_hat, r, late, e: adam(m_hat, v_hat, e)
    assert_trajectory(
        kata.RectifiedAdam(0.1, **settings),
        here(),
        gradients=ONE,
        start=START[:1],
        call="RectifiedAdam(0.1, beta_1=0.8, beta_2=0.5, epsilon=0.01)",
        oracle="momentum alone: rho stays below 3",
        bugs={
            "Adam's step": here(take=always),
            "no step": here(take=TAKES["no step below the threshold"]),
            "from some t on rectified, whatever beta_2": here(rho_of=lambda t, beta_2: t),
        },
        **CLOSE,
    )


FIRST = 6  # rho_5 is 4.996 for beta_2 = 0.999 and 4.9996 for 0.9999


def rectified_steps(beta_2, **change):
    """The weight after each of three steps from FIRST on, with gradient 1 after zeros."""
    gradients = [[np.full([1], float(t >= FIRST))] for t in range(1, FIRST + 3)]
    path = walk(gradients, 1.0, beta_2=beta_2, start=[np.zeros([1])], **change)
    return np.ravel(path)[FIRST - 1 :]


def float32_memory(t, beta_2, end=None):
    power = np.prod([np.float32(beta_2)] * t)
    return float((end or np.float32(2 / (1 - beta_2) - 1)) - 2 * t * power / (1 - power))


def wholly_float32_memory(t, beta_2):
    one, two = np.float32([1, 2])
    return float32_memory(t, beta_2, end=two / (one - np.float32(beta_2)) - one)


FLOAT32 = {"t and beta_2^t": float32_memory, "all of rho": wholly_float32_memory}


@pytest.mark.parametrize("beta_2", [0.999, 0.9999])
def test_3_the_first_rectified_steps_are_right(kata, beta_2):
    w = tf.Variable([0.0])
    optimizer = kata.RectifiedAdam(1.0, beta_2=beta_2)
    optimizer.build([w])
    optimizer.iterations.assign(FIRST - 1)  # as after steps with gradient 0
    path = []
    for _ in range(3):
        optimizer.apply([tf.ones([1])], [w])
        path.append(w.numpy().item())
    assert_close(
        tf.constant(path),
        rectified_steps(beta_2),
        call=f"RectifiedAdam(1.0, beta_2={beta_2}), iterations = {FIRST - 1}, m = v = 0: "
        "the weight after each of 3 steps from 0 with gradient 1",
        oracle=PAPER["oracle"],
        # 1 - beta_2^t in float32 is off by 6e-8 / 6e-4 and more, v_hat's root by half of it.
        rtol=2e-4,
        bugs={
            f"{what} in float32: rho is a small difference of large numbers": (
                rectified_steps(beta_2, rho_of=rho_of)
            )
            for what, rho_of in FLOAT32.items()
        }
        # At 0 it would divide by 0.
        | {"t one too small (iterations)": rectified_steps(beta_2, t=lambda k, i: max(k, 1))},
    )


def test_4_a_schedule_sets_the_rate_of_each_step(kata):
    assert_schedule_sets_each_rate(
        functools.partial(kata.RectifiedAdam, **SETTINGS),
        functools.partial(walk, ONE[:3], start=START[:1], **SETTINGS),
        gradients=ONE[:3],
        call="RectifiedAdam({}, ...)",
        **PAPER,
    )


def test_4_an_assigned_rate_holds_from_the_next_step(kata):
    assert_assigned_rate_holds(
        lambda: kata.RectifiedAdam(1.0),
        [1.0, 0.1, 0.2],
        [-1.0, -1.1, -1.3],  # m_hat is 1
        call="RectifiedAdam(1.0)",
        rtol=1e-6,  # a handful of roundings
        bugs={"the learning rate of the first step, kept": [-1.0, -2.0, -3.0]},
    )


ROUNDS = 2
EARLY = SETTINGS | {"sma_threshold": 4}  # the last two of six steps are rectified


def sparse_bugs():
    """{cause: the table after ROUNDS of the lookups}."""
    sums, squares = ([[table] for table in ROUNDS * scattered(rows)] for rows in (ROWS, ROWS**2))
    here = functools.partial(walk, sums, 0.1, start=[TABLE], **EARLY)
    return {
        "rows of one id squared apart, then summed": here(squares=squares)[-1][0],
        "only the rows in the gradient move": here(seen_only=True)[-1][0],
    }


def test_5_repeated_rows_are_summed_before_they_are_squared(kata):
    assert_duplicate_rows_are_summed(
        functools.partial(kata.RectifiedAdam, 0.1, **EARLY),
        bugs=sparse_bugs(),
        rounds=ROUNDS,
    )
