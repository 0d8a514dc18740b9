"""Sentences computed from the data. Nothing here knows what came out."""

import math
import statistics
from collections.abc import Sequence

from dojo.compare.measures import interval, spread


def difference(ours: Sequence[float], theirs: Sequence[float], unit: str, factor: float = 1) -> str:
    """Returns what a paired comparison over seeds says.

    Args:
        ours, theirs: One value a seed, in the same order.
        unit: Of the values times `factor`, such as "points test accuracy".
        factor: 100 makes points of fractions.

    Returns:
        Such as "+3.1 ± 0.8 points", where ± is the 95% interval of the mean difference;
        with "within seed noise" where that holds 0.
    """
    pairs = [factor * (a - b) for a, b in zip(ours, theirs, strict=True)]
    if not any(pairs):
        return f"no difference: the same {unit.removeprefix('points ')} on every seed"
    mean, half = statistics.fmean(pairs), interval(pairs)
    if math.isinf(half):
        return f"{mean:+.1f} {unit} on the only seed, which proves nothing"
    said = f"{mean:+.{decimals(half)}f} ± {half:.{decimals(half)}f} {unit}"
    return said if abs(mean) > half else f"within seed noise ({said})"


def mean_and_spread(values: Sequence[float], factor: float = 100) -> str:
    """Returns "93.1 ± 0.4": mean and standard deviation over seeds."""
    if not values:
        return "–"
    scaled = [factor * value for value in values]
    return f"{statistics.fmean(scaled):.1f} ± {spread(scaled):.1f}"


def decimals(size: float) -> int:
    """Returns how many decimals a difference with that uncertainty deserves."""
    return 2 if 0.005 <= size < 0.1 else 1


def at_edge(names: Sequence[str]) -> list[str]:
    """Returns the warning for contenders whose best rate is the last of the grid, if any."""
    if not names:
        return []
    rate = "their best learning rates lie" if len(names) > 1 else "its best learning rate lies"
    return [f"Not fully tuned: {', '.join(names)}; {rate} at the edge of the grid."]
