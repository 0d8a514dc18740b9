"""All in one: a model of custom clip, focal loss and momentum, against its standard twin."""

import dataclasses
import statistics
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dojo.compare import conclusions as say
from dojo.compare import pictures as style
from dojo.compare.jobs import Job, Result
from dojo.compare.report import Picture, Plan, Report, Sheet

NAME = "all"
JUDGE = "training/custom_vs_standard"
CUSTOM = ("gradients/clip_by_value", "losses/categorical_focal_loss", "optimizers/momentum")
KATAS = (*CUSTOM, JUDGE)
ARMS = {
    "custom": "all custom: clip, focal loss, Momentum",
    "twin": "its twin of Keras' parts",
    "plain": "ReLU, cross-entropy, Keras Adam",
}
RATES = (3e-4, 1e-3, 1e-2, 3e-2, 1e-1)
QUICK_RATES = (1e-3, 1e-1)
SEEDS = (1, 2, 3)
# Of the training digits, with --quick. Whole batches of 32: for a last one of another size
# Keras traces its training step anew.
FEW = 62 * 32
LOOKS: dict[str, dict[str, Any]] = {
    "custom": {"color": style.BLUE, "marker": "o", "lw": 2},
    "twin": {"color": style.VERMILION, "ls": (0, (4, 2)), "marker": "s"},
    "plain": {"color": style.GREEN, "ls": "-.", "marker": "^"},
}


def cost(plan: Plan) -> float:
    """Returns seconds on a quiet core, roughly."""
    return len(arms(plan)) * _arm_cost(plan)


def arms(plan: Plan) -> Sequence[str]:
    """Returns who takes part; in a hurry, custom and twin alone."""
    return ("custom", "twin") if plan.quick else tuple(ARMS)


def _arm_cost(plan: Plan) -> float:
    return (
        len(_rates(plan))
        * len(SEEDS)
        * _epochs(plan)
        * (6.0 if plan.full else 1.2 if plan.quick else 0.6)
    )


def _rates(plan: Plan) -> Sequence[float]:
    return QUICK_RATES if plan.quick else RATES


def _epochs(plan: Plan) -> int:
    return 1 if plan.quick else 4


def stages(plan: Plan) -> Generator[Sequence[Job], Mapping[str, Result], Report]:
    """Yields one job an arm, and returns the report."""
    jobs = {
        arm: Job(
            "together_runs:compare",
            f"{ARMS[arm]}, all rates and seeds",
            {
                "arm": arm,
                "rates": list(_rates(plan)),
                "seeds": list(SEEDS),
                "epochs": _epochs(plan),
                "most": FEW if plan.quick else None,
                "full": plan.full,
            },
            tuple(plan.parts[kata] for kata in (KATAS if arm == "custom" else (JUDGE,))),
            cost=_arm_cost(plan),
        )
        for arm in arms(plan)
    }
    done = yield list(jobs.values())
    return Outcome(plan, {arm: done[job.key] for arm, job in jobs.items()}).report()


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the three arms reached, by the kata's own comparison."""

    plan: Plan
    results: Mapping[str, Result]

    def report(self) -> Report:
        return Report(
            NAME,
            "All in one",
            self._method(),
            [self._sheet()],
            [self._picture()] if self.finished else [],
            self.sentences(),
            [(ARMS[a], r["error"]) for a, r in self.results.items() if "error" in r],
            dict(self.results),
            self._curves(),
        )

    @property
    def finished(self) -> list[str]:
        return [arm for arm, result in self.results.items() if "error" not in result]

    def _method(self) -> str:
        owners = ", ".join(
            f"{self.plan.parts[kata].name} ({self.plan.parts[kata].whose})" for kata in CUSTOM
        )
        return (
            f"One network 784-64-10 by three sets of parts; custom: {owners}. Tuned and compared "
            f"by custom_vs_standard ({self.plan.parts[JUDGE].whose}): {len(_rates(self.plan))} "
            f"learning rates, {len(SEEDS)} seeds, {say.counted(_epochs(self.plan), 'epoch')} in "
            "batches of 32. The twin has Keras' clip, categorical focal loss, and SGD with "
            "momentum 0.9."
        )

    def _sheet(self) -> Sheet:
        rows = []
        for arm, result in self.results.items():
            label = ARMS[arm]
            if arm not in self.finished:
                rows.append([label, "failed", "–", "–"])
                continue
            final = [curve[-1] for curve in result["validation"]]
            numbers = [say.mean_and_spread(values) for values in (final, result["test"])]
            rows.append([label, f"{result['rate']:g}{'*' if self._at_edge(arm) else ''}", *numbers])
        return Sheet("The whole model", ["model", "rate", "validation %", "test %"], rows)

    def _at_edge(self, arm: str) -> bool:
        rates = _rates(self.plan)
        return self.results[arm]["rate"] in (rates[0], rates[-1])

    def sentences(self) -> list[str]:
        """Returns the conclusions."""
        said = []
        for other in ("twin", "plain"):
            if {"custom", other} <= set(self.finished):
                accuracy = say.difference(
                    self.results["custom"]["test"],
                    self.results[other]["test"],
                    "points test accuracy",
                    100,
                )
                said.append(f"All custom against {ARMS[other]}: {accuracy}{self._apart(other)}.")
        edges = [ARMS[arm] for arm in self.finished if self._at_edge(arm)]
        return said + ([say.at_edge(edges)] if edges else [])

    def _apart(self, other: str) -> str:
        """Says so where like parts were given different rates: rounding decides a near tie."""
        rates = [self.results[arm]["rate"] for arm in ("custom", other)]
        if other != "twin" or rates[0] == rates[1]:
            return ""
        return ", but validation chose different learning rates, {:g} and {:g}".format(*rates)

    def _picture(self) -> Picture:
        rest = "; whether they beat green is the recipe's doing, not your code's"
        rest = rest if "plain" in self.finished else ""
        return Picture(
            "all_accuracy",
            "The whole model, custom against standard",
            "Left: mean validation accuracy and its standard deviation over seeds, each at its "
            "best learning rate. Right: test accuracy, a dot for each seed. If blue and dashed "
            f"orange agree, your parts are Keras' parts{rest}.",
            self._draw,
            (7.0, 3.3),
        )

    def _draw(self, figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=[2, 1])
        for arm in self.finished:
            curves = 100 * np.array(self.results[arm]["validation"])
            style.band(left, range(1, curves.shape[1] + 1), curves, label=ARMS[arm], **LOOKS[arm])
        left.set(xlabel="epoch", ylabel="validation accuracy (%)")
        left.xaxis.get_major_locator().set_params(integer=True)
        left.legend(loc="lower right", handlelength=3)
        rows = [[100 * value for value in self.results[arm]["test"]] for arm in self.finished]
        style.dots(right, rows, [LOOKS[arm]["color"] for arm in self.finished])
        right.set_yticks(range(len(rows)), self.finished)
        right.set_xlabel("test accuracy (%)")

    def _curves(self) -> dict[str, Any]:
        return {
            f"{arm}/mean": {
                "validation accuracy": [
                    (epoch + 1, statistics.fmean(values))
                    for epoch, values in enumerate(
                        zip(*self.results[arm]["validation"], strict=True)
                    )
                ]
            }
            for arm in self.finished
        }
