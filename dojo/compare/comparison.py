"""The shape of a comparison: what it is given, what it asks for, and what it hands on."""

import dataclasses
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias

from matplotlib.figure import Figure

from dojo.compare.numbers import Numbers
from dojo.compare.parts import Part
from dojo.compare.run import Run


@dataclasses.dataclass(frozen=True)
class Setting:
    """What all comparisons are given.

    Attributes:
        parts: Of each kata they name.
        quick, full: As the options of the command.
    """

    parts: Mapping[str, Part]
    quick: bool = False
    full: bool = False


@dataclasses.dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        name: Of its files.
        title: Its heading on the page, and its text where it cannot be seen.
        caption: What to see in it.
        draw: Draws into an empty figure.
        size: Inches.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Figure], None]
    size: tuple[float, float] = (7.0, 4.2)


@dataclasses.dataclass(frozen=True)
class Sheet:
    """One table: headings, and rows of as many texts."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


# For TensorBoard: {run: {tag: [(step, value)]}}.
Curves: TypeAlias = Mapping[str, Mapping[str, Sequence[tuple[int, float]]]]


@dataclasses.dataclass(frozen=True)
class Report:
    """All that one comparison found.

    Attributes:
        name, title: "optimizers", and its heading.
        method: One sentence on what was done.
        sheets, pictures: In order.
        conclusions: Sentences, computed.
        failures: (what, why) of each curve that is missing.
        numbers: For results.json.
        curves: For TensorBoard.
    """

    name: str
    title: str
    method: str
    sheets: Sequence[Sheet] = ()
    pictures: Sequence[Picture] = ()
    conclusions: Sequence[str] = ()
    failures: Sequence[tuple[str, str]] = ()
    numbers: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    curves: Curves = dataclasses.field(default_factory=dict)


# Yields runs, is sent the numbers of each by its key, and so on until it can report.
Stages: TypeAlias = Generator[Sequence[Run], Mapping[str, Numbers], Report]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One of the four.

    Attributes:
        name: What the command calls it.
        katas: Those it needs.
        cost: Seconds on a quiet core, roughly.
        stages: What there is to compute, stage by stage; returns the report.
    """

    name: str
    katas: Callable[[], Sequence[str]]
    cost: Callable[[Setting], float]
    stages: Callable[[Setting], Stages]
