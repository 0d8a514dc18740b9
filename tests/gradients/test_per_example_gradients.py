"""A gradient for each example, clipped one by one: the step of DP-SGD.

Question (20 min). Differentially private training must bound what a single example can do
to the model. Its step clips the gradient of every example, then adds noise:

    g_i     the gradient of example i's loss, over all trainable variables
    result = (sum over i of g_i * min(1, clip_norm / ||g_i||) + noise) / B

Write it for any model. The noise is drawn by the caller and scaled for the sum.

Test k checks clause k:

    1. The result is that of the formula: a list in the order of
       model.trainable_variables. ||g_i|| is one norm, over all variables of an example.
    2. Gradients below clip_norm are left as they are; one that is all zeros adds nothing.
    3. noise, a list of one tensor for each variable, is added once.
    4. It works for any layers that treat examples independently: Dense, Conv2D, Embedding.
       What comes back is a dense tensor for each variable.
    5. The model is called at most twice, whatever B: no loop over the examples.
    6. Eager mode, tf.function and XLA agree.

loss(y_true, y_pred) gives [B]. The models have no dropout, no batch normalization and no
losses of their own, and every variable has a gradient.

Run   nox -s check -- per_example_gradients
Read  https://arxiv.org/abs/1607.00133, algorithm 1
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support.closeness import assert_close, brief, mismatch

KERNEL = np.array([[1.0, -2.0], [0.5, 0.25], [-0.75, 1.5]])
BIAS = np.array([0.5, -1.0])
RANDOM = np.random.default_rng(5)
X, Y = RANDOM.normal(size=[4, 3]), RANDOM.normal(size=[4, 2])
# Its norm is above clip_norm.
NOISE = [16 * RANDOM.normal(size=[3, 2]), 16 * RANDOM.normal(size=[2])]
NONE = [np.zeros([3, 2]), np.zeros(2)]

# Sums of a dozen products below 50: 12 roundings of 50 * 6e-8 are 4e-5 before clipping,
# which makes them small; a tenth of that is left.
CLOSE = {"rtol": 1e-5, "atol": 5e-6}
BY_HAND = "the formula in NumPy, float64"


def squares(y_true, y_pred):
    """One loss for each example [B], in which y_true and y_pred cannot be exchanged."""
    y_true = tf.cast(y_true, y_pred.dtype)
    return tf.reduce_sum((1 + y_true**2) * (y_pred - y_true) ** 2, axis=-1)


def linear():
    model = keras.Sequential([keras.Input([3]), keras.layers.Dense(2)])
    model.set_weights([KERNEL, BIAS])
    return model


def examples_gradients(x=X, y=Y):
    """Of the linear model: of each example the gradients of kernel and bias, by hand."""
    slope = 2 * (1 + y**2) * (x @ KERNEL + BIAS - y)
    return [[np.outer(row, s), s] for row, s in zip(x, slope, strict=True)]


def exchanged_gradients():
    """Of loss(y_pred, y_true)."""
    p = X @ KERNEL + BIAS
    slope = 2 * ((1 + p**2) * (p - Y) + p * (p - Y) ** 2)
    return [[np.outer(row, s), s] for row, s in zip(X, slope, strict=True)]


def norm(gradients):
    return np.sqrt(sum((g**2).sum() for g in gradients))


def private(of_each, clip_norm, noise):
    """The formula, one example at a time."""
    total = [np.zeros_like(g) for g in of_each[0]]
    for gradients in of_each:
        factor = 1.0 if norm(gradients) <= clip_norm else clip_norm / norm(gradients)
        total = [t + factor * g for t, g in zip(total, gradients, strict=True)]
    return [(t + n) / len(of_each) for t, n in zip(total, noise, strict=True)]


OF_EACH = examples_gradients()
NORMS = np.array([norm(gradients) for gradients in OF_EACH])
# Three norms are above, and that of the mean gradient; one is below.
CLIP = 8.0


def weighted(factors, noise, of_each=OF_EACH, batch=4):
    """(sum of factor_i g_i + noise) / batch, the factors one an example, or one a variable."""
    shares = np.broadcast_to(np.reshape(factors, [len(of_each), -1]), [len(of_each), 2])
    variables = range(len(noise))
    return [
        (sum(s[v] * g[v] for s, g in zip(shares, of_each, strict=True)) + noise[v]) / batch
        for v in variables
    ]


def mistakes(noise, clip_norm=CLIP):
    """{mistake: the list that it gives}."""
    right = np.minimum(1, clip_norm / NORMS)
    own = np.array([[np.sqrt((g**2).sum()) for g in gradients] for gradients in OF_EACH])
    mean = weighted(np.ones(4), NONE)
    total = [4 * g for g in mean]
    bound = lambda gradients: min(1, clip_norm / norm(gradients))
    noise_of = lambda gradients, share: [
        g + share * n for g, n in zip(gradients, noise, strict=True)
    ]
    wrong = {
        "the mean gradient clipped, not each example's": noise_of(
            [bound(mean) * g for g in mean], 1 / 4
        ),
        "the sum clipped, not each example's gradient": noise_of(
            [bound(total) * g / 4 for g in total], 1 / 4
        ),
        "not clipped at all": weighted(np.ones(4), noise),
        "a factor of at least 1, not at most": weighted(np.maximum(1, clip_norm / NORMS), noise),
        "each variable clipped by its own norm": weighted(np.minimum(1, clip_norm / own), noise),
        "small gradients scaled up to clip_norm": weighted(clip_norm / NORMS, noise),
        "clip_norm / norm^2": weighted(np.minimum(1, clip_norm / NORMS**2), noise),
        "not divided by B": weighted(right, noise, batch=1),
        "loss(y_pred, y_true)": private(exchanged_gradients(), clip_norm, noise),
    }
    if any(n.any() for n in noise):
        clipped = weighted(right, NONE)
        wrong |= {
            "noise added after the division by B": noise_of(clipped, 1),
            "noise added to each example": noise_of(clipped, 1),
            "noise forgotten": clipped,
            "noise subtracted": noise_of(clipped, -1 / 4),
            "noise clipped, too": noise_of(clipped, bound(noise) / 4),
        }
    return wrong


def assert_private(got, want, call, bugs=None, oracle=BY_HAND):
    __tracebackhide__ = True
    if not isinstance(got, (list, tuple)) or len(got) != len(want):
        expected = f"a list of {len(want)} gradients"
        raise mismatch(call, expected=expected, got=brief(got))
    for place, array in enumerate(want):
        if isinstance(got[place], tf.IndexedSlices):
            raise mismatch(f"{call}[{place}]", expected="a dense tensor", got="tf.IndexedSlices")
        assert_close(
            got[place],
            array,
            call=f"{call}[{place}]",
            oracle=oracle,
            bugs={cause: arrays[place] for cause, arrays in (bugs or {}).items()},
            **CLOSE,
        )


def tensors(*arrays):
    return [tf.constant(array, tf.float32) for array in arrays]


def call_of(clip_norm, noise="zeros"):
    return f"private_gradients(model, loss, x, y, {clip_norm:.4g}, {noise})"


def test_1_each_example_is_clipped_by_one_norm(kata):
    x, y = tensors(X, Y)
    got = kata.private_gradients(linear(), squares, x, y, CLIP, tensors(*NONE))
    assert_private(got, private(OF_EACH, CLIP, NONE), call_of(CLIP), mistakes(NONE))


def test_2_small_gradients_stay_and_zeros_add_nothing(kata):
    x, y = X.copy(), Y.copy()
    x[1], y[1] = 0, BIAS  # predicted exactly
    y[3] = x[3] @ KERNEL + BIAS + 2.0**-8  # nearly
    of_each = examples_gradients(x, y)
    got = kata.private_gradients(linear(), squares, *tensors(x, y), 1.0, tensors(*NONE))
    norms = np.array([norm(gradients) for gradients in of_each])
    scaled = np.divide(1.0, norms, out=np.zeros(4), where=norms > 0)
    up = weighted(scaled, NONE, of_each)
    bugs = {"small gradients scaled up to clip_norm": up}
    call = f"{call_of(1.0)}, one example without error"
    assert_private(got, private(of_each, 1.0, NONE), call, bugs)


def test_3_noise_is_added_once_to_the_sum(kata):
    x, y = tensors(X, Y)
    got = kata.private_gradients(linear(), squares, x, y, CLIP, tensors(*NOISE))
    call = call_of(CLIP, "noise")
    assert_private(got, private(OF_EACH, CLIP, NOISE), call, mistakes(NOISE))


def test_3_the_noise_is_the_one_given(kata):
    x, y = tensors(X, Y)
    calls = [kata.private_gradients(linear(), squares, x, y, CLIP, tensors(*NOISE)) for _ in "12"]
    one, other = (np.asarray(gradients[1]) for gradients in calls)
    if not np.allclose(one, other):
        raise mismatch(
            f"{call_of(CLIP, 'noise')}[1], called twice",
            expected="the same",
            got=f"{brief(one)}, then {brief(other)}",
            cause="random numbers of its own",
        )


def conv_and_embedding():
    layers = keras.layers
    keras.utils.set_random_seed(0)
    looked_up = [layers.Embedding(5, 3), layers.Reshape([3, 3, 1])]
    network = [layers.Conv2D(2, 2, activation="tanh"), layers.Flatten(), layers.Dense(2)]
    return keras.Sequential([keras.Input([3], dtype="int32"), *looked_up, *network])


# Token 1 occurs twice in an example, and in another one.
TOKENS = np.array([[1, 2, 1], [0, 1, 4], [2, 2, 2]], "int32")


def by_tapes(model, x, y):
    """Of each example the gradients, by a tape of its own."""
    result = []
    for place in range(len(x)):
        one = slice(place, place + 1)
        with tf.GradientTape() as tape:
            value = squares(y[one], model(x[one]))
        gradients = tape.gradient(value, model.trainable_variables)
        result.append([tf.convert_to_tensor(g).numpy().astype("float64") for g in gradients])
    return result


def test_4_convolution_and_embedding(kata):
    model, x, y = conv_and_embedding(), tf.constant(TOKENS), tf.constant(Y[:3], tf.float32)
    of_each = by_tapes(model, x, y)
    clip_norm = float(np.median([norm(gradients) for gradients in of_each]))
    noise = [np.full(v.shape, 0.5) for v in model.trainable_variables]
    got = kata.private_gradients(model, squares, x, y, clip_norm, tensors(*noise))
    want = private(of_each, clip_norm, noise)
    call = f"{call_of(clip_norm, 'noise')} of a model with Embedding, Conv2D and Dense"
    assert_private(got, want, call, oracle="a tape for each example")


class Counted(keras.layers.Layer):
    """The identity, which counts how often Python runs it."""

    calls = 0

    def call(self, x):
        self.calls += 1
        return x


def test_5_at_most_two_calls(kata):
    counted = Counted()
    model = keras.Sequential([keras.Input([3]), counted, keras.layers.Dense(2)])
    counted.calls = 0
    x, y = tensors(*np.random.default_rng(0).normal(size=[2, 5, 3]))
    kata.private_gradients(model, squares, x, y[:, :2], 1.0, tensors(*NONE))
    if counted.calls > 2:
        raise mismatch(
            "calls of the model for a batch of 5", expected="1 or 2", got=f"{counted.calls}"
        )


@pytest.mark.parametrize("mode", ["graph", "XLA"], indirect=True)
def test_6_compiled_it_gives_the_same(kata, mode):
    model = linear()
    inputs = tensors(X, Y, *NOISE)
    step = lambda x, y, *noise: kata.private_gradients(model, squares, x, y, CLIP, list(noise))
    got = mode(step)(*inputs)
    assert_private(got, private(OF_EACH, CLIP, NOISE), call_of(CLIP, "noise"))
