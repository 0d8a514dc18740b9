"""What is said of the losses: one table, and sentences."""

import dataclasses
import statistics
from typing import Any

import numpy as np

from dojo.compare import conclusions as say
from dojo.compare import digits
from dojo.compare.comparison import Picture, Report, Sheet
from dojo.compare.losses import NAME, pictures
from dojo.compare.losses.findings import GAMMA, RAREST, STEEP, LossFindings


def report(found: LossFindings) -> Report:
    return Report(
        NAME,
        "Losses",
        _method(found),
        [_sheet(found)],
        _pictures(found),
        [*_conclusions(found), *_certain(found)],
        _failures(found),
        {"long tail": _numbers(found), "focal curves": found.curves},
        found.training_curves("validation mean recall"),
    )


def _method(found: LossFindings) -> str:
    budget, tail = found.budget, found.tail()
    sizes = f" ({', '.join(map(str, tail))} of the digits 0 to 9)" if tail else ""
    return (
        f"Training digits with class sizes falling {digits.IMBALANCE}:1{sizes}; balanced "
        f"validation and test digits. The same network and Keras' Adam for every loss, "
        f"{budget.epochs} epochs; the learning rate of each from the same {len(budget.rates)}, "
        f"by mean recall on validation digits; then {len(budget.seeds)} other seeds. "
        f"Focal losses have gamma = {GAMMA:g}; class weights are n / (C n_c)."
    )


def _sheet(found: LossFindings) -> Sheet:
    title = (
        f"On a long tail, in %: recall of 9, the rarest; mean recall; PR-AUC of the rarest "
        f"{RAREST}; ECE on balanced digits, and on digits as common as in training"
    )
    headings = ["loss", "rate", "recall 9", "recall", f"PR-AUC {RAREST}", "ECE", "ECE tail"]
    return Sheet(title, headings, [_row(found, name) for name in found.findings])


def _row(found: LossFindings, name: str) -> list[str]:
    if found.findings[name].error:
        return [name, "failed", *["–"] * 5]
    means = [statistics.fmean(recalls) for recalls in found.per_seed(name, "recalls")]
    columns = [found.rarest_recall(name), means, found.rare_precision(name)]
    columns += [found.per_seed(name, world, "ece") for world in ("balanced", "tail")]
    return [name, found.rate(name), *map(say.mean_and_spread, columns)]


def _pictures(found: LossFindings) -> list[Picture]:
    shown = pictures.of_tail(found) if found.finished else []
    return shown if "error" in found.curves else [*shown, pictures.of_curves(found)]


def _conclusions(found: LossFindings) -> list[str]:
    names, said = found.finished, []
    if found.baseline in names:
        said = [_against_baseline(found, name) for name in names if name != found.baseline]
    for one in found.contenders:
        if {one.name, one.twin} <= set(names):
            ours, theirs = found.per_seed(one.name, "test"), found.per_seed(one.twin, "test")
            accuracy = say.difference(ours, theirs, "points test accuracy", 100)
            said.append(f"{one.name} against {one.twin}: {accuracy}.")
    return said + say.at_edge(found.at_edge())


def _against_baseline(found: LossFindings, name: str) -> str:
    measured = [
        (found.rarest_recall, "points recall on the rarest class"),
        (found.rare_precision, f"points PR-AUC on the rarest {RAREST}"),
        (lambda n: found.per_seed(n, "balanced", "ece"), "points ECE"),
    ]
    parts = [
        say.difference(values(name), values(found.baseline), unit, 100) for values, unit in measured
    ]
    return f"{name} against {found.baseline}: {'; '.join(parts)}."


def _certain(found: LossFindings) -> list[str]:
    """Returns what the slopes say where the model is certain."""
    if "error" in found.curves:
        return []
    said, logits = [], np.array(found.curves["logits"])
    for key, who in (("keras", "Keras'"), ("kata", f"the kata's ({found.whose})")):
        slopes = np.array(found.curves["slopes"][key])
        broken = logits[~np.isfinite(slopes)]
        what = f"is not finite from logit {broken.min():g} on" if len(broken) else "is finite"
        said.append(f"The slope of {who} binary focal loss, gamma {STEEP:g}, {what}.")
    return said


def _failures(found: LossFindings) -> list[tuple[str, str]]:
    error = found.curves.get("error", "")
    curves = [(f"loss against p_t ({found.whose})", error)] if error else []
    return [*found.errors(), *curves]


def _numbers(found: LossFindings) -> dict[str, Any]:
    return {name: dataclasses.asdict(finding) for name, finding in found.findings.items()}
