"""Custom optimizers against Keras' own, SGD and Adam, on digits and on two surfaces."""

import ast
import dataclasses
import math
import statistics
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from dojo import layout
from dojo.compare import conclusions as say
from dojo.compare import optimizer_pictures as pictures
from dojo.compare.jobs import Job, Result
from dojo.compare.measures import spread
from dojo.compare.parts import Part
from dojo.compare.protocol import Budget, Contender, Finding, tournament
from dojo.compare.report import Picture, Plan, Report, Sheet
from dojo.compare.surfaces import SURFACES

NAME = "optimizers"
TARGET = 0.9
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)

BUDGET = Budget(RATES, tuning_seeds=(101, 102), seeds=(1, 2, 3, 4, 5), epochs=5, batch=64)
QUICK = Budget(RATES[::2], tuning_seeds=(101,), seeds=(1, 2, 3), epochs=1, batch=64)
WALK = 200

SGD = Contender("Keras SGD", {"class": "SGD"})
ADAM = Contender("Keras Adam", {"class": "Adam"})
MOMENTUM = Contender("Keras SGD, momentum 0.9", {"class": "SGD", "options": {"momentum": 0.9}})
# Counterparts that do not bear the custom class' name.
_TWINS = {"Momentum": MOMENTUM, "Lookahead": MOMENTUM}
# Those of Keras that have one of the same name.
_KERAS = {"Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion"}
_KERAS |= {"Muon", "Nadam", "RMSprop"}


def katas() -> list[str]:
    """Returns the katas that define an optimizer, whichever there are."""
    files = sorted((layout.REFERENCE / "optimizers").glob("*.py"))
    return [f"optimizers/{file.stem}" for file in files if class_name(file.stem)]


def class_name(kata: str) -> str:
    """Returns the optimizer class in the model answer of a kata, or ""."""
    file = layout.REFERENCE / "optimizers" / f"{kata}.py"
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and any(
            ast.unparse(base).endswith("optimizers.Optimizer") for base in node.bases
        ):
            return node.name
    return ""


def cost(plan: Plan) -> float:
    """Returns seconds on a quiet core, roughly."""
    budget, count = budget_of(plan), len(contenders(plan.parts))
    walks = count * len(SURFACES) * _walk_cost(budget)
    return budget.runs(count) * _train_cost(budget, plan) + walks + 0.3 * count


def budget_of(plan: Plan) -> Budget:
    return QUICK if plan.quick else BUDGET


def contenders(parts: Mapping[str, Part]) -> list[Contender]:
    """Returns the custom optimizers, each one's twin, and the two baselines."""
    custom, twins = [], []
    for kata in katas():
        if kata in parts:
            twin = _twin(class_name(parts[kata].name))
            custom.append(_custom(parts[kata], twin))
            twins += [twin] if twin else []
    standard = {twin.name: twin for twin in [SGD, ADAM, *twins]}
    return [*custom, *standard.values()]


def _custom(part: Part, twin: Contender | None) -> Contender:
    name = class_name(part.name)
    settings: dict[str, Any] = {"kata": part.kata}
    if name == "Lookahead":
        settings["wraps"] = MOMENTUM.settings
    return Contender(f"{name} ({part.whose})", settings, (part,), twin.name if twin else "")


def _twin(name: str) -> Contender | None:
    if name in _KERAS:
        return Contender(f"Keras {name}", {"class": name})
    return _TWINS.get(name)


def stages(plan: Plan) -> Generator[Sequence[Job], Mapping[str, Result], Report]:
    """Yields the jobs stage by stage, and returns the report."""
    budget, racers = budget_of(plan), contenders(plan.parts)

    def job(contender: Contender, rate: float, seed: int, test: bool) -> Job:
        return Job(
            "optimizer_runs:train",
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
    walks = {
        (surface, racer.name): _walk_job(racer, surface, budget)
        for surface in SURFACES
        for racer in racers
    }
    clock = _clock_job([racer for racer in racers if not findings[racer.name].error], budget)
    done = yield [*walks.values(), clock]
    paths = {key: done[walk.key] for key, walk in walks.items()}
    return Outcome(plan, racers, findings, paths, done[clock.key].get("seconds", {})).report()


def _train_cost(budget: Budget, plan: Plan) -> float:
    steps = budget.epochs * 5000 / budget.batch * (10 if plan.full else 1)
    return 0.12 + 0.0008 * steps


def _walk_cost(budget: Budget) -> float:
    return 0.2 + 0.02 * len(budget.rates)


def _walk_job(racer: Contender, surface: str, budget: Budget) -> Job:
    arguments = {"settings": racer.settings, "surface": surface, "steps": WALK}
    return Job(
        "optimizer_runs:descend",
        f"{racer.name} on {surface}",
        arguments | {"rates": list(budget.rates)},
        racer.parts,
        cost=_walk_cost(budget),
    )


def _clock_job(racers: Sequence[Contender], budget: Budget) -> Job:
    return Job(
        "optimizer_runs:time_steps",
        "time per step, all in turns",
        {
            "contenders": {racer.name: dict(racer.settings) for racer in racers},
            "batch": budget.batch,
            "rounds": 5 if budget is QUICK else 15,
        },
        tuple(part for racer in racers for part in racer.parts),
        cost=0.3 * len(racers),
        alone=True,
    )


@dataclasses.dataclass(frozen=True)
class Outcome:
    """All numbers of the comparison, and what is read off them."""

    plan: Plan
    racers: Sequence[Contender]
    findings: Mapping[str, Finding]
    paths: Mapping[tuple[str, str], Result]
    seconds: Mapping[str, Sequence[float]]

    def report(self) -> Report:
        return Report(
            NAME,
            "Optimizers",
            self._method(),
            [self._sheet(), self._walks()],
            self._pictures(),
            self._conclusions(),
            self._failures(),
            self._numbers(),
            self._curves(),
        )

    @property
    def finished(self) -> list[Contender]:
        return [racer for racer in self.racers if self.findings[racer.name].runs]

    @property
    def custom(self) -> list[Contender]:
        return [racer for racer in self.finished if racer.custom]

    def accuracies(self, name: str) -> list[float]:
        return [run["test"] for run in self.findings[name].runs]

    def steps_to_target(self, name: str) -> list[float]:
        """Returns, for each seed, the first look at the target or above; nan if never."""
        return [
            next(
                (s for s, a in zip(run["steps"], run["scores"], strict=True) if a >= TARGET),
                math.nan,
            )
            for run in self.findings[name].runs
        ]

    def step_time(self, name: str) -> float:
        """Returns the median seconds of a step; a busy moment does not move it."""
        times = self.seconds.get(name)
        return statistics.median(times) if times else math.nan

    def _method(self) -> str:
        budget = budget_of(self.plan)
        epochs = say.counted(budget.epochs, "epoch")
        tuning = say.counted(len(budget.tuning_seeds), "seed")
        return (
            f"A network 784-64-10, {epochs} in batches of {budget.batch}. Every optimizer: the "
            f"same {len(budget.rates)} learning rates from {budget.rates[0]:g} to "
            f"{budget.rates[-1]:g}, chosen on validation digits with {tuning}; then "
            f"{len(budget.seeds)} other seeds, each with the same initial weights and data order "
            "for all. Test digits were opened once, at the end."
        )

    def _sheet(self) -> Sheet:
        headings = [
            "optimizer",
            "rate",
            "test %",
            f"steps to {TARGET:.0%}",
            "s",
            "ms/step",
            "state",
        ]
        return Sheet("On digits", headings, [self._row(racer.name) for racer in self.racers])

    def _row(self, name: str) -> list[str]:
        finding = self.findings[name]
        if finding.error:
            return [name, "failed", *["–"] * 5]
        steps, step = self.steps_to_target(name), self.step_time(name)
        reached = not any(map(math.isnan, steps))
        return [
            name,
            f"{finding.rate:g}{'*' if finding.at_edge else ''}",
            say.mean_and_spread(self.accuracies(name)),
            f"{statistics.fmean(steps):.0f} ± {spread(steps):.0f}" if reached else "not reached",
            f"{statistics.fmean(steps) * step:.2f}" if reached else "–",
            f"{1000 * step:.2f}",
            f"{finding.runs[0]['state']:.1f} ×",
        ]

    def _walks(self) -> Sheet:
        headings = ["optimizer", *SURFACES]
        rows = [
            [racer.name, *(self._height(surface, racer.name) for surface in SURFACES)]
            for racer in self.racers
        ]
        return Sheet(
            f"On two surfaces: best learning rate, and height after {WALK} steps", headings, rows
        )

    def _height(self, surface: str, name: str) -> str:
        walk = self.paths[surface, name]
        return "failed" if "error" in walk else f"{walk['rate']:g}: {walk['values'][-1]:.2g}"

    def _pictures(self) -> list[Picture]:
        if not self.custom:
            return []
        return [*pictures.of_digits(self), *pictures.of_surfaces(self)]

    def _conclusions(self) -> list[str]:
        said = [self._against(racer, racer.twin) for racer in self.custom if racer.twin]
        for racer in self.custom:
            said += [
                self._against(racer, base.name) for base in (SGD, ADAM) if base.name != racer.twin
            ]
        edges = [racer.name for racer in self.finished if self.findings[racer.name].at_edge]
        return [line for line in said if line] + ([say.at_edge(edges)] if edges else [])

    def _against(self, racer: Contender, other: str) -> str:
        if not self.findings[other].runs:
            return ""
        said = say.difference(
            self.accuracies(racer.name), self.accuracies(other), "points test accuracy", 100
        )
        return f"{racer.name} against {other}: {said}{self._speed(racer.name, other)}."

    def _speed(self, name: str, other: str) -> str:
        mine, theirs = self.step_time(name), self.step_time(other)
        if math.isnan(mine + theirs):
            return ""
        ratio = mine / theirs
        if abs(ratio - 1) < 0.1:
            return "; a step takes as long"
        return f"; a step takes {ratio:.1f} × as long"

    def _failures(self) -> list[tuple[str, str]]:
        failed = [(r.name, self.findings[r.name].error) for r in self.racers]
        failed += [
            (f"{name} on {surface}", walk.get("error", ""))
            for (surface, name), walk in self.paths.items()
            if not self.findings[name].error
        ]
        return [(name, error) for name, error in failed if error]

    def _numbers(self) -> dict[str, Any]:
        return {
            racer.name: dataclasses.asdict(self.findings[racer.name])
            | {
                "steps_to_target": self.steps_to_target(racer.name),
                "seconds_per_step": self.step_time(racer.name),
                "surfaces": {s: self.paths[s, racer.name] for s in SURFACES},
            }
            for racer in self.racers
        }

    def _curves(self) -> dict[str, Any]:
        return {
            f"{racer.name}/seed {index + 1}": {
                "validation accuracy": list(zip(run["steps"], run["scores"], strict=True)),
                "training loss": list(zip(run["steps"], run["losses"], strict=True)),
            }
            for racer in self.finished
            for index, run in enumerate(self.findings[racer.name].runs)
        }
