"""The pictures of the gradients: value and gradient of each case, and all errors in one."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dojo.compare import style
from dojo.compare.comparison import Picture
from dojo.compare.digits import Array
from dojo.compare.gradients.findings import SIDES, Break, GradientFindings
from dojo.compare.gradients.views import VIEWS, View

LOOKS: tuple[dict[str, Any], ...] = (
    {"color": style.BLUE},
    {"color": style.VERMILION, "ls": (0, (4, 2))},
    {"color": style.GREEN, "ls": "-."},
)


def of_case(found: GradientFindings, case: str, conclusion: str) -> Picture:
    """Returns value and gradient of all forms; the caption ends in the conclusion."""
    forms = [found.label(case, form) for form in found.forms(case)]
    return Picture(
        "gradients_" + case.replace(": ", "_"),
        f"{case}: {' against '.join(forms[:2])}",
        f"{VIEWS[case].look_for} Computed in {VIEWS[case].dtype}; crosses at the lower edge "
        f"mark points where a form is nan or infinite, a ring a single wrong point. {conclusion}",
        functools.partial(_draw, found=found, case=case),
        (7.0, 2.8),
    )


def of_errors(found: GradientFindings) -> Picture:
    """Returns the distances from central differences."""
    return Picture(
        "gradients_errors",
        "Distance from central differences",
        "In float64, away from kinks and extremes; a central difference itself is good for "
        "about 1e-10. Dots left of the line are as right as can be told; hollow ones are "
        "naive forms, and those at the right edge have no gradient at all.",
        functools.partial(_draw_errors, found=found),
        (7.0, 1.0 + 0.28 * len(found.finished)),
    )


def _draw(figure: Figure, found: GradientFindings, case: str) -> None:
    axes = figure.subplots(1, 2)
    for ax, side in zip(axes, SIDES, strict=True):
        _draw_side(ax, found, case, side)
    axes[0].legend(fontsize=7.5)


def _draw_side(ax: Axes, found: GradientFindings, case: str, side: str) -> None:
    view, (key, of) = VIEWS[case], SIDES[side]
    x, truth = (np.array(found.cases[case][name]) for name in ("x", of))
    ax.plot(x, truth, color="#C8C8C8", lw=5, label="exact", solid_capstyle="butt")
    for (form, curves), look in zip(found.forms(case).items(), LOOKS, strict=False):
        values = np.array(curves[key])
        ax.plot(x, values, label=found.label(case, form), **look)
        _mark(ax, x, values, found.broken(case, form)[side], look["color"])
    ax.set(title=side, xlabel=view.x, ylabel=key.replace("dy", "dy/dx"))
    _scale(ax, view, truth, side)


def _mark(ax: Axes, x: Array, values: Array, broken: Sequence[Break], colour: str) -> None:
    """Crosses at the lower edge where a value cannot be drawn; a ring where one point is off."""
    lost = x[~np.isfinite(values)]
    thinned = lost[:: max(1, len(lost) // 12)]
    at_edge: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "clip_on": False}
    if len(thinned):
        ax.plot(thinned, np.full(len(thinned), 0.02), "x", color=colour, ms=5, **at_edge)
    for one in broken:
        if len(one.x) == 1 and one.kind in ("0", "off"):
            ax.plot(one.x, values[x == one.x], "o", color=colour, mfc="white", ms=5, zorder=5)


# Of a symlog axis: the numbers below which it is linear, and its ticks.
_AXES: dict[str, tuple[float, Sequence[float]]] = {
    "magnitudes": (1e-30, [0, 1e-15, 1, 1e15, 1e30]),
    "log y": (1e-14, [0, 1e-10, 1e-5, 1, 100]),
}


def _scale(ax: Axes, view: View, truth: Array, side: str) -> None:
    low, high = float(truth.min()), float(truth.max())
    if view.scale == "magnitudes":
        threshold, ticks = _AXES[view.scale]
        ax.set_xscale("symlog", linthresh=threshold, linscale=0.5)
        ax.set_xticks(ticks)
        ax.minorticks_off()
    if view.scale in _AXES and side == "value":
        threshold, ticks = _AXES[view.scale]
        ax.set_yscale("symlog", linthresh=threshold, linscale=0.5)
        ax.set_yticks(ticks)
        ax.set_ylim(0, 3 * high)
        ax.minorticks_off()
        return
    margin = 0.12 * (high - low) or 0.2 * abs(high) or 1.0
    ax.set_ylim(low - margin, high + margin)


def _draw_errors(figure: Figure, found: GradientFindings) -> None:
    ax = figure.subplots()
    for height, case in enumerate(found.finished):
        for form, curves in found.forms(case).items():
            error = min(max(curves["error"], 1e-17), 1e2)
            own = form == "custom"
            colour = style.BLUE if own else style.VERMILION
            fill = {"mfc": colour} if own else {"mfc": "none", "ms": 9}
            ax.plot([error], [height], "o", color=colour, **fill)
    ax.axvline(1e-9, color=style.GREY, ls=":", lw=1)
    ax.set(xscale="log", xlabel="largest relative error", xlim=(1e-18, 1e3))
    ax.set_yticks(range(len(found.finished)), found.finished)
    ax.invert_yaxis()
