"""What every Keras optimizer owes, whatever its rule is.

`make` is always a function of no arguments that returns a new optimizer with
non-default settings. A rule itself is checked by `assert_trajectory` and an oracle.
"""

import keras
import numpy as np
import tensorflow as tf

import tests.support.replicas
from tests.support.closeness import assert_close
from tests.support.gradient_checks import every_mode

# Two variables of different shapes: a slot shared between them cannot work.
START = [np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.5]]), np.array([-0.75, 2.0])]


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


def trajectory(optimizer, gradients, start=START, dtype="float32"):
    """Applies gradients one step after another.

    Args:
        optimizer: A new optimizer.
        gradients: Per step, one [...] array per variable, None where it has no gradient.
        start: The variables' first values.

    Returns:
        Per step, the value of each variable after it, in the variables' dtype.
    """
    # No rule makes an exception of what is called a bias.
    names = ["kernel", "bias"]
    variables = [tf.Variable(w, dtype=dtype, name=n) for w, n in zip(start, names, strict=False)]
    optimizer.build(variables)
    return _walk(lambda *g: optimizer.apply(g, variables), variables, _tensors(gradients, dtype))


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


def assert_trajectory(optimizer, want, *, gradients, start=START, dtype="float32", **how):
    """Fails unless the eager steps of an optimizer are those of the oracle.

    Args:
        optimizer: A new optimizer.
        gradients, start, dtype: As for `trajectory`.
        want, **how: As for `assert_path`.
    """
    __tracebackhide__ = True
    assert_path(trajectory(optimizer, gradients, start, dtype), want, **how)


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
    tensors, half = _tensors(_first(gradients)), len(gradients) // 2
    # No eager step comes before: what Python counts starts anew when the step is traced.
    modes = every_mode(lambda g: optimizer.apply([g], [w]), *tensors[0])
    parts = {"in a tf.function: ": slice(half), "compiled by XLA: ": slice(half, None)}
    for mode, part in parts.items():
        assert_path(
            _walk(modes[mode], [w], tensors[part]),
            _first(want[part]),
            call=mode + call,
            bugs={cause: _first(path[part]) for cause, path in (bugs or {}).items()},
            **close,
        )


def _first(steps):
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
        _first(walk(rates)),
        gradients=_first(gradients),
        start=START[:1],
        call=call.format(f"a schedule that halves from {first}"),
        bugs={cause: _first(path) for cause, path in wrong.items()},
        **how,
    )


def assert_resumes(make, path):
    """Fails unless 5 steps, save, load and 5 steps equal 10 steps."""
    __tracebackhide__ = True
    steps = random_gradients(10, [np.zeros([3, 2])])
    whole = _small_model(make())
    _apply(whole, steps[:5])
    whole.save(path / "model.keras")
    saved = whole.get_weights()
    resumed = keras.saving.load_model(path / "model.keras")
    for model in (whole, resumed):
        _apply(model, steps[5:])
    want = _weights(whole)
    assert_close(
        tf.constant(_weights(resumed)),
        want,
        call="5 steps, model.save, load_model, 5 more steps",
        oracle="10 steps without a load",
        rtol=1e-6,  # the same float32 operations in the same order
        bugs=lambda: {
            cause: weights
            for cause, weights in _forgetful(make, saved, steps[5:]).items()
            # A learner's optimizer without state has nothing to lose.
            if _differ(weights, want)
        },
    )


def _forgetful(make, saved, steps):
    """{cause: weights} of a model loaded without its optimizer's state, or all but the count."""
    state, slots = _small_model(make()), _small_model(make())
    if isinstance(slots.optimizer.iterations, keras.Variable):
        slots.optimizer.iterations.assign(5)
    for model in (state, slots):
        model.set_weights(saved)
        _apply(model, steps)
    return {
        "state that starts again at load: not an optimizer variable": _weights(state),
        "slots that start again at load: not optimizer variables": _weights(slots),
    }


class Line(keras.Model):
    """What Keras' own train step asks of an optimizer, without its losses and metrics."""

    def train_step(self, batch):
        x, y = batch[:2]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
            scaled = self.optimizer.scale_loss(loss)
        weights = self.trainable_variables
        gradients = tape.gradient(scaled, weights)
        self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return {"loss": loss}


def assert_fit_equals_eager(make):
    """Fails unless a train step that Keras compiles walks the same path as eager steps.

    The optimizer is not built before: the first trace creates its state, as in `fit`.
    """
    __tracebackhide__ = True
    graph, eager = (_small_model(make(), Line) for _ in range(2))
    for x, y in _batches(3):
        graph.train_on_batch(x, y)
        eager.train_step((x, y))
    assert_close(
        tf.constant(_weights(graph)),
        _weights(eager),
        call="the weights after 3 steps of model.train_on_batch, which tf.function runs",
        oracle="the same steps in eager mode",
        rtol=1e-5,  # graphs may fuse and reorder float32 sums; three steps of it
        atol=1e-6,
    )


# Three lookups in a table [4, 2]; ids repeat, and the gradients of their rows differ.
TABLE = np.ones([4, 2])
ROWS = np.array([[0.3, -0.2], [0.5, 0.4], [-0.1, 0.6]])
LOOKUPS = [[1, 1, 3], [0, 3, 3], [1, 2, 1]]


def scattered(rows):
    """Returns, per lookup, a table [4, 2] of zeros to which the rows are added."""
    tables = [np.zeros_like(TABLE) for _ in LOOKUPS]
    for table, ids in zip(tables, LOOKUPS, strict=True):
        np.add.at(table, ids, rows)
    return tables


def assert_duplicate_rows_are_summed(make, dtype="float32", bugs=None):
    """Fails unless a sparse gradient with repeated ids equals the dense one.

    Args:
        bugs: {cause: [4, 2] array of the table that bug gives}.
    """
    __tracebackhide__ = True
    weights = {}
    for kind in ["sparse", "dense"]:
        table = tf.Variable(TABLE, dtype=dtype)
        optimizer = make()
        optimizer.build([table])
        for ids in LOOKUPS:
            slices = tf.IndexedSlices(tf.constant(ROWS, dtype), tf.constant(ids), TABLE.shape)
            gradient = slices if kind == "sparse" else tf.convert_to_tensor(slices)
            optimizer.apply([gradient], [table])
        weights[kind] = table
    assert_close(
        weights["sparse"],
        weights["dense"].numpy(),
        call="3 steps on tf.IndexedSlices in which ids repeat",
        oracle="the same steps on the dense gradient",
        rtol=1e-6,  # two float32 sums of the same rows
        atol=1e-7,
        bugs=bugs,
    )


def assert_replicas_agree(make):
    """Fails unless a step on two replicas equals the step on one."""
    __tracebackhide__ = True
    gradients, strategy = (
        random_gradients(steps=3, start=START[:1]),
        tests.support.replicas.two_replicas(),
    )
    with strategy.scope():
        w = tf.Variable(START[0], dtype="float32")
        optimizer = make()
        optimizer.build([w])

    def train(gradient):
        optimizer.apply([gradient], [w])

    # As in Keras' own train step: one trace for all steps, and no autograph.
    step = tf.function(lambda shares: strategy.run(train, args=(shares,)), autograph=False)
    for (g,) in gradients:
        # Gradients are summed over the replicas: they get 1/4 and 3/4.
        shares = [tf.constant(part * g, tf.float32) for part in (0.25, 0.75)]
        step(
            strategy.experimental_distribute_values_from_function(
                lambda context, shares=shares: shares[context.replica_id_in_sync_group]
            )
        )
    ((want,),) = trajectory(make(), gradients, START[:1])[-1:]
    assert_close(
        tf.constant(w.numpy()),
        want,
        call="3 steps under MirroredStrategy on two replicas",
        oracle="the same steps on one",
        rtol=1e-5,  # 1/4 + 3/4 rounds each gradient, 6e-8, and the steps add them up
        atol=1e-6,
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
            g = g + l2 * w[i]
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * (squares[k][i] if squares else g**2)
            corrections = 1 - beta_1 ** t(k, i), 1 - beta_2 ** t(k, i)
            w[i] = w[i] - lr * shrink * w[i]
            w[i] = w[i] - lr * step(w[i], direction(m[i], v[i], *corrections, epsilon))
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
    held = lambda path: _first([w for last in [START, *path] for w in [last, last]][1:-1])
    assert_trajectory(
        optimizer,
        held(walk(means)),
        gradients=_first(gradients),
        start=START[:1],
        oracle="the formula on the mean of each two gradients",
        bugs={"t counts gradients, not updates": held(walk(means, t=lambda k, i: 2 * k + 2))},
        **how,
    )


def assert_t_is_one_for_all(optimizer, walk, *, gradients, **how):
    """Fails unless a variable that gets its first gradient late has the t of the others.

    Args:
        optimizer: A new one.
        walk: `adam_path` without its gradients.
        gradients, **how: As for `assert_trajectory`.
    """
    __tracebackhide__ = True
    late = [[*gradients[0][:-1], None], *gradients[1:]]
    own = lambda k, i: max(1, k + 1 - i)
    assert_trajectory(
        optimizer,
        walk(late),
        gradients=late,
        oracle="the formula, in which t counts the optimizer's steps",
        bugs={"t counted for each variable": walk(late, t=own)},
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


def _small_model(optimizer, kind=keras.Model):
    # One variable, which Keras traces twice; the optimizer's own tests have several.
    inputs = keras.Input([3])
    model = kind(inputs, keras.layers.Dense(2, use_bias=False)(inputs))
    # Fixed weights, not seeds: nothing here depends on a generator.
    model.set_weights([np.linspace(-1, 1, 6).reshape(3, 2)])
    # XLA has tests of its own, and takes longer here than all else.
    model.compile(optimizer=optimizer, loss="mse", jit_compile=False)
    return model


def _batches(count):
    random = np.random.default_rng(0)
    return [
        (random.normal(size=[4, 3]).astype("float32"), random.normal(size=[4, 2]).astype("float32"))
        for _ in range(count)
    ]


def _apply(model, steps):
    for gradients in steps:
        tensors = [tf.constant(g, tf.float32) for g in gradients]
        model.optimizer.apply(tensors, model.trainable_variables)


def _weights(model):
    return np.concatenate([np.ravel(w) for w in model.get_weights()])


def _differ(weights, want):
    return not np.allclose(weights, want, rtol=1e-5, atol=1e-6)
