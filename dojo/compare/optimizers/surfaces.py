"""Two valleys in two dimensions, in arithmetic that tensors and arrays both understand."""

from typing import Any

START = (-1.5, 1.5)
# Of a walk.
STEPS = 200
CURVATURE = 100.0


def rosenbrock(x: Any, y: Any) -> Any:
    """A bent valley: quick to reach, slow to follow to its lowest point, (1, 1)."""
    return (1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * x)


def bowl(x: Any, y: Any) -> Any:
    """A bowl 100 times steeper in y than in x, lowest at (0, 0)."""
    return (x * x + CURVATURE * y * y) / 2


SURFACES = {"Rosenbrock": rosenbrock, "ill-conditioned bowl": bowl}
LOWEST = {"Rosenbrock": (1.0, 1.0), "ill-conditioned bowl": (0.0, 0.0)}
