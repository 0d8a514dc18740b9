"""One style for all pictures: for print, for the colour-blind; and panels, bands and dots in it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind readers tell apart; dashes tell them apart
# in grey as well.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
)
BLACK, GREY = "#000000", "#777777"

# matplotlib's settings.
RC: Any = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    # Text stays text, and the same picture is the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "dojo",
}


def panels(figure: Figure, count: int, columns: int = 3, **how: Any) -> tuple[list[Axes], Axes]:
    """Returns `count` axes in a grid, and one more, without frame, for the legend."""
    columns = min(columns, count + 1)
    rows = -(-(count + 1) // columns)
    grid = figure.subplots(rows, columns, squeeze=False, **how)
    axes = list(grid.flat)
    for spare in axes[count:]:
        spare.axis("off")
    return axes[:count], axes[count]


def outer_labels(axes: Sequence[Axes], columns: int, x: str, y: str) -> None:
    """Labels the left column and the lowest panel of each column."""
    for index, ax in enumerate(axes):
        if index % columns == 0:
            ax.set_ylabel(y)
        if index + columns >= len(axes):
            ax.set_xlabel(x)
            ax.tick_params(labelbottom=True)


def band(ax: Axes, x: Sequence[float], curves: Any, **how: Any) -> Any:
    """Draws the mean of curves [seeds, points], and one standard deviation around it."""
    values = np.asarray(curves, float)
    mean = values.mean(axis=0)
    (line,) = ax.plot(x, mean, **how)
    if len(values) > 1:
        width = values.std(axis=0, ddof=1)
        ax.fill_between(x, mean - width, mean + width, color=line.get_color(), alpha=0.18, lw=0)
    return line


def dots(ax: Axes, rows: Sequence[Sequence[float]], colours: Sequence[str]) -> None:
    """Draws one row of dots for each list, and a bar at its mean."""
    for height, (values, colour) in enumerate(zip(rows, colours, strict=True)):
        known = [value for value in values if np.isfinite(value)]
        ax.plot(known, [height] * len(known), "o", color=colour, ms=4, alpha=0.55, mew=0)
        if known:
            ax.plot([np.mean(known)], [height], "|", color=BLACK, ms=12, mew=1.6)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)


def cycle(names: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields names with colours and dashes that differ in print, too."""
    looks = [
        (BLACK, "-", "o"),
        (BLUE, "--", "s"),
        (VERMILION, "-", "^"),
        (GREEN, "-.", "D"),
        (PURPLE, ":", "v"),
        (ORANGE, "--", "P"),
    ]
    for index, name in enumerate(names):
        colour, dashes, marker = looks[index % len(looks)]
        yield name, {"color": colour, "ls": dashes, "marker": marker}
