"""Each custom gradient over its domain, beside autodiff of the naive form."""

import dataclasses
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dojo import layout
from dojo.compare import pictures as style
from dojo.compare.digits import Array
from dojo.compare.jobs import Job, Result
from dojo.compare.parts import Part
from dojo.compare.report import Picture, Plan, Report, Sheet

NAME = "gradients"

# Relative distance from the truth that can be seen and felt; float16 has 5e-4.
TOLERANCE = 2e-3


@dataclasses.dataclass(frozen=True)
class View:
    """How a case is shown.

    Attributes:
        x, dtype: The axis, and the precision of the computation.
        look_for: What its picture should make one see.
        scale: Of both axes where numbers span 60 orders of magnitude.
    """

    x: str
    look_for: str
    dtype: str = "float32"
    scale: str = "linear"


# What is shown of a form, where it is, and where its truth is.
SIDES = {"value": ("y", "truth"), "gradient": ("dy", "slope")}
LOOKS: tuple[dict[str, Any], ...] = (
    {"color": style.BLUE},
    {"color": style.VERMILION, "ls": (0, (4, 2))},
    {"color": style.GREEN, "ls": "-."},
)

VIEWS = {
    "clip_by_value": View("x, clipped to [–1, 1]", "The gradient at the two kinks."),
    "gradient_reversal": View(
        "x", "The value of the trick once x + 6x passes 65,504, the largest float16.", "float16"
    ),
    "straight_through: round": View("x", "Autodiff has no gradient to show for a step."),
    "straight_through: sign": View("x", "Zero everywhere: nothing learns through it."),
    "log1pexp": View(
        "x",
        "Overflow on the right, a vanishing value on the left, the kink at 0.",
        scale="log y",
    ),
    "safe_norm": View(
        "x, of the vector (3x, 4x)",
        "The squares leave float32's range long before the norm does, and 0 has no slope.",
        scale="magnitudes",
    ),
    "softmax_cross_entropy": View("x, of the logits (x, 0)", "log(0) as soon as exp underflows."),
    "captured_variables": View(
        "x", "The gradient of y²/2 to the bias; the kata asks for half of what autodiff gives."
    ),
    "recompute_grad": View("x", "Nothing to see is the point: it saves memory, not digits."),
}


def katas() -> list[str]:
    """Returns the gradients' katas that have a view and a model answer."""
    return list(dict.fromkeys(_kata(case) for case in VIEWS if _exists(case)))


def _kata(case: str) -> str:
    return "gradients/" + case.partition(":")[0]


def _exists(case: str) -> bool:
    return layout.source_file(_kata(case), layout.REFERENCE).is_file()


def cost(plan: Plan) -> float:
    """Returns seconds on a quiet core, roughly."""
    return 0.1 * len(VIEWS)


def stages(plan: Plan) -> Generator[Sequence[Job], Mapping[str, Result], Report]:
    """Yields one job a case, and returns the report."""
    jobs = {
        case: Job(
            "gradient_runs:run",
            case,
            {"kata": _kata(case), "case": case},
            (plan.parts[_kata(case)],),
            cost=0.1,
        )
        for case in VIEWS
        if _kata(case) in plan.parts
    }
    done = yield list(jobs.values())
    return Outcome(plan.parts, {case: done[job.key] for case, job in jobs.items()}).report()


@dataclasses.dataclass(frozen=True)
class Break:
    """Points where a form is not what it should be, all in the same way.

    Attributes:
        kind: "nan", "inf", "0" or "off".
        x: The points, rising.
        whole: Whether no right point lies between them.
    """

    kind: str
    x: Array
    whole: bool

    def __str__(self) -> str:
        if len(self.x) == 1:
            return f"{self.kind} at {self.x[0]:.3g}"
        at = "" if self.whole else f"at {len(self.x)} points "
        return f"{self.kind} {at}from {self.x[0]:.3g} to {self.x[-1]:.3g}"


def breaks(x: Array, got: Array, truth: Array, floor: float) -> Iterator[Break]:
    """Yields where `got` is nan, inf, 0 or otherwise wrong."""
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(got - truth) <= TOLERANCE * np.abs(truth) + floor)
    kinds = [_kind(g) if w else "" for g, w in zip(got, wrong, strict=True)]
    for kind in dict.fromkeys(filter(None, kinds)):
        rows = np.flatnonzero([other == kind for other in kinds])
        yield Break(kind, x[rows], len(rows) == rows[-1] - rows[0] + 1)


def _kind(value: float) -> str:
    if np.isnan(value):
        return "nan"
    return "inf" if np.isinf(value) else "0" if value == 0 else "off"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The curves of all cases, and what is read off them."""

    parts: Mapping[str, Part]
    results: Mapping[str, Result]

    def report(self) -> Report:
        return Report(
            NAME,
            "Gradients",
            "Each function and its gradient on a few hundred points, kinks and extremes among "
            "them, by the kata and by autodiff of the naive form. The error is the largest "
            "distance from central differences away from kinks, relative above 1, in float64; "
            "where a kata's gradient is by design another function's, from that one's.",
            [self._sheet()],
            [*(self._picture(case) for case in self.finished), *self._errors()],
            [self._conclusion(case) for case in self.finished],
            self._failures(),
            dict(self.results),
        )

    @property
    def finished(self) -> list[str]:
        return [case for case, result in self.results.items() if "error" not in result]

    def label(self, case: str, form: str) -> str:
        return f"kata ({self.parts[_kata(case)].whose})" if form == "custom" else form

    def forms(self, case: str) -> dict[str, Result]:
        """Returns the forms that gave numbers."""
        forms = self.results[case]["forms"]
        return {name: form for name, form in forms.items() if "failed" not in form}

    def broken(self, case: str, form: str) -> dict[str, list[Break]]:
        """Returns where value and gradient of a form are not what they should be."""
        result = self.results[case]
        x, curves = np.array(result["x"]), self.forms(case)[form]
        return {
            name: list(breaks(x, np.array(curves[key]), np.array(result[of]), result["floor"]))
            for name, (key, of) in SIDES.items()
        }

    def _sheet(self) -> Sheet:
        rows = []
        for case in self.finished:
            for form, curves in self.forms(case).items():
                broken = self.broken(case, form)
                texts = [self._counted(case, broken[name]) for name in ("value", "gradient")]
                name = "kata" if form == "custom" else form
                rows.append([case, name, *texts, _error(curves["error"])])
        headings = ["case", "form", "value", "gradient", "error"]
        return Sheet("What each form gets right", headings, rows)

    def _counted(self, case: str, found: Sequence[Break]) -> str:
        wrong, of = sum(len(one.x) for one in found), len(self.results[case]["x"])
        return f"{wrong}/{of} wrong" if wrong else "right"

    def _conclusion(self, case: str) -> str:
        own = self.broken(case, "custom")
        said = [f"{case}: the kata ({self.parts[_kata(case)].whose}) {_judged(own)}"]
        for form in list(self.forms(case))[1:]:
            said.append(f"{form} {_judged(self.broken(case, form))}")
        return "; ".join(said) + "."

    def _failures(self) -> list[tuple[str, str]]:
        failed = [
            (case, result["error"]) for case, result in self.results.items() if "error" in result
        ]
        for case in self.finished:
            forms = self.results[case]["forms"].items()
            failed += [(f"{case}: {name}", f["failed"]) for name, f in forms if "failed" in f]
        return failed

    def _picture(self, case: str) -> Picture:
        forms = [self.label(case, form) for form in self.forms(case)]
        return Picture(
            "gradients_" + case.replace(": ", "_"),
            f"{case}: {' against '.join(forms[:2])}",
            f"{VIEWS[case].look_for} Computed in {VIEWS[case].dtype}; crosses at the lower edge "
            "mark points where a form is nan or infinite, a ring a single wrong point. "
            + self._conclusion(case),
            lambda figure: self._draw(figure, case),
            (7.0, 2.8),
        )

    def _draw(self, figure: Figure, case: str) -> None:
        axes = figure.subplots(1, 2)
        view, forms = VIEWS[case], self.forms(case)
        for ax, side in zip(axes, SIDES, strict=True):
            key, of = SIDES[side]
            x, truth = (np.array(self.results[case][name]) for name in ("x", of))
            ax.plot(x, truth, color="#C8C8C8", lw=5, label="exact", solid_capstyle="butt")
            for (form, curves), look in zip(forms.items(), LOOKS, strict=False):
                values = np.array(curves[key])
                ax.plot(x, values, label=self.label(case, form), **look)
                _mark(ax, x, values, self.broken(case, form)[side], look["color"])
            ax.set(title=side, xlabel=view.x, ylabel=key.replace("dy", "dy/dx"))
            _scaled(ax, view, truth)
        axes[0].legend(fontsize=7.5)

    def _errors(self) -> list[Picture]:
        if not self.finished:
            return []
        return [
            Picture(
                "gradients_errors",
                "Distance from central differences",
                "In float64, away from kinks and extremes; a central difference itself is good for "
                "about 1e-10. Dots left of the line are as right as can be told; hollow ones are "
                "naive forms, and those at the right edge have no gradient at all.",
                self._draw_errors,
                (7.0, 1.0 + 0.28 * len(self.finished)),
            )
        ]

    def _draw_errors(self, figure: Figure) -> None:
        ax = figure.subplots()
        for height, case in enumerate(self.finished):
            for form, curves in self.forms(case).items():
                error = min(max(curves["error"], 1e-17), 1e2)
                own = form == "custom"
                colour = style.BLUE if own else style.VERMILION
                fill = {"mfc": colour} if own else {"mfc": "none", "ms": 9}
                ax.plot([error], [height], "o", color=colour, **fill)
        ax.axvline(1e-9, color=style.GREY, ls=":", lw=1)
        ax.set(xscale="log", xlabel="largest relative error", xlim=(1e-18, 1e3))
        ax.set_yticks(range(len(self.finished)), self.finished)
        ax.invert_yaxis()


def _judged(broken: Mapping[str, Sequence[Break]]) -> str:
    parts = [f"{name} {', '.join(map(str, found))}" for name, found in broken.items() if found]
    return "has " + " and ".join(parts) if parts else "is right everywhere"


def _error(value: float) -> str:
    return "no gradient" if np.isinf(value) else f"{value:.0e}"


def _mark(ax: Axes, x: Array, values: Array, found: Sequence[Break], colour: str) -> None:
    """Crosses at the lower edge where a value cannot be drawn; a ring where one point is off."""
    lost = x[~np.isfinite(values)]
    thinned = lost[:: max(1, len(lost) // 12)]
    at_edge: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "clip_on": False}
    if len(thinned):
        ax.plot(thinned, np.full(len(thinned), 0.02), "x", color=colour, ms=5, **at_edge)
    for one in found:
        if len(one.x) == 1 and one.kind in ("0", "off"):
            ax.plot(one.x, values[x == one.x], "o", color=colour, mfc="white", ms=5, zorder=5)


def _scaled(ax: Axes, view: View, truth: Array) -> None:
    low, high = float(truth.min()), float(truth.max())
    forward = ax.get_title() == "value"
    if view.scale == "magnitudes":
        ax.set_xscale("symlog", linthresh=1e-30, linscale=0.5)
        ax.set_xticks([0, 1e-15, 1, 1e15, 1e30])
        ax.minorticks_off()
    if view.scale != "linear" and forward:
        threshold = 1e-30 if view.scale == "magnitudes" else 1e-14
        ax.set_yscale("symlog", linthresh=threshold, linscale=0.5)
        ax.set_yticks([0, 1e-15, 1, 1e15, 1e30] if threshold < 1e-14 else [0, 1e-10, 1e-5, 1, 100])
        ax.set_ylim(0, 3 * high)
        ax.minorticks_off()
        return
    margin = 0.12 * (high - low) or 0.2 * abs(high) or 1.0
    ax.set_ylim(low - margin, high + margin)
