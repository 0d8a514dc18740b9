"""Adam's Algorithm 1 in float64, its usual mistakes, and checks that expose them."""

import numpy as np

from tests.support.sparse_gradients import ROWS, TABLE, assert_duplicate_rows_are_summed, scattered
from tests.support.trajectories import (
    SHARED,
    START,
    assert_trajectory,
    first_of_the_shape,
    first_variable,
    itself,
    per_step,
)


def adam_direction(m, v, c_1, c_2, epsilon):
    """Adam's direction, where c = 1 - beta^t."""
    return m / c_1 / (np.sqrt(v / c_2) + epsilon)


def keras_direction(m, v, c_1, c_2, epsilon):
    """Keras' own: epsilon is added before the correction."""
    return m / c_1 * np.sqrt(c_2) / (np.sqrt(v) + epsilon)


def adam_path(
    gradients,
    rates,
    beta_1,
    beta_2,
    epsilon,
    *,
    start=START,
    direction=adam_direction,
    step=lambda w, u: u,
    t=lambda k, i: k + 1,
    slot=itself,
    l2=0.0,
    shrink=0.0,
    squares=None,
):
    """Walks by Algorithm 1 of Adam, in float64, or by what a change of it makes.

    Args:
        gradients: Per step, one [...] array per variable, or None, which leaves it alone.
        rates: The learning rate, or one for each step.
        start: The variables' first values.
        direction: Like `adam_direction`.
        step: What lr multiplies, a function of w and the direction.
        t: A function of the step and the variable, both from 0.
        slot: A function of the variable: whose moments it has.
        l2: This share of w is added to the gradient.
        shrink: lr times this share of w is taken from w before the step.
        squares: Like `gradients`, in place of their squares.

    Returns:
        Per step, the weights after it.
    """
    w = [x.copy() for x in start]
    m, v = [np.zeros_like(x) for x in w], [np.zeros_like(x) for x in w]
    path = []
    for k, (arrays, lr) in enumerate(zip(gradients, per_step(rates, gradients), strict=True)):
        for i, g in enumerate(arrays):
            if g is None:
                continue
            g, s = g + l2 * w[i], slot(i)
            m[s] = beta_1 * m[s] + (1 - beta_1) * g
            v[s] = beta_2 * v[s] + (1 - beta_2) * (squares[k][i] if squares else g**2)
            corrections = 1 - beta_1 ** t(k, i), 1 - beta_2 ** t(k, i)
            w[i] = w[i] - lr * shrink * w[i]
            w[i] = w[i] - lr * step(w[i], direction(m[s], v[s], *corrections, epsilon))
        path.append([x.copy() for x in w])
    return path


FROZEN = "t frozen at 1: a Python number is read once, at tracing"

# The usual mistakes in Adam's moments: {cause: what it changes in `adam_path`}.
ADAM_BUGS = {
    "no bias correction": {"direction": lambda m, v, c_1, c_2, e: adam_direction(m, v, 1, 1, e)},
    "only m corrected": {"direction": lambda m, v, c_1, c_2, e: adam_direction(m, v, c_1, 1, e)},
    "only v corrected": {"direction": lambda m, v, c_1, c_2, e: adam_direction(m, v, 1, c_2, e)},
    "epsilon inside the root": {
        "direction": lambda m, v, c_1, c_2, e: m / c_1 / np.sqrt(v / c_2 + e)
    },
    "epsilon added before the correction (Keras' epsilon-hat form)": {"direction": keras_direction},
    "t one too large (iterations + 2)": {"t": lambda k, i: k + 2},
    "t raised once for each variable": {"t": lambda k, i: len(START) * k + i + 1},
    FROZEN: {"t": lambda k, i: 1},
    SHARED: {"slot": first_of_the_shape},
}


def assert_t_counts_updates(optimizer, walk, *, gradients, **how):
    """Fails unless Adam's t ignores the gradients that are only added up.

    Args:
        optimizer: A new one, with `gradient_accumulation_steps=2`.
        walk: `adam_path` without its gradients.
        gradients, **how: As for `assert_trajectory`. An even number of steps, of which
            only the first variable is moved.
    """
    __tracebackhide__ = True
    pairs = zip(gradients[::2], gradients[1::2], strict=True)
    means = [[(a + b) / 2 for a, b in zip(*pair, strict=True)] for pair in pairs]
    # Every first gradient of a pair leaves the weights as they are.
    held = lambda path: first_variable([w for last in [START, *path] for w in [last, last]][1:-1])
    assert_trajectory(
        optimizer,
        held(walk(means)),
        gradients=first_variable(gradients),
        start=START[:1],
        oracle="the formula on the mean of each two gradients",
        bugs={"t counts gradients, not updates": held(walk(means, t=lambda k, i: 2 * k + 2))},
        **how,
    )


def assert_t_is_one_for_all(optimizer, walk, *, gradients, **how):
    """Fails unless t goes on where the first variable has no gradient in the second step.

    Args:
        optimizer: A new one.
        walk: `adam_path` without its gradients.
        gradients, **how: As for `assert_trajectory`. Three steps or more.
    """
    __tracebackhide__ = True
    first, second, *others = gradients
    gapped = [first, [None, *second[1:]], *others]
    own = lambda k, i: max(1, k) if i == 0 else k + 1
    assert_trajectory(
        optimizer,
        walk(gapped),
        gradients=gapped,
        oracle="the formula, in which t counts the optimizer's steps",
        bugs={
            "t counted for each variable": walk(gapped, t=own),
            "t raised with the first variable": walk(gapped, t=lambda k, i: max(1, k)),
        },
        **how,
    )


def assert_rows_are_summed_before_squares(make, walk):
    """Fails unless a sparse gradient with repeated ids equals the dense one.

    Args:
        make: Makes an optimizer with Adam's moments.
        walk: `adam_path` without its gradients.
    """
    __tracebackhide__ = True
    sums, squares = [[[table] for table in scattered(rows)] for rows in (ROWS, ROWS**2)]
    *_, (apart,) = walk(sums, start=[TABLE], squares=squares)
    bugs = {"rows of one id squared apart, then summed": apart}
    assert_duplicate_rows_are_summed(make, bugs=bugs)
