"""A tournament on a long tail; then the focal loss against p_t."""

from collections.abc import Sequence

from dojo.compare.comparison import Comparison, Setting, Stages
from dojo.compare.losses import NAME
from dojo.compare.losses.findings import GAMMA, STEEP, LossFindings
from dojo.compare.losses.report import report
from dojo.compare.run import Run
from dojo.compare.tournament import Budget, Contender, tournament, trainings

KATAS = ("losses/focal_loss", "losses/categorical_focal_loss")
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
BUDGET = Budget(RATES, tuning_seeds=(101,), seeds=(1, 2, 3, 4, 5), epochs=20, batch=32)
QUICK = Budget(RATES[2::2], tuning_seeds=(101,), seeds=(1, 2, 3), epochs=8, batch=32)
# Of the figure in the paper.
GAMMAS = (0.0, 0.5, 1.0, 2.0, 5.0)

PLAIN = Contender("cross-entropy", {"loss": "cross-entropy"})
WEIGHTED = Contender("weighted CE", {"loss": "weighted"})
TWIN = Contender("Keras focal", {"loss": "keras-focal", "gamma": GAMMA})


def katas() -> Sequence[str]:
    return KATAS


def contenders_of(setting: Setting) -> list[Contender]:
    """Returns the losses; the custom one with and without class weights."""
    part = setting.parts["losses/categorical_focal_loss"]
    focal = Contender(
        f"focal ({part.whose})", {"loss": "focal", "gamma": GAMMA}, (part,), TWIN.name
    )
    both = Contender(
        f"weighted focal ({part.whose})", {"loss": "weighted-focal", "gamma": GAMMA}, (part,)
    )
    return [PLAIN, WEIGHTED, focal, both, TWIN]


def budget_of(setting: Setting) -> Budget:
    return QUICK if setting.quick else BUDGET


def cost(setting: Setting) -> float:
    """Returns seconds on a quiet core, roughly."""
    budget = budget_of(setting)
    return budget.runs(5) * _training_cost(budget, setting) + 1


def _training_cost(budget: Budget, setting: Setting) -> float:
    return 0.2 + 0.0009 * budget.epochs * 1200 / budget.batch * (10 if setting.full else 1)


def stages(setting: Setting) -> Stages:
    """Yields the runs stage by stage, and returns the report."""
    budget, contenders = budget_of(setting), contenders_of(setting)
    training_cost = _training_cost(budget, setting)
    train = trainings("losses.runs:train", budget, training_cost, setting.full)
    findings = yield from tournament(contenders, budget, train)
    curves = Run(
        "losses.runs:focal_curves",
        "loss against p_t",
        {"gammas": list(GAMMAS), "steep": STEEP},
        (setting.parts["losses/focal_loss"],),
    )
    done = yield [curves]
    return report(LossFindings(setting, budget, contenders, findings, PLAIN.name, done[curves.key]))


COMPARISON = Comparison(NAME, katas, cost, stages)
