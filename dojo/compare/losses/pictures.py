"""The pictures of the losses."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dojo.compare import style
from dojo.compare.comparison import Picture
from dojo.compare.losses.findings import LossFindings
from dojo.compare.measures import BINS

WORLDS = {"balanced": "balanced test digits", "tail": "test digits weighted as in training"}


def of_tail(found: LossFindings) -> list[Picture]:
    """Returns recall by class, totals and calibration."""
    return [
        Picture(
            "losses_recall",
            "Recall by class, from common to rare",
            "Mean and standard deviation over seeds. The left classes have examples enough and "
            "every loss finds them; look at the right end, where a loss has to earn its keep, and "
            "at what it pays for that on the left.",
            lambda figure: _recall(figure, found),
            (7.0, 3.6),
        ),
        Picture(
            "losses_totals",
            "The rare classes and calibration",
            "A dot for each seed, bars are means. PR-AUC (middle) asks only for the order of the "
            "scores, recall (left) also for where the decision falls: a loss that moves the one "
            "and not the other has shifted a threshold. Less is better on the right.",
            lambda figure: _totals(figure, found),
            (7.4, 1.1 + 0.28 * len(found.finished)),
        ),
        Picture(
            "losses_reliability",
            "Reliability: does 80% sure mean 80% right?",
            "Above the diagonal a model is too modest, below too sure. Left on balanced digits, "
            "right with digits weighted as common as they were in training: the same model can be "
            "honest in one world and not in the other.",
            lambda figure: _reliability(figure, found),
            (7.0, 3.6),
        ),
    ]


def of_curves(found: LossFindings) -> Picture:
    """Returns the figure of the paper beside the slope at certainty."""
    return Picture(
        "losses_focal",
        "Focal loss against p_t, and its slope at certainty",
        "Left: the larger gamma, the less an easy example (p_t near 1) counts; gamma = 0 is "
        "cross-entropy. Right: the slope for gamma = 0.5 as the model gets certain; a line that "
        "ends has become nan, and training ends with it.",
        lambda figure: _focal(figure, found),
        (7.0, 3.3),
    )


def _recall(figure: Figure, found: LossFindings) -> None:
    ax, tail = figure.subplots(), found.tail()
    names = found.finished
    for offset, (name, look) in enumerate(style.cycle(names)):
        recalls = 100 * np.array(found.per_seed(name, "recalls"))
        # Side by side, so that no error bar hides another.
        x = np.arange(recalls.shape[1]) + 0.08 * (offset - (len(names) - 1) / 2)
        error = recalls.std(axis=0, ddof=1) if len(recalls) > 1 else None
        ax.errorbar(x, recalls.mean(axis=0), error, label=name, ms=4, elinewidth=0.9, **look)
    ticks = [f"{digit}\n{size}" for digit, size in enumerate(tail)] or None
    ax.set_xticks(range(10), ticks)
    ax.set_xlabel("digit, and its number of training examples")
    ax.set_ylabel("recall on test digits (%)")
    ax.legend(loc="lower left", handlelength=3)


def _totals(figure: Figure, found: LossFindings) -> None:
    names = found.finished
    colours = [look["color"] for _, look in style.cycle(names)]
    columns = [
        ([found.rarest_recall(name) for name in names], "recall of digit 9 (%)"),
        ([found.rare_precision(name) for name in names], "PR-AUC, three rarest (%)"),
        ([found.per_seed(name, "balanced", "ece") for name in names], "ECE, balanced (%)"),
    ]
    axes = figure.subplots(1, 3, sharey=True)
    for ax, (rows, label) in zip(axes, columns, strict=True):
        style.dots(ax, [[100 * value for value in row] for row in rows], colours)
        ax.set_xlabel(label)
    axes[0].set_yticks(range(len(names)), names)


def _reliability(figure: Figure, found: LossFindings) -> None:
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    names = found.finished
    for ax, (world, title) in zip(axes, WORLDS.items(), strict=True):
        ax.plot([0, 1], [0, 1], color=style.GREY, lw=1, ls=":")
        for name, look in style.cycle(names):
            confidence, accuracy = _pooled(found, name, world)
            ax.plot(confidence, accuracy, label=name, ms=4, **look)
        ax.set_title(title)
        ax.set_xlabel("confidence: largest probability")
    axes[0].set_ylabel("accuracy at that confidence")
    axes[0].legend(loc="upper left", handlelength=3)


def _pooled(found: LossFindings, name: str, world: str) -> tuple[list[float], list[float]]:
    """Returns confidence and accuracy of each bin over all seeds, weighted by what is in it."""
    bins = found.per_seed(name, world)
    share = np.array([one["share"] for one in bins])
    pooled = []
    for key in ("confidence", "accuracy"):
        values = np.nan_to_num([one[key] for one in bins])
        with np.errstate(invalid="ignore"):
            pooled.append((share * values).sum(axis=0) / share.sum(axis=0))
    # A bin with next to nothing in it shows noise as if it were a fact.
    full = share.mean(axis=0) > 0.1 / BINS
    return pooled[0][full].tolist(), pooled[1][full].tolist()


def _focal(figure: Figure, found: LossFindings) -> None:
    left, right = figure.subplots(1, 2)
    curves = found.curves
    for gamma, look in style.cycle(list(curves["losses"])):
        look = {key: look[key] for key in ("color", "ls")}
        left.plot(curves["p"], curves["losses"][gamma], label=f"γ = {gamma}", **look)
    left.set(xlabel="p_t, probability of the true class", ylabel="loss", ylim=(0, 5))
    left.legend(title=f"focal loss ({found.whose})", title_fontsize=8)
    _slopes(right, found)


def _slopes(ax: Axes, found: LossFindings) -> None:
    logits, slopes = found.curves["logits"], found.curves["slopes"]
    looks: dict[str, tuple[str, dict[str, Any]]] = {
        "exact": ("exact, float64", {"color": "#BBBBBB", "lw": 4}),
        "kata": (f"kata ({found.whose})", {"color": style.BLUE}),
        "keras": ("Keras, from logits", {"color": style.VERMILION, "ls": (0, (4, 2)), "lw": 1.8}),
    }
    for key, (label, look) in looks.items():
        ax.plot(logits, -np.array(slopes[key]), label=label, **look)
    ax.set(
        yscale="log",
        xlabel="logit of the true class",
        ylabel="–dL/dz, γ = 0.5, float32",
    )
    ax.legend()
