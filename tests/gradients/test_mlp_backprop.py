"""Backpropagation through a network of one hidden layer, by hand.

Question (15 min). What does autodiff do when you call tape.gradient? Show it, without a
tape, on a classifier of one hidden layer:

    a = x w1 + b1,    h = relu(a),    z = h w2 + b2
    loss = mean over the B rows of  -log softmax(z)[label]

Return the loss and, by hand, its gradients with respect to w1, b1, w2 and b2. Test k
checks clause k:

    1. The loss is that mean, a scalar.
    2. dw2 and db2 are the gradients of that mean loss.
    3. So are dw1 and db1. The slope of relu at 0 is 0.
    4. Loss and gradients are right for logits up to ±1e4, too.
    5. By hand: no GradientTape, tf.gradients or ForwardAccumulator, and nothing that uses
       one. Eager mode, tf.function and XLA agree.

The labels are int32, all the rest is float32.

Run   nox -s check -- mlp_backprop
Read  https://www.deeplearningbook.org/contents/mlp.html, algorithm 6.4
"""

import contextlib
import functools

import numpy as np
import tensorflow as tf

from tests.support.by_hand import by_hand
from tests.support.closeness import Mismatch, assert_close, mismatch
from tests.support.gradient_checks import differences, every_mode

# Sums of at most six products of order one, rounded in float32; a softmax between them.
# 50 * eps, as an absolute error, because sums may be near 0.
CLOSE = {"rtol": 6e-6, "atol": 6e-6}
CALL = "mlp_backprop(x, labels, w1, b1, w2, b2)"
LOOP = "a loop over the rows in float64"
LAYERS = {"first": ("dw1", "db1"), "second": ("dw2", "db2")}
NAMES = ("dw1", "db1", "dw2", "db2")


def example(rows, inputs, hidden, classes, seed):
    """x, labels, w1, b1, w2 and b2. Every unit is on in some rows and off in others."""
    random = np.random.default_rng(seed)
    shapes = [(rows, inputs), (inputs, hidden), (hidden,), (hidden, classes), (classes,)]
    x, *weights = [random.normal(size=shape) for shape in shapes]
    return x, np.array([2, 0, 1, 1, 2][:rows]), *weights


# Where all sizes are equal, a wrong axis raises nothing.
EXAMPLES = {
    "equal": example(3, 3, 3, 3, seed=3588),
    "unequal": example(5, 4, 6, 3, seed=3685),
}
EQUAL = EXAMPLES["equal"]


def losses(x, labels, w1, b1, w2, b2):
    """The loss of each row, by the definition."""
    found = []
    for row, label in zip(x, labels, strict=True):
        hidden = [max(row @ w1[:, k] + b1[k], 0.0) for k in range(len(b1))]
        logits = [hidden @ w2[:, c] + b2[c] for c in range(len(b2))]
        found.append(np.log(np.sum(np.exp(logits))) - logits[label])
    return np.array(found)


@functools.cache
def slopes(name):
    """{gradient: array} of an example, by differences."""
    x, labels, *weights = EXAMPLES[name]

    def slope(at):
        given = lambda w: [*weights[:at], w, *weights[at + 1 :]]
        return differences(lambda w: losses(x, labels, *given(w)).mean(), weights[at])

    return {gradient: slope(at) for at, gradient in enumerate(NAMES)}


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def by_formula(given, layer, *, target=1.0, slope=lambda a, up: a > 0, back=np.transpose):
    """What goes into a layer and the gradient to what comes out; steps may be spoilt."""
    x, labels, w1, b1, w2, b2 = given
    a = x @ w1 + b1
    h = np.maximum(a, 0)
    to_z = (softmax(h @ w2 + b2) - target * np.eye(len(b2))[labels]) / len(x)
    to_h = to_z @ back(w2)
    return (x, to_h * slope(a, to_h)) if layer == "first" else (h, to_z)


def products(inputs, to_outputs):
    """The gradients of a layer's kernel and of its bias."""
    return inputs.T @ to_outputs, to_outputs.sum(axis=0)


def mistakes(given, layer):
    """{cause: gradients of kernel and bias}; None for one that the mistake leaves right."""
    inputs, to_outputs = by_formula(given, layer)
    kernel, bias = products(inputs, to_outputs)
    rows = len(inputs)
    spoilt = lambda **wrong: products(*by_formula(given, layer, **wrong))
    everywhere = {
        "the gradient of the summed loss: 1 / B is missing": (rows * kernel, rows * bias),
        "1 / B taken twice": (kernel / rows, None),
        "the bias's gradient averaged over the rows, not summed": (None, bias / rows),
        "one gradient of the bias for each row, not their sum": (None, to_outputs),
        "summed over the units of each row, not over the rows": (None, to_outputs.sum(axis=1)),
        "the sign: y - p for p - y": (-kernel, -bias),
        "p for p - y": spoilt(target=0.0),
        "its transpose": (kernel.T, None),
        "the layer's input for its transpose": (inputs @ to_outputs, None),
    }
    if layer == "second":
        x, _, w1, b1, *_ = given
        from_a = products(x @ w1 + b1, to_outputs)[0]
        return everywhere | {"a for h = relu(a), which went into the product": (from_a, None)}
    return everywhere | {
        "w2 on the way back, not its transpose": spoilt(back=lambda w2: w2),
        "relu's slope missing: the upstream passes where a < 0, too": spoilt(
            slope=lambda a, up: 1.0
        ),
        "relu of the upstream; but the sign of a decides": spoilt(slope=lambda a, up: up > 0),
        "relu itself for its slope": spoilt(slope=lambda a, up: np.maximum(a, 0)),
    }


def tensors(given):
    """The arguments, as a learner gets them."""
    kinds = [tf.float32, tf.int32, *[tf.float32] * 4]
    return [tf.constant(array, kind) for array, kind in zip(given, kinds, strict=True)]


def parts(result, call=CALL):
    """The loss, and {name: gradient}."""
    __tracebackhide__ = True
    if isinstance(result, (tuple, list)) and len(result) == 2:
        loss, found = result
        if isinstance(found, (tuple, list)) and len(found) == 4:
            return loss, dict(zip(NAMES, found, strict=True))
    raise mismatch(call, expected="loss, (dw1, db1, dw2, db2)", got=" ".join(f"{result}".split()))


def assert_results(result, loss, gradients, *, said="", **how):
    """Fails unless a result is that loss, and has those gradients."""
    __tracebackhide__ = True
    got, found = parts(result, said + CALL)
    assert_close(got, loss, call=f"{said}{CALL}: the loss", **how)
    for name, want in gradients.items():
        assert_close(found[name], want, call=f"{said}{CALL}: {name}, the gradient of it", **how)


def test_1_the_loss_is_the_mean_over_the_rows(kata):
    each = losses(*EQUAL)
    assert_close(
        parts(kata.mlp_backprop(*tensors(EQUAL)))[0],
        each.mean(),
        call=f"{CALL}: the loss",
        oracle=LOOP,
        dtype="float32",
        bugs={
            "a sum over the rows": each.sum(),
            "the mean over rows and classes: B C for B": each.mean() / 3,
            "one loss for each row": each,
            "the sign": -each.mean(),
            "relu left out": losses_without_relu(*EQUAL).mean(),
        },
        **CLOSE,
    )


def losses_without_relu(x, labels, w1, b1, w2, b2):
    p = softmax((x @ w1 + b1) @ w2 + b2)
    return -np.log(p[np.arange(len(x)), labels])


def test_2_gradients_of_the_second_layer(kata):
    assert_layer(kata, "second")


def test_3_gradients_of_the_first_layer(kata):
    assert_layer(kata, "first")


def assert_layer(kata, layer):
    """Fails unless both gradients are right where all sizes are equal."""
    __tracebackhide__ = True
    found = parts(kata.mlp_backprop(*tensors(EQUAL)))[1]
    wrong = mistakes(EQUAL, layer)
    for place, gradient in enumerate(LAYERS[layer]):
        assert_close(
            found[gradient],
            slopes("equal")[gradient],
            call=f"{CALL}: {gradient}, the gradient of the loss",
            oracle="central differences of a loop",
            dtype="float32",
            bugs={cause: pair[place] for cause, pair in wrong.items() if pair[place] is not None},
            **CLOSE,
        )


def test_3_sizes_that_all_differ(kata):
    result = kata.mlp_backprop(*tensors(EXAMPLES["unequal"]))
    mean, how = losses(*EXAMPLES["unequal"]).mean(), {"oracle": LOOP} | CLOSE
    assert_results(result, mean, slopes("unequal"), said="B 5, D 4, H 6, C 3: ", **how)


def test_3_the_slope_of_relu_at_0_is_0(kata):
    # a = [0, 2] and z = [0, 0], all exact, so p = [1/2, 1/2] and g_h = [-1, -1].
    kink = ([[1, 1]], [0], [[1, 0], [-1, 2]], [0, 0], [[1, -1], [3, 1]], [-6, -2])
    found = parts(kata.mlp_backprop(*tensors(kink)))[1]
    closed = {"dw1": ([[0, -1], [0, -1]], [[-1, -1], [-1, -1]]), "db1": ([0, -1], [-1, -1])}
    for gradient, (want, open_at_0) in closed.items():
        half = (np.array(want) + open_at_0) / 2
        assert_close(
            found[gradient],
            want,
            call=f"{CALL} with a = [[0, 2]]: {gradient}, the gradient of the loss",
            oracle="hand: x^T [0, -1], and [0, -1]",
            bugs={"slope 1 at a = 0: >= where it should be >": open_at_0, "slope 1/2 at 0": half},
            **CLOSE,
        )


# Logits [1e4, -1e4] and [-1e4, 1e4], both with label 0: losses 0 and 2e4, all exact.
LARGE = (np.eye(2), [0, 0], 1e4 * np.eye(2), [0, 0], [[1, -1], [-1, 1]], [0, 0])
LARGE_GRADIENTS = {
    "dw1": [[0, 0], [0, 1]],
    "db1": [0, 1],
    "dw2": [[0, 0], [-5e3, 5e3]],
    "db2": [-0.5, 0.5],
}


def test_4_logits_of_ten_thousand(kata):
    loss, found = parts(kata.mlp_backprop(*tensors(LARGE)))
    call = f"{CALL} with logits of 1e4"
    clipped = "the logarithm of a probability that was clipped, or had 1e-7 added"
    assert_close(
        loss,
        1e4,
        call=f"{call}: the loss",
        oracle="hand: (0 + 2e4) / 2",
        bugs={clipped: -np.log(1e-7) / 2},
        **CLOSE,
    )
    for name, want in LARGE_GRADIENTS.items():
        assert_close(
            found[name],
            want,
            call=f"{call}: {name}, the gradient of the loss",
            oracle="hand, p = [[1, 0], [0, 1]]",
            **CLOSE,
        )


def test_5_by_hand(kata):
    with by_hand(CALL):
        kata.mlp_backprop(*tensors(EQUAL))


def test_5_every_mode_agrees(kata):
    ordinary, large = tensors(EQUAL), tensors(LARGE)
    both = lambda *inputs: [kata.mlp_backprop(*inputs[:6]), kata.mlp_backprop(*inputs[6:])]
    how = {"oracle": "eager mode"} | CLOSE
    # Clause 4 asks for large logits: here they count where they are right eagerly.
    counts = is_right(kata.mlp_backprop(*large), 1e4, LARGE_GRADIENTS, **how)
    for said, compute in every_mode(both, *ordinary, *large).items():
        results = compute(*ordinary, *large)
        assert_results(results[0], losses(*EQUAL).mean(), slopes("equal"), said=said, **how)
        if counts:
            assert_results(results[1], 1e4, LARGE_GRADIENTS, said=said, **how)


def is_right(result, loss, gradients, **how):
    with contextlib.suppress(Mismatch):
        assert_results(result, loss, gradients, **how)
        return True
    return False
