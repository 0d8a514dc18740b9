"""Lookahead, an optimizer that wraps another.

Question (45 min). Write a wrapper for any Keras optimizer. The wrapped optimizer moves
the weights, which are now called fast; the wrapper keeps a slow copy. After every k-th
step, k = sync_period, with a = slow_step_size:

    slow <- slow + a (fast - slow)
    fast <- slow

Test k checks clause k:

    1. Several steps on several variables, also of equal shape, follow this, in float32
       and float64, eager, in tf.function and in XLA. The slow weights start as a copy of
       the weights in `build`. The first sync is after step k, not before, and each is of
       all variables, also of one without gradient in that step.
    2. It wraps any Keras optimizer, and all of it: state, step count, weight_decay and
       clipping of the wrapped optimizer work as without the wrapper. A sync leaves its
       state alone. Not asked: its loss_scale_factor and use_ema.
    3. Reading and assigning `learning_rate` on the wrapper reads and assigns that of the
       wrapped optimizer, also after tf.function has traced the step; its schedule sees
       each step.
    4. Sparse gradients (tf.IndexedSlices), repeated ids included, move the weights as
       the dense gradient does; `fit` under tf.function equals eager steps; a step on two
       replicas equals the step on one. (With clipping, sparse gradients and replicas are
       Keras' own matter, and wrong there.)
    5. sync_period < 1 and slow_step_size outside (0, 1] raise a ValueError that names
       the argument, as in `Received: sync_period=0`.
    6. The class is registered with Keras, comes back from its config with the wrapped
       optimizer and its settings, and 5 steps, save, load, 5 steps equal 10 steps, the
       state of the wrapped optimizer included.

Run   nox -s check -- lookahead
Read  https://arxiv.org/abs/1907.08610, Algorithm 1
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.adam_oracle import adam_path, keras_direction
from tests.support.closeness import assert_close
from tests.support.keras_optimizers import (
    assert_fit_equals_eager,
    assert_replicas_agree,
    assert_resumes,
)
from tests.support.serialization import revive
from tests.support.sparse_gradients import assert_duplicate_rows_are_summed
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
    random_gradients,
)
from tests.support.value_errors import assert_value_error, keywords

# Six steps and two syncs of some four roundings on weights below 4: 32 * 1.2e-7.
CLOSE = {"rtol": 1e-6, "atol": 5e-6}
# tf.function takes the first three, XLA the others: a sync for each.
GRADIENTS = random_gradients(steps=6)
SETTINGS = {"sync_period": 3, "slow_step_size": 0.3}
CALL = "Lookahead(SGD(0.1, momentum=0.8), sync_period=3, slow_step_size=0.3)"
FORMULA = {"oracle": "the formula in float64", **CLOSE}


def momentum_steps(rates, mu=0.8, decay=0.0):
    """What SGD adds to a variable, a function of step, variable, weights and g."""
    velocity, lr = [np.zeros_like(w) for w in START], np.resize(rates, len(GRADIENTS))

    def step(k, i, w, g):
        velocity[i] = mu * velocity[i] - lr[k] * g
        return velocity[i] - lr[k] * decay * w

    step.velocity = velocity
    return step


def adam_steps(**change):
    """What Keras' Adam(0.1) adds to a variable: it does not depend on the weights."""
    walked = adam_path(GRADIENTS, 0.1, 0.9, 0.999, 1e-7, direction=keras_direction, **change)
    path = [START, *walked]
    return lambda k, i, w, g: path[k + 1][i] - path[k][i]


def average(slow, fast, a):
    """Both weights after a sync: slow, fast."""
    slow = slow + a * (fast - slow)
    return slow, slow


def oracle(
    step,
    sync_period,
    slow_step_size,
    *,
    gradients=GRADIENTS,
    first=START,
    sync=average,
    due=lambda k, period: (k + 1) % period == 0,
    slot=itself,
    forget=False,
    all_variables=True,
):
    """Returns the weights after each step, which `step` makes.

    Args:
        step: A function of step and variable from 0, the weights and their gradient.
        gradients: As for `trajectory`. A variable without gradient makes no step.
        first: What the slow weights start at.
        sync: What a sync makes of slow and fast weights.
        due: Whether a sync follows step k, from 0.
        slot: A function of the variable: whose slow weights it has.
        forget: Whether a sync clears the velocity of `momentum_steps`.
        all_variables: Whether a sync is of those without gradient, too.
    """
    fast, slow, path = [w.copy() for w in START], list(first), []
    for k, arrays in enumerate(gradients):
        for i, g in enumerate(arrays):
            if g is not None:
                fast[i] = fast[i] + step(k, i, fast[i], g)
            if due(k, sync_period) and (all_variables or g is not None):
                s = slot(i)
                slow[s], fast[i] = sync(slow[s], fast[i], slow_step_size)
                if forget:
                    step.velocity[i] = np.zeros_like(g)
        path.append([w.copy() for w in fast])
    return path


WRONG = {
    "slow weights that start at 0": {"first": [np.zeros_like(w) for w in START]},
    "fast weights never reset": {"sync": lambda slow, fast, a: (slow, fast)},
    "slow weights never moved": {"sync": lambda s, f, a: (s, average(s, f, a)[0])},
    "a and 1 - a swapped": {"sync": lambda slow, fast, a: average(slow, fast, 1 - a)},
    "back to the slow weights, which stay": {"sync": lambda slow, fast, a: (slow, slow)},
    "a sync after the first step: at iterations % k == 0": {"due": lambda k, n: k % n == 0},
    "a sync after each step": {"due": lambda k, n: True},
    "a sync one step early": {"due": lambda k, n: (k + 2) % n == 0},
    "the momentum cleared at a sync": {"forget": True},
    SHARED: {"slot": first_of_the_shape},
}


def wrong():
    """{cause: path} of the usual mistakes round SGD(0.1, momentum=0.8)."""
    return {
        cause: oracle(momentum_steps(0.1), **SETTINGS, **change) for cause, change in WRONG.items()
    }


def sgd(learning_rate=0.1, **settings):
    return keras.optimizers.SGD(learning_rate, momentum=0.8, **settings)


def test_1_steps_follow_the_formula(kata):
    assert_trajectory(
        kata.Lookahead(sgd(), **SETTINGS),
        oracle(momentum_steps(0.1), **SETTINGS),
        gradients=GRADIENTS,
        call=CALL,
        bugs=wrong(),
        **FORMULA,
    )


def test_1_a_variable_without_gradient_is_synced(kata):
    gradients = [*GRADIENTS[:2], [None, *GRADIENTS[2][1:]], *GRADIENTS[3:]]
    walk = lambda **change: oracle(momentum_steps(0.1), **SETTINGS, gradients=gradients, **change)
    assert_trajectory(
        kata.Lookahead(sgd(), **SETTINGS),
        walk(),
        gradients=gradients,
        call=f"{CALL}, where the first variable has no gradient in the third step",
        bugs={"a variable without gradient left out of the sync": walk(all_variables=False)},
        **FORMULA,
    )


def test_1_graphs_and_xla_take_the_same_steps(kata):
    assert_compiled_trajectory(
        kata.Lookahead(sgd(), **SETTINGS),
        oracle(momentum_steps(0.1), **SETTINGS),
        gradients=GRADIENTS,
        call=CALL,
        **FORMULA,
    )


def test_1_defaults_are_those_of_the_signature(kata):
    walk = lambda *settings: oracle(momentum_steps(0.1), *settings)
    assert_trajectory(
        kata.Lookahead(sgd()),
        walk(6, 0.5),
        gradients=GRADIENTS,
        call="Lookahead(SGD(0.1, momentum=0.8))",
        bugs={"sync_period = 5, the paper's": walk(5, 0.5)},
        **FORMULA,
    )


@pytest.mark.parametrize(
    "settings",
    [{"sync_period": 1, "slow_step_size": 0.5}, {"sync_period": 2, "slow_step_size": 1.0}],
    ids=str,
)
def test_1_bounds_of_the_settings_are_allowed_in_float64(kata, settings):
    assert_trajectory(
        kata.Lookahead(sgd(), **settings),
        oracle(momentum_steps(0.1), **settings, gradients=GRADIENTS[:3]),
        gradients=GRADIENTS[:3],
        dtype="float64",
        call=f"Lookahead(SGD(0.1, momentum=0.8), {keywords(settings)})",
        **FORMULA,
    )


def test_2_adam_keeps_its_state_and_its_step_count(kata):
    walk = lambda **change: oracle(adam_steps(**change), **SETTINGS, gradients=GRADIENTS[:4])
    assert_trajectory(
        kata.Lookahead(keras.optimizers.Adam(0.1), **SETTINGS),
        walk(),
        gradients=GRADIENTS[:4],
        call="Lookahead(Adam(0.1), sync_period=3, slow_step_size=0.3)",
        oracle="the steps of Adam, added up in float64",
        rtol=1e-6,
        atol=5e-5,  # 1 - 0.999 in float32 is 1.3e-5 off, in each of four steps of 0.1
        bugs={"the step count of the wrapped optimizer stands still": walk(t=lambda k, i: 1)},
    )


def test_2_weight_decay_and_clipping_of_the_wrapped_optimizer_work(kata):
    given = GRADIENTS[:4]
    clipped = [[np.clip(g, -0.5, 0.5) for g in arrays] for arrays in given]
    walk = lambda gradients, decay: oracle(
        momentum_steps(0.1, decay=decay), **SETTINGS, gradients=gradients
    )
    assert_trajectory(
        kata.Lookahead(sgd(weight_decay=0.5, clipvalue=0.5), **SETTINGS),
        walk(clipped, 0.5),
        gradients=given,
        call="Lookahead(SGD(0.1, momentum=0.8, weight_decay=0.5, clipvalue=0.5), ...)",
        oracle="clipped gradients and w - lr weight_decay w in each fast step",
        bugs={
            "weight_decay of the wrapped optimizer ignored": walk(clipped, 0.0),
            "clipvalue of the wrapped optimizer ignored": walk(given, 0.5),
            "only update_step of the wrapped optimizer called": walk(given, 0.0),
        },
        **CLOSE,
    )


def test_3_a_schedule_sets_the_rate_of_each_step(kata):
    given = GRADIENTS[:4]
    walk = lambda rates: oracle(momentum_steps(rates), **SETTINGS, gradients=given)
    assert_schedule_sets_each_rate(
        lambda schedule: kata.Lookahead(sgd(schedule), **SETTINGS),
        walk,
        gradients=given,
        call="Lookahead(SGD({}, momentum=0.8), ...)",
        bugs={"a step counted twice": walk(Halving(0.4).rates(8)[::2])},
        **FORMULA,
    )


def test_3_an_assigned_rate_reaches_the_wrapped_optimizer(kata):
    assert_assigned_rate_holds(
        lambda: kata.Lookahead(keras.optimizers.SGD(1.0), 5),
        [1.0, 0.25],
        [-1.0, -1.25],
        call="Lookahead(SGD(1.0), 5)",
        rtol=1e-6,  # two roundings
        bugs={"a learning rate that the wrapper keeps for itself": [-1.0, -2.0]},
    )


def test_3_the_rate_read_is_that_of_the_wrapped_optimizer(kata):
    wrapped = keras.optimizers.SGD(0.75)
    optimizer = kata.Lookahead(wrapped)
    wrapped.learning_rate = 0.5
    assert_close(
        tf.convert_to_tensor(optimizer.learning_rate),
        0.5,
        call="Lookahead(sgd).learning_rate of an sgd = SGD(0.75), after sgd.learning_rate = 0.5",
        oracle="the rate of SGD",
        rtol=1e-6,  # one float32
        bugs={"a learning rate of the wrapper's own": 0.0, "the rate that __init__ read": 0.75},
    )


def test_4_repeated_rows_are_summed(kata):
    make = lambda: kata.Lookahead(sgd(), sync_period=2, slow_step_size=0.3)
    assert_duplicate_rows_are_summed(make)


def test_4_fit_equals_eager_steps(kata):
    assert_fit_equals_eager(lambda: kata.Lookahead(sgd(Halving(0.4)), **SETTINGS))


def test_4_two_replicas_step_as_one(kata):
    make = lambda: kata.Lookahead(sgd(), sync_period=2, slow_step_size=0.3)
    assert_replicas_agree(make)


BAD = [
    {"sync_period": 0},
    {"sync_period": -1},
    {"slow_step_size": 0.0},
    {"slow_step_size": -0.5},
    {"slow_step_size": 1.5},
]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_5_bad_arguments_are_named(kata, bad):
    make = lambda: kata.Lookahead(keras.optimizers.SGD(0.1), **bad)
    assert_value_error(make, *bad, call=f"Lookahead(SGD(0.1), {keywords(bad)})")


def test_6_comes_back_from_its_config(kata):
    walk = lambda lr, mu, k, a: oracle(momentum_steps(lr, mu), k, a)
    assert_trajectory(
        revive(kata.Lookahead(sgd(), **SETTINGS)),
        walk(0.1, 0.8, 3, 0.3),
        gradients=GRADIENTS,  # long enough to tell a lost period from no sync at all
        call=f"the revived {CALL}",
        bugs={
            "sync_period lost": walk(0.1, 0.8, 6, 0.3),
            "slow_step_size lost": walk(0.1, 0.8, 3, 0.5),
            "sync_period and slow_step_size lost": walk(0.1, 0.8, 6, 0.5),
            "settings of the wrapped optimizer lost": walk(0.01, 0.0, 3, 0.3),
        },
        **FORMULA,
    )


def test_6_resumes_where_it_was_saved(kata, tmp_path):
    make = lambda: kata.Lookahead(sgd(Halving(0.4)), **SETTINGS)
    assert_resumes(make, tmp_path)
