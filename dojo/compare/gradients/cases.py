"""The custom gradients: each by the kata, in the naive form, and as the truth.

A case gives a function of one number three times: by the kata, in the form one would
naively write and leave to autodiff, and in float64 as the truth. Where a kata's gradient
is by design not the derivative, `pretended` is the function whose derivative it claims.
The slope is given in closed form, kinks and zero included; central differences of
`pretended` check both away from those.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from dojo.compare.digits import Array

Function: TypeAlias = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class Case:
    """One custom gradient.

    Attributes:
        custom: Made of the kata's module: a function of x [N], returning [N].
        naive: {what it is: the function}.
        truth, slope: The values and the gradient asked for, NumPy in float64.
        domain: x [N]; kinks, zeros and extremes are among them.
        smooth: Where central differences are taken, in float64: away from kinks.
        pretended: A function whose derivative is `slope`; None where it is `truth`.
        dtype: Of the computation.
        floor: Distance from the truth that counts as nothing; 0 where digits that small
            are asked for.
    """

    custom: Callable[[Any], Function]
    naive: dict[str, Function]
    truth: Function
    slope: Function
    domain: Array
    smooth: Array
    pretended: Function | None = None
    dtype: str = "float32"
    floor: float = 1e-6


def cases() -> dict[str, Case]:
    """Returns the cases by name; most are named as their kata."""
    return {
        "clip_by_value": _clip(),
        "gradient_reversal": _reversal(),
        "straight_through: round": _round(),
        "straight_through: sign": _sign(),
        "log1pexp": _log1pexp(),
        "safe_norm": _norm(),
        "softmax_cross_entropy": _softmax(),
        "captured_variables": _captured(),
        "recompute_grad": _recompute(),
    }


def _clip() -> Case:
    return Case(
        custom=lambda kata: lambda x: kata.clip_by_value(x, -1.0, 1.0),
        naive={"-1 + relu(x + 1) - relu(x - 1)": lambda x: -1 + _relu(x + 1) - _relu(x - 1)},
        truth=lambda x: np.clip(x, -1, 1),
        slope=lambda x: np.where(np.abs(x) <= 1, 1.0, 0.0),
        domain=np.append(np.linspace(-2, 2, 201), [-1, 1]),
        smooth=np.array([-1.7, -0.6, 0.1, 0.9, 1.4]),
    )


def _relu(x: Any) -> Any:
    return tf.nn.relu(x)


def _reversal() -> Case:
    scale = 6.0
    return Case(
        custom=lambda kata: lambda x: kata.gradient_reversal(x, scale),
        naive={"stop_gradient(x + 6x) - 6x": lambda x: tf.stop_gradient(x + scale * x) - scale * x},
        truth=lambda x: x * 1.0,
        slope=lambda x: np.full_like(x, -scale),
        domain=np.linspace(0, 16000, 161),
        smooth=np.array([-2.0, 0.0, 3.0]),
        pretended=lambda x: -scale * x,
        dtype="float16",
    )


def _round() -> Case:
    return Case(
        custom=lambda kata: kata.round_ste,
        naive={"tf.round(x)": tf.round},
        truth=np.round,
        slope=np.ones_like,
        domain=np.linspace(-2.5, 2.5, 301),
        smooth=np.array([-1.2, 0.1, 0.8]),
        pretended=lambda x: x * 1.0,
    )


def _sign() -> Case:
    return Case(
        custom=lambda kata: kata.sign_ste,
        naive={"tf.sign(x)": tf.sign},
        truth=lambda x: np.where(x >= 0, 1.0, -1.0),
        slope=lambda x: np.where(np.abs(x) <= 1, 1.0, 0.0),
        domain=np.append(np.linspace(-2, 2, 201), [-1, 0, 1]),
        smooth=np.array([-1.5, -0.4, 0.3, 1.6]),
        pretended=lambda x: np.clip(x, -1, 1),
    )


def _log1pexp() -> Case:
    return Case(
        custom=lambda kata: kata.log1pexp,
        naive={
            "log(1 + exp(x))": lambda x: tf.math.log(1 + tf.exp(x)),
            "max(x, 0) + log1p(exp(-|x|))": lambda x: (
                tf.maximum(x, 0) + tf.math.log1p(tf.exp(-tf.abs(x)))
            ),
        },
        truth=lambda x: np.logaddexp(0, x),
        slope=lambda x: np.exp(-np.logaddexp(0, -x)),
        domain=np.append(np.linspace(-30, 100, 261), 0),
        smooth=np.array([-20.0, -3.0, 0.5, 8.0, 90.0]),
        floor=0.0,
    )


def _norm() -> Case:
    magnitudes = np.logspace(-30, 30, 241)
    return Case(
        custom=lambda kata: lambda x: kata.safe_norm(_three_four(x)),
        naive={"sqrt(sum(x²))": lambda x: tf.sqrt(tf.reduce_sum(_three_four(x) ** 2, -1))},
        truth=lambda x: 5 * np.abs(x),
        slope=lambda x: 5 * np.sign(x),
        domain=np.append(magnitudes, 0),
        smooth=np.array([-40.0, -0.5, 0.2, 30.0]),
        floor=0.0,
    )


def _three_four(x: Any) -> Any:
    return tf.stack([3 * x, 4 * x], axis=-1)


def _softmax() -> Case:
    def naive(x: Any) -> Any:
        p = tf.nn.softmax(_two_classes(x))
        return -tf.reduce_sum(_first(x) * tf.math.log(p), axis=-1)

    return Case(
        custom=lambda kata: lambda x: kata.softmax_cross_entropy(_first(x), _two_classes(x)),
        naive={"-Σ labels · log(softmax(z))": naive},
        truth=lambda x: np.logaddexp(0, -x),
        slope=lambda x: -np.exp(-np.logaddexp(0, x)),
        domain=np.linspace(-150, 150, 301),
        smooth=np.array([-30.0, -2.0, 0.0, 2.0, 10.0]),
    )


def _two_classes(x: Any) -> Any:
    return tf.stack([x, tf.zeros_like(x)], axis=-1)


def _first(x: Any) -> Any:
    return tf.stack([tf.ones_like(x), tf.zeros_like(x)], axis=-1)


def _captured() -> Case:
    """The gradient of the bias, one per x: the kata asks for half of the derivative."""

    def bias_path(affine: Callable[[Any, Any], Function]) -> Any:
        # The custom rule hands out, as dy/dx, the gradient that arrives at the bias.
        def y(x: Any) -> Any:
            f = affine(tf.constant([[3.0]], x.dtype), tf.constant([2.0], x.dtype))
            return f(x[:, None])[:, 0], lambda upstream: upstream * _bias_gradients(affine, x)

        return tf.custom_gradient(y)

    return Case(
        custom=lambda kata: bias_path(lambda kernel, bias: kata.affine(kernel, bias, 0.5)),
        naive={"x @ kernel + bias": bias_path(lambda kernel, bias: lambda x: x @ kernel + bias)},
        truth=lambda x: 2 + 3 * x,
        slope=lambda x: 0.5 * (2 + 3 * x),
        domain=np.linspace(-2, 2, 21),
        smooth=np.array([-1.0, 0.5, 2.0]),
        pretended=lambda x: 0.5 * (2 * x + 3 * x * x / 2),
    )


def _bias_gradients(affine: Callable[[Any, Any], Function], x: Any) -> Any:
    """Returns d(y²/2)/d bias at each x, where y = 3x + 2."""
    slopes = []
    for value in x.numpy():
        kernel, bias = tf.Variable([[3.0]], dtype=x.dtype), tf.Variable([2.0], dtype=x.dtype)
        with tf.GradientTape() as tape:
            half_square = tf.reduce_sum(affine(kernel, bias)([[value]]) ** 2) / 2
        slopes.append(tape.gradient(half_square, bias)[0])
    return tf.stack(slopes)


def _recompute() -> Case:
    def chain(x: Any) -> Any:
        for _ in range(4):
            x = x + tf.sin(2 * x) / 4
        return x

    def exact(x: Array) -> Array:
        for _ in range(4):
            x = x + np.sin(2 * x) / 4
        return x

    def exact_slope(x: Array) -> Array:
        slope = np.ones_like(x)
        for _ in range(4):
            slope = slope * (1 + np.cos(2 * x) / 2)
            x = x + np.sin(2 * x) / 4
        return slope

    return Case(
        custom=lambda kata: kata.recompute(chain),
        naive={"autodiff": chain},
        truth=exact,
        slope=exact_slope,
        domain=np.linspace(-2, 2, 201),
        smooth=np.array([-1.3, -0.2, 0.7, 1.1]),
    )
