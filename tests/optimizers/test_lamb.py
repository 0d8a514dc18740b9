"""LAMB as a Keras 3 optimizer.

Question (25 min). Batches of 32,000 need a step that fits each layer. LAMB takes Adam's
direction and scales it by a trust ratio. Write its `update_step`. For each variable w
with gradient g, in update t = 1, 2, ... at the learning rate lr, with lambda =
weight_decay_rate:

    m <- beta_1 m + (1 - beta_1) g           m and v start at 0
    v <- beta_2 v + (1 - beta_2) g^2
    r = m_hat / (sqrt(v_hat) + epsilon) + lambda w
    w <- w - lr (||w|| / ||r||) r

    m_hat = m / (1 - beta_1^t)      v_hat = v / (1 - beta_2^t)

Test k checks clause k:

    1. Several steps on several variables, also of equal shape, follow the formula with
       each variable's own moments. The norms are Euclidean, over all elements of one
       variable; lambda w is part of r. In float32 and float64, eager, in tf.function and
       in XLA. The powers of beta may be float32.
    2. The ratio is 1 where ||w|| or ||r|| is 0: zero weights start to move, a zero
       gradient gives no nan (for epsilon > 0; with 0 it is 0 / 0, and nothing is asked).
       Other norms, small or large, are taken as they are: nothing is added, the ratio
       has no bounds. Elements are of 1e-15 to 1e15: float32 holds their squares.
    3. t is 1 in the first update and one for all variables, also when one of them has no
       gradient; with Keras' gradient_accumulation_steps it counts updates, not gradients.
       The learning rate may change between steps, by a schedule or by assignment, also
       after tf.function has traced the step.
    4. Sparse gradients (tf.IndexedSlices) move the weights as the dense gradient does:
       the rows of a repeated id are summed before they are squared.
    5. `fit` under tf.function equals eager steps, and a step on two replicas equals the
       step on one.
    6. What was given still works: the checks of the arguments, the config, and 5 steps,
       save, load, 5 steps equal 10 steps; so do the base class's settings, such as
       weight_decay. Not asked: clipping of sparse gradients and on several replicas,
       which is Keras' own matter, and wrong there.

Run   nox -s check -- lamb
Read  https://arxiv.org/abs/1904.00962, Algorithm 2
"""

import functools

import numpy as np
import pytest

from tests.support.adam_oracle import (
    ADAM_BUGS,
    FROZEN,
    adam_path,
    assert_rows_are_summed_before_squares,
    assert_t_counts_updates,
    assert_t_is_one_for_all,
)
from tests.support.keras_optimizers import (
    assert_fit_equals_eager,
    assert_replicas_agree,
    assert_resumes,
)
from tests.support.serialization import assert_config_round_trip
from tests.support.trajectories import (
    START,
    Halving,
    assert_assigned_rate_holds,
    assert_compiled_trajectory,
    assert_schedule_sets_each_rate,
    assert_trajectory,
    random_gradients,
)
from tests.support.value_errors import assert_value_error, keywords

# A step is lr ||w|| <= 0.3 long, and known to some ten roundings and the 1.2e-6 of
# 1 - 0.95^t in float32: 6 * 0.3 * 2e-6, besides weights that round at 2e-7.
CLOSE = {"rtol": 1e-6, "atol": 5e-6}
GRADIENTS = random_gradients()
SETTINGS = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.01, "weight_decay_rate": 0.3}
CALL = "Lamb(0.05, beta_1=0.8, beta_2=0.95, epsilon=0.01, weight_decay_rate=0.3)"
PAPER = {"oracle": "the formula in float64", **CLOSE}


def norm(x):
    return np.sqrt(np.sum(np.square(x)))


def paper(w, u, decay):
    """What lr multiplies, for Adam's direction u."""
    r = u + decay * w
    return r * (norm(w) / norm(r) if norm(w) > 0 and norm(r) > 0 else 1.0)


def oracle(gradients, rates, beta_1, beta_2, epsilon, weight_decay_rate, *, step=paper, **change):
    """Returns the weights after each step; `change` is as for `adam_path`."""
    scaled = lambda w, u: step(w, u, weight_decay_rate)
    return adam_path(gradients, rates, beta_1, beta_2, epsilon, step=scaled, **change)


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


def wrong(gradients, rates):
    """{cause: path} of the usual mistakes."""
    walk = functools.partial(oracle, gradients, rates, **SETTINGS)
    without = functools.partial(walk, weight_decay_rate=0.0)
    return (
        {cause: walk(step=step) for cause, step in STEPS.items()}
        | {cause: walk(**change) for cause, change in ADAM_BUGS.items()}
        | {"lambda w added to the gradient": without(l2=SETTINGS["weight_decay_rate"])}
        | {"the decay left to the base class": without(shrink=SETTINGS["weight_decay_rate"])}
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_1_steps_follow_the_formula(kata, dtype):
    assert_trajectory(
        kata.Lamb(0.05, **SETTINGS),
        oracle(GRADIENTS, 0.05, **SETTINGS),
        gradients=GRADIENTS,
        dtype=dtype,
        call=CALL,
        bugs=wrong(GRADIENTS, 0.05),
        **PAPER,
    )


def test_1_graphs_and_xla_take_the_same_steps(kata):
    walk = functools.partial(oracle, GRADIENTS, 0.05, **SETTINGS)
    assert_compiled_trajectory(
        kata.Lamb(0.05, **SETTINGS),
        walk(),
        gradients=GRADIENTS,
        call=CALL,
        bugs={FROZEN: walk(**ADAM_BUGS[FROZEN])},
        **PAPER,
    )


def test_1_betas_and_epsilon_may_be_zero(kata):
    gradients = GRADIENTS[::2]  # without a zero, which would give 0 / 0
    assert_trajectory(
        kata.Lamb(0.05, beta_1=0.0, beta_2=0.0, epsilon=0.0),
        oracle(gradients, 0.05, 0.0, 0.0, 0.0, 0.0),
        gradients=gradients,
        call="Lamb(0.05, beta_1=0.0, beta_2=0.0, epsilon=0.0)",
        oracle="the sign of the gradient, scaled to lr ||w||",
        **CLOSE,
    )


def test_1_default_settings_on_gradients_as_small_as_epsilon(kata):
    gradients = [[1e-6 * g for g in arrays] for arrays in GRADIENTS[:3]]
    walk = functools.partial(oracle, gradients, 0.001)
    assert_trajectory(
        kata.Lamb(),
        walk(0.9, 0.999, 1e-6, 0.0),
        gradients=gradients,
        call="Lamb()",
        oracle="the formula in float64",
        # Steps are at most 0.005 long, and known to 1e-5 where 1 - 0.999 is float32.
        rtol=1e-6,
        atol=1e-6,
        bugs={
            "epsilon = 1e-7, Keras' default": walk(0.9, 0.999, 1e-7, 0.0),
            "weight_decay_rate = 0.01": walk(0.9, 0.999, 1e-6, 0.01),
            "beta_2 = 0.99": walk(0.9, 0.99, 1e-6, 0.0),
        },
    )


def test_2_zero_weights_start_to_move(kata):
    gradients, start = GRADIENTS[:2], [np.zeros_like(START[0]), *START[1:]]
    walk = functools.partial(oracle, gradients, 0.05, **SETTINGS, start=start)

    def unguarded(w, u, decay):
        return norm(w) / norm(u + decay * w) * (u + decay * w)

    assert_trajectory(
        kata.Lamb(0.05, **SETTINGS),
        walk(),
        gradients=gradients,
        start=start,
        call=f"{CALL}, where one variable starts at 0",
        bugs={"no guard: a ratio of 0, and zero weights never move": walk(step=unguarded)},
        **PAPER,
    )


@pytest.mark.parametrize("decay", [0.0, 0.3], ids="weight_decay_rate={}".format)
def test_2_a_zero_gradient(kata, decay):
    gradients = [[np.zeros_like(w) for w in START], *GRADIENTS[:1]]
    settings = SETTINGS | {"weight_decay_rate": decay}
    walk = functools.partial(oracle, gradients, 0.05, **settings)

    def unscaled(w, u, decay):
        return paper(w, u, decay) if np.any(u) else u + decay * w

    assert_trajectory(
        kata.Lamb(0.05, **settings),
        walk(),
        gradients=gradients,
        call=f"{CALL[:-4]}{decay}), whose first gradient is 0",
        # Without a decay nothing moves at all, with or without this bug.
        bugs={"a ratio of 1 where the gradient is 0, not r": walk(step=unscaled)} if decay else {},
        **PAPER,
    )


# {cause: what lr multiplies}. With gradients near 1e-16 and an epsilon of 0.01, ||r|| is
# near 1e-14, and the ratio 0.2 or 2e29.
NEAR_NO_NORM = {
    "a ratio of 1 where a norm is only small": STEPS["no trust ratio"],
    "epsilon added to ||r||": lambda w, u, d: norm(w) / (norm(u) + 0.01) * u,
}
BOUNDED = {"the ratio at most 10": lambda w, u, d: min(10.0, norm(w) / norm(u)) * u}


@pytest.mark.parametrize(
    "size, bugs", [(1e-15, NEAR_NO_NORM), (1e15, NEAR_NO_NORM | BOUNDED)], ids=["1e-15", "1e15"]
)
def test_2_norms_far_from_1_are_taken_as_they_are(kata, size, bugs):
    start, gradients = [size * w for w in START], [[1e-16 * g for g in GRADIENTS[0]]]
    settings = SETTINGS | {"weight_decay_rate": 0.0}
    walk = functools.partial(oracle, gradients, 0.05, **settings, start=start)
    assert_trajectory(
        kata.Lamb(0.05, **settings),
        walk(),
        gradients=gradients,
        start=start,
        call=f"{CALL[:-4]}0.0) on weights near {size:g}, gradients near 1e-16",
        oracle="the formula in float64",
        rtol=1e-6,  # one step of a tenth, known to 2e-6
        bugs={cause: walk(step=step) for cause, step in bugs.items()},
    )


def test_3_a_schedule_sets_the_rate_of_each_step(kata):
    assert_schedule_sets_each_rate(
        functools.partial(kata.Lamb, **SETTINGS),
        lambda rates: oracle(GRADIENTS[:3], rates, **SETTINGS),
        gradients=GRADIENTS[:3],
        dtype="float64",
        first=0.2,
        call="Lamb({}, ...)",
        **PAPER,
    )


def test_3_an_assigned_rate_holds_from_the_next_step(kata):
    settings = SETTINGS | {"epsilon": 0.0, "weight_decay_rate": 0.0}
    assert_assigned_rate_holds(
        lambda: kata.Lamb(1.0, **settings),
        [1.0, 0.1, 0.2],
        [-1.0, -1.1, -1.32],  # r = 1; a step of lr from 0, and then of lr |w|
        call=f"Lamb(1.0, {keywords(settings)})",
        rtol=2e-6,  # 1 - 0.95 in float32, and a few roundings
        bugs={"the learning rate of the first step, kept": [-1.0, -2.0, -4.0]},
    )


def test_3_t_counts_updates_when_gradients_are_accumulated(kata):
    assert_t_counts_updates(
        kata.Lamb(0.05, gradient_accumulation_steps=2, **SETTINGS),
        functools.partial(oracle, rates=0.05, **SETTINGS),
        gradients=GRADIENTS,
        call=f"{CALL[:-1]}, gradient_accumulation_steps=2)",
        **CLOSE,
    )


def test_3_t_is_one_for_all_variables(kata):
    assert_t_is_one_for_all(
        kata.Lamb(0.05, **SETTINGS),
        functools.partial(oracle, rates=0.05, **SETTINGS),
        gradients=GRADIENTS[:3],
        call=f"{CALL}, where the first variable has no gradient in the second step",
        **CLOSE,
    )


def test_4_repeated_rows_are_summed(kata):
    assert_rows_are_summed_before_squares(
        functools.partial(kata.Lamb, 0.1, **SETTINGS),
        functools.partial(oracle, rates=0.1, **SETTINGS),
    )


def test_5_fit_equals_eager_steps(kata):
    assert_fit_equals_eager(lambda: kata.Lamb(Halving(0.2), **SETTINGS))


def test_5_two_replicas_step_as_one(kata):
    assert_replicas_agree(lambda: kata.Lamb(0.1, **SETTINGS))


def test_6_what_was_given_checks_its_arguments(kata):
    for bad in [{"beta_1": -0.1}, {"beta_1": 1.0}, {"beta_2": 1.0}, {"epsilon": -1e-6}]:
        assert_value_error(lambda bad=bad: kata.Lamb(**bad), *bad, call=f"Lamb({keywords(bad)})")


def test_6_what_was_given_keeps_its_settings(kata):
    given = {"learning_rate": 0.05, "weight_decay": 0.5, **SETTINGS}
    revived = assert_config_round_trip(kata.Lamb, name="mine", **given)
    walk = functools.partial(oracle, GRADIENTS[:2], 0.05, **SETTINGS)
    assert_trajectory(
        revived,
        walk(shrink=0.5),
        gradients=GRADIENTS[:2],
        call=f"{CALL[:-1]}, weight_decay=0.5), revived from its config",
        oracle="w - lr weight_decay w, then the formula",
        bugs={"weight_decay ignored": walk()},
        **CLOSE,
    )


def test_6_resumes_where_it_was_saved(kata, tmp_path):
    assert_resumes(lambda: kata.Lamb(0.1, **SETTINGS), tmp_path)
