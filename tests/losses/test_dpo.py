"""Direct preference optimization.

Question (8 min). People have chosen the better of two answers to each prompt. DPO trains
on such pairs without a reward model. You get log-probabilities of whole answers, summed
over their tokens: of the chosen and of the rejected answer, by the policy that is trained
and by the frozen reference. Write the loss of each pair,

    -log σ(beta ((policy_chosen - reference_chosen) - (policy_rejected - reference_rejected)))

Test k checks clause k:

    1. Values match the formula: [B] losses for [B] float32 arguments, none averaged.
    2. The gradient with respect to policy_chosen and policy_rejected is that of the
       formula.
    3. The reference gets no gradient (None or 0), not even where its log-probabilities are
       the very tensors of the policy. There the loss is log 2, and the slopes are -beta/2
       for the chosen and +beta/2 for the rejected answer.
    4. Loss and gradient are right for log-probabilities down to -1e4. Eager mode,
       tf.function and XLA agree.

Run   nox -s check -- dpo
Read  https://arxiv.org/abs/2305.18290, equation 7
"""

import numpy as np
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import (
    assert_gradient,
    assert_gradient_in_every_mode,
    assert_no_gradient,
)

# Multiples of 1/4 below 2^14: differences are exact. beta times them, and a logarithm of
# it, are off by a few eps; a sigmoid far from 0, exp(-x), by eps * x.
CLOSE = {"rtol": 4e-6, "atol": 1e-7}

# In turn: the policy prefers the chosen answer more, less, more than the reference does;
# more than a wrong reference; and just as much.
PAIRS = {
    "policy_chosen": np.array([-4.0, -12.5, -30.25, -9.0, -7.0], "float32"),
    "policy_rejected": np.array([-7.5, -8.0, -31.0, -2.0, -7.5], "float32"),
    "reference_chosen": np.array([-5.25, -11.0, -33.5, -17.0, -6.0], "float32"),
    "reference_rejected": np.array([-6.0, -9.75, -32.5, -4.5, -6.5], "float32"),
}
PAPER = "the formula in float64"


def log1p_exp(x):
    return np.logaddexp(0, np.float64(x))


def margin(policy_chosen, policy_rejected, reference_chosen, reference_rejected):
    chosen = np.float64(policy_chosen) - reference_chosen
    return chosen - (np.float64(policy_rejected) - reference_rejected)


def oracle(beta, pairs=PAIRS):
    return log1p_exp(-beta * margin(**pairs))


def pull(beta, pairs=PAIRS):
    """d loss / d policy_chosen = -beta σ(-beta margin); for the rejected, its opposite."""
    return -beta / (1 + np.exp(beta * margin(**pairs)))


def exchanged(pairs, *names):
    """The pairs with two arguments exchanged."""
    return pairs | {names[0]: pairs[names[1]], names[1]: pairs[names[0]]}


def only(side):
    """The pairs without the policy's, or the reference's, part."""
    return {name: value * name.startswith(side) for name, value in PAIRS.items()}


def scaled(**betas):
    """beta on some of the four only."""
    return {name: PAIRS[name] * betas.get(name.partition("_")[0], 1.0) for name in PAIRS}


def bugs(beta):
    reference = exchanged(PAIRS, "reference_chosen", "reference_rejected")
    flipped = {name: -value for name, value in PAIRS.items()}
    policy = exchanged(PAIRS, "policy_chosen", "policy_rejected")
    return {
        "chosen and rejected exchanged, or no minus in the sigmoid": oracle(beta, flipped),
        "the wrong sign of the reference": oracle(beta, reference),
        "chosen and rejected exchanged, of the policy only": oracle(beta, policy),
        "no reference": oracle(beta, only("policy")),
        "beta outside the logarithm": beta * oracle(1.0),
        "beta ignored": oracle(1.0),
        "divided by beta": oracle(1 / beta),
        "beta on the policy only": oracle(1.0, scaled(policy=beta)),
        "beta on the reference only": oracle(1.0, scaled(reference=beta)),
        "one mean for the whole batch": oracle(beta).mean(),
        "the wrong sign": -oracle(beta),
        "1 - σ, no logarithm": 1 / (1 + np.exp(beta * margin(**PAIRS))),
        "IPO's square: (margin - 1 / (2 beta))²": (margin(**PAIRS) - 1 / (2 * beta)) ** 2,
        "a hinge: max(0, 1 - beta margin)": np.maximum(0, 1 - beta * margin(**PAIRS)),
    }


def loss(kata, pairs=PAIRS, **how):
    return kata.dpo_loss(*map(tf.constant, pairs.values()), **how)


def test_1_values_match_the_formula(kata):
    assert_close(
        loss(kata, beta=0.5),
        oracle(0.5),
        call="dpo_loss(…, beta=0.5)",
        oracle=PAPER,
        dtype="float32",
        inputs=PAIRS,
        bugs=bugs(0.5),
        **CLOSE,
    )


def test_1_defaults_are_those_of_the_signature(kata):
    value, call = loss(kata), "dpo_loss(…)"
    assert_close(value, oracle(0.1), call=call, oracle=PAPER, inputs=PAIRS, **CLOSE)


def policy_in(kata, pairs, beta):
    """The loss as a function of x = [policy_chosen, policy_rejected]."""
    reference = [pairs["reference_chosen"], pairs["reference_rejected"]]
    return lambda x: kata.dpo_loss(x[0], x[1], *map(tf.constant, reference), beta=beta)


def policy_of(pairs):
    return np.stack([pairs["policy_chosen"], pairs["policy_rejected"]])


def both(upstream, rate):
    return np.stack([upstream * rate, upstream * -rate])


def test_2_gradient_matches_the_formula(kata):
    rate = pull(0.5)
    assert_gradient(
        policy_in(kata, PAIRS, 0.5),
        policy_of(PAIRS),
        lambda upstream: both(upstream, rate),
        call="dpo_loss(x[0], x[1], …, beta=0.5)",
        oracle="-beta σ(-beta margin) for the chosen, its opposite for the rejected",
        bugs={
            "the rejected answer detached": lambda up: both(up, rate) * [[1.0], [0.0]],
            "beta lost": lambda up: both(up, rate) / 0.5,
            "the signs exchanged": lambda up: -both(up, rate),
        },
        **CLOSE,
    )


def test_3_the_reference_gets_no_gradient(kata):
    given = {name: tf.constant(value) for name, value in PAIRS.items()}
    names = ["reference_chosen", "reference_rejected"]
    assert_no_gradient(
        lambda *reference: kata.dpo_loss(
            given["policy_chosen"], given["policy_rejected"], *reference, beta=0.5
        ),
        {name: given[name] for name in names},
        {
            "the reference is not detached": lambda upstream: dict(
                zip(names, both(upstream, -pull(0.5)), strict=True)
            )
        },
        call="dpo_loss(…, beta=0.5)",
        oracle="the reference is frozen",
    )


def test_3_the_policy_as_its_own_reference(kata):
    rate = np.full(5, -0.25)
    assert_gradient(
        lambda x: kata.dpo_loss(x[0], x[1], x[0], x[1], beta=0.5),
        policy_of(PAIRS),
        lambda upstream: both(upstream, rate),
        call="dpo_loss(x[0], x[1], x[0], x[1], beta=0.5)",
        oracle="log 2, with slopes of -beta/2 and +beta/2",
        value=np.full(5, np.log(2)),
        bugs={"the reference is not detached": lambda up: 0 * both(up, rate)},
        **CLOSE,
    )


# Margins of ±2e4, of 200 and of 0.
FAR = {
    "policy_chosen": np.array([-0.5, -1e4, -300.0, -1e4], "float32"),
    "policy_rejected": np.array([-1e4, -0.5, -100.0, -1e4], "float32"),
    "reference_chosen": np.array([-1e4, -0.5, -250.0, -1e4], "float32"),
    "reference_rejected": np.array([-0.5, -1e4, -250.0, -1e4], "float32"),
}


def test_4_log_probabilities_down_to_1e4(kata):
    assert_close(
        loss(kata, FAR, beta=1.0),
        oracle(1.0, FAR),
        call="dpo_loss(…, beta=1.0)",
        oracle=PAPER,
        inputs=FAR,
        bugs={
            "a sigmoid clipped at 1e-7": np.minimum(oracle(1.0, FAR), -np.log(1e-7)),
            "a sigmoid clipped at 1e-8": np.minimum(oracle(1.0, FAR), -np.log(1e-8)),
        },
        **CLOSE,
    )


def test_4_every_mode_agrees(kata):
    pairs = {name: np.concatenate([PAIRS[name], FAR[name]]) for name in PAIRS}
    with np.errstate(over="ignore"):
        rate = pull(0.5, pairs)
    assert_gradient_in_every_mode(
        policy_in(kata, pairs, 0.5),
        policy_of(pairs),
        lambda upstream: both(upstream, rate),
        call="dpo_loss(x[0], x[1], …, beta=0.5)",
        oracle=PAPER,
        value=oracle(0.5, pairs),
        **CLOSE,
    )
