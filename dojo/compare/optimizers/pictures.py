"""The pictures of the optimizers: small multiples, one panel for each custom one."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dojo.compare import style
from dojo.compare.comparison import Picture
from dojo.compare.optimizers.findings import OptimizerFindings
from dojo.compare.optimizers.surfaces import LOWEST, START, SURFACES

LOOKS: dict[str, dict[str, Any]] = {
    "custom": {"color": style.BLUE, "lw": 2.0, "zorder": 4},
    "twin": {"color": style.VERMILION, "ls": (0, (4, 2)), "lw": 1.6, "zorder": 5},
    "Keras SGD": {"color": style.GREY, "ls": ":", "zorder": 2},
    "Keras Adam": {"color": style.GREEN, "ls": "-.", "zorder": 3},
}
LABELS = {"custom": "custom", "twin": "its counterpart in Keras"}
COLUMNS = 3


def of_digits(found: OptimizerFindings) -> list[Picture]:
    """Returns curves, totals and the grid."""
    size = _size(len(found.custom))
    return [
        Picture(
            "optimizers_curves",
            "Validation accuracy",
            "Mean and standard deviation over seeds, each optimizer at the learning rate that "
            "validation chose for it. Where blue and dashed orange lie on each other, the custom "
            "optimizer does what Keras' does; the question is whether either leaves green behind.",
            lambda figure: _curves(figure, found),
            size,
        ),
        Picture(
            "optimizers_totals",
            "What it costs, and what it brings",
            "A dot for each seed (left, middle) or round of timing (right); bars are means. Blue: "
            "custom, orange: Keras. Read each custom optimizer beside the Keras one of its kind: "
            "dots that overlap are no difference.",
            lambda figure: _totals(figure, found),
            (7.4, 1.2 + 0.27 * len(found.finished)),
        ),
        Picture(
            "optimizers_grid",
            "The grid that everybody was tuned on",
            "Validation accuracy at the end for every learning rate of the grid. A peak inside the "
            "grid is a tuned optimizer; a broad peak is one that forgives. Compare where the peaks "
            "lie: at one common rate, that alone would have decided the race.",
            lambda figure: _grid(figure, found),
            size,
        ),
    ]


def of_surfaces(found: OptimizerFindings) -> list[Picture]:
    """Returns one picture of paths for each surface."""
    captions = {
        "Rosenbrock": "All start at the cross; the star is the lowest point. Finding the bent "
        "valley is easy; look at who follows its floor, who overshoots, and who gets stuck.",
        "ill-conditioned bowl": "100 times steeper in y than in x; cross and star are start and "
        "goal. A rate that does not bounce in y creeps in x: look for paths that bounce, and for "
        "straight ones, of methods to which the scale of a coordinate makes no difference.",
    }
    return [
        Picture(
            "optimizers_" + surface.split()[-1].lower(),
            f"Paths: {surface}",
            captions[surface] + " Each at the rate of the grid that ends lowest.",
            functools.partial(_paths, found=found, surface=surface),
            _size(len(found.custom)),
        )
        for surface in SURFACES
    ]


def _size(count: int) -> tuple[float, float]:
    columns = min(COLUMNS, count + 1)
    return 2.6 * columns, 2.2 * -(-(count + 1) // columns)


Line: TypeAlias = Callable[[Axes, str, Any], Any]


def _multiples(figure: Figure, found: OptimizerFindings, line: Line) -> Any:
    """One panel for each custom optimizer, in which `line` draws it and its rivals."""
    axes, spare = style.panels(figure, len(found.custom), COLUMNS, sharex=True, sharey=True)
    handles: dict[str, Any] = {}
    for ax, contender in zip(axes, found.custom, strict=True):
        ax.set_title(contender.name)
        # Where the counterpart is a baseline, it is drawn as the counterpart.
        roles = {"custom": contender.name, "twin": contender.twin} | {
            name: name for name in found.baselines if name != contender.twin
        }
        for role, name in roles.items():
            drawn = line(ax, name, LOOKS[role]) if name else None
            if drawn is not None:
                handles[LABELS.get(role, role)] = drawn
    spare.legend(handles.values(), handles.keys(), loc="center left", handlelength=3)
    return axes


def _curves(figure: Figure, found: OptimizerFindings) -> None:
    def line(ax: Axes, name: str, look: Any) -> Any:
        if name not in found.finished:
            return None
        scores = 100 * np.array(found.per_seed(name, "scores"))
        return style.band(ax, found.per_seed(name, "steps")[0], scores, **look)

    axes = _multiples(figure, found, line)
    finals = [scores for name in found.finished for scores in found.per_seed(name, "scores")]
    axes[0].set_ylim(_floor(finals), None)
    style.outer_labels(axes, COLUMNS, "step", "validation accuracy (%)")


def _floor(curves: Sequence[Sequence[float]]) -> float:
    """The lowest curve's value after a third of the way: what matters lies above."""
    return 100 * min(curve[len(curve) // 3] for curve in curves) - 2


def _grid(figure: Figure, found: OptimizerFindings) -> None:
    def line(ax: Axes, name: str, look: Any) -> Any:
        tuned = found.findings[name].tuned
        if not tuned:
            return None
        return ax.plot(found.budget.rates, 100 * np.array(tuned), marker=".", **look)[0]

    axes = _multiples(figure, found, line)
    for ax in axes:
        ax.set_xscale("log")
        ax.minorticks_off()
    style.outer_labels(axes, COLUMNS, "learning rate", "validation accuracy (%)")


def _totals(figure: Figure, found: OptimizerFindings) -> None:
    names, custom = found.finished, {contender.name for contender in found.custom}
    colours = [style.BLUE if name in custom else style.VERMILION for name in names]
    axes = figure.subplots(1, 3, sharey=True)
    accuracies = [[100 * value for value in found.accuracies(name)] for name in names]
    steps = [found.steps_to_target(name) for name in names]
    times = [[1000 * t for t in found.seconds.get(name, [math.nan])] for name in names]
    for ax, rows, label in zip(
        axes,
        [accuracies, steps, times],
        ["test accuracy (%)", "steps to 90% validation", "time per step (ms)"],
        strict=True,
    ):
        style.dots(ax, rows, colours)
        ax.set_xlabel(label)
    axes[2].set_xlim(0, None)
    axes[0].set_yticks(range(len(names)), names)


def _paths(figure: Figure, found: OptimizerFindings, surface: str) -> None:
    walks = {name: walk for (at, name), walk in found.paths.items() if at == surface}

    def line(ax: Axes, name: str, look: Any) -> Any:
        path = walks[name].get("path")
        if path is None:
            return None
        x, y = np.array(path).T
        return ax.plot(x, y, **{**look, "lw": look.get("lw", 1.4) * 0.8})[0]

    axes = _multiples(figure, found, line)
    x, y = np.meshgrid(np.linspace(-2, 2, 161), np.linspace(-1.2, 2.2, 161))
    heights = np.log10(SURFACES[surface](x, y) + 1e-3)
    for ax in axes:
        ax.contour(x, y, heights, levels=12, colors="#BBBBBB", linewidths=0.5, zorder=1)
        ax.plot(*START, "x", color=style.BLACK, ms=7, mew=1.6, zorder=6)
        ax.plot(*LOWEST[surface], "*", color=style.BLACK, ms=9, zorder=6)
        ax.set_xlim(-2, 2)
        ax.set_ylim(-1.2, 2.2)
        ax.grid(visible=False)
    style.outer_labels(axes, COLUMNS, "x", "y")
