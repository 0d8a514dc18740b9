"""Cross-entropy, weighted cross-entropy and focal loss on digits with a long tail."""

import dataclasses
import statistics
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np

from dojo.compare import conclusions as say
from dojo.compare import digits
from dojo.compare import loss_pictures as pictures
from dojo.compare.jobs import Job, Result
from dojo.compare.protocol import Budget, Contender, Finding, tournament
from dojo.compare.report import Picture, Plan, Report, Sheet

NAME = "losses"
KATAS = ("losses/focal_loss", "losses/categorical_focal_loss")
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
GAMMA = 2.0
GAMMAS = (0.0, 0.5, 1.0, 2.0, 5.0)
# Below 1 the recited formula meets an infinite slope times zero.
STEEP = 0.5
# The last three classes of the tail: a few dozen examples in all.
RAREST = 3

BUDGET = Budget(RATES, tuning_seeds=(101,), seeds=(1, 2, 3, 4, 5), epochs=20, batch=32)
QUICK = Budget(RATES[2::2], tuning_seeds=(101,), seeds=(1, 2, 3), epochs=8, batch=32)

PLAIN = Contender("cross-entropy", {"loss": "cross-entropy"})
WEIGHTED = Contender("weighted CE", {"loss": "weighted"})
TWIN = Contender("Keras focal", {"loss": "keras-focal", "gamma": GAMMA})


def budget_of(plan: Plan) -> Budget:
    return QUICK if plan.quick else BUDGET


def contenders(plan: Plan) -> list[Contender]:
    """Returns the losses; the custom one with and without class weights."""
    part = plan.parts["losses/categorical_focal_loss"]
    focal = Contender(
        f"focal ({part.whose})", {"loss": "focal", "gamma": GAMMA}, (part,), TWIN.name
    )
    both = Contender(
        f"weighted focal ({part.whose})", {"loss": "weighted-focal", "gamma": GAMMA}, (part,)
    )
    return [PLAIN, WEIGHTED, focal, both, TWIN]


def cost(plan: Plan) -> float:
    """Returns seconds on a quiet core, roughly."""
    budget = budget_of(plan)
    return budget.runs(5) * _train_cost(budget, plan) + 1


def _train_cost(budget: Budget, plan: Plan) -> float:
    return 0.2 + 0.0009 * budget.epochs * 1200 / budget.batch * (10 if plan.full else 1)


def stages(plan: Plan) -> Generator[Sequence[Job], Mapping[str, Result], Report]:
    """Yields the jobs stage by stage, and returns the report."""
    budget, racers = budget_of(plan), contenders(plan)

    def job(contender: Contender, rate: float, seed: int, test: bool) -> Job:
        return Job(
            "loss_runs:train",
            f"{contender.name}, learning rate {rate:g}, seed {seed}",
            {
                "settings": contender.settings,
                "rate": rate,
                "seed": seed,
                "epochs": budget.epochs,
                "batch": budget.batch,
                "test": test,
                "full": plan.full,
            },
            contender.parts,
            cost=_train_cost(budget, plan),
            group=contender.name,
        )

    findings = yield from tournament(racers, budget, job)
    curves = Job(
        "loss_runs:focal_curves",
        "loss against p_t",
        {"gammas": list(GAMMAS), "steep": STEEP},
        (plan.parts["losses/focal_loss"],),
    )
    done = yield [curves]
    return Outcome(plan, racers, findings, done[curves.key]).report()


@dataclasses.dataclass(frozen=True)
class Outcome:
    """All numbers of the comparison, and what is read off them."""

    plan: Plan
    racers: Sequence[Contender]
    findings: Mapping[str, Finding]
    curves: Result

    def report(self) -> Report:
        return Report(
            NAME,
            "Losses",
            self._method(),
            [self._sheet()],
            self._pictures(),
            self._conclusions(),
            self._failures(),
            {"long tail": self._numbers(), "focal curves": self.curves},
            self._tensorboard(),
        )

    @property
    def finished(self) -> list[Contender]:
        return [racer for racer in self.racers if self.findings[racer.name].runs]

    @property
    def whose(self) -> str:
        return self.plan.parts["losses/focal_loss"].whose

    def per_seed(self, name: str, *keys: str) -> list[Any]:
        """Returns a value of each seed's result, such as "balanced", "ece"."""
        values: list[Any] = []
        for run in self.findings[name].runs:
            value: Any = run
            for key in keys:
                value = value[key]
            values.append(value)
        return values

    def rarest_recall(self, name: str) -> list[float]:
        return [recalls[-1] for recalls in self.per_seed(name, "recalls")]

    def rare_precision(self, name: str) -> list[float]:
        """Returns the mean PR-AUC of the rarest classes, for each seed."""
        return [statistics.fmean(p[-RAREST:]) for p in self.per_seed(name, "precisions")]

    def tail(self) -> list[int]:
        """Returns the class sizes of the training set."""
        runs = [run for racer in self.finished for run in self.findings[racer.name].runs]
        return list(runs[0]["tail_sizes"]) if runs else []

    def _method(self) -> str:
        budget, tail = budget_of(self.plan), self.tail()
        sizes = f" ({', '.join(map(str, tail))} of the digits 0 to 9)" if tail else ""
        return (
            f"Training digits with class sizes falling {digits.IMBALANCE}:1{sizes}; balanced "
            f"validation and test digits. The same network and Keras' Adam for every loss, "
            f"{budget.epochs} epochs; the learning rate of each from the same {len(budget.rates)}, "
            f"by mean recall on validation digits; then {len(budget.seeds)} other seeds. "
            f"Focal losses have gamma = {GAMMA:g}; class weights are n / (C n_c)."
        )

    def _sheet(self) -> Sheet:
        headings = ["loss", "rate", "recall 9", "recall", f"PR-AUC {RAREST}", "ECE", "ECE tail"]
        return Sheet(self._title(), headings, [self._row(racer.name) for racer in self.racers])

    def _title(self) -> str:
        return (
            f"On a long tail, in %: recall of 9, the rarest; mean recall; PR-AUC of the rarest "
            f"{RAREST}; ECE on balanced digits, and on digits as common as in training"
        )

    def _row(self, name: str) -> list[str]:
        finding = self.findings[name]
        if finding.error:
            return [name, "failed", *["–"] * 5]
        means = [statistics.fmean(recalls) for recalls in self.per_seed(name, "recalls")]
        columns = [self.rarest_recall(name), means, self.rare_precision(name)]
        columns += [self.per_seed(name, world, "ece") for world in ("balanced", "tail")]
        rate = f"{finding.rate:g}{'*' if finding.at_edge else ''}"
        return [name, rate, *map(say.mean_and_spread, columns)]

    def _pictures(self) -> list[Picture]:
        shown = pictures.of_tail(self) if self.finished else []
        return shown if "error" in self.curves else [*shown, pictures.of_curves(self)]

    def _conclusions(self) -> list[str]:
        names = [racer.name for racer in self.finished]
        said = []
        for name in names:
            if name != PLAIN.name and PLAIN.name in names:
                said.append(self._against_plain(name))
        for racer in self.finished:
            if racer.twin in names:
                accuracy = say.difference(
                    self.per_seed(racer.name, "test"),
                    self.per_seed(racer.twin, "test"),
                    "points test accuracy",
                    100,
                )
                said.append(f"{racer.name} against {racer.twin}: {accuracy}.")
        edges = [name for name in names if self.findings[name].at_edge]
        return [*said, *([say.at_edge(edges)] if edges else []), *self._certain()]

    def _against_plain(self, name: str) -> str:
        measured = [
            (self.rarest_recall, "points recall on the rarest class"),
            (self.rare_precision, f"points PR-AUC on the rarest {RAREST}"),
            (lambda n: self.per_seed(n, "balanced", "ece"), "points ECE"),
        ]
        parts = [
            say.difference(values(name), values(PLAIN.name), unit, 100) for values, unit in measured
        ]
        return f"{name} against {PLAIN.name}: {'; '.join(parts)}."

    def _certain(self) -> list[str]:
        """Returns what the slopes say where the model is certain."""
        if "error" in self.curves:
            return []
        said, logits = [], np.array(self.curves["logits"])
        for key, who in (("keras", "Keras'"), ("kata", f"the kata's ({self.whose})")):
            slopes = np.array(self.curves["slopes"][key])
            broken = logits[~np.isfinite(slopes)]
            what = f"is not finite from logit {broken.min():g} on" if len(broken) else "is finite"
            said.append(f"The slope of {who} binary focal loss, gamma {STEEP:g}, {what}.")
        return said

    def _failures(self) -> list[tuple[str, str]]:
        failed = [(r.name, self.findings[r.name].error) for r in self.racers]
        failed.append((f"loss against p_t ({self.whose})", self.curves.get("error", "")))
        return [(name, error) for name, error in failed if error]

    def _numbers(self) -> dict[str, Any]:
        return {r.name: dataclasses.asdict(self.findings[r.name]) for r in self.racers}

    def _tensorboard(self) -> dict[str, Any]:
        return {
            f"{racer.name}/seed {index + 1}": {
                "validation mean recall": list(zip(run["steps"], run["scores"], strict=True)),
                "training loss": list(zip(run["steps"], run["losses"], strict=True)),
            }
            for racer in self.finished
            for index, run in enumerate(self.findings[racer.name].runs)
        }
