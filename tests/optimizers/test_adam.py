"""Adam as a Keras 3 optimizer, with the paper's epsilon.

Question (20 min). Derive Adam, then write it as Algorithm 1 has it, not as Keras does:
its slots (`build`) and its rule (`update_step`). For each variable w with gradient g, in
update t = 1, 2, ... at the learning rate lr:

    m <- beta_1 m + (1 - beta_1) g           m and v start at 0
    v <- beta_2 v + (1 - beta_2) g^2
    w <- w - lr m_hat / (sqrt(v_hat) + epsilon)

    m_hat = m / (1 - beta_1^t)      v_hat = v / (1 - beta_2^t)

Test k checks clause k:

    1. Several steps on several variables, also of equal shape, follow Algorithm 1; each
       variable has moments of its own. In float32 and float64, eager, in tf.function and
       in XLA. The powers of beta may be float32.
    2. epsilon is added after the bias correction and outside the root, which shows when
       gradients are as small as epsilon. A zero gradient moves nothing; with epsilon = 0
       it is 0 / 0, and nothing is asked.
    3. t is 1 in the first update and one for all variables, also when one of them has no
       gradient; with Keras' gradient_accumulation_steps it counts updates, not gradients.
       The learning rate may change between steps, by a schedule or by assignment, also
       after tf.function has traced the step.
    4. Sparse gradients (tf.IndexedSlices) move the weights as the dense gradient does:
       the rows of a repeated id are summed before they are squared.
    5. `fit` under tf.function equals eager steps, a step on two replicas equals the step
       on one, and 5 steps, save, load, 5 steps equal 10 steps.
    6. What was given still works: the checks of the arguments, the config, and the base
       class's settings, such as weight_decay. Not asked: clipping of sparse gradients
       and on several replicas, which is Keras' own matter, and wrong there.

Run   nox -s check -- adam
Read  https://arxiv.org/abs/1412.6980, Algorithm 1
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.adam_oracle import (
    ADAM_BUGS,
    FROZEN,
    adam_direction,
    adam_path,
    assert_rows_are_summed_before_squares,
    assert_t_counts_updates,
    assert_t_is_one_for_all,
)
from tests.support.closeness import assert_close
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

# A step is lr <= 0.4 times a ratio near 1 of some ten roundings; 1 - beta_2^t in float32
# adds eps / (1 - 0.95) = 1.2e-6. Four steps: 4 * 0.1 * 2e-6, and weights round at 2e-7.
CLOSE = {"rtol": 1e-6, "atol": 4e-6}
GRADIENTS = random_gradients()
SETTINGS = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.01}
CALL = "Adam(0.05, beta_1=0.8, beta_2=0.95, epsilon=0.01)"
PAPER = {"oracle": "Algorithm 1 in float64", **CLOSE}

BUGS = ADAM_BUGS | {
    "no root of v_hat": {"direction": lambda m, v, c_1, c_2, e: m / c_1 / (v / c_2 + e)},
    "epsilon ignored": {"direction": lambda m, v, c_1, c_2, e: adam_direction(m, v, c_1, c_2, 0)},
    "the sign of the gradient": {"direction": lambda *args: -adam_direction(*args)},
    "g for m: no first moment": {"direction": lambda m, v, c_1, c_2, e: m},
}


def wrong(gradients, rates, settings):
    """{cause: path} of the usual mistakes."""
    walk = functools.partial(adam_path, gradients, rates)
    swapped = settings | {"beta_1": settings["beta_2"], "beta_2": settings["beta_1"]}
    return {cause: walk(**settings | change) for cause, change in BUGS.items()} | {
        "beta_1 and beta_2 swapped": walk(**swapped)
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_1_steps_follow_algorithm_1(kata, dtype):
    assert_trajectory(
        kata.Adam(0.05, **SETTINGS),
        adam_path(GRADIENTS, 0.05, **SETTINGS),
        gradients=GRADIENTS,
        dtype=dtype,
        call=CALL,
        bugs=wrong(GRADIENTS, 0.05, SETTINGS),
        **PAPER,
    )


def test_1_graphs_and_xla_take_the_same_steps(kata):
    walk = functools.partial(adam_path, GRADIENTS, 0.05, **SETTINGS)
    assert_compiled_trajectory(
        kata.Adam(0.05, **SETTINGS),
        walk(),
        gradients=GRADIENTS,
        call=CALL,
        bugs={FROZEN: walk(**ADAM_BUGS[FROZEN])},
        **PAPER,
    )


def test_1_betas_and_epsilon_may_be_zero(kata):
    gradients = GRADIENTS[::2]  # without a zero, which would give 0 / 0
    assert_trajectory(
        kata.Adam(0.05, beta_1=0.0, beta_2=0.0, epsilon=0.0),
        adam_path(gradients, 0.05, 0.0, 0.0, 0.0),
        gradients=gradients,
        call="Adam(0.05, beta_1=0.0, beta_2=0.0, epsilon=0.0)",
        oracle="the sign of the gradient: what is left of Algorithm 1",
        **CLOSE,
    )


# As small as the default epsilon: g / (g + epsilon) is far from 1.
TINY = [[1e-8 * g for g in arrays] for arrays in random_gradients(steps=6)]


def test_2_default_settings_on_gradients_as_small_as_epsilon(kata):
    origin = [np.zeros_like(w) for w in START]
    walk = functools.partial(adam_path, TINY, 0.001, start=origin)
    assert_trajectory(
        kata.Adam(),
        walk(0.9, 0.999, 1e-8),
        gradients=TINY,
        start=origin,  # where weights as small as the steps round
        call="Adam()",
        oracle="Algorithm 1 in float64",
        # Where 1 - 0.999^t is float32, at most 2e-5 off, v_hat's root is 1e-5 off: six
        # steps of 0.001 are 6e-8.
        rtol=1e-5,
        atol=1e-7,
        bugs={
            "epsilon = 1e-7, Keras' default": walk(0.9, 0.999, 1e-7),
            "beta_2 = 0.99": walk(0.9, 0.99, 1e-8),
        },
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_2_epsilon_is_added_to_the_corrected_root(kata, dtype):
    settings = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-8}
    assert_trajectory(
        kata.Adam(0.05, **settings),
        adam_path(TINY[:3], 0.05, **settings),
        gradients=TINY[:3],
        dtype=dtype,
        call="Adam(0.05, beta_1=0.8, beta_2=0.95, epsilon=1e-8) for gradients near 1e-8",
        bugs=wrong(TINY[:3], 0.05, settings),
        **PAPER,
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


def test_3_a_schedule_sets_the_rate_of_each_step(kata):
    assert_schedule_sets_each_rate(
        functools.partial(kata.Adam, **SETTINGS),
        lambda rates: adam_path(GRADIENTS, rates, **SETTINGS),
        gradients=GRADIENTS,
        dtype="float64",
        call="Adam({}, ...)",
        **PAPER,
    )


def test_3_an_assigned_rate_holds_from_the_next_step(kata):
    assert_assigned_rate_holds(
        lambda: kata.Adam(1.0, beta_1=0.8, beta_2=0.95, epsilon=0.0),
        [1.0, 0.1, 0.2],
        [-1.0, -1.1, -1.3],  # m_hat = v_hat = 1
        call="Adam(1.0, beta_1=0.8, beta_2=0.95, epsilon=0.0)",
        rtol=2e-6,  # 1 - 0.95 in float32, and a few roundings
        bugs={"the learning rate of the first step, kept": [-1.0, -2.0, -3.0]},
    )


def test_3_t_counts_updates_when_gradients_are_accumulated(kata):
    assert_t_counts_updates(
        kata.Adam(0.05, gradient_accumulation_steps=2, **SETTINGS),
        functools.partial(adam_path, rates=0.05, **SETTINGS),
        gradients=GRADIENTS,
        call=f"{CALL[:-1]}, gradient_accumulation_steps=2)",
        **CLOSE,
    )


def test_3_t_is_one_for_all_variables(kata):
    assert_t_is_one_for_all(
        kata.Adam(0.05, **SETTINGS),
        functools.partial(adam_path, rates=0.05, **SETTINGS),
        gradients=GRADIENTS[:3],
        call=f"{CALL}, where the first variable has no gradient in the second step",
        **CLOSE,
    )


def test_4_repeated_rows_are_summed(kata):
    assert_rows_are_summed_before_squares(
        functools.partial(kata.Adam, 0.1, **SETTINGS),
        functools.partial(adam_path, rates=0.1, **SETTINGS),
    )


def test_5_fit_equals_eager_steps(kata):
    assert_fit_equals_eager(lambda: kata.Adam(Halving(0.4), **SETTINGS))


def test_5_two_replicas_step_as_one(kata):
    assert_replicas_agree(lambda: kata.Adam(0.1, **SETTINGS))


def test_5_resumes_where_it_was_saved(kata, tmp_path):
    assert_resumes(lambda: kata.Adam(0.1, **SETTINGS), tmp_path)


def test_6_what_was_given_checks_its_arguments(kata):
    for bad in [{"beta_1": -0.1}, {"beta_1": 1.0}, {"beta_2": 1.0}, {"epsilon": -1e-8}]:
        assert_value_error(lambda bad=bad: kata.Adam(**bad), *bad, call=f"Adam({keywords(bad)})")


def test_6_what_was_given_keeps_its_settings(kata):
    given = {"learning_rate": 0.05, "weight_decay": 0.5, **SETTINGS}
    revived = assert_config_round_trip(kata.Adam, name="mine", **given)
    walk = functools.partial(adam_path, GRADIENTS[:2], 0.05, **SETTINGS)
    assert_trajectory(
        revived,
        walk(shrink=0.5),
        gradients=GRADIENTS[:2],
        call=f"{CALL[:-1]}, weight_decay=0.5), revived from its config",
        oracle="AdamW: w - lr weight_decay w, then Algorithm 1",
        bugs={"weight_decay ignored": walk()},
        **CLOSE,
    )
