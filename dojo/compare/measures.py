"""What is measured on predictions, in NumPy: recall, PR-AUC, calibration, spread."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BINS = 10

# Student's t for a two-sided 95% interval, by degrees of freedom.
_T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)


def softmax(logits: Array) -> Array:
    """Returns probabilities [N, C] in float64."""
    shifted = np.asarray(logits, np.float64)
    shifted = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
    p: Array = shifted / shifted.sum(axis=-1, keepdims=True)
    return p


def accuracy(y: Array, logits: Array) -> float:
    """Returns the share of rows whose largest score is the label's; nan scores are wrong."""
    finite = np.isfinite(logits).all(axis=-1)
    return float(np.mean((np.argmax(logits, axis=-1) == y) & finite))


def recalls(y: Array, logits: Array) -> list[float]:
    """Returns the recall of each class."""
    right = np.argmax(logits, axis=-1) == y
    return [float(right[y == label].mean()) for label in range(logits.shape[-1])]


def mean_recall(y: Array, logits: Array) -> float:
    """Returns the mean of the classes' recalls, in which a rare class counts as any other."""
    return float(np.mean(recalls(y, logits))) if np.isfinite(logits).all() else 0.0


def average_precision(positive: Array, scores: Array) -> float:
    """Returns the area under precision against recall, as the sum of steps.

    Tied scores are one step: no order among them can be claimed.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    hits, seen = hits[last_of_tie], np.flatnonzero(last_of_tie) + 1
    gained = np.diff(hits, prepend=0) / max(1, hits[-1])
    return float(np.sum(gained * hits / seen))


def reliability(y: Array, p: Array, weights: Array | None = None) -> dict[str, Any]:
    """Returns confidence and accuracy in bins of equal width, and their mean distance.

    Args:
        y: [N] labels.
        p: [N, C] probabilities.
        weights: [N] what each example counts; None for all the same.

    Returns:
        "confidence", "accuracy", "share": each [BINS], nan where a bin is empty;
        "ece": sum of share * |accuracy - confidence|.
    """
    weights = np.ones(len(y)) if weights is None else weights
    sure, right = p.max(axis=-1), (p.argmax(axis=-1) == y).astype(float)
    index = np.minimum((sure * BINS).astype(int), BINS - 1)
    total, confident, correct = (
        np.bincount(index, weights * values, minlength=BINS) for values in (1.0, sure, right)
    )
    with np.errstate(invalid="ignore"):
        confidence, precision = confident / total, correct / total
    share = total / total.sum()
    gap = np.nansum(share * np.abs(precision - confidence))
    return {
        "confidence": confidence.tolist(),
        "accuracy": precision.tolist(),
        "share": share.tolist(),
        "ece": float(gap),
    }


def spread(values: Sequence[float]) -> float:
    """Returns the standard deviation with n - 1, 0 for a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def interval(values: Sequence[float]) -> float:
    """Returns the half width of the mean's 95% interval; inf for a single value."""
    n = len(values)
    if n < 2:
        return math.inf
    t = _T95[n - 2] if n - 2 < len(_T95) else 1.96 + 2.5 / (n - 1)
    return t * spread(values) / math.sqrt(n)
