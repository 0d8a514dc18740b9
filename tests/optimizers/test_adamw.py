"""AdamW as a Keras 3 optimizer, with the decay where the paper has it.

Question (15 min). What is weight decay under Adam, if not L2? Write `update_step`; the
slots of m and v are given. For each variable w with gradient g, in update t = 1, 2, ...,
that is `iterations` + 1, at the learning rate lr of this step:

    m <- beta_1 m + (1 - beta_1) g           m and v start at 0
    v <- beta_2 v + (1 - beta_2) g^2
    w <- w - lr (m_hat / (sqrt(v_hat) + epsilon) + weight_decay w)

    m_hat = m / (1 - beta_1^t)      v_hat = v / (1 - beta_2^t)

The given `__init__` keeps weight_decay as `self.decay_rate`. Test k checks clause k:

    1. Several steps on several matrices follow this, eager and in tf.function. The w on the
       right is the old one. With weight_decay = 0 it is Adam.
    2. Only variables of rank 2 and more decay, whatever their names; a vector or a scalar
       takes the same step without the term weight_decay w.
    3. A zero gradient is a gradient: w shrinks by the factor 1 - lr weight_decay, and an m
       that is not 0 still moves it.
    4. The learning rate may change between steps, by a schedule or by assignment, also after
       tf.function has traced the step: both terms are multiplied by that of this step.

Not asked: errors, sparse gradients, saving, replicas, XLA, other dtypes than float32.

Run   nox -s check -- adamw
Read  https://arxiv.org/abs/1711.05101, Algorithm 2
"""

import functools

import numpy as np

from tests.support.adam_oracle import ADAM_BUGS, adam_direction
from tests.support.trajectories import (
    SHARED,
    START,
    Halving,
    assert_assigned_rate_holds,
    assert_schedule_sets_each_rate,
    assert_trajectory,
    per_step,
    random_gradients,
)

# A step is lr <= 0.4 times some ten roundings of a term below 3; 1 - beta_2^t in float32
# adds eps / (1 - 0.95) = 1.2e-6. Four steps: 4 * 0.2 * 3e-6, and weights round at 2e-7.
CLOSE = {"rtol": 1e-6, "atol": 4e-6}
PAPER = {"oracle": "Algorithm 2 in float64", **CLOSE}
SETTINGS = {"weight_decay": 0.3, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.01}
CALL = "AdamW(0.1, weight_decay=0.3, beta_1=0.8, beta_2=0.95, epsilon=0.01)"

# As many as START has: what counts t for each variable counts three.
MATRICES = [START[0], np.array([[-0.75, 2.0], [1.0, -3.0]]), np.array([[[1.5], [-0.5]]])]
GRADIENTS = random_gradients(start=MATRICES)


def adamw(w, u, lr, first, decay):
    """The weights after a step in Adam's direction u; `first` is the first step's rate."""
    return w - lr * (u + decay * w)


def walk(
    gradients,
    rates,
    *,
    weight_decay=0.01,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-8,
    start=MATRICES,
    take=adamw,
    direction=adam_direction,
    t=lambda k, i: k + 1,
    l2=False,
    decays=lambda w: w.ndim >= 2,
    skip_zero=False,
):
    """Returns the weights after each step, in float64.

    Args:
        take: Like `adamw`.
        direction, t: As for `adam_path`.
        l2: Whether the decay is added to the gradient, too.
        decays: A function of the weights: whether they decay.
        skip_zero: Whether a gradient of zeros leaves its variable alone.
    """
    w = [x.copy() for x in start]
    m, v = [np.zeros_like(x) for x in w], [np.zeros_like(x) for x in w]
    rates, path = per_step(rates, gradients), []
    for k, arrays in enumerate(gradients):
        for i, g in enumerate(arrays):
            if skip_zero and not g.any():
                continue
            decay = weight_decay if decays(w[i]) else 0.0
            g = g + decay * w[i] if l2 else g
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            u = direction(m[i], v[i], 1 - beta_1 ** t(k, i), 1 - beta_2 ** t(k, i), epsilon)
            w[i] = take(w[i], u, rates[k], rates[0], decay)
        path.append([x.copy() for x in w])
    return path


TAKES = {
    "the decay not multiplied by lr (TensorFlow Addons)": lambda w, u, lr, first, decay: (
        w - lr * u - decay * w
    ),
    "the decay of the new weight, after Adam's step": lambda w, u, lr, first, decay: (
        (w - lr * u) * (1 - lr * decay)
    ),
    "decayed twice: by the base class, too": lambda w, u, lr, first, decay: adamw(
        w * (1 - lr * decay), u, lr, first, decay
    ),
    "no decay: this is Adam": lambda w, u, lr, first, decay: w - lr * u,
    "the decay's sign": lambda w, u, lr, first, decay: adamw(w, u, lr, first, -decay),
    "the sign of the step": lambda w, u, lr, first, decay: w + lr * (u + decay * w),
    "the share 1 - weight_decay, not weight_decay": lambda w, u, lr, first, decay: adamw(
        w, u, lr, first, 1 - decay
    ),
}
WRONG = (
    {cause: {"take": take} for cause, take in TAKES.items()}
    | {cause: change for cause, change in ADAM_BUGS.items() if cause != SHARED}
    | {
        "only rank 2 decays, not the kernel of a convolution": {"decays": lambda w: w.ndim == 2},
        "L2: weight_decay w added to the gradient": {
            "l2": True,
            "take": TAKES["no decay: this is Adam"],
        },
    }
)
FIRST_RATE = {"take": lambda w, u, lr, first, decay: w - lr * u - first * decay * w}


def test_1_steps_follow_algorithm_2(kata):
    here = functools.partial(walk, GRADIENTS, 0.1, **SETTINGS)
    assert_trajectory(
        kata.AdamW(0.1, **SETTINGS),
        here(),
        gradients=GRADIENTS,
        start=MATRICES,
        call=CALL,
        bugs={cause: here(**change) for cause, change in WRONG.items()},
        **PAPER,
    )


def test_1_a_graph_takes_the_same_steps(kata):
    here = functools.partial(walk, GRADIENTS, 0.1, **SETTINGS)
    frozen = "t frozen at 1: a Python number is read once, at tracing"
    assert_trajectory(
        kata.AdamW(0.1, **SETTINGS),
        here(),
        gradients=GRADIENTS,
        start=MATRICES,
        mode="graph",
        call=f"in a tf.function: {CALL}",
        bugs={frozen: here(**ADAM_BUGS[frozen])},
        **PAPER,
    )


def test_1_t_is_iterations_plus_1(kata):
    optimizer, start = kata.AdamW(0.1, **SETTINGS), MATRICES[:1]
    optimizer.iterations.assign(5)  # where t - 1 would not divide by 0
    gradients = [g[:1] for g in GRADIENTS[:2]]
    here = functools.partial(walk, gradients, 0.1, start=start, **SETTINGS)
    assert_trajectory(
        optimizer,
        here(t=lambda k, i: k + 6),
        gradients=gradients,
        start=start,
        call=f"{CALL}, iterations = 5, m = v = 0",
        bugs={
            "t one too small (iterations)": here(t=lambda k, i: k + 5),
            "t one too large (iterations + 2)": here(t=lambda k, i: k + 7),
            "t = 1, 2, ... by a count of its own": here(),
        },
        **PAPER,
    )


def test_1_without_decay_it_is_adam(kata):
    settings = SETTINGS | {"weight_decay": 0.0}
    here = functools.partial(walk, GRADIENTS[:2], 0.1, **settings)
    assert_trajectory(
        kata.AdamW(0.1, **settings),
        here(),
        gradients=GRADIENTS[:2],
        start=MATRICES,
        call="AdamW(0.1, weight_decay=0.0, ...)",
        oracle="Adam's Algorithm 1 in float64",
        bugs={"weight_decay = 0 taken for the default": here(weight_decay=0.01)},
        **CLOSE,
    )


def test_1_default_settings_on_gradients_as_small_as_epsilon(kata):
    tiny = [[1e-8 * g for g in arrays] for arrays in GRADIENTS[:3]]
    here = functools.partial(walk, tiny, 0.001)
    assert_trajectory(
        kata.AdamW(),
        here(),
        gradients=tiny,
        start=MATRICES,
        call="AdamW() for gradients near 1e-8",
        # Where 1 - 0.999^t is float32, v_hat's root is 1e-5 off: three steps of 0.001 are
        # 3e-8. A weight below 4 rounds by 1.2e-7 a step.
        rtol=0.0,
        atol=5e-7,
        oracle=PAPER["oracle"],
        bugs={
            "epsilon = 1e-7, Keras' default": here(epsilon=1e-7),
            "weight_decay = 0.004, Keras' default": here(weight_decay=0.004),
            "beta_2 = 0.99": here(beta_2=0.99),
            "epsilon inside the root": here(**ADAM_BUGS["epsilon inside the root"]),
        },
    )


# `trajectory` calls them kernel, bias and scale: the names say nothing.
RANKS = [np.array([1.5, -0.5]), np.array([[2.0, -1.0], [0.5, -3.0]]), np.array(2.5)]
BY_RANK = random_gradients(steps=3, start=RANKS)


def test_2_only_rank_2_and_more_decays(kata):
    here = functools.partial(walk, BY_RANK, 0.1, **SETTINGS, start=RANKS)
    named = lambda w: w.shape != (2, 2)
    assert_trajectory(
        kata.AdamW(0.1, **SETTINGS),
        here(),
        gradients=BY_RANK,
        start=RANKS,
        call=f'{CALL} on a vector "kernel", a matrix "bias", a scalar "scale"',
        bugs={
            "every variable decays, vectors and scalars too": here(decays=lambda w: True),
            "whether it decays is told from the name": here(decays=lambda w: w.ndim == 1),
            "named otherwise: all but the bias decay": here(decays=named),
            "scalars decay": here(decays=lambda w: w.ndim != 1),
            "vectors decay": here(decays=lambda w: w.ndim >= 1),
            "nothing decays": here(decays=lambda w: False),
        },
        **PAPER,
    )


RATES = Halving(0.4).rates(4)
ZEROS = [[np.zeros_like(w) for w in MATRICES] for _ in RATES]


def test_3_zero_gradients_leave_the_decay(kata):
    shrunk = [
        [w * np.prod([1 - lr * 0.3 for lr in RATES[: k + 1]]) for w in MATRICES]
        for k in range(len(RATES))
    ]
    here = functools.partial(walk, ZEROS, RATES, **SETTINGS)
    assert_trajectory(
        kata.AdamW(Halving(0.4), **SETTINGS),
        shrunk,
        gradients=ZEROS,
        start=MATRICES,
        call="AdamW(a schedule that halves from 0.4, weight_decay=0.3, ...) on zero gradients",
        oracle="the start times the product of 1 - lr weight_decay",
        bugs={
            "a zero gradient skipped": here(skip_zero=True),
            "the first rate, not the step's, multiplies the decay": here(**FIRST_RATE),
            **{cause: here(**WRONG[cause]) for cause in list(TAKES)[:1] + list(TAKES)[2:3]},
            "L2: weight_decay w added to the gradient": here(**list(WRONG.values())[-1]),
        },
        **CLOSE,
    )


def test_3_momentum_moves_on_where_the_gradient_is_zero(kata):
    gradients = [GRADIENTS[0], ZEROS[0], ZEROS[0]]
    here = functools.partial(walk, gradients, 0.1, **SETTINGS)
    assert_trajectory(
        kata.AdamW(0.1, **SETTINGS),
        here(),
        gradients=gradients,
        start=MATRICES,
        call=f"{CALL}, with zero gradients after the first",
        bugs={"a zero gradient skipped": here(skip_zero=True)},
        **PAPER,
    )


def test_4_a_schedule_sets_the_rate_of_both_terms(kata):
    first = [g[:1] for g in GRADIENTS]
    here = functools.partial(walk, first, **SETTINGS, start=START[:1])
    assert_schedule_sets_each_rate(
        functools.partial(kata.AdamW, **SETTINGS),
        here,
        gradients=first,
        call="in a tf.function: AdamW({}, weight_decay=0.3, ...)",
        mode="graph",
        bugs={"the first rate, not the step's, multiplies the decay": here(RATES, **FIRST_RATE)},
        **PAPER,
    )


def test_4_an_assigned_rate_holds_for_the_decay(kata):
    assert_assigned_rate_holds(
        lambda: kata.AdamW(0.5, weight_decay=0.5),
        [0.5, 0.2, 0.4],
        [2 * 0.75, 2 * 0.75 * 0.9, 2 * 0.75 * 0.9 * 0.8],
        call="AdamW(0.5, weight_decay=0.5) on the matrix [[2]]",
        rtol=1e-6,  # a handful of roundings
        start=[[2.0]],
        gradient=0.0,
        bugs={"the learning rate of the first step, kept": [1.5, 1.125, 0.84375]},
    )
