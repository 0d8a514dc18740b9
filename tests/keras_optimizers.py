"""What every Keras optimizer owes, whatever its rule is.

`make` is always a function of no arguments that returns a new optimizer with
non-default settings. A rule itself is checked by `assert_trajectory` and an oracle.
"""

import keras
import numpy as np
import tensorflow as tf

import tests.replicas
from tests.closeness import assert_close

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


def random_gradients(steps=6, start=START, seed=0):
    """Returns, per step and variable, float64 gradients whose signs change."""
    random = np.random.default_rng(seed)
    return [[random.normal(size=w.shape) for w in start] for _ in range(steps)]


def trajectory(optimizer, gradients, start=START, dtype="float32", mode=lambda f: f):
    """Applies gradients one step after another.

    Args:
        optimizer: A new optimizer.
        gradients: Per step, one [...] array per variable.
        start: The variables' first values.
        mode: What compiles one step, such as `tf.function`.

    Returns:
        Per step, the value of each variable after it, in the variables' dtype.
    """
    variables = [tf.Variable(w, dtype=dtype) for w in start]
    optimizer.build(variables)
    step = mode(lambda *g: optimizer.apply(g, variables))
    path = []
    for arrays in gradients:
        step(*[tf.constant(g, dtype) for g in arrays])
        path.append([v.numpy() for v in variables])
    return path


def flat(path):
    """[steps, all elements of all variables], to compare two trajectories at once."""
    return np.array([np.concatenate([np.ravel(w) for w in weights]) for weights in path])


def assert_trajectory(optimizer, want, *, gradients, call, oracle, rtol, atol, bugs=None, **how):
    """Fails unless the weights after every step are those of the oracle.

    Args:
        optimizer: A new optimizer.
        want: Per step, the weights, as `trajectory` returns them.
        gradients: As for `trajectory`.
        call: The constructor call.
        bugs: {cause: trajectory of that bug}.
        **how: `start`, `dtype`, `mode` for `trajectory`.
    """
    __tracebackhide__ = True
    assert_close(
        tf.constant(flat(trajectory(optimizer, gradients, **how))),
        flat(want),
        call=f"the weights after each of {len(want)} steps of {call}",
        oracle=oracle,
        rtol=rtol,
        atol=atol,
        bugs={cause: flat(path) for cause, path in (bugs or {}).items()},
    )


def assert_resumes(make, path):
    """Fails unless 5 steps, save, load and 5 steps equal 10 steps."""
    __tracebackhide__ = True
    steps = random_gradients(10, [np.zeros([3, 2]), np.zeros(2)])
    whole, half = _small_model(make()), _small_model(make())
    _apply(whole, steps)
    _apply(half, steps[:5])
    half.save(path / "model.keras")
    saved = half.get_weights()
    resumed = keras.saving.load_model(path / "model.keras")
    _apply(resumed, steps[5:])
    want = _weights(whole)
    assert_close(
        tf.constant(_weights(resumed)),
        want,
        call="5 steps, model.save, load_model, 5 more steps",
        oracle="10 steps without a break",
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


def assert_fit_equals_eager(make):
    """Fails unless Keras' train step in a graph walks the same path as eager steps."""
    __tracebackhide__ = True
    # XLA has tests of its own, and takes longer here than all else.
    graph, eager = _small_model(make(), jit_compile=False), _small_model(make())
    for x, y in _batches(4):
        graph.train_on_batch(x, y)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((eager(x) - y) ** 2)
        weights = eager.trainable_variables
        eager.optimizer.apply(tape.gradient(loss, weights), weights)
    assert_close(
        tf.constant(_weights(graph)),
        _weights(eager),
        call="the weights after 4 steps of model.train_on_batch, which tf.function runs",
        oracle="the same steps in eager mode",
        rtol=1e-5,  # graphs may fuse and reorder float32 sums; four steps of it
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
    gradients = random_gradients(steps=3)
    strategy = tests.replicas.two_replicas()
    with strategy.scope():
        variables = [tf.Variable(w, dtype="float32") for w in START]
        optimizer = make()
        optimizer.build(variables)

    def train(coefficients):
        with tf.GradientTape() as tape:
            # Linear in the weights: its gradient is the coefficients.
            pairs = zip(coefficients, variables, strict=True)
            loss = tf.add_n([tf.reduce_sum(c * v) for c, v in pairs])
        optimizer.apply(tape.gradient(loss, variables), variables)

    # As in Keras' own train step: one trace for all steps, and no autograph.
    step = tf.function(lambda share: strategy.run(train, args=(share,)), autograph=False)
    for arrays in gradients:
        # Gradients are summed over the replicas: they get 1/4 and 3/4.
        shares = [[tf.constant(part * g, tf.float32) for g in arrays] for part in (0.25, 0.75)]
        step(
            strategy.experimental_distribute_values_from_function(
                lambda context, shares=shares: shares[context.replica_id_in_sync_group]
            )
        )
    assert_close(
        tf.constant(flat([[v.numpy() for v in variables]])),
        flat(trajectory(make(), gradients)[-1:]),
        call="3 steps under MirroredStrategy on two replicas",
        oracle="the same steps on one",
        rtol=1e-5,  # 1/4 + 3/4 rounds each gradient, 6e-8, and the steps add them up
        atol=1e-6,
    )


def _small_model(optimizer, **how):
    # Fixed weights, not seeds: nothing here depends on a generator.
    model = keras.Sequential([keras.Input([3]), keras.layers.Dense(2)])
    model.set_weights([np.linspace(-1, 1, 6).reshape(3, 2), np.array([0.5, -0.5])])
    model.compile(optimizer=optimizer, loss="mse", **how)
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
