"""What every Keras optimizer owes in training, whatever its rule is.

`make` is always a function of no arguments that returns a new optimizer with
non-default settings. A rule itself is checked by `assert_trajectory` and an oracle.
"""

import keras
import numpy as np
import tensorflow as tf

from tests.support.closeness import assert_close
from tests.support.replicas import two_replicas
from tests.support.trajectories import START, random_gradients, trajectory


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


def assert_replicas_agree(make):
    """Fails unless a step on two replicas equals the step on one."""
    __tracebackhide__ = True
    gradients, strategy = random_gradients(steps=3, start=START[:1]), two_replicas()
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
