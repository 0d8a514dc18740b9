"""The weights after each step of an optimizer, compared with those of an oracle."""

import keras
import numpy as np
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.gradient_checks import every_mode
from tests.support.modes import MODES

# Two shapes, for a slot that all variables share cannot work; one shape twice, for it can.
START = [
    np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.5]]),
    np.array([-0.75, 2.0]),
    np.array([1.5, -0.5]),
]

# A cause: what an oracle gives whose slots are found by `first_of_the_shape`.
SHARED = "one slot for all variables of equal shape"


def first_of_the_shape(i):
    """Returns the index of the first variable of START that has the shape of variable `i`."""
    return [w.shape for w in START].index(START[i].shape)


def itself(i):
    """Returns `i`: every variable has a slot of its own."""
    return i


@keras.saving.register_keras_serializable(package="tests", name="HalvingFrom")
class Halving(keras.optimizers.schedules.LearningRateSchedule):
    """`first`, `first` / 2, `first` / 4, ... by step."""

    def __init__(self, first=0.4):
        self.first = first

    def __call__(self, step):
        return self.first * 0.5 ** tf.cast(step, tf.float32)

    def get_config(self):
        return {"first": self.first}

    def rates(self, steps):
        """Returns the rates of so many steps, as floats."""
        return [self.first * 0.5**step for step in range(steps)]


def random_gradients(steps=4, start=START, seed=0):
    """Returns, per step and variable, float64 gradients whose signs change.

    The first element of each has none in the second step: its slots move it still.
    """
    random = np.random.default_rng(seed)
    gradients = [[random.normal(size=w.shape) for w in start] for _ in range(steps)]
    for g in gradients[1] if steps > 1 else []:
        g.flat[0] = 0.0
    return gradients


def per_step(rates, gradients):
    """Returns a learning rate for each step, of one for all or one for each."""
    return np.broadcast_to(rates, len(gradients))


def trajectory(optimizer, gradients, start=START, dtype="float32", mode="eager"):
    """Applies gradients one step after another.

    Args:
        optimizer: A new optimizer.
        gradients: Per step, one [...] array per variable, None where it has no gradient.
        start: The variables' first values.
        mode: Of `MODES`: how the steps are run.

    Returns:
        Per step, the value of each variable after it, in the variables' dtype.
    """
    # No rule makes an exception of what is called a bias.
    names = ["kernel", "bias", "scale"]
    variables = [tf.Variable(w, dtype=dtype, name=n) for w, n in zip(start, names, strict=False)]
    optimizer.build(variables)
    step = MODES[mode](lambda *g: optimizer.apply(g, variables))
    return _walk(step, variables, _tensors(gradients, dtype))


def _walk(step, variables, gradients):
    path = []
    for tensors in gradients:
        step(*tensors)
        path.append([v.numpy() for v in variables])
    return path


def _tensors(gradients, dtype="float32"):
    return [[None if g is None else tf.constant(g, dtype) for g in arrays] for arrays in gradients]


def flat(path):
    """[steps, all elements of all variables], to compare two trajectories at once."""
    return np.array([np.concatenate([np.ravel(w) for w in weights]) for weights in path])


def assert_path(path, want, *, call, bugs=None, **close):
    """Fails unless the weights after every step are those of the oracle.

    Args:
        path, want: Per step, the weights, as `trajectory` returns them.
        call: The constructor call.
        bugs: {cause: trajectory of that bug}.
        **close: `oracle`, `rtol`, `atol` for `assert_close`.
    """
    __tracebackhide__ = True
    assert_close(
        tf.constant(flat(path)),
        flat(want),
        call=f"{call}: the weights after each of {len(want)} steps",
        bugs={cause: flat(path) for cause, path in (bugs or {}).items()},
        **close,
    )


def assert_trajectory(
    optimizer, want, *, gradients, start=START, dtype="float32", mode="eager", **how
):
    """Fails unless the steps of an optimizer are those of the oracle.

    Args:
        optimizer: A new optimizer.
        gradients, start, dtype, mode: As for `trajectory`.
        want, **how: As for `assert_path`.
    """
    __tracebackhide__ = True
    assert_path(trajectory(optimizer, gradients, start, dtype, mode), want, **how)


def assert_compiled_trajectory(optimizer, want, *, gradients, call, bugs=None, **close):
    """Fails unless steps in tf.function, then steps in XLA, are those of the oracle.

    Args:
        optimizer: A new optimizer.
        gradients: As for `trajectory`. Each mode takes half of the steps.
        want, call, bugs, **close: As for `assert_path`. Only the first variable is stepped:
            eager steps prove the others, and each takes as long to compile.
    """
    __tracebackhide__ = True
    w = tf.Variable(START[0], dtype="float32")
    optimizer.build([w])
    tensors, half = _tensors(first_variable(gradients)), len(gradients) // 2
    # No eager step comes before: what Python counts starts anew when the step is traced.
    modes = every_mode(lambda g: optimizer.apply([g], [w]), *tensors[0])
    parts = {"in a tf.function: ": slice(half), "compiled by XLA: ": slice(half, None)}
    for mode, part in parts.items():
        assert_path(
            _walk(modes[mode], [w], tensors[part]),
            first_variable(want[part]),
            call=mode + call,
            bugs={cause: first_variable(path[part]) for cause, path in (bugs or {}).items()},
            **close,
        )


def first_variable(steps):
    """Returns the first variable's part of gradients or of a path."""
    return [arrays[:1] for arrays in steps]


def assert_schedule_sets_each_rate(make, walk, *, gradients, call, first=0.4, bugs=None, **how):
    """Fails unless each step takes its rate from a schedule.

    Args:
        make: Makes an optimizer of a schedule.
        walk: A function from the rates of the steps to the oracle's path.
        gradients, **how: As for `assert_trajectory`. Only the first variable is stepped.
        call: The class and its other arguments, `{}` for the schedule.
        first: What the schedule halves from.
        bugs: {cause: trajectory of a further bug}.
    """
    __tracebackhide__ = True
    rates = Halving(first).rates(len(gradients))
    wrong = {
        "the first learning rate kept for all steps": walk(first),
        "the learning rate of the step before": walk([first, *rates[:-1]]),
    } | (bugs or {})
    assert_trajectory(
        make(Halving(first)),
        first_variable(walk(rates)),
        gradients=first_variable(gradients),
        start=START[:1],
        call=call.format(f"a schedule that halves from {first}"),
        bugs={cause: first_variable(path) for cause, path in wrong.items()},
        **how,
    )


def assert_assigned_rate_holds(make, rates, want, *, call, bugs, rtol, start=(0.0,), gradient=1.0):
    """Fails unless a learning rate that was assigned holds from the next step on.

    Args:
        make: Makes an optimizer whose learning rate can be assigned.
        rates: The rates to assign, one before each step.
        want: Per step, the weight after it.
        call: The constructor call.
        bugs: {cause: weights after each step}.
        rtol: As for `assert_close`.
        start: The variable's first value, of one element.
        gradient: The gradient of each step.
    """
    __tracebackhide__ = True
    for mode, said in {"eager": "eager steps", "graph": "steps of one tf.function"}.items():
        optimizer, w = make(), tf.Variable(start)
        optimizer.build([w])
        step = MODES[mode](lambda o=optimizer, w=w: o.apply([tf.fill(w.shape, gradient)], [w]))
        path = []
        for rate in rates:
            optimizer.learning_rate = rate
            step()
            path.append(w.numpy().item())
        assert_close(
            tf.constant(path),
            want,
            call=f"{call}: {said} with gradient {gradient:g}, at learning rates {rates} "
            "assigned in turn",
            oracle="the formula by hand",
            rtol=rtol,
            bugs=bugs,
        )
