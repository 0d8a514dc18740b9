"""A tournament on digits; then walks on the surfaces and the time of a step."""

from collections.abc import Sequence

from dojo.compare.comparison import Comparison, Setting, Stages
from dojo.compare.optimizers import NAME
from dojo.compare.optimizers.contenders import ADAM, SGD, contenders_of, katas
from dojo.compare.optimizers.findings import OptimizerFindings
from dojo.compare.optimizers.report import report
from dojo.compare.optimizers.surfaces import STEPS, SURFACES
from dojo.compare.run import Run
from dojo.compare.tournament import Budget, Contender, tournament, trainings

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
BUDGET = Budget(RATES, tuning_seeds=(101, 102), seeds=(1, 2, 3, 4, 5), epochs=5, batch=64)
QUICK = Budget(RATES[::2], tuning_seeds=(101,), seeds=(1, 2, 3), epochs=1, batch=64)


def budget_of(setting: Setting) -> Budget:
    return QUICK if setting.quick else BUDGET


def cost(setting: Setting) -> float:
    """Returns seconds on a quiet core, roughly."""
    budget, count = budget_of(setting), len(contenders_of(setting.parts))
    walks = count * len(SURFACES) * _walk_cost(budget)
    return budget.runs(count) * _training_cost(budget, setting) + walks + 0.3 * count


def _training_cost(budget: Budget, setting: Setting) -> float:
    steps = budget.epochs * 5000 / budget.batch * (10 if setting.full else 1)
    return 0.12 + 0.0008 * steps


def _walk_cost(budget: Budget) -> float:
    return 0.2 + 0.02 * len(budget.rates)


def stages(setting: Setting) -> Stages:
    """Yields the runs stage by stage, and returns the report."""
    budget, contenders = budget_of(setting), contenders_of(setting.parts)
    training_cost = _training_cost(budget, setting)
    train = trainings("optimizers.runs:train", budget, training_cost, setting.full)
    findings = yield from tournament(contenders, budget, train)
    walks = {
        (surface, one.name): _walk(one, surface, budget)
        for surface in SURFACES
        for one in contenders
    }
    clock = _clock([one for one in contenders if not findings[one.name].error], budget)
    done = yield [*walks.values(), clock]
    paths = {at: done[walk.key] for at, walk in walks.items()}
    seconds = done[clock.key].get("seconds", {})
    baselines = (SGD.name, ADAM.name)
    return report(
        OptimizerFindings(setting, budget, contenders, findings, baselines, paths, seconds)
    )


def _walk(contender: Contender, surface: str, budget: Budget) -> Run:
    arguments = {"recipe": contender.recipe, "surface": surface, "steps": STEPS}
    return Run(
        "optimizers.runs:descend",
        f"{contender.name} on {surface}",
        arguments | {"rates": list(budget.rates)},
        contender.parts,
        cost=_walk_cost(budget),
    )


def _clock(contenders: Sequence[Contender], budget: Budget) -> Run:
    return Run(
        "optimizers.runs:time_steps",
        "time per step, all in turns",
        {
            "recipes": {one.name: dict(one.recipe) for one in contenders},
            "batch": budget.batch,
            "rounds": 5 if budget is QUICK else 15,
        },
        tuple(part for one in contenders for part in one.parts),
        cost=0.3 * len(contenders),
        alone=True,
    )


COMPARISON = Comparison(NAME, katas, cost, stages)
