"""Lion as a Keras 3 optimizer.

Question (12 min). Lion keeps one slot where Adam keeps two, and steps by a sign. Write
its `update_step`. For each variable w with gradient g, at the learning rate lr of this
step, in this order:

    w <- w - lr sign(beta_1 m + (1 - beta_1) g)       m starts at 0, sign(0) = 0
    m <- beta_2 m + (1 - beta_2) g

Test k checks clause k:

    1. Several steps on several variables, also of equal shape, follow the formula with
       each variable's own m; a beta may be 0. In float32 and float64, eager, in
       tf.function and in XLA.
    2. Every element moves by lr, however large or small its gradient (in float32 from
       1e-36 to 1e38); an element whose gradients have all been 0 stays.
    3. The learning rate may change between steps, by a schedule or by assignment, also
       after tf.function has traced the step.
    4. Sparse gradients (tf.IndexedSlices) move the weights as the dense gradient does,
       for any betas: the rows of a repeated id are summed before their sign is taken,
       and a row that is not in the gradient still moves by its m.
    5. `fit` under tf.function equals eager steps, and a step on two replicas equals the
       step on one.
    6. What was given still works: the checks of the arguments, the config, and 5 steps,
       save, load, 5 steps equal 10 steps; so do the base class's settings, such as
       weight_decay. Not asked: clipping of sparse gradients and on several replicas,
       which is Keras' own matter, and wrong there.

Run   nox -s check -- lion
Read  https://arxiv.org/abs/2302.06675, Algorithm 2
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.keras_optimizers import (
    assert_fit_equals_eager,
    assert_replicas_agree,
    assert_resumes,
)
from tests.support.serialization import assert_config_round_trip
from tests.support.sparse_gradients import (
    LOOKUPS,
    ROWS,
    TABLE,
    assert_duplicate_rows_are_summed,
    scattered,
)
from tests.support.trajectories import (
    SHARED,
    START,
    Halving,
    assert_assigned_rate_holds,
    assert_compiled_trajectory,
    assert_schedule_sets_each_rate,
    assert_trajectory,
    first_of_the_shape,
    itself,
    per_step,
    random_gradients,
)
from tests.support.value_errors import assert_value_error, keywords

# Steps are lr or nothing. Each weight below 4 rounds by 1.2e-7 a step: 8 * 1.2e-7.
CLOSE = {"rtol": 1e-6, "atol": 2e-6}
GRADIENTS = random_gradients(steps=8)
BETAS = {"beta_1": 0.7, "beta_2": 0.8}
CALL = "Lion(0.05, beta_1=0.7, beta_2=0.8)"
FORMULA = {"oracle": "the formula in float64", **CLOSE}


def oracle(gradients, rates, beta_1, beta_2, *, decay=0.0, slot=itself, direction=None):
    """Returns the weights after each step.

    Args:
        rates: The learning rate, or one for each step.
        decay: lr times this share of w is taken from w in each step.
        slot: A function of the variable: whose m it has.
        direction: A function of m, the next m, g and the mix of m and g, that returns
            the step's direction; the sign of the mix by default.
    """
    direction = direction or (lambda m, after, g, mix: np.sign(mix))
    w = [x.copy() for x in START]
    m = [np.zeros_like(x) for x in w]
    path = []
    for arrays, lr in zip(gradients, per_step(rates, gradients), strict=True):
        for i, g in enumerate(arrays):
            s = slot(i)
            mix = beta_1 * m[s] + (1 - beta_1) * g
            after = beta_2 * m[s] + (1 - beta_2) * g
            w[i] = (1 - lr * decay) * w[i] - lr * direction(m[s], after, g, mix)
            m[s] = after
        path.append([x.copy() for x in w])
    return path


def m_first(m, after, g, mix, beta_1=BETAS["beta_1"]):
    return np.sign(beta_1 * after + (1 - beta_1) * g)


WRONG = {
    "m updated first, then mixed with g again": m_first,
    "one beta: the sign of the new m": lambda m, after, g, mix: np.sign(after),
    "the sign of the old m": lambda m, after, g, mix: np.sign(m),
    "no m: the sign of the gradient": lambda m, after, g, mix: np.sign(g),
    "no sign": lambda m, after, g, mix: mix,
    "the sign of the step": lambda m, after, g, mix: -np.sign(mix),
}


def wrong(gradients, rates):
    """{cause: path} of the usual mistakes."""
    walk = functools.partial(oracle, gradients, rates)
    b_1, b_2 = BETAS.values()
    return {cause: walk(**BETAS, direction=rule) for cause, rule in WRONG.items()} | {
        "one beta: beta_1 for beta_2 too": walk(b_1, b_1),
        "one beta: beta_2 for beta_1 too": walk(b_2, b_2),
        "beta_1 and beta_2 swapped": walk(b_2, b_1),
        "beta and 1 - beta swapped": walk(1 - b_1, 1 - b_2),
        SHARED: walk(b_1, b_2, slot=first_of_the_shape),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_1_steps_follow_the_formula(kata, dtype):
    assert_trajectory(
        kata.Lion(0.05, **BETAS),
        oracle(GRADIENTS, 0.05, **BETAS),
        gradients=GRADIENTS,
        dtype=dtype,
        call=CALL,
        bugs=wrong(GRADIENTS, 0.05),
        **FORMULA,
    )


def test_1_graphs_and_xla_take_the_same_steps(kata):
    assert_compiled_trajectory(
        kata.Lion(0.05, **BETAS),
        oracle(GRADIENTS, 0.05, **BETAS),
        gradients=GRADIENTS,
        call=CALL,
        **FORMULA,
    )


@pytest.mark.parametrize("betas", [(0.0, 0.9), (0.7, 0.0)], ids=str)
def test_1_a_beta_may_be_zero(kata, betas):
    assert_trajectory(
        kata.Lion(0.05, *betas),
        oracle(GRADIENTS, 0.05, *betas),
        gradients=GRADIENTS,
        call=f"Lion(0.05, beta_1={betas[0]}, beta_2={betas[1]})",
        **FORMULA,
    )


def test_2_the_step_does_not_depend_on_the_size_of_the_gradient(kata):
    gradients = [1e-36, -1e-3, 0.0, 50.0, -1e38]
    w = tf.Variable(tf.ones(5))
    kata.Lion(0.5, **BETAS).apply([tf.constant(gradients)], [w])
    assert_close(
        w,
        [0.5, 1.5, 1.0, 0.5, 1.5],
        call="one step of Lion(0.5, ...) from 1",
        oracle="1 - lr sign(g)",
        rtol=1e-6,  # two roundings
        inputs={"gradient": gradients},
        bugs={"sign(0) = 1": [0.5, 1.5, 0.5, 0.5, 1.5]},
    )


def test_2_the_first_gradient_after_zeros_moves_by_the_learning_rate(kata):
    gradients = [[np.zeros_like(w) for w in START], *GRADIENTS[:2]]
    assert_trajectory(
        kata.Lion(0.05, **BETAS),
        oracle(gradients, 0.05, **BETAS),
        gradients=gradients,
        call=f"{CALL}, whose first gradient is 0",
        **FORMULA,
    )


def test_3_a_schedule_sets_the_rate_of_each_step(kata):
    assert_schedule_sets_each_rate(
        functools.partial(kata.Lion, **BETAS),
        lambda rates: oracle(GRADIENTS[:4], rates, **BETAS),
        gradients=GRADIENTS[:4],
        dtype="float64",
        call="Lion({}, ...)",
        **FORMULA,
    )


def test_3_an_assigned_rate_holds_from_the_next_step(kata):
    assert_assigned_rate_holds(
        lambda: kata.Lion(1.0, **BETAS),
        [1.0, 0.25],
        [-1.0, -1.25],
        call="Lion(1.0, beta_1=0.7, beta_2=0.8)",
        rtol=1e-6,  # two roundings
        bugs={"the learning rate of the first step, kept": [-1.0, -2.0]},
    )


def rows_apart():
    """The table when each row of the gradient takes a step of its own."""
    table, m = TABLE.copy(), np.zeros_like(TABLE)
    for ids, total in zip(LOOKUPS, scattered(ROWS), strict=True):
        np.add.at(table, ids, -0.1 * np.sign(0.7 * m[ids] + 0.3 * ROWS))
        m = 0.8 * m + 0.2 * total
    return table


def seen_rows_only():
    """The table when rows outside the gradient neither move nor forget."""
    table, m = TABLE.copy(), np.zeros_like(TABLE)
    for ids, total in zip(LOOKUPS, scattered(ROWS), strict=True):
        seen = np.unique(ids)
        table[seen] -= 0.1 * np.sign(0.7 * m[seen] + 0.3 * total[seen])
        m[seen] = 0.8 * m[seen] + 0.2 * total[seen]
    return table


def test_4_repeated_rows_are_summed(kata):
    assert_duplicate_rows_are_summed(
        functools.partial(kata.Lion, 0.1, **BETAS),
        bugs={
            "a step for each row of one id": rows_apart(),
            "only the rows in the gradient move": seen_rows_only(),
        },
    )


@pytest.mark.parametrize("betas", [(0.0, 0.8), (0.7, 0.0)], ids=str)
def test_4_a_beta_may_be_zero(kata, betas):
    assert_duplicate_rows_are_summed(functools.partial(kata.Lion, 0.1, *betas))


def test_5_fit_equals_eager_steps(kata):
    assert_fit_equals_eager(lambda: kata.Lion(Halving(0.4), **BETAS))


def test_5_two_replicas_step_as_one(kata):
    assert_replicas_agree(lambda: kata.Lion(0.1, **BETAS))


def test_6_what_was_given_checks_its_arguments(kata):
    for bad in [{"beta_1": -0.1}, {"beta_1": 1.0}, {"beta_2": -0.1}, {"beta_2": 1.0}]:
        assert_value_error(lambda bad=bad: kata.Lion(**bad), *bad, call=f"Lion({keywords(bad)})")


def test_6_what_was_given_keeps_its_settings(kata):
    given = {"learning_rate": 0.05, "weight_decay": 0.5, **BETAS}
    revived = assert_config_round_trip(kata.Lion, name="mine", **given)
    walk = functools.partial(oracle, GRADIENTS[:3], 0.05, **BETAS)
    assert_trajectory(
        revived,
        walk(decay=0.5),
        gradients=GRADIENTS[:3],
        call=f"{CALL[:-1]}, weight_decay=0.5), revived from its config",
        oracle="w - lr (sign(...) + weight_decay w), as in the paper",
        bugs={"weight_decay ignored": walk()},
        **CLOSE,
    )


def test_6_what_was_given_has_the_defaults_of_the_signature(kata):
    walk = functools.partial(oracle, GRADIENTS)
    assert_trajectory(
        kata.Lion(),
        walk(1e-4, 0.9, 0.99),
        gradients=GRADIENTS,
        call="Lion()",
        bugs={
            "learning_rate = 0.001, Keras' default": walk(1e-3, 0.9, 0.99),
            "beta_2 = 0.999": walk(1e-4, 0.9, 0.999),
            "beta_1 = 0.95": walk(1e-4, 0.95, 0.99),
        },
        **FORMULA,
    )


def test_6_resumes_where_it_was_saved(kata, tmp_path):
    assert_resumes(lambda: kata.Lion(0.1, **BETAS), tmp_path)
