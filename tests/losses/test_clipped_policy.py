"""PPO's clipped policy loss.

Question (10 min). A policy took actions; each turned out better or worse than expected:
its advantage A. Now you take several gradient steps on this batch, and the policy must
not run away from the one that took the actions. With r = probability now / probability
then, PPO's objective, which is maximised, is

    min(r A, clip(r, 1 - clip, 1 + clip) A)

Write the loss, to be minimised. Test k checks clause k:

    1. Values match: minus the objective, elementwise, [...] float32 for [...] float32
       arguments. The probabilities come as logarithms. Advantages are used as they are,
       neither normalised nor averaged.
    2. The gradient with respect to log_probs is 0 where A > 0 and r > 1 + clip, and where
       A < 0 and r < 1 - clip; elsewhere it is -r A.
    3. old_log_probs and advantages get no gradient (None or 0). Where old_log_probs is the
       very tensor log_probs, as in the first step, the gradient is -A.
    4. Eager mode, tf.function and XLA agree.

No |log r| is above 20, and no r is 1 - clip or 1 + clip exactly.

Run   nox -s check -- clipped_policy
Read  https://arxiv.org/abs/1707.06347, equation 7
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import (
    assert_gradient,
    assert_gradient_in_every_mode,
    assert_no_gradient,
)

# Each log-probability is a multiple of 1/16, so differences are exact; exp and
# three products are off by 6 eps. Five times that.
CLOSE = {"rtol": 2e-6}

# r from 0.05 to 20, on both sides of the bounds of clip = 0.2 and of 0.4, times A of both
# signs and 0: [3, 9].
LOG_R = np.array([-3.0, -0.75, -0.375, -0.125, 0.0, 0.125, 0.25, 0.5, 3.0])
OLD = -np.arange(1.0, 10.0) * 0.3125 * np.ones((3, 1))
LOG_P = OLD + LOG_R
A = np.array([[1.5], [-0.75], [0.0]]) * np.linspace(0.5, 2.0, 9)
R = np.exp(LOG_R) * np.ones((3, 1))
INPUTS = {"r": R, "A": A}
CASES = "the four cases, one by one"


def case_by_case(clip, r=R, advantages=A):
    """The loss and its slope in log_probs of each action."""
    losses, slopes = np.zeros_like(r), np.zeros_like(r)
    for at, a in np.ndenumerate(advantages):
        if a > 0 and r[at] > 1 + clip:
            losses[at] = -(1 + clip) * a
        elif a < 0 and r[at] < 1 - clip:
            losses[at] = -(1 - clip) * a
        else:
            losses[at] = slopes[at] = -r[at] * a
    return losses, slopes


def oracle(clip):
    return case_by_case(clip)[0]


def slope(clip):
    return case_by_case(clip)[1]


def bugs(clip):
    near = np.clip(R, 1 - clip, 1 + clip)
    ratio_of_logs, difference = LOG_P / OLD, LOG_R
    surrogate = lambda r: -np.minimum(r * A, np.clip(r, 1 - clip, 1 + clip) * A)
    return {
        "the clip without the minimum": -near * A,
        "a maximum where it should be a minimum": -np.maximum(R * A, near * A),
        "the wrong sign: the objective, not the loss": -oracle(clip),
        "no clip": -R * A,
        "the difference of the log-probabilities for r": surrogate(difference),
        "the ratio of the log-probabilities for r": surrogate(ratio_of_logs),
        "the ratio turned over: then / now": surrogate(1 / R),
        "the log-ratio clipped to ±clip": -np.minimum(
            R * A, np.exp(np.clip(LOG_R, -clip, clip)) * A
        ),
        "r clipped, the minimum of r and its clip times A": -np.minimum(R, near) * A,
        "clip = 0.2 whatever is given": oracle(0.2),
        "log-probabilities for r: the loss of REINFORCE": -LOG_P * A,
        "one mean for the whole batch": oracle(clip).mean(),
        "advantages normalised": case_by_case(clip, R, (A - A.mean()) / A.std())[0],
        "clipped to [0, 1 + clip] only": -np.minimum(R * A, np.minimum(R, 1 + clip) * A),
    }


def arguments():
    return [tf.constant(x, tf.float32) for x in (LOG_P, OLD, A)]


def test_1_values_match_the_objective(kata):
    assert_close(
        kata.clipped_policy_loss(*arguments(), clip=0.4),
        oracle(0.4),
        call="clipped_policy_loss(log_probs, old_log_probs, advantages, clip=0.4)",
        oracle=CASES,
        dtype="float32",
        inputs=INPUTS,
        bugs=bugs(0.4),
        **CLOSE,
    )


def test_1_defaults_are_those_of_the_signature(kata):
    assert_close(
        kata.clipped_policy_loss(*arguments()),
        oracle(0.2),
        call="clipped_policy_loss(log_probs, old_log_probs, advantages)",
        oracle=CASES,
        inputs=INPUTS,
        **CLOSE,
    )


@pytest.mark.parametrize("shape", [(27,), (3, 3, 3)], ids=str)
def test_1_any_shape(kata, shape):
    given = [tf.reshape(x, shape) for x in arguments()]
    assert_close(
        kata.clipped_policy_loss(*given, clip=0.4),
        oracle(0.4).reshape(shape),
        call=f"clipped_policy_loss(log_probs {shape}, …, clip=0.4)",
        oracle=CASES,
        **CLOSE,
    )


def of_log_probs(kata, clip):
    _, old, advantages = arguments()
    return lambda x: kata.clipped_policy_loss(x, old, advantages, clip=clip)


def test_2_gradient_matches_the_cases(kata):
    outside = abs(R - 1) > 0.4
    assert_gradient(
        of_log_probs(kata, 0.4),
        LOG_P.astype("float32"),
        lambda upstream: upstream * slope(0.4),
        call="clipped_policy_loss(x, old_log_probs, advantages, clip=0.4)",
        oracle=CASES,
        inputs=INPUTS,
        bugs={
            "gradient 0 wherever r leaves the range": lambda up: up * ~outside * slope(0.4),
            "no gradient is cut off: that of -r A": lambda up: up * -R * A,
            "r lost: -A": lambda up: up * np.where(slope(0.4), -A, 0),
            "the wrong sign": lambda up: -up * slope(0.4),
        },
        **CLOSE,
    )


def test_3_constants_get_no_gradient(kata):
    # Where A is 0 both sides of the minimum are equal, and either has a slope in A.
    log_probs, old, advantages = (x[:2] for x in arguments())
    losses, slopes = (x[:2] for x in case_by_case(0.4))
    leaks = lambda upstream: {
        "old_log_probs": upstream * -slopes,
        "advantages": upstream * losses / A[:2],
    }
    assert_no_gradient(
        lambda old, advantages: kata.clipped_policy_loss(log_probs, old, advantages, clip=0.4),
        {"old_log_probs": old, "advantages": advantages},
        {"it is not detached": leaks},
        call="clipped_policy_loss(log_probs, old_log_probs, advantages, clip=0.4)",
        oracle="what the old policy did is a constant",
    )


def test_3_the_first_step(kata):
    assert_gradient(
        lambda x: kata.clipped_policy_loss(x, x, tf.constant(A, tf.float32)),
        LOG_P.astype("float32"),
        lambda upstream: upstream * -A,
        call="clipped_policy_loss(x, x, advantages)",
        oracle="-A, for r = 1",
        inputs={"A": A},
        value=-A,
        bugs={"old_log_probs not detached: r = exp(x - x)": lambda up: 0 * up},
        **CLOSE,
    )


def test_4_every_mode_agrees(kata):
    assert_gradient_in_every_mode(
        of_log_probs(kata, 0.2),
        LOG_P.astype("float32"),
        lambda upstream: upstream * slope(0.2),
        call="clipped_policy_loss(x, old_log_probs, advantages)",
        oracle=CASES,
        inputs=INPUTS,
        value=oracle(0.2),
        # XLA's exp is off by a few eps more.
        rtol=4e-6,
    )
