"""SGD with momentum as a Keras 3 optimizer.

Question (20 min). How would you design a custom optimizer in Keras 3? Show it on SGD
with momentum, as a whole class: `__init__`, `build`, `update_step`, `get_config`. For
each variable w with gradient g, at the learning rate lr of this step:

    v <- mu v - lr g                 v starts at 0
    w <- w + v                       or, with nesterov, w + mu v - lr g for the new v

Test k checks clause k:

    1. Several steps on several variables, also of equal shape, follow the formula; each
       variable has a v of its own. In float32 and float64, with and without nesterov,
       eager, in tf.function and in XLA.
    2. The learning rate may change between steps, by a schedule or by assignment, also
       after tf.function has traced the step; past steps keep theirs: v holds lr g, not g.
    3. Sparse gradients (tf.IndexedSlices), repeated ids included, move the weights as
       the dense gradient does.
    4. `fit` under tf.function equals eager steps, and a step on two replicas equals the
       step on one.
    5. momentum outside [0, 1) raises a ValueError that names it, as in
       `Received: momentum=1.0`.
    6. The class is registered with Keras, its config round-trips, the base class's
       settings (clipvalue, weight_decay, ...) work, and 5 steps, save, load, 5 steps
       equal 10 steps. Not asked: clipping of sparse gradients and on several replicas,
       which is Keras' own matter, and wrong there.

Run   nox -s check -- momentum
Read  https://proceedings.mlr.press/v28/sutskever13.html, equations 1-4
"""

import functools

import numpy as np
import pytest

from tests.support.keras_optimizers import (
    assert_fit_equals_eager,
    assert_replicas_agree,
    assert_resumes,
)
from tests.support.serialization import assert_config_round_trip
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
    per_step,
    random_gradients,
)
from tests.support.value_errors import assert_value_error

# Four steps of four roundings each on weights below 4: 4 * 4 * 6e-8 * 4 = 4e-6.
CLOSE = {"rtol": 1e-5, "atol": 4e-6}
GRADIENTS = random_gradients()
FORMULA = {"oracle": "the formula in float64", **CLOSE}


def oracle(gradients, rates, mu, nesterov=False, *, decay=0.0, slot=itself):
    """Returns the weights after each step, at one rate for all or one for each.

    Args:
        decay: lr times this share of w is taken from w in each step.
        slot: A function of the variable: whose velocity it has.
    """
    w = [x.copy() for x in START]
    v = [np.zeros_like(x) for x in START]
    path = []
    for arrays, lr in zip(gradients, per_step(rates, gradients), strict=True):
        for i, g in enumerate(arrays):
            s = slot(i)
            v[s] = mu * v[s] - lr * g
            w[i] = (1 - lr * decay) * w[i] + (mu * v[s] - lr * g if nesterov else v[s])
        path.append([x.copy() for x in w])
    return path


def rate_outside_the_velocity(gradients, rates, mu, nesterov=False):
    """PyTorch's form: v <- mu v + g, w <- w - lr v."""
    w, v, path = [x.copy() for x in START], [np.zeros_like(x) for x in START], []
    for arrays, lr in zip(gradients, per_step(rates, gradients), strict=True):
        for i, g in enumerate(arrays):
            v[i] = mu * v[i] + g
            w[i] = w[i] - lr * (mu * v[i] + g if nesterov else v[i])
        path.append([x.copy() for x in w])
    return path


def averaged(gradients, rates, mu, nesterov=False):
    """v <- mu v - (1 - mu) lr g."""
    return oracle(gradients, (1 - mu) * rates, mu, nesterov)


def ahead_by_the_old_velocity(gradients, rates, mu):
    """Nesterov's step with v from before its update."""
    w, v, path = [x.copy() for x in START], [np.zeros_like(x) for x in START], []
    for arrays, lr in zip(gradients, per_step(rates, gradients), strict=True):
        for i, g in enumerate(arrays):
            w[i] = w[i] + mu * v[i] - lr * g
            v[i] = mu * v[i] - lr * g
        path.append([x.copy() for x in w])
    return path


@pytest.mark.parametrize("nesterov", [False, True], ids="nesterov={}".format)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_1_steps_follow_the_formula(kata, nesterov, dtype):
    args = (GRADIENTS, 0.05, 0.8)
    bugs = {
        "the sign of the gradient": oracle(GRADIENTS, -0.05, 0.8, nesterov),
        "no velocity: plain gradient descent": oracle(GRADIENTS, 0.05, 0.0),
        "(1 - mu) on the gradient, an average": averaged(*args, nesterov),
        "nesterov ignored" if nesterov else "nesterov always on": oracle(*args, not nesterov),
        SHARED: oracle(*args, nesterov, slot=first_of_the_shape),
    }
    if nesterov:
        bugs["nesterov's step with the old velocity"] = ahead_by_the_old_velocity(*args)
    assert_trajectory(
        kata.Momentum(0.05, momentum=0.8, nesterov=nesterov),
        oracle(*args, nesterov),
        gradients=GRADIENTS,
        dtype=dtype,
        call=f"Momentum(0.05, momentum=0.8, nesterov={nesterov})",
        bugs=bugs,
        **FORMULA,
    )


@pytest.mark.parametrize("nesterov", [False, True], ids="nesterov={}".format)
def test_1_graphs_and_xla_take_the_same_steps(kata, nesterov):
    assert_compiled_trajectory(
        kata.Momentum(0.05, momentum=0.8, nesterov=nesterov),
        oracle(GRADIENTS, 0.05, 0.8, nesterov),
        gradients=GRADIENTS,
        call=f"Momentum(0.05, momentum=0.8, nesterov={nesterov})",
        **FORMULA,
    )


def test_1_defaults_are_those_of_the_signature(kata):
    assert_trajectory(
        kata.Momentum(),
        oracle(GRADIENTS, 0.01, 0.9),
        gradients=GRADIENTS,
        call="Momentum()",
        **FORMULA,
    )


@pytest.mark.parametrize("nesterov", [False, True], ids="nesterov={}".format)
def test_2_a_schedule_sets_the_rate_of_each_step(kata, nesterov):
    outside = rate_outside_the_velocity(GRADIENTS, Halving().rates(4), 0.8, nesterov)
    form = "PyTorch's form, v <- mu v + g, where a new rate rescales old steps"
    assert_schedule_sets_each_rate(
        functools.partial(kata.Momentum, momentum=0.8, nesterov=nesterov),
        lambda rates: oracle(GRADIENTS, rates, 0.8, nesterov),
        gradients=GRADIENTS,
        dtype="float64",
        call=f"Momentum({{}}, momentum=0.8, nesterov={nesterov})",
        bugs={form: outside},
        **FORMULA,
    )


def test_2_an_assigned_rate_holds_from_the_next_step(kata):
    assert_assigned_rate_holds(
        lambda: kata.Momentum(1.0, momentum=0.5),
        [1.0, 0.1],
        [-1.0, -1.6],  # v = -1, then 0.5 * -1 - 0.1 = -0.6
        call="Momentum(1.0, momentum=0.5)",
        rtol=1e-6,  # 0.1 in float32, and a few roundings
        bugs={
            "PyTorch's form, v <- mu v + g": [-1.0, -1.15],
            "the learning rate of the first step, kept": [-1.0, -2.5],
        },
    )


@pytest.mark.parametrize("nesterov", [False, True], ids="nesterov={}".format)
def test_3_repeated_rows_are_summed(kata, nesterov):
    make = functools.partial(kata.Momentum, 0.1, momentum=0.8, nesterov=nesterov)
    assert_duplicate_rows_are_summed(make)


def test_4_fit_equals_eager_steps(kata):
    assert_fit_equals_eager(lambda: kata.Momentum(Halving(), momentum=0.8))


def test_4_two_replicas_step_as_one(kata):
    assert_replicas_agree(lambda: kata.Momentum(0.1, momentum=0.8, nesterov=True))


@pytest.mark.parametrize("momentum", [-0.1, 1.0, 1.5])
def test_5_bad_momentum_is_named(kata, momentum):
    call = f"Momentum(momentum={momentum})"
    assert_value_error(lambda: kata.Momentum(momentum=momentum), "momentum", call=call)


def test_5_momentum_may_be_zero(kata):
    assert_trajectory(
        kata.Momentum(0.05, momentum=0.0),
        oracle(GRADIENTS[:2], 0.05, 0.0),
        gradients=GRADIENTS[:2],
        call="Momentum(0.05, momentum=0.0)",
        oracle="gradient descent",
        **CLOSE,
    )


def test_6_config_round_trip(kata):
    settings = {"learning_rate": 0.3, "momentum": 0.7, "nesterov": True, "clipnorm": 0.5}
    assert_config_round_trip(kata.Momentum, name="mine", **settings)


def test_6_base_class_settings_work(kata):
    clipped = [[np.clip(g, -0.5, 0.5) for g in arrays] for arrays in GRADIENTS[:2]]
    assert_trajectory(
        kata.Momentum(0.05, momentum=0.8, clipvalue=0.5, weight_decay=0.5),
        oracle(clipped, 0.05, 0.8, decay=0.5),
        gradients=GRADIENTS[:2],
        call="Momentum(0.05, momentum=0.8, clipvalue=0.5, weight_decay=0.5)",
        oracle="gradients clipped to ±0.5 and w - lr weight_decay w, then the formula",
        bugs={
            "clipvalue ignored": oracle(GRADIENTS[:2], 0.05, 0.8, decay=0.5),
            "weight_decay ignored": oracle(clipped, 0.05, 0.8),
            "clipvalue and weight_decay ignored": oracle(GRADIENTS[:2], 0.05, 0.8),
        },
        **CLOSE,
    )


def test_6_resumes_where_it_was_saved(kata, tmp_path):
    assert_resumes(lambda: kata.Momentum(0.1, momentum=0.8, nesterov=True), tmp_path)
