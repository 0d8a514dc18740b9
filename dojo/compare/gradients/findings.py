"""What came of the gradients, and where each form is not what it should be."""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from dojo.compare.digits import Array
from dojo.compare.gradients.views import kata_of
from dojo.compare.numbers import Numbers
from dojo.compare.parts import Part

# Relative distance from the truth that can be seen and felt; float16 has 5e-4.
TOLERANCE = 2e-3
# What is shown of a form, where it is, and where its truth is.
SIDES = {"value": ("y", "truth"), "gradient": ("dy", "slope")}


@dataclasses.dataclass(frozen=True)
class GradientFindings:
    """The curves of all cases.

    Attributes:
        parts: Of the katas.
        cases: By name, what the run of each found.
    """

    parts: Mapping[str, Part]
    cases: Mapping[str, Numbers]

    @property
    def finished(self) -> list[str]:
        return [case for case, numbers in self.cases.items() if "error" not in numbers]

    def whose(self, case: str) -> str:
        return self.parts[kata_of(case)].whose

    def label(self, case: str, form: str) -> str:
        return f"kata ({self.whose(case)})" if form == "custom" else form

    def forms(self, case: str) -> dict[str, Numbers]:
        """Returns the forms that gave numbers, the kata's first."""
        forms = self.cases[case]["forms"]
        return {name: form for name, form in forms.items() if "failed" not in form}

    def broken(self, case: str, form: str) -> dict[str, list["Break"]]:
        """Returns where value and gradient of a form are not what they should be."""
        numbers = self.cases[case]
        x, curves = np.array(numbers["x"]), self.forms(case)[form]
        return {
            name: list(breaks(x, np.array(curves[key]), np.array(numbers[of]), numbers["floor"]))
            for name, (key, of) in SIDES.items()
        }


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
