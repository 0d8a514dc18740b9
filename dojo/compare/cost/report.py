"""The figures of an answer's cost as text: ratios with their spread, bytes, counts."""

import statistics
from collections.abc import Iterator, Mapping, Sequence

from dojo.compare.numbers import Numbers

# The model answer once more: how far apart two equal things are found.
AGAIN = "the model answer once more"


def lines(kata: str, first: str, numbers: Numbers) -> Iterator[str]:
    """Yields the lines to print.

    Args:
        first: The contender whose time is divided by that of each other.
        numbers: As `runs.measure` returns them.
    """
    yield f"{kata}: {numbers['data']}"
    for other in _others(first, next(iter(numbers["times"].values()))):
        yield ""
        yield f"{first}, its time as a ratio to that of {other}"
        for what, found in numbers["times"].items():
            yield f"  {what:<28}{_ratio(found, first, other)}"
    for what, counts in numbers.items():
        if what not in ("data", "times"):
            yield ""
            yield what
            for name, count in counts.items():
                if name != AGAIN:
                    yield f"  {name:<28}{_amount(what, count)}"
    yield ""
    yield "A ratio is the median over rounds that took turns, with its quartiles, on one thread of"
    yield "this machine. ≈ where equal code is found as far apart: nothing is to be concluded."


def _others(first: str, found: Mapping[str, Sequence[float]]) -> list[str]:
    return [name for name in found if name not in (first, AGAIN)]


def _ratio(found: Mapping[str, Sequence[float]], first: str, other: str) -> str:
    low, middle, high = quartiles(found[first], found[other])
    spread = f"{middle:5.2f}   ({low:.2f} to {high:.2f})"
    return f"{spread}  ≈" if within_noise(found, first, other) else spread


def within_noise(found: Mapping[str, Sequence[float]], first: str, other: str) -> bool:
    """Whether a ratio may be that of two equal things."""
    low, _, high = quartiles(found[first], found[other])
    least, _, most = quartiles(found[AGAIN], found["the model answer"])
    return low <= max(1.0, most) and high >= min(1.0, least)


def quartiles(above: Sequence[float], below: Sequence[float]) -> tuple[float, float, float]:
    """Returns the quartiles of the ratios, round by round."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return low, middle, high


def _amount(what: str, count: float) -> str:
    if what.startswith("kept"):
        return f"{count / 1024:,.1f} KiB"
    return f"{count:,.0f}" if count == int(count) else f"{count:,.1f}"
