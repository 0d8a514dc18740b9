"""The picture of all in one."""

import functools
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dojo.compare import style
from dojo.compare.comparison import Picture
from dojo.compare.together.findings import ARMS, TogetherFindings

LOOKS: dict[str, dict[str, Any]] = {
    "custom": {"color": style.BLUE, "marker": "o", "lw": 2},
    "twin": {"color": style.VERMILION, "ls": (0, (4, 2)), "marker": "s"},
    "plain": {"color": style.GREEN, "ls": "-.", "marker": "^"},
}


def of_accuracy(found: TogetherFindings) -> Picture:
    """Returns validation accuracy by epoch beside test accuracy by seed."""
    rest = "; whether they beat green is the recipe's doing, not your code's"
    rest = rest if "plain" in found.finished else ""
    return Picture(
        "all_accuracy",
        "The whole model, custom against standard",
        "Left: mean validation accuracy and its standard deviation over seeds, each at its "
        "best learning rate. Right: test accuracy, a dot for each seed. If blue and dashed "
        f"orange agree, your parts are Keras' parts{rest}.",
        functools.partial(_draw, found=found),
        (7.0, 3.3),
    )


def _draw(figure: Figure, found: TogetherFindings) -> None:
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    for arm in found.finished:
        curves = 100 * np.array(found.arms[arm]["validation"])
        style.band(left, range(1, curves.shape[1] + 1), curves, label=ARMS[arm], **LOOKS[arm])
    left.set(xlabel="epoch", ylabel="validation accuracy (%)")
    left.xaxis.get_major_locator().set_params(integer=True)
    left.legend(loc="lower right", handlelength=3)
    rows = [[100 * value for value in found.arms[arm]["test"]] for arm in found.finished]
    style.dots(right, rows, [LOOKS[arm]["color"] for arm in found.finished])
    right.set_yticks(range(len(rows)), found.finished)
    right.set_xlabel("test accuracy (%)")
