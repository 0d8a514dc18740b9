"""One style for all pictures: for print, for the colour-blind, with a caption."""

import base64
import io
import multiprocessing
import os
import signal
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from dojo.compare.report import Picture
from dojo.files import write_whole

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

STYLE: Any = {
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

CAPTION_SIZE = 8.0
DPI = 160


def write_all(drawn: Sequence[Picture], folder: Path) -> None:
    """Writes the pictures; a second process draws half of them where there is a core for it."""
    cores = os.cpu_count() or 1
    if cores == 1 or "fork" not in multiprocessing.get_all_start_methods():
        _write_share(drawn, folder)
        return
    # Forked, because closures that draw cannot be sent.
    context: Any = multiprocessing.get_context("fork")
    helper = context.Process(target=_help_writing, args=(drawn[1::2], folder))
    helper.start()
    try:
        _write_share(drawn[0::2], folder)
        helper.join()
    finally:
        helper.kill()
        helper.join()
    if helper.exitcode != 0:
        # Again and here, where what is in the way is reported.
        _write_share(drawn[1::2], folder)


def _help_writing(drawn: Sequence[Picture], folder: Path) -> None:
    # An interrupt is the parent's to tell of, and so is an error.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        _write_share(drawn, folder)
    except Exception:
        os._exit(1)


def _write_share(drawn: Sequence[Picture], folder: Path) -> None:
    for picture in drawn:
        write(picture, folder)


def write(picture: Picture, folder: Path) -> list[Path]:
    """Writes the picture with its caption as PNG and SVG, and returns both paths."""
    paths = []
    with mpl.rc_context(STYLE):
        figure = _drawn(picture, caption=True)
        for kind in ("png", "svg"):
            path = folder / f"{picture.name}.{kind}"
            write_whole(path, _rendered(figure, kind))
            paths.append(path)
    return paths


def as_data_uri(picture: Picture) -> str:
    """Returns the picture without its caption, for a page that has it as text."""
    with mpl.rc_context(STYLE):
        content = _rendered(_drawn(picture, caption=False), "svg")
    return "data:image/svg+xml;base64," + base64.b64encode(content).decode()


def _drawn(picture: Picture, caption: bool) -> Figure:
    width, height = picture.size
    lines = textwrap.wrap(picture.caption, round(width * 16.4)) if caption else []
    # Inches below the axes for the caption.
    foot = (len(lines) + 1) * CAPTION_SIZE * 1.35 / 72 if lines else 0.0
    figure = Figure(figsize=(width, height + foot), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    picture.draw(figure)
    share = foot / (height + foot)
    figure.get_layout_engine().set(rect=(0.0, share, 1.0, 1.0 - share))  # type: ignore[call-arg,union-attr]
    if lines:
        figure.text(
            0.01, 0.01, "\n".join(lines), fontsize=CAPTION_SIZE, va="bottom", linespacing=1.3
        )
    # Laid out once, which takes as long as drawing: both file types take the positions so.
    figure.get_layout_engine().execute(figure)  # type: ignore[union-attr]
    figure.set_layout_engine("none")
    return figure


def _rendered(figure: Figure, kind: str) -> bytes:
    # Not `savefig`, which draws twice.
    buffer = io.BytesIO()
    if kind == "svg":
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]
    else:
        FigureCanvasAgg(figure).print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


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
