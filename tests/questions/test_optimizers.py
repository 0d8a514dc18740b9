"""The figures of QUESTIONS.md under Optimizers, measured again; conftest.py says how."""

import inspect
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.questions.by_heart import learned_by_heart
from tests.questions.notation import short_power, with_minus
from tests.questions.one_weight import linear, ones, train
from tests.support.replicas import two_replicas


def averages(rates, gradients):
    """A weight after these steps by the rule of the skeleton, in NumPy."""
    w = average = np.zeros(2)
    for rate, g in zip(rates, gradients, strict=True):
        average = 0.9 * average + (1 - 0.9) * g
        w = w - rate * average
    return w


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "graph"])
def test_o01_the_skeleton_runs(compiled):
    optimizer = learned_by_heart("O01", tf=tf, keras=keras)["Average"](0.5)
    a, b = (tf.Variable(tf.zeros(2)) for _ in range(2))
    optimizer.build([a, b])
    step = tf.function(optimizer.apply) if compiled else optimizer.apply
    rates, gradients = [0.5, 0.5, 0.1], np.array([[1.0, 2.0], [-3.0, 1.0], [0.5, 4.0]])
    for rate, g in zip(rates, gradients.astype("float32"), strict=True):
        optimizer.learning_rate = rate
        step([tf.constant(g), tf.constant(-2 * g)], [a, b])
    np.testing.assert_allclose(a, averages(rates, gradients), rtol=1e-5)
    np.testing.assert_allclose(b, averages(rates, -2 * gradients), rtol=1e-5)


def test_o01_the_skeleton_is_rebuilt_from_its_config():
    average = learned_by_heart("O01", tf=tf, keras=keras)["Average"]
    again = average.from_config(average(0.25, decay=0.5, clipnorm=1.0).get_config())
    assert (float(again.learning_rate), again.decay, again.clipnorm) == (0.25, 0.5, 1)


def test_o01_the_method_of_old_ends_in_a_bare_error(quoted):
    class Old(keras.optimizers.Optimizer):
        def _resource_apply_dense(self, gradient, variable, apply_state=None):
            variable.assign_sub(gradient)

    with pytest.raises(NotImplementedError) as error:
        train(Old(learning_rate=0.1), [1.0])
    assert not str(error.value)
    quoted("`_resource_apply_dense` ends in a bare NotImplementedError")


def test_o01_set_hyper_is_gone(quoted):
    assert not hasattr(keras.optimizers.Optimizer, "_set_hyper")
    quoted("`_set_hyper` no longer exists")


def test_o01_build_without_super(quoted):
    class NoSuper(keras.optimizers.Optimizer):
        def build(self, variables):
            self.slots = [self.add_variable_from_reference(v, name="slot") for v in variables]

    with pytest.raises(ValueError, match="Unknown variable"):
        train(NoSuper(learning_rate=0.1), [1.0])
    quoted('Without `super().build` the first step says "Unknown variable"')


@pytest.fixture(scope="module")
def documented_sgd():
    """The example class in the documentation of Keras' base class."""
    bases = keras.optimizers.Optimizer.__mro__
    doc = next(inspect.getdoc(c) for c in bases if "class SGD" in (c.__doc__ or ""))
    code = doc.split("```python")[1].split("```")[0]
    scope = {"Optimizer": keras.optimizers.Optimizer, "ops": keras.ops}
    exec(textwrap.dedent(code), scope)
    return scope["SGD"]


def test_o01_the_documented_example_needs_a_learning_rate(quoted, documented_sgd):
    with pytest.raises(TypeError, match="learning_rate"):
        documented_sgd()
    quoted(
        "The documentation's own SGD example cannot be made without arguments (`learning_rate` "
        "has no default)"
    )


def test_o01_the_documented_example_has_no_config(quoted, documented_sgd):
    with pytest.raises(AttributeError, match="nesterov"):
        documented_sgd(learning_rate=0.1).get_config()
    quoted("and its `get_config` fails on `self.nesterov`")


def test_o01_the_counter_rises_after_the_step(quoted):
    class Counting(keras.optimizers.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            seen.append(int(self.iterations.numpy()))

    seen = []
    train(Counting(learning_rate=0.1), [1.0, 1.0])
    assert seen == [0, 1]
    quoted(f"It is {seen[0]} inside the first `update_step` and rises after it")


def test_o01_what_learning_rate_may_not_be(quoted):
    for rate in (1, np.float32(0.1), tf.constant(0.1)):
        with pytest.raises(ValueError, match="learning_rate"):
            keras.optimizers.SGD(rate)
    quoted("An int, a NumPy float32 or a tensor raises a ValueError")


def keras_momentum(rates):
    """A weight of 0 after a unit gradient at each rate, in Keras' form."""
    w, optimizer = tf.Variable(0.0), keras.optimizers.SGD(rates[0], momentum=0.9)
    for rate in rates:
        optimizer.learning_rate = rate
        optimizer.apply([tf.constant(1.0)], [w])
    return float(w.numpy())


def pytorch_momentum(rates):
    w = v = 0.0
    for rate in rates:
        v = 0.9 * v + 1.0
        w -= rate * v
    return w


def test_o02_two_forms_of_momentum_agree_at_a_constant_rate(quoted):
    same = {with_minus(form([1.0, 1.0]), ".2f") for form in (keras_momentum, pytorch_momentum)}
    assert len(same) == 1
    quoted(f"give {same.pop()} in both forms")


def test_o02_two_forms_of_momentum_part_where_the_rate_drops(quoted):
    coasting, at_once = (
        with_minus(form([1.0, 0.1]), ".2f") for form in (keras_momentum, pytorch_momentum)
    )
    quoted(f"Keras gives {coasting} and PyTorch's form {at_once}")


def after_two_unit_gradients(**momentum):
    return train(keras.optimizers.SGD(0.1, momentum=0.9, **momentum), [1.0, 1.0], 0.0)


def test_o03_nesterov_after_two_steps(quoted):
    plain, nesterov = after_two_unit_gradients(), after_two_unit_gradients(nesterov=True)
    quoted(
        f"plain momentum stands at {with_minus(plain, '.3f')}, "
        f"Nesterov at {with_minus(nesterov, '.3f')}"
    )


def test_o03_the_stored_weights_are_the_ahead_point(quoted):
    w = v = 0.0
    for _ in range(2):
        v = 0.9 * v - 0.1 * 1.0
        w += v
    assert after_two_unit_gradients(nesterov=True) == pytest.approx(w + 0.9 * v)
    quoted("Substitute `w' = w + μv` and store `w'`")


def test_o12_decay_steps_count_after_warm_up(quoted):
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=100, warmup_target=1.0, warmup_steps=10
    )
    assert float(schedule(10)) == 1
    assert float(schedule(110)) == pytest.approx(0, abs=1e-6)
    quoted(f"the rate at step 100 is still {float(schedule(100)):.3f} of the peak")


def test_o12_accumulation_asks_the_schedule_at_the_micro_step(quoted):
    class Step(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return tf.cast(step, "float32")

    w, optimizer = tf.Variable(0.0), keras.optimizers.SGD(Step(), gradient_accumulation_steps=2)
    rates, before = [], 0.0
    for _ in range(6):
        optimizer.apply([tf.constant(1.0)], [w])
        if w.numpy() != before:
            rates.append(int(before - w.numpy()))
            before = w.numpy()
    first, second, third = rates
    quoted(
        f"a schedule that returns the step itself gives {first}, {second} and {third} for the "
        "first three updates"
    )


def fit_on_a_schedule(callback):
    model = linear()
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model.compile(keras.optimizers.SGD(schedule), "mse")
    return model.fit(ones(4), ones(4), epochs=3, verbose=0, callbacks=[callback])


def test_o12_a_scheduler_callback_raises_at_once(quoted):
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        fit_on_a_schedule(keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.1))
    quoted("With a schedule, `LearningRateScheduler` raises a TypeError at once")


def test_o12_a_plateau_callback_raises_when_it_acts(quoted):
    plateau = keras.callbacks.ReduceLROnPlateau
    fit_on_a_schedule(plateau(monitor="loss", patience=9))
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        fit_on_a_schedule(plateau(monitor="loss", patience=1, min_delta=1e9))
    quoted(
        "`LearningRateScheduler` raises a TypeError at once, `ReduceLROnPlateau` only when it "
        "first wants to act"
    )


def test_o12_a_cached_rate_ignores_assignments(quoted):
    class Cached(keras.optimizers.Optimizer):
        def __init__(self, learning_rate):
            super().__init__(learning_rate)
            self.lr = learning_rate

        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, self.lr * gradient)

    optimizer = Cached(1.0)
    optimizer.learning_rate = 0.1
    assert train(optimizer, [1.0], 0.0) == -1
    quoted("a later assignment, or a schedule, is ignored")


def adam(gradients, learning_rate, *, first=1, form="paper", epsilon=1e-8):
    """How far a weight has moved by the paper's Algorithm 1, or by one of its mistakes."""
    beta_1, beta_2 = 0.9, 0.999
    moved = m = v = 0.0
    for t, g in enumerate(gradients, first):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
        moved += (
            learning_rate
            * {
                "paper": m_hat / (np.sqrt(v_hat) + epsilon),
                "inside": m_hat / np.sqrt(v_hat + epsilon),
                "uncorrected": m / (np.sqrt(v) + epsilon),
            }[form]
        )
    return moved


def test_o04_first_step_without_correction_in_rates(quoted):
    ratio = (1 - 0.9) / np.sqrt(1 - 0.999)
    quoted(f"`(1 − β₁)/√(1 − β₂)` times lr, {ratio:.2f} times with the defaults")


def test_o04_first_step_without_correction(quoted):
    without, right = (adam([1.0], 0.001, form=form) for form in ("uncorrected", "paper"))
    quoted(f"the first step is {without:.5f} against {right:.5f}")


def test_o04_without_correction_the_step_peaks_first(quoted):
    nine, ten = (adam([1.0] * n, 0.001, form="uncorrected") for n in (9, 10))
    quoted(f"at the tenth unit gradient it is {ten - nine:.4f} instead of 0.001")


def test_o04_t_off_by_one(quoted):
    late, right = (adam([1.0, 2, -1], 0.1, first=t) for t in (2, 1))
    quoted(f"the weight has moved {late:.4f} instead of {right:.4f}")


def test_o04_how_long_the_correction_matters(quoted):
    quoted(f"`1 − β₂ᵗ` reaches {1 - 0.999**1000:.2f} at t = 1000")


def test_o05_three_places_for_epsilon(quoted):
    forms = {f: adam([1e-6], 1.0, form=f, epsilon=1e-7) for f in ("paper", "inside")}
    built_in = 1 - train(keras.optimizers.Adam(1.0, epsilon=1e-7), [1e-6])
    quoted(
        f"the first step is {forms['paper']:.3f} by Algorithm 1, {built_in:.3f} in Keras, and "
        f"{forms['inside']:.4f} with ε inside"
    )


def test_o05_epsilon_before_the_correction(quoted):
    quoted(f"{1 / np.sqrt(1 - 0.999):.0f} times larger in the first step")


def test_o05_epsilon_inside_acts_like_its_root(quoted):
    quoted(f"1e-7 becomes {short_power(np.sqrt(1e-7), '.0e')}")


def test_o05_rmsprop_has_epsilon_inside(quoted):
    inside = 1e-6 / np.sqrt(0.1 * 1e-12 + 1e-7)
    assert 1 - train(keras.optimizers.RMSprop(1.0), [1e-6]) == pytest.approx(inside, rel=1e-3)
    quoted("Keras' RMSprop, Adagrad and Adadelta have it inside")


def test_o05_adagrad_and_adadelta_have_epsilon_inside(quoted):
    adagrad = keras.optimizers.Adagrad(1.0, initial_accumulator_value=0.0)
    assert 1 - train(adagrad, [1e-6]) == pytest.approx(1e-6 / np.sqrt(1e-12 + 1e-7), rel=1e-3)
    # Adadelta's first step is g times sqrt(epsilon) / sqrt(0.05 g² + epsilon).
    adadelta = train(keras.optimizers.Adadelta(1.0, epsilon=1e-2), [0.1], 0.0)
    inside = 0.1 * np.sqrt(1e-2) / np.sqrt(0.05 * 0.1**2 + 1e-2)
    assert -adadelta == pytest.approx(inside, rel=1e-5)
    quoted("Keras' RMSprop, Adagrad and Adadelta have it inside")


def test_o05_epsilon_in_float16(quoted):
    assert np.float16(1e-8) == 0 == np.float16(1e-4) ** 2
    quoted(
        "1e-8 rounds to 0 in float16, so it protects nothing, and the square of a gradient of "
        "1e-4 rounds to 0 as well"
    )


def slices(rows, values):
    """A sparse gradient of a table [3, 1]."""
    return tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant([3, 1]))


def embedding_after(make, dense):
    """An embedding after three steps, with ids that repeat and signs that differ."""
    layer = keras.layers.Embedding(3, 2, embeddings_initializer="ones")
    layer.build()
    optimizer = make()
    for rows, values in [
        ([0, 0, 1], [[1.0, 0.2], [-3.0, 0.4], [0.5, 1.0]]),
        ([0, 1, 1], [[-2.0, 0.1], [1.0, -0.3], [0.7, 2.0]]),
        ([2, 0, 0], [[1.0, 1.0], [0.3, -2.0], [0.2, 0.5]]),
    ]:
        gradient = tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant([3, 2]))
        gradient = tf.convert_to_tensor(gradient) if dense else gradient
        optimizer.apply([gradient], [layer.embeddings])
    return layer.embeddings.numpy()


WRAPPERS = {"LossScaleOptimizer", "MultiOptimizer"}


def test_o08_which_optimizers_do_not_sum_duplicates(quoted):
    everything = {
        name
        for name, found in vars(keras.optimizers).items()
        if inspect.isclass(found) and issubclass(found, keras.optimizers.Optimizer)
    } - (WRAPPERS | {"Optimizer"})
    right = [
        name
        for name in sorted(everything, reverse=True)
        for make in [lambda name=name: getattr(keras.optimizers, name)(0.1)]
        if np.allclose(embedding_after(make, True), embedding_after(make, False), rtol=1e-5)
    ]
    quoted(f"In Keras 3.15 only {' and '.join(right)} sum duplicates")
    listed = [
        *["Adam", "AdamW", "Adamax", "Adafactor", "Adagrad", "RMSprop", "Adadelta", "Nadam"],
        *["Ftrl", "Lamb", "ScheduleFreeAdamW"],
    ]
    assert {*listed, *right, "Muon"} == everything
    quoted(f"{', '.join(listed)} and, on embeddings, Muon do not")


def test_o08_a_token_that_occurs_twice(quoted):
    def moved(dense):
        table, optimizer = tf.Variable(tf.zeros((3, 1))), keras.optimizers.Adam(0.1)
        for _ in range(2):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.gather(table, [0, 0]) * [[1.0], [3.0]])
            gradient = tape.gradient(loss, table)
            assert isinstance(gradient, tf.IndexedSlices)
            optimizer.apply([tf.convert_to_tensor(gradient) if dense else gradient], [table])
        return -table.numpy()[0, 0]

    quoted(
        f"has moved {moved(False):.3f} after two Adam steps at rate 0.1; by the dense gradient "
        f"it is {moved(True):.3f}"
    )


def test_o08_slices_in_arithmetic(quoted):
    gradient = slices([0, 0], [[1.0], [3.0]])
    with pytest.raises(TypeError):
        gradient * 2.0
    assert tf.square(gradient).numpy()[0, 0] == (1 + 3) ** 2
    quoted("`tf.square` sums them first and makes them dense; `slices * 2.0` raises a TypeError")


def test_o08_keras_ops_square_the_unsummed_rows(quoted):
    squared = keras.ops.square(slices([0, 0], [[1.0], [3.0]]))
    assert isinstance(squared, tf.IndexedSlices)
    assert tf.convert_to_tensor(squared).numpy()[0, 0] == 1 + 3**2
    quoted("`keras.ops.square` returns slices, the unsummed rows squared")


def test_o08_a_row_first_seen_late(quoted):
    t = 10_000
    m_hat = (1 - 0.9) / (1 - 0.9**t)  # of a unit gradient, the first of its row
    v_hat = (1 - 0.999) / (1 - 0.999**t)
    quoted(f"is uncorrected, about {m_hat / np.sqrt(v_hat):.0f} times too large")


def test_o08_clipping_takes_the_norm_of_unsummed_rows(quoted):
    gradient, w = slices([0, 0], [[1.0], [3.0]]), tf.Variable(tf.zeros((3, 1)))
    keras.optimizers.SGD(1.0, clipnorm=1.0).apply([gradient], [w])
    quoted(
        f"are a gradient of {tf.convert_to_tensor(gradient).numpy()[0, 0]:.0f}, but the norm is "
        f"computed as {tf.linalg.global_norm([gradient]).numpy():.3f}; after `clipnorm=1.0` the "
        f"weight moves by {-w.numpy()[0, 0]:.3f}"
    )


def lion(gradients, beta_1=0.9, beta_2=0.99, memory_first=False):
    w = m = 0.0
    for g in gradients:
        updated = beta_2 * m + (1 - beta_2) * g
        seen = updated if memory_first else m
        w -= np.sign(beta_1 * seen + (1 - beta_1) * g)
        m = updated
    return w


def test_o14_lion_with_the_memory_first(quoted):
    gradients = [1.0, -0.085]
    right, wrong = lion(gradients), abs(lion(gradients, memory_first=True))
    assert train(keras.optimizers.Lion(1.0), gradients, 0.0) == right
    quoted(
        f"the gradients 1, −0.085 give {with_minus(right, '.0f')} by the rule and {wrong:.0f} "
        "with `m` updated first"
    )


def test_o14_lion_with_one_beta(quoted):
    gradients = [1.0] * 11 + [-1.0]
    right, wrong = lion(gradients), lion(gradients, beta_1=0.99)
    assert train(keras.optimizers.Lion(1.0), gradients, 0.0) == right
    quoted(
        f"eleven gradients of 1 and then −1 give {with_minus(right, '.0f')}, and "
        f"{with_minus(wrong, '.0f')} with β₂ in both places"
    )


def test_o17_lookahead_that_starts_at_zero(quoted):
    def lookahead(slow):
        fast = 1.0
        for _ in range(3):
            fast -= 0.2
        return slow + 0.5 * (fast - slow)

    quoted(f"the first sync gives {lookahead(0.0):.1f} instead of {lookahead(1.0):.1f}")


def test_o17_a_python_if_in_update_step(quoted):
    class Every(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate)
            if self.iterations % 2 == 0:
                self.assign(variable, variable * 1.0)

    assert train(Every(0.1), [1.0]) == pytest.approx(0.9)
    model = linear()
    model.compile(Every(0.1), "mse")
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError) as error:
        model.fit(ones(4), ones(4), verbose=0)
    quoted(f"works eagerly and raises {type(error.value).__name__} inside `fit`")


def lamb_step(w, **decay):
    w = tf.Variable(w)
    keras.optimizers.Lamb(0.1, **decay).apply([tf.constant([1.0, 2.0])], [w])
    return w.numpy()


def test_o15_keras_lamb_keeps_decay_outside_the_ratio(quoted):
    w, direction = np.array([3.0, 4.0]), np.array([1.0, 1.0])  # of Adam's first step
    r = direction + 0.5 * w
    paper = w - 0.1 * np.linalg.norm(w) / np.linalg.norm(r) * r
    pair = lambda v: f"({v[0]:.3f}, {v[1]:.3f})"
    quoted(
        f"one step gives {pair(lamb_step([3.0, 4.0], weight_decay=0.5))}, where the paper's rule "
        f"gives {pair(paper)}"
    )


def test_o15_keras_lamb_guards_zero_weights(quoted):
    quoted(f"they move by {-lamb_step([0.0, 0.0])[0]:.1f} in the first step at that rate")


def test_o06_keras_decouples_decay_in_adam_too(quoted):
    both = {
        train(optimizer(0.1, weight_decay=0.5), [1.0])
        for optimizer in (keras.optimizers.Adam, keras.optimizers.AdamW)
    }
    assert len(both) == 1
    quoted("`Adam(weight_decay=…)` and `AdamW(weight_decay=…)` take the same step")


def test_o06_three_places_for_decay(quoted):
    adam = keras.optimizers.Adam
    coupled = train(adam(0.1), [1.0 + 0.5 * 1.0])
    decoupled = train(adam(0.1, weight_decay=0.5), [1.0])
    after = train(adam(0.1), [1.0]) * (1 - 0.1 * 0.5)
    quoted(
        f"gives {coupled:.3f} that way, {decoupled:.3f} decoupled, and {after:.3f} if "
        "decay is multiplied in after the step"
    )


def test_o06_for_sgd_l2_and_decay_are_the_same(quoted):
    sgd = train(keras.optimizers.SGD(0.1, weight_decay=0.5), [1.0])
    assert sgd == pytest.approx(train(keras.optimizers.SGD(0.1), [1.5]))
    quoted("For plain SGD they are the same thing")


def decayed_bias(optimizer):
    """A bias of 1 after a step without a gradient."""
    bias, kernel = tf.Variable(1.0, name="bias"), tf.Variable(1.0, name="kernel")
    optimizer.build([bias, kernel])
    optimizer.apply([tf.constant(0.0)] * 2, [bias, kernel])
    assert kernel.numpy() == pytest.approx(0.95)
    return float(bias.numpy())


def test_o06_excluding_the_bias(quoted):
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    assert decayed_bias(optimizer) == 1
    quoted('`exclude_from_weight_decay(var_names=["bias"])`, before training')


def test_o06_the_exclusion_is_not_saved(quoted):
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    again = keras.optimizers.AdamW.from_config(optimizer.get_config())
    assert decayed_bias(again) == pytest.approx(0.95)
    quoted("The exclusion is not saved: a loaded model decays its biases again")


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_o07_zero_decays_and_none_does_not(quoted):
    zero, none = tf.Variable(1.0), tf.Variable(1.0)
    keras.optimizers.AdamW(0.1, weight_decay=0.5).apply([tf.constant(0.0), None], [zero, none])
    quoted(
        f"a weight of 1 with zero gradient is {zero.numpy():.2f}; with None it is "
        f"{none.numpy():.2f}"
    )


def test_o07_none_alone_raises(quoted):
    with pytest.raises(ValueError) as error:
        keras.optimizers.AdamW(0.1).apply([None], [tf.Variable(1.0)])
    quoted(f'Keras raises a ValueError: "{str(error.value).rstrip(".")}"')


def test_o10_the_average_starts_at_the_weights(quoted):
    w, optimizer = tf.Variable(11.0), keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.9)
    optimizer.apply([tf.constant(1.0)], [w])
    (average,) = optimizer._model_variables_moving_average
    assert w.numpy() == 10
    quoted(
        f"A weight that stands at {w.numpy():.0f} after the first step has an average of "
        f"{0.9 * 0 + 0.1 * w.numpy():.1f} then at m = 0.9, and {average.numpy():.1f} in Keras today"
    )


def test_o10_how_long_the_start_is_remembered(quoted):
    quoted(f"With m = 0.9999 and 5,000 steps, the start still makes up {0.9999**5000:.0%} of the")


def test_o10_fit_ends_with_the_average(quoted):
    class Last(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.trained = self.model.get_weights()[0].item()

    last, model = Last(), linear(kernel_initializer="zeros")
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9), "mse")
    model.fit(ones(4), ones(4), batch_size=1, verbose=0, callbacks=[last])
    (average,) = model.optimizer._model_variables_moving_average
    assert model.get_weights()[0].item() == average.numpy().item() != last.trained
    quoted("At its end `fit` overwrites the weights with the average")


def first_step(optimizer):
    return 1 - train(optimizer, [1.0])


def test_o13_adagrad_starts_above_0(quoted):
    adagrad = keras.optimizers.Adagrad
    zero = first_step(adagrad(1.0, initial_accumulator_value=0.0))
    quoted(
        f"Keras' Adagrad moves by {first_step(adagrad(1.0)):.3f}, one that starts at 0 by "
        f"{zero:.3f}"
    )


def test_o13_first_step_of_rmsprop(quoted):
    step = first_step(keras.optimizers.RMSprop(1.0))
    quoted(f"`lr/√(1 − ρ)`: {step:.2f} times lr with ρ = 0.9")


def test_o13_first_step_of_adadelta(quoted):
    step = first_step(keras.optimizers.Adadelta(1.0))
    quoted(f"{step:.4f} for a unit gradient at rate 1 in Keras")


def state(name, **kwargs):
    """How many values an optimizer keeps for each weight of a 256 × 512 matrix."""
    optimizer = getattr(keras.optimizers, name)(**kwargs)
    weight = keras.Variable(np.zeros((256, 512), "float32"))
    optimizer.build([weight])
    values = sum(int(np.prod(v.shape)) for v in optimizer.variables)
    return (values - 2) / (256 * 512)  # without the counter and the learning rate


def test_o22_state_of_each_optimizer(quoted):
    assert state("SGD") == 0
    assert state("SGD", momentum=0.9) == 1
    assert {state(name) for name in ("Lion", "RMSprop", "Adagrad")} == {1}
    assert {round(state(n), 4) for n in ("Adam", "Nadam", "Adadelta", "Ftrl", "Lamb")} == {2}
    assert state("Adam", amsgrad=True) == 3
    quoted(
        "plain SGD nothing; momentum, Lion, RMSprop and Adagrad one value; Adam, Nadam, "
        "Adadelta, Ftrl and LAMB two; AMSGrad three"
    )


def test_o22_adafactor_keeps_a_full_v(quoted):
    quoted(
        f"Adafactor keeps a full v besides the factors: {state('Adafactor'):.3f} values for each "
        "weight of a 256 × 512 matrix"
    )


def test_o22_adam_for_seven_billion_weights(quoted):
    quoted(f"That is {(2 + 2 + 4 + 4 + 4) * 7} GB before any activation")


MEMORY_OF_RADAM = 2 / (1 - 0.999) - 1


def rho(t, beta_2=0.999):
    return MEMORY_OF_RADAM - 2 * t * beta_2**t / (1 - beta_2**t)


def test_o16_when_rectification_starts(quoted):
    first = {limit: next(t for t in range(1, 99) if rho(t) > limit) for limit in (4, 5)}
    quoted(f"`ρ_5` is {rho(5):.3f} and `ρ_6` is {rho(6):.3f}")
    quoted(f"the first rectified step is t = {first[4]} in one and t = {first[5]} in the others")


def test_o16_rectification_is_a_warm_up(quoted):
    def factor(t):
        infinity = MEMORY_OF_RADAM
        top = (rho(t) - 4) * (rho(t) - 2) * infinity
        return np.sqrt(top / ((infinity - 4) * (infinity - 2) * rho(t)))

    quoted(
        f"{factor(5):.3f} at t = 5, {factor(100):.2f} at t = 100, {factor(1000):.2f} at t = 1000"
    )


def test_o18_sam_must_restore(quoted):
    w, rate, rho = 1.0, 0.1, 0.05
    gradient = lambda w: 2 * w
    ahead = w + rho * np.sign(gradient(w))
    restored, not_restored = (start - rate * gradient(ahead) for start in (w, ahead))
    quoted(f"the step leads to {restored:.2f}; without going back, to {not_restored:.2f}")


def test_o19_a_python_counter_freezes(quoted):
    class Counter(keras.optimizers.Optimizer):
        t = 0

        def update_step(self, gradient, variable, learning_rate):
            self.t += 1
            self.assign_add(variable, float(self.t))

    def run(compiled):
        w, optimizer = tf.Variable(0.0), Counter(learning_rate=1.0)
        optimizer.build([w])
        step = lambda: optimizer.apply([tf.constant(1.0)], [w])
        step = tf.function(step) if compiled else step
        for _ in range(5):
            step()
        return w.numpy()

    quoted(f"gives {run(False):.1f} eagerly and {run(True):.1f} in a `tf.function`")


def test_o19_plain_variables_are_not_saved(quoted, tmp_path):
    @keras.saving.register_keras_serializable(package="test_o19")
    class Plain(keras.optimizers.Optimizer):
        def __init__(self, learning_rate=0.1, **kwargs):
            super().__init__(learning_rate, **kwargs)

        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.slots = [tf.Variable(tf.zeros(v.shape)) for v in variables]

        def update_step(self, gradient, variable, learning_rate):
            self.slots[self._get_variable_index(variable)].assign_add(gradient)

    model = linear(kernel_initializer="zeros")
    model.compile(Plain(), "mse")
    model.fit(ones(4), ones(4), verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert len(model.optimizer.variables) == 2  # the counter and the learning rate
    assert model.optimizer.slots[0].numpy() != 0 == again.optimizer.slots[0].numpy()
    quoted(
        "is not in `optimizer.variables`, and comes back from a `.keras` file as freshly "
        "initialized"
    )


def test_o19_one_optimizer_for_one_model(quoted):
    optimizer = keras.optimizers.Adam()
    first, second = linear(), linear()
    first.compile(optimizer, "mse")
    first.fit(ones(4), ones(4), verbose=0)
    second.compile(optimizer, "mse")
    with pytest.raises(ValueError, match="Unknown variable"):
        second.fit(ones(4), ones(4), verbose=0)
    quoted('Why does "Unknown variable" appear?')


class Watching(keras.optimizers.Optimizer):
    """Moves a weight by the square of its gradient, with the gradient's sign."""

    def __init__(self, **kwargs):
        super().__init__(learning_rate=1.0, **kwargs)
        self.contexts = []

    def update_step(self, gradient, variable, learning_rate):
        self.contexts.append(tf.distribute.get_replica_context())
        self.assign_sub(variable, tf.sign(gradient) * gradient**2)


def step_on_two_replicas(gradients, **limit):
    """The gradient that `update_step` saw, of one for each replica, and its contexts."""
    strategy = two_replicas()
    with strategy.scope():
        w, optimizer = tf.Variable(0.0), Watching(**limit)
        optimizer.build([w])

    @tf.function
    def replica():
        mine = tf.distribute.get_replica_context().replica_id_in_sync_group
        optimizer.apply([tf.gather(tf.constant(gradients), mine)], [w])

    strategy.run(replica)
    square = -w.numpy()
    return np.sign(square) * np.sqrt(abs(square)), optimizer.contexts


def test_o24_the_gradient_is_already_global(quoted):
    seen, _ = step_on_two_replicas([3.0, 1.0])
    assert seen == 3 + 1  # the square of the sum, not the sum of squares
    quoted("So the gradient is already global")


def test_o24_no_replica_context_in_update_step(quoted):
    _, contexts = step_on_two_replicas([3.0, 1.0])
    assert set(contexts) == {None}
    quoted("read `tf.distribute.get_replica_context()`: there is none at that point")


def test_o24_clipping_before_the_sum(quoted):
    both, _ = step_on_two_replicas([3.0, 1.0], clipnorm=1.0)
    whole = -train(keras.optimizers.SGD(1.0, clipnorm=1.0), [3.0 + 1.0], 0.0)
    quoted(
        f"with 3 and 1 the sum of the clipped is {both:.1f}, where the clip of the sum is "
        f"{whole:.1f}"
    )


def test_o24_opposite_gradients_cancel_either_way(quoted):
    assert step_on_two_replicas([3.0, -3.0], clipnorm=1.0)[0] == 0
    quoted("Two replicas with gradients 3 and −3, `clipnorm=1.0`: they cancel either way")


def test_o21_adam_does_not_move_bfloat16_weights(quoted):
    optimizers = keras.optimizers
    assert train(optimizers.Adam(0.1), [1.0] * 3, dtype="bfloat16") == 1
    assert train(optimizers.SGD(0.1), [1.0] * 3, dtype="bfloat16") < 1
    quoted("in Keras 3.15 the weights do not move at all, while with SGD they do")


def test_o21_adam_hurls_float16_weights(quoted):
    half = train(keras.optimizers.Adam(0.1), [1e-4] * 3, dtype="float16")
    quoted(f"three Adam steps at rate 0.1 take a weight from 1 to {with_minus(half, '.1f')}")


def bfloat16(value):
    return tf.cast(value, "bfloat16").numpy()


def test_o21_numbers_of_bfloat16_below_1(quoted):
    assert bfloat16(0.999) == 1
    assert bfloat16(1 - 1 / 256) == 1 - 1 / 256
    quoted("Just below 1 its numbers are 1/256 apart, so 0.999 rounds to 1")


def test_o21_half_a_gap_is_lost(quoted):
    assert bfloat16(1 - 1 / 513) == 1
    quoted("anything below 1/512 in the downward direction")


def test_o21_bfloat16_loses_small_updates(quoted):
    w = tf.Variable(tf.constant(1.0, "bfloat16"))
    for _ in range(1000):
        w.assign_sub(tf.constant(0.001, "bfloat16"))
    quoted(f"1,000 SGD steps of 0.001 each leave a bfloat16 weight of 1 at exactly {w.numpy():.0f}")


def many_steps(optimizer, steps, gradient, start):
    """The weights after steps with `gradient(weights, step)`, in one graph."""
    w = tf.Variable(start)
    optimizer.build([w])

    @tf.function
    def run():
        for step in tf.range(steps):
            optimizer.apply([gradient(w, step)], [w])

    run()
    return w.numpy()


def test_o25_the_steepest_direction_bounds_the_rate_of_sgd(quoted):
    curvatures = tf.constant([1.0, 1000.0])
    slope = lambda w, _: curvatures * w
    sgd, too_fast, adam = (
        many_steps(optimizer, 100, slope, [1.0, 1.0])
        for optimizer in (
            keras.optimizers.SGD(0.001),
            keras.optimizers.SGD(0.0021),
            keras.optimizers.Adam(0.01),
        )
    )
    assert too_fast[1] > 1000  # beyond 2 / curvature
    assert f"{adam[0]:.2f}" == f"{adam[1]:.2f}"
    quoted(
        f"100 steps leave {sgd[0]:.2f} of the flat weight; Adam at 0.01 treats both alike and "
        f"leaves {adam[0]:.2f} of each"
    )


def test_o25_a_rare_gradient(quoted):
    def share(make):
        often, seldom = (
            many_steps(make(0.001), 1000, lambda _, i, n=n: tf.where(i % n == 0, 1.0, 0.0), 0.0)
            for n in (1, 100)
        )
        return seldom / often

    sgd, adam = share(keras.optimizers.SGD), share(keras.optimizers.Adam)
    quoted(f"one step of 100 moves {sgd:.0%} as far")
    quoted(f"in all of them under SGD, {adam:.0%} under Adam")


def test_o25_a_larger_loss(quoted):
    (sgd, more), adam = (
        [-train(make(0.001), [g], 0.0) for g in (1.0, 1000.0)]
        for make in (keras.optimizers.SGD, keras.optimizers.Adam)
    )
    assert {f"{step:.3f}" for step in adam} == {"0.001"}
    quoted(f"grows from {sgd:.3f} to {more:.0f}; Adam's stays at {adam[0]:.3f}")


def test_o25_a_large_epsilon_makes_adam_momentum(quoted):
    slow = keras.optimizers.Adam(1e6, beta_2=0.0, epsilon=1e6)  # lr / epsilon = 1
    gradients = [1.0, -0.5, 2.0]
    moved = mean = 0.0
    for t, g in enumerate(gradients, 1):
        mean = 0.9 * mean + 0.1 * g
        moved += mean / (1 - 0.9**t)
    assert -train(slow, gradients, 0.0) == pytest.approx(moved, rel=1e-5)
    quoted("a large epsilon turns Adam into SGD with momentum")


def test_o25_decay_at_another_rate(quoted):
    adamw = train(keras.optimizers.AdamW(0.001, weight_decay=0.1), [0.0])
    decay = 0.001 * 0.1 / 0.1
    assert train(keras.optimizers.SGD(0.1, weight_decay=decay), [0.0]) == adamw < 1
    quoted(f"the same shrinkage needs λ = {decay:g}")


def test_o25_the_rate_of_adam_in_sgd(quoted):
    sgd, adam = (
        short_power(-train(make(0.001), [0.01], 0.0), ".0e")
        for make in (keras.optimizers.SGD, keras.optimizers.Adam)
    )
    quoted(f"Adam moves by {adam} and SGD by {sgd}")


def body_and_head(optimizer):
    """A compiled model x -> head(encoder(x)), all weights 1."""
    layers = [keras.layers.Dense(1, kernel_initializer="ones", name=n) for n in ("encoder", "head")]
    model = keras.Sequential([keras.Input((1,)), *layers], name="model")
    model.compile(optimizer, "mse")
    return model


def by_pattern(pattern, optimizer, default):
    optimizers = keras.optimizers
    return optimizers.MultiOptimizer(optimizers.OptimizerMap(default, {pattern: optimizer}))


def test_o27_a_factor_for_each_layer(quoted):
    quoted(f"the lowest of 12 trains at {0.75**12:.3f} of the head's rate")


def test_o27_adam_divides_a_factor_out(quoted):
    sgd, adam = (
        -train(make(1.0), [0.1], 0.0) for make in (keras.optimizers.SGD, keras.optimizers.Adam)
    )
    quoted(f"SGD moves by {sgd:.1f} and Adam still by {adam:.1f}")


def test_o27_each_inner_optimizer_clips_alone(quoted):
    def clipped(optimizer):
        a, b = (keras.Variable(0.0, name=name) for name in "ab")
        optimizer.apply([tf.constant(3.0), tf.constant(4.0)], [a, b])
        return f"({-float(a):.1f}, {-float(b):.1f})"

    sgd = lambda: keras.optimizers.SGD(1.0, global_clipnorm=1.0)
    one, two = clipped(sgd()), clipped(by_pattern("b", sgd(), sgd()))
    quoted(f"makes {one} in one optimizer and {two} in two")


def test_o27_a_rate_of_0_does_not_freeze(quoted):
    def moving_mean(**layer):
        model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization(**layer)])
        model.add(keras.layers.Dense(1))
        model.compile(keras.optimizers.SGD(0.0), "mse")
        model.fit(ones(4, 5.0), ones(4), verbose=0)
        return model.layers[0].moving_mean.numpy().item()

    quoted(
        f"the moving mean is {moving_mean():.2f}, and {moving_mean(trainable=False):.2f} with "
        "`trainable = False`"
    )


def rates_after(callback):
    sgd = keras.optimizers.SGD
    model = body_and_head(by_pattern(".*head/.*", sgd(0.01), sgd(0.001)))
    model.fit(ones(4), ones(4), epochs=2, verbose=0, callbacks=[callback])
    return sorted(float(inner.learning_rate) for inner in model.optimizer.optimizers)


def test_o27_callbacks_reach_the_inner_rates(quoted):
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=1, min_delta=1e9)
    scheduler = keras.callbacks.LearningRateScheduler
    assert rates_after(plateau) == pytest.approx([0.0001, 0.001])
    assert rates_after(scheduler(lambda _, rate: rate * 0.5)) == pytest.approx([0.00025, 0.0025])
    assert len(set(rates_after(scheduler(lambda *_: 0.1)))) == 1
    quoted("A function that returns a constant makes them all equal")


def test_o27_a_multi_optimizer_has_no_rate(quoted):
    with pytest.raises(AttributeError):
        keras.optimizers.MultiOptimizer(lambda v: None).learning_rate  # noqa: B018
    quoted("`MultiOptimizer.learning_rate` raises an AttributeError")


def moved_by_pattern(pattern):
    """How far encoder and head move, where the encoder's pattern has a rate of 0."""
    model = body_and_head(by_pattern(pattern, keras.optimizers.SGD(0.0), keras.optimizers.SGD(1.0)))
    model.fit(ones(4), 0 * ones(4), verbose=0)
    assert model.trainable_variables[0].path == "model/encoder/kernel"
    encoder, _, head, _ = model.get_weights()
    return encoder.item() - 1, head.item() - 1


def test_o27_a_pattern_must_match_the_whole_path(quoted):
    encoder, head = moved_by_pattern("encoder/.*")
    assert encoder == head
    quoted(f"an encoder that was to keep rate 0 moves by {encoder:.0f} like the head")
    assert moved_by_pattern(".*encoder/.*") == (0, head)
    quoted('With `".*encoder/.*"` it stays')


def muon_step(gradient, **settings):
    """The first step of Muon at rate 1, without decay."""
    w = keras.Variable(np.zeros_like(gradient), name="kernel")
    keras.optimizers.Muon(1.0, weight_decay=None, **settings).apply([tf.constant(gradient)], [w])
    return -w.numpy()


@pytest.fixture(scope="module")
def matrix():
    return np.random.default_rng(0).normal(size=(64, 16)).astype("float32")


def test_o26_muon_evens_out_the_singular_values(quoted, matrix):
    before, after = (
        np.linalg.svd(m, compute_uv=False) for m in (matrix, muon_step(matrix, rms_rate=None))
    )
    quoted(
        f"Singular values from {before.min():.1f} to {before.max():.1f} come out between "
        f"{after.min():.2f} and {after.max():.2f}"
    )


def test_o26_muon_is_scaled_to_the_size_of_an_adam_step(quoted, matrix):
    step = muon_step(matrix)
    np.testing.assert_allclose(
        step, muon_step(matrix, rms_rate=None) * 0.2 * np.sqrt(64), rtol=1e-5
    )
    quoted(f"to a root mean square of about {np.sqrt(np.mean(step**2)):.1f}")


def on_muon(layer, shapes, **settings):
    """The paths of a layer's variables that Muon steps itself, not as AdamW."""
    layer.build(*shapes)
    optimizer = keras.optimizers.Muon(**settings)
    optimizer.build(layer.trainable_variables)
    slots = zip(layer.trainable_variables, optimizer.adam_velocities, strict=True)
    return [variable.path for variable, velocity in slots if velocity is None]


def test_o26_muon_must_be_told_of_the_output_layer(quoted):
    head = lambda: keras.layers.Dense(3, name="head")
    assert on_muon(head(), [(None, 8)]) == ["head/kernel"]
    assert not on_muon(head(), [(None, 8)], exclude_layers=["head"])
    assert not on_muon(keras.layers.Embedding(5, 4), [(None,)])
    quoted("the output layer you must name in `exclude_layers`")


def test_o26_what_muon_takes_of_attention(quoted):
    attention = keras.layers.MultiHeadAttention(2, 4, name="attention")
    biases = [f"attention/{name}/bias" for name in ("query", "key", "value")]
    assert on_muon(attention, [(None, 3, 8)] * 2) == biases
    assert not on_muon(keras.layers.Conv2D(4, 3), [(None, 8, 8, 1)])
    quoted(
        "has kernels of rank 3, which get AdamW, while its query, key and value biases have rank "
        "2, and get Muon. Convolutions get AdamW"
    )


def schedule_free(gradients, beta_1=0.9):
    """The weight after steps at rate 0.1, from 1, and the paper's y."""
    z = x = y = 1.0
    v = 0.0
    for t, g in enumerate(gradients, 1):
        v = 0.999 * v + 0.001 * g * g
        z -= 0.1 * g / np.sqrt(v / (1 - 0.999**t))
        x += (z - x) / t
        y = (1 - beta_1) * z + beta_1 * x
    return train(keras.optimizers.ScheduleFreeAdamW(0.1, beta_1=beta_1), gradients), x, y


def test_o26_schedule_free_ignores_beta_1(quoted):
    gradients = [1.0, -0.3, 2.0, 0.5]
    low, mean, _ = schedule_free(gradients, 0.5)
    high = schedule_free(gradients, 0.99)[0]
    assert low == high == pytest.approx(mean)
    quoted(
        "the model's weights are x, and β₁ changes nothing: 0.5 and 0.99 give the same weights "
        "after four steps"
    )


def test_o26_schedule_free_after_two_steps(quoted):
    weight, _, y = schedule_free([1.0, 1.0])
    quoted(f"the second step ends at {weight:.3f}; the paper's y is {y:.3f}")


def after_a_step_that_has_nothing_to_learn(built):
    model = linear(kernel_initializer=keras.initializers.Constant(3.0))
    model.compile(keras.optimizers.ScheduleFreeAdamW(0.1), "mse")
    if built:
        model.optimizer.build(model.trainable_variables)
    model.fit(ones(4), ones(4, 3.0), verbose=0)
    return model.get_weights()[0].item()


def test_o26_schedule_free_forgets_the_weights_in_fit(quoted):
    lost, kept = (after_a_step_that_has_nothing_to_learn(built) for built in (False, True))
    quoted(f"a kernel of 3 that fits its data perfectly is {lost:.1f} after one step")
    quoted(f"and it stays {kept:.1f}")


def test_o28_one_number_for_each_variant(quoted):
    w, lr, decay, direction = 2.0, 0.1, 0.1, 1.0
    right = w - lr * (direction + decay * w)
    assert right == pytest.approx(train(keras.optimizers.AdamW(lr, decay), [1.0], w))
    l2, alone = w - lr * direction, w - lr * direction - decay * w
    after = (w - lr * direction) * (1 - lr * decay)
    shrunk = w * (1 - lr * decay)
    twice = shrunk - lr * (direction + decay * shrunk)
    quoted(
        f"in the first step: {right:.2f}; L2 gives {l2:.2f}, a decay without the rate {alone:.2f}, "
        f"a decay of the new weight {after:.3f}, one that the base class repeats {twice:.4f}"
    )


def test_o28_an_attribute_makes_the_base_class_decay(quoted):
    class Still(keras.optimizers.Optimizer):
        def __init__(self):
            super().__init__(learning_rate=0.1)
            self.weight_decay = 0.1

        def update_step(self, gradient, variable, learning_rate):
            pass

    vector = tf.Variable([2.0])
    Still().apply([tf.constant([1.0])], [vector])
    assert vector.numpy().item() == pytest.approx(2 * (1 - 0.1 * 0.1))
    quoted("Keras' base class sees that attribute and decays as well, all variables")


def test_o28_how_long_the_start_is_remembered(quoted):
    quoted(f"about `1/(lr·λ)` steps, {1 / (1e-3 * 0.01):,.0f} of them at 1e-3 and 0.01")


def test_o28_names_match_by_accident(quoted):
    inputs = keras.Input([2])
    outputs = keras.layers.Dense(1, use_bias=False, name="beta_mixer")(inputs)
    (kernel,) = keras.Model(inputs, outputs).trainable_variables

    def excluded(name):
        optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=[name])
        kernel.assign([[1.0], [1.0]])
        optimizer.apply([tf.zeros([2, 1])], [kernel])
        return kernel.numpy().min() == 1

    assert excluded("beta")
    assert excluded("")
    assert not excluded("gamma")
    quoted('a layer called `beta_mixer` is excluded too, and `""` excludes everything')


def test_o16_rectified_adam_becomes_adam(quoted):
    infinity, now = MEMORY_OF_RADAM, rho(3000)
    factor = (now - 4) * (now - 2) * infinity / ((infinity - 4) * (infinity - 2) * now)
    quoted(f"at β₂ = 0.999 the factor is {np.sqrt(factor):.2f} after 3,000 steps")


def rectifier(t, beta_2, number, end=None):
    """RAdam's r_t where t and the power are of this NumPy type."""
    power = np.prod([number(beta_2)] * t)
    end = end or number(2 / (1 - beta_2) - 1)
    memory = end - 2 * t * power / (1 - power)
    return float(np.sqrt((memory - 4) * (memory - 2) * end / ((end - 4) * (end - 2) * memory)))


def test_o29_rho_in_float32(quoted):
    low, right = (rectifier(6, 0.9999, number) for number in (np.float32, np.float64))
    one, two = np.float32([1, 2])
    lower = rectifier(6, 0.9999, np.float32, end=two / (one - np.float32(0.9999)) - one)
    quoted(
        f"comes out as {low:.4f}, or as {lower:.4f} where ρ∞ is float32, too; {right:.4f} is right"
    )
    milder, exact = (rectifier(6, 0.999, number) for number in (np.float32, np.float64))
    mild = abs(milder / exact - 1)
    quoted(f"At 0.999 `r_6` is off by {mild:.0%}, at 0.9999 by {low / right - 1:.0%}")
    subtracted = 2 * 6 * 0.9999**6 / (1 - 0.9999**6)
    quoted(f"at t = 6 it is {2 / (1 - 0.9999) - 1:.0f} less {subtracted:.0f}")


def test_o29_small_beta_2(quoted):
    low, right = (rectifier(6, 0.95, number) for number in (np.float32, np.float64))
    assert abs(low / right - 1) < 1e-4
    quoted("Testing with β₂ = 0.9 or 0.95, where float32 is good to four digits and more")


def test_o29_one_less_beta(quoted):
    held = abs(float(np.float32(0.9999)) - 0.9999)
    quoted(
        f"float32 holds 0.9999 to {short_power(held, '.0e')}, "
        f"which is {short_power(held / 1e-4, '.1e')} of the"
    )


def test_o29_without_a_difference(quoted):
    ages = np.arange(1, 7)
    mean_age = np.average(ages, weights=0.9999**ages)
    assert 2 * mean_age - 1 == pytest.approx(
        2 / (1 - 0.9999) - 1 - 12 * 0.9999**6 / (1 - 0.9999**6)
    )
    quoted("ρ is twice the mean age of the remembered gradients less 1")


def test_o29_a_float32_step_count_stops(quoted):
    assert np.float32(2**24) + np.float32(1) == 2**24
    quoted(f"a float32 step count stops at {2**24:,}")


def test_o29_where_drops_a_nan(quoted):
    nan = tf.constant(np.nan)
    assert tf.where(False, nan, 1.0).numpy() == 1
    assert np.isnan((0.0 * nan).numpy())
    quoted("A mask that is multiplied keeps it: 0·nan is nan")


def test_o30_a_swap_by_sums_rounds(quoted):
    w, average = tf.Variable(1e-3), tf.Variable(1e8)
    for _ in range(2):
        w.assign_add(average)
        average.assign(w - average)
        w.assign_sub(average)
    quoted(f"0.001 beside 1e8 comes back as {w.numpy():.0f}")


def test_o30_keras_swaps_by_sums(quoted):
    source = inspect.getsource(keras.callbacks.SwapEMAWeights)
    assert "a.assign_add(b)" in source
    quoted("Keras' `SwapEMAWeights` does it so")


def test_o30_what_is_no_copy(quoted):
    w = keras.Variable(1.0)
    value, copy = w.value, tf.convert_to_tensor(w)
    w.assign(2.0)
    assert (float(value), float(copy)) == (2, 1)
    quoted("The value of a `keras.Variable` is a `tf.Variable`, not a copy")
