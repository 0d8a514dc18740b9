"""Past attempts: as a table, and as a picture of time against the box."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dojo.columns import fitting
from dojo.content import catalogue
from dojo.content.document import read_document
from dojo.record import attempts
from dojo.record.attempts import Attempts, Entry
from dojo.record.database import Database
from dojo.words import counted, minutes_and_seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Also without colour, and for those who see few, an outcome has a mark of its own.
MARKS = {
    attempts.SOLVED: ("✓", "green"),
    attempts.TIME_UP: ("✗", "red"),
    attempts.GIVEN_UP: ("✗", "yellow"),
    attempts.LEFT: ("·", "dim"),
    attempts.RUNNING: ("…", "dim"),
}
POINTS = {
    "solved in time": ("o", "tab:green"),
    "solved over time": ("^", "tab:olive"),
    "time up": ("X", "tab:red"),
    "given up": ("s", "tab:orange"),
}


def show(names: Sequence[str], plot: Path | None) -> int:
    """Prints the attempts, and draws them if asked; returns the exit status."""
    wanted = {kata.path for kata in catalogue.select(names)}
    with Database() as database:
        found = [e for e in Attempts(database).all() if not names or e.kata in wanted]
    console = Console(highlight=False)
    if not found:
        console.print("No attempts yet. nox -s practice begins one.")
        return 0
    console.print(table(found, console.width))
    console.print()
    for line in summary(found):
        console.print(line)
    if plot is not None:
        draw(found, plot)
        console.print(f"{plot} drawn")
    return 0


_HEADINGS = ("when", "kata", "time", "box", "checks", "hints", "result")


def table(found: Sequence[Entry], width: int = 80) -> Table:
    """Returns one row an attempt, oldest first; in less than 80 characters, what matters."""
    rows = [_row(entry) for entry in found]
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    columns = fitting([_HEADINGS, *rows], width, least=(5, 4, 3, 0, 2))
    for column in columns:
        right = 2 <= column <= 5
        grid.add_column(_HEADINGS[column], justify="right" if right else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*(row[column] for column in columns))
    return grid


def _row(entry: Entry) -> Sequence[Text | str]:
    mark, style = MARKS.get(entry.outcome, ("?", ""))
    outcome = "broken off" if entry.broken_off else entry.outcome
    over = entry.outcome == attempts.SOLVED and not entry.in_time
    return (
        Text(f"{_when(entry):%d %b %H:%M}", "dim"),
        entry.kata.partition("/")[2],
        minutes_and_seconds(entry.seconds),
        Text(minutes_and_seconds(entry.box), "dim"),
        str(entry.checks),
        str(entry.hints),
        Text(f"{mark} {outcome}{' late' if over else ''}", style),
    )


def summary(found: Sequence[Entry]) -> list[str]:
    """Returns how many were solved, and how the latest solutions compare with the first."""
    ended = [e for e in found if e.outcome in (*_ENDED, attempts.SOLVED)]
    in_time = sum(e.in_time for e in ended)
    lines = [f"{counted(len(found), 'attempt')}, {len(ended)} to the end, {in_time} solved in time"]
    for kata in dict.fromkeys(e.kata for e in found):
        solved = [e.seconds for e in found if e.kata == kata and e.outcome == attempts.SOLVED]
        if len(solved) > 1:
            first, last = minutes_and_seconds(solved[0]), minutes_and_seconds(solved[-1])
            lines.append(f"{kata}: first solved in {first}, last in {last}")
    return lines


_ENDED = (attempts.TIME_UP, attempts.GIVEN_UP)


def draw(found: Sequence[Entry], path: Path) -> None:
    """Draws time per attempt against the box, and katas solved over time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (upper, lower) = pyplot.subplots(
        2, 1, figsize=(9, 7), sharex=True, layout="constrained", height_ratios=[3, 2]
    )
    _draw_times(upper, [e for e in found if e.outcome in (*_ENDED, attempts.SOLVED)])
    _draw_solved(lower, found)
    figure.autofmt_xdate()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _draw_times(axes: "Axes", ended: Sequence[Entry]) -> None:
    axes.axhline(1, color="grey", linewidth=1, linestyle="--", label="the box")
    for kind, (marker, colour) in POINTS.items():
        if mine := [e for e in ended if _kind(e) == kind]:
            axes.scatter(*_points(mine), marker=marker, color=colour, label=kind, zorder=3)
    # One line a kata: whether it falls is what one wants to see.
    for kata in dict.fromkeys(e.kata for e in ended):
        mine = [e for e in ended if e.kata == kata]
        if len(mine) > 1:
            _draw_line(axes, kata.partition("/")[2], *_points(mine))
    axes.set(ylabel="time / box", title="Time per attempt against the box")
    axes.set_ylim(0, 1.12 * max([1.0, *_points(ended)[1]]))
    axes.legend(loc="best", fontsize=8)


def _draw_line(axes: "Axes", name: str, when: list[float], share: list[float]) -> None:
    (line,) = axes.plot(when, share, "-", alpha=0.4)
    axes.annotate(
        name,
        (when[-1], share[-1]),
        xytext=(5, 5),
        textcoords="offset points",
        fontsize=8,
        color=line.get_color(),
    )


def _draw_solved(axes: "Axes", found: Sequence[Entry]) -> None:
    from matplotlib.ticker import MaxNLocator

    first: dict[str, Entry] = {}
    for entry in found:
        if entry.outcome == attempts.SOLVED:
            first.setdefault(entry.kata, entry)
    # From the first attempt on, so that the days before the first solution show.
    when, _ = _points([found[0], *first.values(), found[-1]])
    count = [0, *range(1, len(first) + 1), len(first)]
    axes.step(when, count, where="post", color="tab:green")
    axes.xaxis_date(_when(found[-1]).tzinfo)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    total = len(read_document().katas)
    axes.set(ylabel="katas solved", ylim=(0, None), title=f"Solved at least once, of {total}")


def _points(found: Sequence[Entry]) -> tuple[list[float], list[float]]:
    """Matplotlib's dates, which are days since 1970, and time as a share of the box."""
    return [e.started / 86400 for e in found], [e.seconds / e.box for e in found]


def _kind(entry: Entry) -> str:
    if entry.outcome == attempts.SOLVED:
        return "solved in time" if entry.in_time else "solved over time"
    return entry.outcome


def _when(entry: Entry) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(entry.started).astimezone()
