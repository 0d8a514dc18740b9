"""What is said of the optimizers: a table of digits, one of surfaces, and sentences."""

import dataclasses
import math
import statistics
from typing import Any

from dojo.compare import conclusions as say
from dojo.compare.comparison import Picture, Report, Sheet
from dojo.compare.measures import spread
from dojo.compare.optimizers import NAME, pictures
from dojo.compare.optimizers.findings import TARGET, OptimizerFindings
from dojo.compare.optimizers.surfaces import STEPS, SURFACES
from dojo.compare.tournament import Contender
from dojo.words import counted


def report(found: OptimizerFindings) -> Report:
    return Report(
        NAME,
        "Optimizers",
        _method(found),
        [_digits(found), _walks(found)],
        _pictures(found),
        _conclusions(found),
        _failures(found),
        _numbers(found),
        found.training_curves("validation accuracy"),
    )


def _method(found: OptimizerFindings) -> str:
    budget = found.budget
    epochs = counted(budget.epochs, "epoch")
    tuning = counted(len(budget.tuning_seeds), "seed")
    return (
        f"A network 784-64-10, {epochs} in batches of {budget.batch}. Every optimizer: the "
        f"same {len(budget.rates)} learning rates from {budget.rates[0]:g} to "
        f"{budget.rates[-1]:g}, chosen on validation digits with {tuning}; then "
        f"{len(budget.seeds)} other seeds, each with the same initial weights and data order "
        "for all. Test digits were opened once, at the end."
    )


def _digits(found: OptimizerFindings) -> Sheet:
    steps = f"steps to {TARGET:.0%}"
    headings = ["optimizer", "rate", "test %", steps, "s", "ms/step", "state"]
    return Sheet("On digits", headings, [_row(found, name) for name in found.findings])


def _row(found: OptimizerFindings, name: str) -> list[str]:
    if found.findings[name].error:
        return [name, "failed", *["–"] * 5]
    steps, step = found.steps_to_target(name), found.step_time(name)
    reached = not any(map(math.isnan, steps))
    return [
        name,
        found.rate(name),
        say.mean_and_spread(found.accuracies(name)),
        f"{statistics.fmean(steps):.0f} ± {spread(steps):.0f}" if reached else "not reached",
        f"{statistics.fmean(steps) * step:.2f}" if reached else "–",
        f"{1000 * step:.2f}",
        f"{found.findings[name].runs[0]['state']:.1f} ×",
    ]


def _walks(found: OptimizerFindings) -> Sheet:
    rows = [
        [name, *(_height(found, surface, name) for surface in SURFACES)] for name in found.findings
    ]
    title = f"On two surfaces: best learning rate, and height after {STEPS} steps"
    return Sheet(title, ["optimizer", *SURFACES], rows)


def _height(found: OptimizerFindings, surface: str, name: str) -> str:
    walk = found.paths[surface, name]
    return "failed" if "error" in walk else f"{walk['rate']:g}: {walk['values'][-1]:.2g}"


def _pictures(found: OptimizerFindings) -> list[Picture]:
    if not found.custom:
        return []
    return [*pictures.of_digits(found), *pictures.of_surfaces(found)]


def _conclusions(found: OptimizerFindings) -> list[str]:
    said = [_against(found, one, one.twin) for one in found.custom if one.twin]
    for one in found.custom:
        said += [_against(found, one, base) for base in found.baselines if base != one.twin]
    return [line for line in said if line] + say.at_edge(found.at_edge())


def _against(found: OptimizerFindings, contender: Contender, other: str) -> str:
    if other not in found.finished:
        return ""
    ours, theirs = found.accuracies(contender.name), found.accuracies(other)
    accuracy = say.difference(ours, theirs, "points test accuracy", 100)
    return f"{contender.name} against {other}: {accuracy}{_speed(found, contender.name, other)}."


def _speed(found: OptimizerFindings, name: str, other: str) -> str:
    ratio = found.step_time(name) / found.step_time(other)
    if math.isnan(ratio):
        return ""
    if abs(ratio - 1) < 0.1:
        return "; a step takes as long"
    return f"; a step takes {ratio:.1f} × as long"


def _failures(found: OptimizerFindings) -> list[tuple[str, str]]:
    walks = [
        (f"{name} on {surface}", walk["error"])
        for (surface, name), walk in found.paths.items()
        if "error" in walk and not found.findings[name].error
    ]
    return [*found.errors(), *walks]


def _numbers(found: OptimizerFindings) -> dict[str, Any]:
    return {
        name: dataclasses.asdict(finding)
        | {
            "steps_to_target": found.steps_to_target(name),
            "seconds_per_step": found.step_time(name),
            "surfaces": {surface: found.paths[surface, name] for surface in SURFACES},
        }
        for name, finding in found.findings.items()
    }
