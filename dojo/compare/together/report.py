"""What is said of all in one: one table, and sentences."""

import statistics

from dojo.compare import conclusions as say
from dojo.compare.comparison import Curves, Report, Sheet
from dojo.compare.together import NAME, pictures
from dojo.compare.together.findings import ARMS, CUSTOM, JUDGE, SEEDS, TogetherFindings
from dojo.words import counted


def report(found: TogetherFindings) -> Report:
    return Report(
        NAME,
        "All in one",
        _method(found),
        [_sheet(found)],
        [pictures.of_accuracy(found)] if found.finished else [],
        conclusions(found),
        [(ARMS[arm], one["error"]) for arm, one in found.arms.items() if "error" in one],
        dict(found.arms),
        _curves(found),
    )


def _method(found: TogetherFindings) -> str:
    parts = found.setting.parts
    owners = ", ".join(f"{parts[kata].name} ({parts[kata].whose})" for kata in CUSTOM)
    return (
        f"One network 784-64-10 by three sets of parts; custom: {owners}. Tuned and compared "
        f"by custom_vs_standard ({parts[JUDGE].whose}): {len(found.rates)} "
        f"learning rates, {len(SEEDS)} seeds, {counted(found.epochs, 'epoch')} in "
        "batches of 32. The twin has Keras' clip, categorical focal loss, and SGD with "
        "momentum 0.9."
    )


def _sheet(found: TogetherFindings) -> Sheet:
    rows = [_row(found, arm) for arm in found.arms]
    return Sheet("The whole model", ["model", "rate", "validation %", "test %"], rows)


def _row(found: TogetherFindings, arm: str) -> list[str]:
    if arm not in found.finished:
        return [ARMS[arm], "failed", "–", "–"]
    reached = found.arms[arm]
    final = [curve[-1] for curve in reached["validation"]]
    rate = f"{reached['rate']:g}{'*' if found.at_edge(arm) else ''}"
    return [ARMS[arm], rate, say.mean_and_spread(final), say.mean_and_spread(reached["test"])]


def conclusions(found: TogetherFindings) -> list[str]:
    """Returns sentences on custom against the others."""
    said = []
    for other in ("twin", "plain"):
        if {"custom", other} <= set(found.finished):
            ours, theirs = (found.arms[arm]["test"] for arm in ("custom", other))
            accuracy = say.difference(ours, theirs, "points test accuracy", 100)
            said.append(f"All custom against {ARMS[other]}: {accuracy}{_apart(found, other)}.")
    return said + say.at_edge([ARMS[arm] for arm in found.finished if found.at_edge(arm)])


def _apart(found: TogetherFindings, other: str) -> str:
    """Says so where like parts were given different rates: rounding decides a near tie."""
    rates = [found.arms[arm]["rate"] for arm in ("custom", other)]
    if other != "twin" or rates[0] == rates[1]:
        return ""
    return ", but validation chose different learning rates, {:g} and {:g}".format(*rates)


def _curves(found: TogetherFindings) -> Curves:
    return {
        f"{arm}/mean": {
            "validation accuracy": [
                (epoch, statistics.fmean(values))
                for epoch, values in enumerate(zip(*found.arms[arm]["validation"], strict=True), 1)
            ]
        }
        for arm in found.finished
    }
