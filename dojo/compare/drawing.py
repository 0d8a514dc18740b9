"""Draws pictures into files: PNG and SVG with a caption, or SVG for a page."""

import base64
import io
import multiprocessing
import os
import signal
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from dojo.compare import style
from dojo.compare.comparison import Picture
from dojo.files import write_whole

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
    with mpl.rc_context(style.RC):
        for picture in drawn:
            figure = _drawn(picture, caption=True)
            for kind in ("png", "svg"):
                write_whole(folder / f"{picture.name}.{kind}", _rendered(figure, kind))


def as_data_uri(picture: Picture) -> str:
    """Returns the picture without its caption, for a page that has it as text."""
    with mpl.rc_context(style.RC):
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
    if lines:
        text = "\n".join(lines)
        figure.text(0.01, 0.01, text, fontsize=CAPTION_SIZE, va="bottom", linespacing=1.3)
    _lay_out(figure, foot / (height + foot))
    return figure


def _lay_out(figure: Figure, share: float) -> None:
    """Places the axes above the share of the height that is the caption's.

    Once, which takes as long as drawing: both file types take the positions so.
    """
    engine: Any = figure.get_layout_engine()
    engine.set(rect=(0.0, share, 1.0, 1.0 - share))
    engine.execute(figure)
    figure.set_layout_engine("none")


def _rendered(figure: Figure, kind: str) -> bytes:
    # Not `savefig`, which draws twice.
    buffer = io.BytesIO()
    if kind == "svg":
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]
    else:
        FigureCanvasAgg(figure).print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()
