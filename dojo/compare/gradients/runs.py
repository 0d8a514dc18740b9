"""What a child computes for the gradients: each one over its domain, in float32."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from dojo.compare.digits import Array
from dojo.compare.gradients.cases import Case, Function, cases
from dojo.compare.kata_modules import Modules, describe
from dojo.compare.numbers import Numbers


def compute(modules: Modules, kata: str, case: str) -> Numbers:
    """Returns the curves of one case: "x", "truth" and "slope", and "forms" by name.

    Each form has "y", "dy", and "error", its largest relative distance from central
    differences in float64; or "failed", why it has none.
    """
    chosen = cases()[case]
    x = np.unique(np.asarray(chosen.domain, chosen.dtype).astype(np.float64))
    forms = {"custom": _attempt(lambda: chosen.custom(modules[kata]), chosen, x)}
    for name, naive in chosen.naive.items():
        forms[name] = _attempt(functools.partial(lambda form: form, naive), chosen, x)
    if "failed" in forms["custom"]:
        return {"error": forms["custom"]["failed"]}
    exact = {"truth": chosen.truth(x), "slope": chosen.slope(x)}
    return {"x": x, **exact, "forms": forms, "floor": chosen.floor}


def _attempt(make: Callable[[], Function], case: Case, x: Array) -> Numbers:
    try:
        function = make()
        y, dy = value_and_slope(function, x, case.dtype)
        error = finite_difference_error(function, case)
    except Exception as failure:
        return {"failed": describe(failure)}
    return {"y": y, "dy": dy, "error": error}


def value_and_slope(function: Function, x: Array, dtype: str) -> tuple[Array, Array]:
    """Returns f(x) and, elementwise, f'(x) by TensorFlow; None counts as nan."""
    points = tf.constant(x, dtype)
    with tf.GradientTape() as tape:
        tape.watch(points)
        y = function(points)
        # An upstream of 1 each: elements do not mix, so the sum's gradient is elementwise.
        total = tf.reduce_sum(y)
    slope = tape.gradient(total, points)
    dy = np.full(len(x), np.nan) if slope is None else slope.numpy().astype(np.float64)
    return y.numpy().astype(np.float64), dy


def finite_difference_error(function: Function, case: Case) -> float:
    """Returns max |f' - central difference| / max(1, |central difference|), in float64."""
    expected = central_differences(case.pretended or case.truth, case.smooth)
    _, found = value_and_slope(function, case.smooth, "float64")
    with np.errstate(invalid="ignore"):
        distance = np.abs(found - expected) / np.maximum(1, np.abs(expected))
    return float(np.max(distance)) if np.isfinite(found).all() else float("inf")


def central_differences(function: Function, x: Array) -> Array:
    """Returns (f(x + h) - f(x - h)) / 2h; h is the cube root of eps, the best for order 2."""
    h = np.cbrt(np.finfo(np.float64).eps) * np.maximum(np.abs(x), 1e-2)
    up, down = x + h, x - h
    slope: Array = (function(up) - function(down)) / (up - down)
    return slope
