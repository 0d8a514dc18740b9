"""The digits as the comparisons use them: fixed splits, and a long tail."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dojo import data

Array = NDArray[Any]
Examples = tuple[Array, Array]

CLASSES = 10
IMBALANCE = 100


@functools.cache
def split(full: bool) -> tuple[Examples, Examples]:
    """Returns training and validation digits; the test digits stay closed.

    Returns:
        (x [N, 784] float32 in [0, 1], y [N] int32) twice; the last sixth validates.
    """
    x, y = _train(full)
    cut = len(x) * 5 // 6
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


@functools.cache
def final(full: bool) -> Examples:
    """Returns the test digits: for the last step, when everything is chosen."""
    _, (x, y) = data.load_mnist(full=full)
    return _flat(x), y.astype(np.int32)


def long_tailed(examples: Examples) -> Examples:
    """Returns a subset whose class sizes fall geometrically, 100 to 1 from digit 0 to 9."""
    x, y = examples
    kept = [np.flatnonzero(y == label)[:size] for label, size in enumerate(tail_sizes(y))]
    rows = np.sort(np.concatenate(kept))
    return x[rows], y[rows]


def tail_sizes(y: Array) -> list[int]:
    """Returns how many of each class the long tail keeps, from the smallest class' size."""
    most = np.bincount(y, minlength=CLASSES).min()
    shares = IMBALANCE ** (-np.arange(CLASSES) / (CLASSES - 1))
    return [max(1, round(most * share)) for share in shares]


@functools.cache
def _train(full: bool) -> Examples:
    (x, y), _ = data.load_mnist(full=full)
    return _flat(x), y.astype(np.int32)


def _flat(x: Array) -> Array:
    return (x.reshape(len(x), -1) / 255).astype(np.float32)
