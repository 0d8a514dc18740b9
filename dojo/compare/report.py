"""What a comparison hands on: pictures, tables, sentences and numbers."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from dojo.compare.parts import Part


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
        curves: For TensorBoard: {run: {tag: [(step, value)]}}.
    """

    name: str
    title: str
    method: str
    sheets: Sequence[Sheet] = ()
    pictures: Sequence[Picture] = ()
    conclusions: Sequence[str] = ()
    failures: Sequence[tuple[str, str]] = ()
    numbers: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    curves: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]] = dataclasses.field(
        default_factory=dict
    )


@dataclasses.dataclass(frozen=True)
class Plan:
    """What all comparisons are given.

    Attributes:
        parts: Of each kata they name.
        quick, full: As the options of the command.
    """

    parts: Mapping[str, Part]
    quick: bool = False
    full: bool = False
