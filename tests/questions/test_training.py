"""The figures of QUESTIONS.md under Training, measured again; conftest.py says how."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.questions.double_softmax import ByHand, reported
from tests.questions.one_weight import linear, ones, train
from tests.questions.tracing import traces
from tests.support.replicas import two_replicas

MNIST = Path(__file__).parents[2] / "data" / "mnist_small.npz"


def test_o11_mean_of_means(quoted):
    batches = [[1.0, 1, 1], [5.0]]
    of_means = np.mean([np.mean(b) for b in batches])
    whole = np.mean(np.concatenate(batches))
    quoted(f"give {of_means:.1f}, where the batch gives {whole:.1f}")


def test_o11_adam_with_micro_batches_equals_one_step(quoted):
    accumulated = train(keras.optimizers.Adam(0.1, gradient_accumulation_steps=3), [1.0, 2, 6])
    assert accumulated == train(keras.optimizers.Adam(0.1), [3.0]) != 1
    quoted("Now Adam with three micro-batches equals one step on their mean")


def test_o11_accumulated_gradients_are_clipped_once(quoted):
    optimizer = keras.optimizers.SGD(1.0, clipnorm=1.0, gradient_accumulation_steps=2)
    # Clipped one by one, 3 and -1 would cancel.
    assert train(optimizer, [3.0, -1.0], 0.0) == -1
    quoted("it takes the plain mean of k micro-batches, clips and decays once")


def test_o11_weights_decay_once_in_a_window(quoted):
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.5, gradient_accumulation_steps=2)
    assert train(optimizer, [0.0, 0.0]) == pytest.approx(0.95)
    quoted("it takes the plain mean of k micro-batches, clips and decays once")


def test_o11_an_incomplete_window_stays_in_the_accumulators(quoted):
    optimizer = keras.optimizers.SGD(1.0, gradient_accumulation_steps=2)
    assert train(optimizer, [1.0, 1.0, 5.0], 0.0) == -1
    assert optimizer._accumulated_gradients[0].numpy() == 5
    quoted("In Keras its gradients stay in the accumulators")


def clipped(second=4.0, **limit):
    """The gradients 3 and `second` of two variables as SGD applies them."""
    a, b = tf.Variable(0.0), tf.Variable(0.0)
    keras.optimizers.SGD(1.0, **limit).apply([tf.constant(3.0), tf.constant(second)], [a, b])
    return -a.numpy(), -b.numpy()


def pair(v):
    return f"({v[0]:g}, {v[1]:g})"


def test_o09_values_lose_the_direction(quoted):
    gradient = tf.constant([0.1, 10.0])
    by_value = tf.clip_by_value(gradient, -1.0, 1.0).numpy()
    by_norm = np.round(tf.clip_by_norm(gradient, 1.0), 2)
    w = tf.Variable([0.0, 0.0])
    keras.optimizers.SGD(1.0, clipvalue=1.0).apply([gradient], [w])
    np.testing.assert_array_equal(-w.numpy(), by_value)
    quoted(
        f"{pair(gradient)} with a limit of 1 becomes {pair(by_value)}, where scaling to norm 1 "
        f"gives {pair(by_norm)}"
    )


def test_o09_a_limit_that_is_always_reached(quoted):
    steps = {
        f"{-train(keras.optimizers.SGD(0.1, clipnorm=1.0), [g], 0.0):.1f}" for g in (5.0, 500.0)
    }
    quoted(f"gradients of 5 and of 500 both move a weight by {steps.pop()}")
    assert not steps


def test_o09_by_hand(quoted):
    _, norm = tf.clip_by_global_norm([tf.constant(3.0), tf.constant(4.0)], 1.0)
    quoted(f"returns the norm too, {norm:g} for gradients 3 and 4")


def test_o09_norm_of_each_and_of_all(quoted):
    norm, together = clipped(clipnorm=1.0), clipped(global_clipnorm=1.0)
    quoted(
        f"`clipnorm` gives ({norm[0]:.1f}, {norm[1]:.1f}) and `global_clipnorm` "
        f"({together[0]:.1f}, {together[1]:.1f})"
    )


def test_o09_one_infinite_gradient(quoted):
    assert np.isnan(clipped(np.inf, global_clipnorm=1.0)).all()
    value = clipped(np.inf, clipvalue=1.0)
    quoted(f"`global_clipnorm` makes every gradient nan; `clipvalue` makes it {value[1]:.0f}")


def test_o09_keras_allows_one_of_the_three(quoted):
    with pytest.raises(ValueError, match="Only one"):
        keras.optimizers.SGD(1.0, clipnorm=1.0, clipvalue=1.0)
    quoted("Keras allows one of the three")


def repeated(ids, rows):
    """The gradient of a table in which ids were looked up, one row each."""
    shape = tf.constant([max(ids) + 1, 1])
    return tf.IndexedSlices(tf.constant(rows, tf.float32)[:, None], tf.constant(ids), shape)


def both_norms(slices):
    """As the built-in takes it, and of the dense gradient."""
    built_in = tf.linalg.global_norm([slices])
    return float(built_in), float(tf.norm(tf.convert_to_tensor(slices)))


def test_t21_rows_of_one_id(quoted):
    built_in, dense = both_norms(repeated([0, 0], [3.0, 4.0]))
    quoted(f"3 and 4 at one id have norm {dense:.0f}, and it says {built_in:.0f}")


def test_t21_two_tokens_that_occur_often(quoted):
    table = keras.layers.Embedding(10, 8)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(table(tf.constant([7, 8] * 50)))
    built_in, dense = both_norms(tape.gradient(total, table.trainable_variables)[0])
    quoted(f"50 times it finds {built_in:.1f} where the gradient's norm is {dense:.1f}")


def test_t21_one_infinity_makes_all_nan(quoted):
    clipped, _ = tf.clip_by_global_norm([tf.constant([1.0, np.inf]), tf.constant([2.0])], 1.0)
    assert all(np.isnan(g).all() for g in clipped)
    quoted("version therefore makes all gradients nan, on purpose, so that somebody notices")


def test_t21_float16(quoted):
    half = tf.constant([300.0], tf.float16)
    assert np.isinf(tf.linalg.global_norm([half]))
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.clip_by_global_norm([half, tf.constant([1.0])], 1.0)
    quoted("The norm is taken in the dtype of the gradients, where 300² is inf; beside float32 it")


def test_t21_clipping_is_no_protection(quoted):
    weights = [tf.Variable([1.0, 1.0]), tf.Variable([1.0])]
    gradients = [tf.constant([1.0, np.inf]), tf.constant([2.0])]
    keras.optimizers.Adam(0.1, global_clipnorm=1.0).apply(gradients, weights)
    assert all(np.isnan(w.numpy()).all() for w in weights)
    quoted("After one infinite gradient under `global_clipnorm` every weight of Adam is nan")


def test_t22_clipping_is_not_linear(quoted):
    gradients = [3.0, -1.0]
    first = np.mean(np.clip(gradients, -1, 1))
    quoted(f"the mean is {np.mean(gradients):.0f}; clipped first, they cancel to {first:.0f}")


def penalty(scores):
    """The gradient penalty of x -> 5 x at four points, of what `scores` makes of their scores."""
    x = tf.ones([4, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = scores(5 * x)
    slopes = tape.gradient(total, x)
    return float(tf.reduce_mean((tf.norm(slopes, axis=1) - 1) ** 2))


def test_t25_the_mean_of_the_scores(quoted):
    of_mean, of_sum = penalty(tf.reduce_mean), penalty(tf.reduce_sum)
    quoted(f"B = 4 and a slope of 5 the penalty is {of_mean:.2f} where {of_sum:.2f} is due")


@pytest.mark.parametrize("norm", [lambda g: tf.norm(g), lambda g: tf.sqrt(tf.reduce_sum(g**2))])
def test_t25_zero_weights_have_gradient_nan(quoted, norm):
    w = tf.Variable([0.0, 0.0])
    with tf.GradientTape() as outer:
        x = tf.constant([1.0, 2.0])
        with tf.GradientTape() as inner:
            inner.watch(x)
            score = tf.reduce_sum(w * x)
        loss = (norm(inner.gradient(score, x)) - 1) ** 2
    assert np.isnan(outer.gradient(loss, w)).all()
    quoted("initialization, has gradient nan in its first step")


def test_t26_batch_statistics_tie_the_rows(quoted):
    x = tf.constant([[1.0], [2.0], [4.0]])
    norm = keras.layers.BatchNormalization()

    def own_slope(pick):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = pick(norm(x, training=True) ** 2)
        return tape.gradient(total, x)[0, 0]

    assert abs(own_slope(tf.reduce_sum) - own_slope(lambda scores: scores[0, 0])) > 0.1
    quoted("with batch normalization they differ, without they agree")


def distributed_step(reduce, examples, replicas):
    """The weight after a step of w x, w = 0, towards 1, and the sum of the losses."""
    one = tf.distribute.MirroredStrategy(["CPU:0"])
    strategy = two_replicas() if replicas == 2 else one
    with strategy.scope():
        w, optimizer = tf.Variable(0.0), keras.optimizers.SGD(0.1)
        optimizer.build([w])

    def replica(x):
        with tf.GradientTape() as tape:
            loss = reduce(tf.square(w * x - 1.0))
        optimizer.apply([tape.gradient(loss, w)], [w])
        return loss

    data = tf.data.Dataset.from_tensor_slices(np.float32(examples)).batch(len(examples))
    (batch,) = strategy.experimental_distribute_dataset(data)
    losses = strategy.run(tf.function(replica), args=(batch,))
    return float(w.numpy()), float(strategy.reduce("SUM", losses, axis=None))


def test_t07_the_mean_of_each_replica_doubles_the_step(quoted):
    def whole(losses):
        return tf.nn.compute_average_loss(losses, global_batch_size=4)

    def step(reduce, replicas):
        return distributed_step(reduce, [1.0] * 4, replicas)[0]

    one, two = step(tf.reduce_mean, 1), step(tf.reduce_mean, 2)
    assert step(whole, 1) == step(whole, 2) == one
    quoted(f"{two:.1f} where one replica, or the global denominator, gives {one:.1f}")


def test_t07_the_default_denominator_assumes_equal_shards(quoted):
    def weight(example):
        """The weight of one example of three: 0.2 times it is the step."""
        examples = np.eye(3)[example]
        return distributed_step(tf.nn.compute_average_loss, examples, 2)[0] / 0.2

    assert [round(weight(i), 3) for i in range(3)] == [0.25, 0.25, 0.5]
    quoted(
        "of three examples over two replicas, the lone one weighs one half and the others a "
        "quarter each"
    )


def test_t07_an_empty_replica_reports_nan(quoted):
    w, loss = distributed_step(tf.reduce_mean, [1.0], 2)
    assert w == pytest.approx(0.2)
    quoted(f"an empty replica reports a loss of {loss}, though its gradient is 0")


@pytest.fixture(scope="module")
def digits():
    """2,000 examples to train on and 2,000 to test on: (x, y), (x, y)."""
    with np.load(MNIST) as data:
        x, y = (data[f"{name}_train"][:2000] for name in "xy")
        test_x, test_y = data["x_test"], data["y_test"]
    flat = lambda x: x.reshape(-1, 784) / np.float32(255)
    return (flat(x), y.astype("int32")), (flat(test_x), test_y)


def digits_right(optimizer, digits):
    """The test accuracy, in points, after two epochs."""
    (x, y), (test_x, test_y) = digits
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(32, "relu"), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((784,)), *layers])
    optimizer.build(model.trainable_variables)
    rng = np.random.default_rng(0)
    batches = np.concatenate([rng.permutation(1984).reshape(-1, 32) for _ in range(2)])

    @tf.function
    def fit(batches):
        for rows in batches:
            with tf.GradientTape() as tape:
                logits = model(tf.gather(x, rows), training=True)
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather(y, rows), logits)
                loss = tf.reduce_mean(loss)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)

    fit(tf.constant(batches))
    return 100 * np.mean(np.argmax(model(test_x), axis=-1) == test_y)


def lead_of_adam(digits, adam, sgd):
    """By how many points Adam beats SGD, each with these settings."""
    optimizers = keras.optimizers.Adam(**adam), keras.optimizers.SGD(**sgd)
    first, second = (digits_right(optimizer, digits) for optimizer in optimizers)
    return first - second


# Over four seeds the leads are 28 points and 2, with a spread of 5 and 1.


def test_o20_adam_leads_by_its_defaults(quoted, digits):
    many = 15
    assert lead_of_adam(digits, {}, {}) > many
    quoted(f"Adam leads SGD by more than {many} points of test accuracy")


def test_o20_sensible_rates_close_the_gap(quoted, digits):
    few = 5
    tuned = {"learning_rate": 0.01}, {"learning_rate": 0.05, "momentum": 0.9}
    assert abs(lead_of_adam(digits, *tuned)) < few
    quoted(f"(Adam 0.01, SGD 0.05 with momentum 0.9) the gap is below {few} points")


def test_t01_forward_outside_the_tape(quoted):
    model = linear()
    y = model(ones(4))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(y**2)
    assert tape.gradient(loss, model.trainable_variables) == [None]
    quoted("The forward pass outside the tape: every gradient is None")


def test_t01_regularization_does_not_add_itself(quoted):
    model = linear(kernel_regularizer=keras.regularizers.L2(0.5))
    loss = tf.reduce_mean(model(ones(4)) ** 2)
    assert float(model.losses[0]) == 0.5 != float(loss)
    quoted("The loss plus `sum(model.losses)`: regularization does not add itself")


def test_t01_without_training_the_moving_mean_stays(quoted):
    layer = keras.layers.BatchNormalization()
    means = []
    for training in (False, True):
        layer(ones(4, 5.0), training=training)
        means.append(layer.moving_mean.numpy().item())
    quoted(f"its moving mean stays {means[0]:.2f}, where a training call makes it {means[1]:.2f}")


def test_t09_the_loss_of_uniform_outputs(quoted):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    uniform = float(loss(np.array([3]), np.zeros((1, 10), "float32")))
    quoted(f"The loss starts at {uniform:.3f} with 10 classes")


def test_t09_the_initial_loss_in_theory(quoted):
    quoted(f"`log 10` is {np.log(10):.3f}")


class Custom(keras.Sequential):
    """The train step that the question asks for."""

    def train_step(self, data):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.metrics[0].update_state(loss, sample_weight=tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, weight)


class Keras2(keras.Sequential):
    """A train step by a recipe of Keras 2, which returns the loss alone."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compiled_loss(y, y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.compiled_metrics.update_state(y, y_pred)
        return {"loss": loss}


def history(model):
    """What `fit` reports of a model of this class."""
    keras.utils.set_random_seed(0)
    model = model([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model.fit(ones(4), ones(4, 3.0), verbose=0).history


@pytest.fixture(scope="module")
def standard():
    return history(keras.Sequential)


@pytest.fixture(scope="module")
def keras_2():
    with pytest.warns(match="is deprecated"):
        return history(Keras2)


def test_t02_a_step_that_updates_every_metric(quoted, standard):
    custom = history(Custom)
    assert custom["loss"] == pytest.approx(standard["loss"])
    assert custom["mae"] == pytest.approx(standard["mae"])
    quoted('the one named "loss" with the loss, weighed by the batch\'s size')


def test_t02_recipes_of_keras_2_still_work(quoted, standard, keras_2):
    assert keras_2["loss"] == pytest.approx(standard["loss"])
    quoted("still work in Keras 3.15, with a deprecation warning")


def test_t02_only_what_the_step_returns_is_reported(quoted, standard, keras_2):
    assert keras_2 == {"loss": pytest.approx(standard["loss"])}
    quoted(
        "a step that returns the loss alone trains, and the metrics passed to `compile` never "
        "appear"
    )


class Guide(Custom):
    """The loop over the metrics that many guides show."""

    def train_step(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
        for metric in self.metrics:
            metric.update_state(*((loss,) if metric.name == "loss" else (y, y_pred)))
        return {metric.name: metric.result() for metric in self.metrics}


def squares_reported(model, **how):
    """The loss reported of w x, w = 0 at rate 0, over batches of four ones and a three."""
    model = model([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros", **how)])
    model.compile(keras.optimizers.SGD(0.0), "mse", run_eagerly=True)
    y = np.array([[1.0]] * 4 + [[3.0]], "float32")
    return model.fit(ones(5), y, batch_size=4, shuffle=False, verbose=0).history["loss"][0]


def test_t23_a_mean_of_batches(quoted):
    loop, built_in = squares_reported(Guide), squares_reported(keras.Sequential)
    quoted(f"are reported as {loop:.1f}; the mean over the examples, which the built-in step")
    quoted(f"reports, is {built_in:.1f}")


def test_t23_nobody_updates_the_loss(quoted):
    class Silent(Custom):
        def train_step(self, data):
            return self.compute_metrics(*data, self(data[0]))

    quoted(f"It reports {squares_reported(Silent):.1f} at every epoch, without a word")


def test_t23_the_history_asks_the_metrics(quoted):
    class Own(Custom):
        def train_step(self, data):
            return super().train_step(data) | {"loss": tf.constant(123.0)}

    assert squares_reported(Own) == pytest.approx(squares_reported(keras.Sequential))
    quoted("right nonetheless: when an epoch ends `fit` asks the metrics")


def test_t23_the_models_own_losses_twice(quoted):
    model = linear(kernel_regularizer=keras.regularizers.L2(0.5))
    model.compile("sgd", "mse")
    y = model(ones(4))
    loss = model.compute_loss(ones(4), y, y)
    twice = float(loss + sum(model.losses))
    quoted(f"an L2 penalty of {float(loss):.1f} counts as {twice:.1f}")


def test_t24_evaluate_reports_zero(quoted):
    class Counted(keras.Sequential):
        def __init__(self, layers):
            super().__init__(layers)
            self.norm = keras.metrics.Mean(name="norm")

    model = Counted([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    logs = model.evaluate(ones(4), ones(4), verbose=0, return_dict=True)
    quoted(f"Nothing updates it there, and it reports {logs['norm']:.1f}")


def test_t03_a_learning_rate_as_a_float(quoted):
    x, rates = tf.constant(1.0), [0.1 * k for k in range(5)]
    floats = traces((x, rate) for rate in rates)
    tensors = traces((x, tf.constant(rate)) for rate in rates)
    quoted(f"five values make {floats} traces, as tensors {tensors}")


def test_t03_a_step_counter_as_an_argument(quoted):
    steps = traces((tf.constant(1.0), k) for k in range(10))
    quoted(f"A Python step counter as argument makes {steps} traces in ten steps")


def test_t03_batch_sizes(quoted):
    sizes = [(tf.ones(n),) for n in range(1, 6)]
    quoted(
        f"Five batch sizes make {traces(sizes)} traces, {traces(sizes, reduce_retracing=True)} "
        "with `reduce_retracing=True`"
    )


def test_t03_counting_traces(quoted):
    open_batch = [tf.TensorSpec([None, 3])]
    for function, sizes in [
        (tf.function(lambda x: 2 * x), (2, 2)),
        (tf.function(lambda x: 2 * x, input_signature=open_batch), (2, 2, 5)),
    ]:
        for size in sizes:
            function(tf.ones((size, 3)))
        assert function.experimental_get_tracing_count() == 1
    quoted(
        "assert that the second batch adds none; with an `input_signature` that leaves the batch"
    )


def test_t03_an_if_in_your_own_code_is_converted(quoted):
    @tf.function
    def magnitude(x):
        if x > 0:
            return x
        return -x

    assert [float(magnitude(tf.constant(x))) for x in (2.0, -2.0)] == [2, 2]
    quoted("On a tensor, AutoGraph turns it into `tf.cond` in code it converts")


def test_t03_an_if_in_update_step_is_not_converted(quoted):
    class Every(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            if self.iterations % 2 == 0:
                super().update_step(gradient, variable, learning_rate)

    w, optimizer = tf.Variable(1.0), Every(0.1)
    optimizer.build([w])
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        tf.function(lambda: optimizer.apply([tf.constant(1.0)], [w]))()
    quoted("such as an optimizer's `update_step`, is not converted")


def step_with_either():
    """A step on a weight by SGD or Adam, as its flag says, and the two optimizers' build."""
    w = tf.Variable(1.0)
    sgd, adam = keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1)

    @tf.function
    def step(use_sgd):
        (sgd if use_sgd else adam).apply([tf.constant(1.0)], [w])

    return step, lambda: [optimizer.build([w]) for optimizer in (sgd, adam)]


def test_t04_slots_on_a_later_call(quoted):
    step, _ = step_with_either()
    message = "Creating variables on a non-first call"
    step(True)
    with pytest.raises(ValueError, match=message):
        step(False)
    quoted(f'"{message}"')
    quoted("the first call passes and the second raises")


def test_t04_slots_built_before_the_first_call(quoted):
    step, build = step_with_either()
    build()
    step(True)
    step(False)
    quoted("The cure: `optimizer.build(model.trainable_variables)` for each, before the first step")


def compiled_under(policy):
    """A model that was made and compiled under a global policy."""
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        model = linear()
        model.compile("sgd", "mse")
    finally:
        keras.mixed_precision.set_global_policy(before)
    return model


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_t05_variables_stay_in_float32(quoted, policy):
    assert compiled_under(policy).layers[0].kernel.dtype == "float32"
    quoted("Compute in float16 or bfloat16, variables in float32")


def test_t05_compile_wraps_the_optimizer_for_float16(quoted):
    half, brain = (
        type(compiled_under(policy).optimizer).__name__
        for policy in ("mixed_float16", "mixed_bfloat16")
    )
    assert brain == "SGD"
    quoted(f"`compile` then wraps the optimizer in a {half}; under mixed_bfloat16 it does not")


def dtypes_under_mixed_float16(loss_class):
    """The dtype of the predictions that reach `compute_loss`, a loss of this kind, a metric."""
    dtypes = {}

    class Noting(keras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            dtypes["compute_loss"] = y_pred.dtype.name
            return super().compute_loss(x, y, y_pred, sample_weight, training)

    class Metric(keras.metrics.Metric):
        def update_state(self, y_true, y_pred, sample_weight=None):
            dtypes["metric"] = y_pred.dtype.name

        def result(self):
            return tf.constant(0.0)

    class Loss(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return squared_error(y_true, y_pred)

    def squared_error(y_true, y_pred):
        dtypes["loss"] = y_pred.dtype.name
        return tf.reduce_mean((y_true - y_pred) ** 2, -1)

    model = Noting([keras.Input((1,)), keras.layers.Dense(1, dtype="mixed_float16")])
    model.compile("sgd", Loss() if loss_class else squared_error, metrics=[Metric()])
    model.fit(ones(2), ones(2), verbose=0)
    return dtypes


@pytest.mark.parametrize("loss_class", [True, False], ids=["class", "function"])
def test_t05_which_dtype_reaches_a_loss(quoted, loss_class):
    dtypes = dtypes_under_mixed_float16(loss_class)
    assert dtypes["compute_loss"] == dtypes["metric"]
    quoted(
        f"*Which dtype reaches a custom loss?* {dtypes['loss']}: Keras casts for a `Loss` and for "
        "a plain function alike"
    )
    quoted(f"a custom metric get the outputs as they are, {dtypes['metric']}")


def test_t05_a_layer_finds_inputs_and_weights_cast(quoted):
    class Scale(keras.layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(1,))

        def call(self, x):
            seen.update({x.dtype, tf.convert_to_tensor(self.scale).dtype})
            return x * self.scale

    seen = set()
    layer = Scale(dtype="mixed_float16")
    layer(ones(2))
    assert seen == {tf.as_dtype(layer.compute_dtype)} == {tf.float16}
    quoted("inside `call` Keras has cast inputs and weights to `self.compute_dtype`")


def test_t10_keras_sees_its_own_softmax_layer_only(quoted):
    true, _ = reported()
    assert reported(keras.layers.Softmax()) == (true, True)
    half = reported(keras.layers.Softmax(dtype="mixed_float16"), policy="mixed_float16")
    for loss, warned in (reported(ByHand()), half):
        assert not warned
        assert loss < true / 2
    quoted("Of its own softmax layer Keras warns, and takes the logits; of one written by hand")


def test_t10_a_double_softmax_starts_like_any_other(quoted):
    zeros = keras.layers.Dense(10, kernel_initializer="zeros")
    loss, _ = reported(zeros, ByHand())
    assert loss == pytest.approx(np.log(10))
    quoted("The initial loss still looks right")


def test_t10_a_double_softmax_has_a_floor(quoted):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    perfect = float(loss(np.array([0]), np.eye(10, dtype="float32")[:1]))
    quoted(f"the loss of a perfect, fully confident answer is {perfect:.3f} instead of 0")


def kernel_after(seed):
    """The first weight of a layer made after seed(0)."""
    seed(0)
    layer = keras.layers.Dense(1)
    layer.build((1, 1))
    return layer.kernel.numpy().item()


def test_t11_the_seed_of_numpy_alone(quoted):
    assert kernel_after(np.random.seed) != kernel_after(np.random.seed)
    quoted("two Dense layers made so start with different weights")


def test_t11_the_seed_of_everything(quoted):
    seed = keras.utils.set_random_seed
    assert kernel_after(seed) == kernel_after(seed)
    quoted("`keras.utils.set_random_seed(n)` sets Python's, NumPy's and TensorFlow's")


@pytest.mark.filterwarnings("ignore:Model doesn't support `jit_compile=True`")
def test_t11_determinism_turns_xla_off(quoted):
    from tensorflow.python.framework import config  # the public switch has no way back

    def jit():
        model = linear()
        model.compile("sgd", "mse", jit_compile=True)
        return model.jit_compile

    assert jit()
    tf.config.experimental.enable_op_determinism()
    try:
        assert not jit()
    finally:
        config.disable_op_determinism()
    quoted("With it on, Keras turns `jit_compile=True` off, with a warning")


def small_net():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(2), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


def stepped(model, steps):
    """The model itself, after so many steps on 32 examples."""
    rng = np.random.RandomState(0)
    x, y = rng.randn(32, 3).astype("float32"), rng.randn(32, 1).astype("float32")
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)
    return model


@pytest.fixture(scope="module")
def halfway():
    return stepped(small_net(), 5)


@pytest.fixture(scope="module")
def off():
    """A function: how far the worst weight of a resumed model is off after 5 more steps."""
    straight = stepped(small_net(), 10).get_weights()

    def off(resumed):
        pairs = zip(straight, stepped(resumed, 5).get_weights(), strict=True)
        return max(np.abs(a - b).max() for a, b in pairs)

    return off


SOME = 0.1


def test_t12_copying_weights_only(quoted, halfway, off, tmp_path):
    halfway.save(tmp_path / "all.keras")
    exact = off(keras.models.load_model(tmp_path / "all.keras"))
    weights_only = small_net()
    weights_only.set_weights(halfway.get_weights())
    assert exact == 0
    assert off(weights_only) > SOME
    quoted(
        f"some weight is off by more than {SOME} in a small net, where the full save differs by "
        f"exactly {exact:.0f}"
    )


def test_t12_load_weights_into_a_built_optimizer(quoted, halfway, off, tmp_path):
    halfway.save_weights(tmp_path / "some.weights.h5")
    built = small_net()
    built.optimizer.build(built.trainable_variables)
    built.load_weights(tmp_path / "some.weights.h5")
    assert off(built) == 0
    quoted("Only into a model whose optimizer is built")


def test_t12_load_weights_skips_an_unbuilt_optimizer(quoted, halfway, off, tmp_path):
    halfway.save_weights(tmp_path / "some.weights.h5")
    unbuilt = small_net()
    with pytest.warns(match="Skipping variable loading"):
        unbuilt.load_weights(tmp_path / "some.weights.h5")
    assert off(unbuilt) > SOME
    quoted("skips them with a warning otherwise")


@pytest.fixture(scope="module")
def dropping():
    """A model with dropout after two calls in training, and what makes another."""

    def make():
        return keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5, seed=3)])

    model = make()
    for _ in range(2):
        model(tf.ones([1, 2]), training=True)
    return model, make


def seed_state(model):
    return [int(n) for n in model.layers[-1].seed_generator.state.numpy()]


def by_keras_file(model, make, folder):
    model.save(folder / "model.keras")
    return keras.models.load_model(folder / "model.keras")


def by_weights(model, make, folder):
    model.save_weights(folder / "model.weights.h5")
    other = make()
    other.load_weights(folder / "model.weights.h5")
    return other


def by_checkpoint(model, make, folder):
    path = tf.train.Checkpoint(model=model).save(str(folder / "checkpoint"))
    other = make()
    tf.train.Checkpoint(model=other).restore(path)
    return other


@pytest.mark.parametrize("resumed", [by_keras_file, by_weights, by_checkpoint])
def test_t27_dropouts_seed_is_left_out(quoted, dropping, resumed, tmp_path):
    model, make = dropping
    before, after = seed_state(model), seed_state(resumed(model, make, tmp_path))
    quoted(f"A state of {before} comes back as {after}")


def test_t27_where_the_seed_stands(quoted, dropping):
    model, _ = dropping
    (state,) = model.variables
    assert model.weights == []
    assert state.numpy().tolist() == seed_state(model)
    quoted("That state is in `model.variables`, but not in `model.weights`")


def test_t28_seeds_that_are_added_share_orders(quoted):
    order = lambda seed: np.random.default_rng(seed).permutation(8).tolist()
    assert order(0 + 1) == order(1 + 0)
    assert order([0, 1]) != order([1, 0])
    quoted("seeds 0 and 1 then share orders: epoch 1 of the one is epoch 0 of the other")


def test_t14_one_example_is_normalized_to_0(quoted):
    one = keras.layers.BatchNormalization()(np.float32([[3.7]]), training=True).numpy()
    quoted(f"For one example a batch-normalized output is exactly {one.item():.0f}")


def test_t14_two_examples_are_normalized_to_1(quoted):
    x = np.float32([[3.7], [-1.2]])
    two = keras.layers.BatchNormalization()(x, training=True).numpy().ravel()
    np.testing.assert_allclose(two, [1, -1], rtol=1e-3)
    quoted("for two examples it is +1 and −1 up to epsilon, whatever the inputs")


def test_t14_a_frozen_layer_runs_in_inference_mode(quoted):
    x = np.float32([[3.7], [-1.2], [5.0]])
    frozen = keras.layers.BatchNormalization()
    frozen.trainable = False
    np.testing.assert_allclose(frozen(x, training=True), x, rtol=1e-3)
    quoted("makes batch normalization run in inference mode even with `training=True`")


LossScale, SGD = keras.optimizers.LossScaleOptimizer, keras.optimizers.SGD


def test_t06_the_method_of_the_older_guides_is_gone(quoted):
    assert not hasattr(LossScale(SGD()), "get_scaled_loss")
    quoted("`get_scaled_loss` from the older guides: an AttributeError now")


def test_t06_defaults(quoted):
    default = LossScale(SGD())
    quoted(
        f"after {default.dynamic_growth_steps:,} good steps in a row it doubles it. It starts at "
        f"{default.initial_scale:,.0f}"
    )


def test_t06_good_steps_double_the_scale(quoted):
    optimizer = LossScale(SGD(1.0), initial_scale=4.0, dynamic_growth_steps=2)
    train(optimizer, [4.0] * 2)
    assert optimizer.dynamic_scale.numpy() == 8
    quoted("good steps in a row it doubles it")


def test_t06_an_infinite_gradient_skips_the_step(quoted):
    w, optimizer = tf.Variable(1.0), LossScale(SGD(0.1), initial_scale=4.0)
    optimizer.build([w])
    optimizer.apply([tf.constant(np.inf)], [w])
    quoted(
        f"leaves a weight of 1 at {w.numpy():.1f}, halves a scale of 4 to "
        f"{optimizer.dynamic_scale.numpy():.0f}, and the inner count stays "
        f"{optimizer.inner_optimizer.iterations.numpy()}"
    )


def after_infinity_on(replica):
    """A weight of 1 and a scale of 4 after one replica of two had an infinite gradient."""
    strategy = two_replicas()
    with strategy.scope():
        w, optimizer = tf.Variable(1.0), LossScale(SGD(0.1), initial_scale=4.0)
        optimizer.build([w])
    gradients = np.float32([np.inf if index == replica else 4 for index in range(2)])

    @tf.function
    def step():
        mine = tf.distribute.get_replica_context().replica_id_in_sync_group
        optimizer.apply([tf.gather(gradients, mine)], [w])

    strategy.run(step)
    return w.numpy(), optimizer.dynamic_scale.numpy()


def test_t06_only_the_first_replica_is_looked_at(quoted):
    assert after_infinity_on(0) == (1, 2)
    weight, scale = after_infinity_on(1)
    assert scale == 4
    quoted(f"on the second of two it goes through, and the weight is {weight} at an unchanged")


def test_t06_clipping_before_unscaling(quoted):
    scale = 1024.0
    by_hand = tf.clip_by_norm(tf.constant(scale), 1.0).numpy()
    too_small = -train(LossScale(SGD(1.0), initial_scale=scale), [by_hand], 0.0)
    right = -train(LossScale(SGD(1.0, clipnorm=1.0), initial_scale=scale), [scale], 0.0)
    quoted(f"the weight moves by {too_small:.5f} instead of {right:.0f}")


def test_t06_the_wrapper_refuses_to_clip(quoted):
    with pytest.raises(ValueError, match="inner_optimizer"):
        LossScale(SGD(1.0), clipnorm=1.0)
    quoted("set `clipnorm` on the inner optimizer. Keras refuses it on the wrapper")


@pytest.fixture
def check_numerics():
    """A function that switches the checks on; off again after the test."""
    yield tf.debugging.enable_check_numerics
    tf.debugging.disable_check_numerics()


def masked_log(x):
    """Log of what is positive; its gradient at 0 is nan, and it passes an infinity on its way."""
    return tf.where(x > 0, tf.math.log(x), tf.zeros_like(x))


def test_t08_check_numerics_names_the_op(quoted, check_numerics):
    check_numerics()
    with pytest.raises(tf.errors.InvalidArgumentError, match='op "Log"') as error:
        tf.function(lambda x: 0.0 * tf.math.log(x))(tf.constant(0.0))
    assert Path(__file__).name in str(error.value)
    quoted("and names the op, in a graph with the line that built it")


def test_t08_check_numerics_watches_both_passes(quoted, check_numerics):
    x = tf.constant([0.0, 4.0])
    check_numerics()
    with pytest.raises(tf.errors.InvalidArgumentError, match='op "Log"'):
        masked_log(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.sqrt(x)
    with pytest.raises(tf.errors.InvalidArgumentError, match='op "SqrtGrad"'):
        tape.gradient(y, x)
    quoted("stops at the first op whose output is infinite or nan, in either pass")
    quoted("an infinity that is masked later raises a false alarm")


def test_t08_a_function_traced_before_is_checked_at_its_end(quoted, check_numerics):
    traced = {
        last: tf.function(lambda x, last=last: last(tf.math.log(x))) for last in (abs, tf.exp)
    }
    for function in traced.values():
        function(tf.constant(1.0))
    check_numerics()
    assert traced[tf.exp](tf.constant(0.0)) == 0  # exp(log(0)): the infinity inside is not seen
    with pytest.raises(tf.errors.InvalidArgumentError, match='op "__inference'):
        traced[abs](tf.constant(0.0))
    quoted("of a function traced before, it checks only what comes out")


def test_t08_check_numerics_does_not_compile(quoted, check_numerics):
    check_numerics()
    with pytest.raises(tf.errors.InvalidArgumentError, match="unsupported operations"):
        tf.function(masked_log, jit_compile=True)(tf.constant([0.0, 4.0]))
    quoted("With `jit_compile=True` a function that carries its checks does not compile")


@pytest.mark.parametrize("make", [lambda: SGD(0.1, momentum=0.9), keras.optimizers.Adam])
def test_t08_a_nan_stays_in_the_slots(quoted, make):
    w, optimizer = tf.Variable(1.0), make()
    optimizer.apply([tf.constant(np.nan)], [w])
    w.assign(1.0)
    optimizer.apply([tf.constant(1.0)], [w])
    assert np.isnan(w)
    quoted("stay nan although the next gradients are fine, even if the weights are restored")


def test_t08_clipping_keeps_nan(quoted):
    gradients = [tf.constant(np.nan), tf.constant(1.0)]
    clipped, _ = tf.clip_by_global_norm(gradients, 1.0)
    assert np.isnan([g.numpy() for g in clipped]).all()
    weights = [keras.Variable(0.0) for _ in gradients]
    SGD(1.0, global_clipnorm=1.0).apply(gradients, weights)
    assert np.isnan([w.numpy() for w in weights]).all()
    assert np.isnan(tf.clip_by_value(np.nan, -1.0, 1.0))
    quoted("By value, a nan stays a nan; by global norm, one nan component")


@keras.saving.register_keras_serializable(package="shop")
class Old(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)


class New(Old):
    """The same under a new name, which nothing registers."""


@pytest.fixture
def renamed(tmp_path, monkeypatch):
    """The file of a model with the old loss, whose name is registered no more."""
    model = linear()
    model.compile("sgd", Old())
    model.save(tmp_path / "model.keras")
    monkeypatch.delitem(keras.saving.get_custom_objects(), "shop>Old")
    return tmp_path / "model.keras"


def test_t13_the_name_in_the_file(quoted):
    name = keras.saving.get_registered_name(Old)
    quoted(f"then `{name.replace('Old', 'Class')}`")


def test_t13_an_unregistered_class_is_not_found(quoted, renamed):
    with pytest.raises(TypeError, match="Could not locate class 'Old'"):
        keras.models.load_model(renamed)
    quoted("Keras imports from its own packages only, so the code must be imported before loading")


def test_t13_mapping_an_old_name(quoted, renamed, monkeypatch):
    monkeypatch.setitem(keras.saving.get_custom_objects(), "shop>Old", New)
    assert type(keras.models.load_model(renamed).loss) is New
    quoted('`keras.saving.get_custom_objects()["shop>Old"] = New`')


def test_t13_lambdas_do_not_load(quoted, tmp_path):
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((1,)), keras.layers.Lambda(lambda x: x)]).save(path)
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.models.load_model(path)
    quoted("does not load unless `safe_mode=False`")


def offered(module, *names):
    """Those of the names that a module of Keras has."""
    return [name for name in names if hasattr(module, name)]


def test_t19_optimizers(quoted):
    there = ["AdamW", "Lamb", "MultiOptimizer"]
    gone = ["Lookahead", "SWA", "RectifiedAdam", "NovoGrad", "Yogi", "LazyAdam"]
    assert offered(keras.optimizers, *there, *gone) == there
    assert not [name for name in dir(keras.optimizers.schedules) if "Cyclic" in name]
    quoted(
        f"{there[0]}, {there[1]} and {there[2]} are in Keras, moving averages are `use_ema=True`"
    )
    quoted(f"{', '.join(gone)} and cyclical rates are not")


def test_t19_losses(quoted):
    words = ("Focal", "Contrastive", "Triplet", "NPair", "Pinball", "Quantile", "IoU", "Kappa")
    there = [name for name in dir(keras.losses) if any(word in name for word in words)]
    assert there == ["BinaryFocalCrossentropy", "CategoricalFocalCrossentropy"]
    quoted("Contrastive, triplet, N-pairs, pinball, GIoU and weighted kappa are yours to write")


def test_t19_metrics(quoted):
    there = ["F1Score", "FBetaScore", "R2Score"]
    gone = ["CohenKappa", "MatthewsCorrelationCoefficient", "HammingLoss"]
    assert offered(keras.metrics, *there, *gone) == there
    quoted(
        f"{there[0]}, {there[1]} and {there[2]} are there; {gone[0]}, {gone[1]} and {gone[2]} are "
        "not"
    )


def test_t19_layers_and_activations(quoted):
    there = ["GroupNormalization", "SpectralNormalization", "MultiHeadAttention"]
    there += ["AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D"]
    gone = ["WeightNormalization", "StochasticDepth", "Maxout", "CRF"]
    assert offered(keras.layers, *there, *gone) == there
    activations = ["gelu", "mish", "hard_shrink", "soft_shrink", "tanh_shrink", "sparsemax"]
    assert offered(keras.activations, *activations) == activations
    quoted("weight normalization, stochastic depth, Maxout and CRF are not")


def test_t19_gelu(quoted):
    exact, approximate = keras.activations.gelu(1.0), keras.activations.gelu(1.0, approximate=True)
    quoted(f"{exact:.4f} against {approximate:.4f} at 1")


def test_t19_sparsemax(quoted):
    total = keras.ops.sum(keras.activations.sparsemax(tf.constant([[0.1, 0.2, 0.3]])))
    quoted(f"`sparsemax` of (0.1, 0.2, 0.3) sums to {total:.3f}, not to 1")


def test_t19_decay_by_the_rate(quoted):
    addons = 1 - 0.01  # var.assign_sub(weight_decay * var)
    in_keras = train(keras.optimizers.AdamW(0.001, weight_decay=0.01), [0.0])
    # float32 rounds 1 - 1e-5 to a multiple of 6e-8: 0.6% of the decay.
    assert (1 - addons) / (1 - in_keras) == pytest.approx(1000, rel=0.006)
    quoted(f"shrinks a weight of 1 to {addons:.2f} in each step")
    quoted(f"at 0.001 it leaves {in_keras:.5f}, a thousand times less decay")


def test_t20_symbolic_tensors(quoted):
    symbolic = keras.Input((2,))
    with pytest.raises(ValueError, match="KerasTensor"):
        tf.square(symbolic)
    assert keras.ops.square(symbolic).shape == (None, 2)
    assert keras.layers.Lambda(lambda x: tf.square(x))(symbolic).shape == (None, 2)
    quoted("`tf.square(keras.Input((2,)))` raises a ValueError")


def test_t20_dtypes_are_promoted(quoted):
    one, half = tf.constant(1), tf.constant(0.5)
    with pytest.raises(tf.errors.InvalidArgumentError):
        one + half
    total = keras.ops.add(one, half).dtype.name
    quoted(f"{one.dtype.name} and {half.dtype.name} to {total}, where `tf` raises")


def test_t20_argmax(quoted):
    ours, theirs = keras.ops.argmax([[1.0, 2.0]]).dtype.name, tf.argmax([[1.0, 2.0]]).dtype.name
    quoted(f"`keras.ops.argmax` gives {ours}, `tf.argmax` {theirs}")


def test_t20_a_mean_in_float16(quoted):
    x = tf.constant([60_000.0] * 4, tf.float16)
    ours, theirs = float(keras.ops.mean(x)), float(tf.reduce_mean(x))
    assert float(keras.ops.sum(x)) == np.inf
    quoted(f"60,000 is {ours:,.0f}, eagerly `tf.reduce_mean` gives {theirs}")


def test_t20_a_python_number_in_where(quoted):
    def outcome(where):
        return tf.function(lambda x: where(x > 0, 0, x))(tf.constant([1.0])).dtype

    assert outcome(keras.ops.where) == tf.float32
    assert tf.where([True], 0, tf.constant([1.0])).dtype == tf.float32
    with pytest.raises(TypeError):
        outcome(tf.where)
    quoted("`tf.where` with that 0 works eagerly, and raises a TypeError in a graph")


def test_t20_slices_stay_sparse(quoted):
    slices = tf.IndexedSlices([[1.0]], [0], tf.constant([3, 1]))
    assert isinstance(keras.ops.square(slices), tf.IndexedSlices)
    assert not isinstance(tf.square(slices), tf.IndexedSlices)
    quoted("`keras.ops.square` keeps `IndexedSlices`, `tf.square` makes them dense")


def test_t20_a_mean_of_integers(quoted):
    whole, fraction = tf.reduce_mean([1, 2]), keras.ops.mean(tf.constant([1, 2]))
    quoted(f"the mean of 1 and 2 is {whole}, and `keras.ops.mean` says {fraction}")
    hits = tf.cast([True, True, False], tf.int32)
    quoted(f"An accuracy from hits cast to int32 is then {tf.reduce_mean(hits)}")


@pytest.fixture(scope="module")
def eight_digits():
    with np.load(MNIST) as data:
        return data["x_train"][:8].reshape(8, -1) / np.float32(255), data["y_train"][:8]


def learning_curve(x, y, optimizer, steps, weights="glorot_uniform"):
    """The losses of a net with 32 hidden units, and the gradients of its first step."""
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(32, activation="relu", kernel_initializer=weights)
    output = keras.layers.Dense(10, kernel_initializer=weights)
    model = keras.Sequential([keras.Input((784,)), hidden, output])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return value, gradients

    values, gradients = zip(*[step() for _ in range(steps)], strict=True)
    return [float(v) for v in values], gradients[0]


def test_t09_a_small_batch_is_overfitted(quoted, eight_digits):
    losses, _ = learning_curve(*eight_digits, keras.optimizers.Adam(0.01), 10)
    quoted(f"are at {losses[-1]:.3f} after ten steps of Adam")


def test_t09_shuffled_labels_are_overfitted_too(quoted, eight_digits):
    x, y = eight_digits
    losses, _ = learning_curve(x, np.roll(y, 1), keras.optimizers.Adam(0.01), 200)
    assert losses[-1] < 1e-5
    quoted("with their labels shuffled the eight digits end below 1e-5 just as well")


def test_t09_zero_weights_end_at_the_entropy_of_the_labels(quoted, eight_digits):
    x, y = eight_digits
    shares = np.bincount(y) / len(y)
    entropy = -sum(p * np.log(p) for p in shares if p)
    losses, gradients = learning_curve(x, y, keras.optimizers.SGD(1.0), 500, weights="zeros")
    assert losses[-1] == pytest.approx(entropy, abs=5e-3)
    assert [bool(np.any(g)) for g in gradients] == [False, False, False, True]
    quoted(f"with zero initial weights those eight digits end at {losses[-1]:.2f}")


def test_t09_how_the_curve_moves(quoted, eight_digits):
    slow, right, fast = (
        learning_curve(*eight_digits, keras.optimizers.SGD(rate), 200)[0]
        for rate in (1e-5, 0.1, 10.0)
    )
    quoted(
        f"creeps to {slow[-1]:.3f} from {slow[0]:.3f} in 200 steps at rate 1e-5, is at "
        f"{right[-1]:.3f} at 0.1, and at 10 first leaps to {max(fast):.0f}"
    )


def test_t09_raw_pixels(quoted, eight_digits):
    x, y = eight_digits
    losses, _ = learning_curve(x * 255, y, keras.optimizers.SGD(0.1), 1)
    quoted(f"With pixels up to 255 that net starts at {losses[0]:.0f}")


def test_t05_small_gradients_round_to_zero(quoted):
    half = keras.layers.Dense(1, kernel_initializer="ones", dtype="mixed_float16")
    half.build((None, 1))
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    optimizer.build([half.kernel])

    def kernel_gradient(scale):
        with tf.GradientTape() as tape:
            loss = scale(1e-8 * tf.reduce_sum(tf.cast(half(ones(1)), tf.float32)))
        return tape.gradient(loss, half.kernel)

    lost, kept = kernel_gradient(lambda loss: loss), kernel_gradient(optimizer.scale_loss)
    assert kept.dtype == tf.float32
    lost, kept, scale = (v.numpy().item() for v in (lost, kept, optimizer.dynamic_scale))
    quoted(
        f"1e-8 below a float16 layer arrives as {lost:g}, and scaled by {scale:.0f} as {kept:.1e}"
    )


def test_t05_a_saved_model_keeps_its_policy(quoted, tmp_path):
    compiled_under("mixed_float16").save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert keras.mixed_precision.global_policy().name == "float32"
    assert again.layers[0].kernel.dtype == "float32"
    assert again(ones(1)).dtype == tf.float16
    quoted("policy float32 its layers compute in float16 as before")


def test_t05_updates_vanish_in_half_weights(quoted):
    def after(dtype):
        w = tf.Variable(tf.constant(1.0, dtype))
        for _ in range(1000):
            w.assign_sub(tf.constant(0.0002, dtype))
        return f"{w.numpy():.1f}"

    quoted(f"a float16 weight of 1 is {after(tf.float16)}, in float32 {after(tf.float32)}")


def test_t05_a_softmax_in_float16(quoted):
    half = -tf.math.log(tf.nn.softmax(tf.constant([8.0, 0.0], tf.float16)))[0]
    right = np.log1p(np.exp(-8.0))
    quoted(f"at a logit gap of 8 the loss reads {abs(float(half)):g}, where {right:.4f} is right")
