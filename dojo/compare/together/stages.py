"""One stage: a run for each arm, which tunes and trains it by the kata's own comparison."""

from collections.abc import Sequence

from dojo.compare.comparison import Comparison, Setting, Stages
from dojo.compare.run import Run
from dojo.compare.together import NAME
from dojo.compare.together.findings import ARMS, CUSTOM, JUDGE, SEEDS, TogetherFindings
from dojo.compare.together.report import report

KATAS = (*CUSTOM, JUDGE)
RATES = (3e-4, 1e-3, 1e-2, 3e-2, 1e-1)
QUICK_RATES = (1e-3, 1e-1)
# Of the training digits, with --quick. Whole batches of 32: for a last one of another size
# Keras traces its training step anew.
FEW = 62 * 32


def katas() -> Sequence[str]:
    return KATAS


def cost(setting: Setting) -> float:
    """Returns seconds on a quiet core, roughly."""
    return len(arms(setting)) * _arm_cost(setting)


def arms(setting: Setting) -> Sequence[str]:
    """Returns who takes part; in a hurry, custom and twin alone."""
    return ("custom", "twin") if setting.quick else tuple(ARMS)


def _arm_cost(setting: Setting) -> float:
    epoch = 6.0 if setting.full else 1.2 if setting.quick else 0.6
    return len(_rates(setting)) * len(SEEDS) * _epochs(setting) * epoch


def _rates(setting: Setting) -> Sequence[float]:
    return QUICK_RATES if setting.quick else RATES


def _epochs(setting: Setting) -> int:
    return 1 if setting.quick else 4


def stages(setting: Setting) -> Stages:
    """Yields one run an arm, and returns the report."""
    runs = {arm: _run(arm, setting) for arm in arms(setting)}
    done = yield list(runs.values())
    reached = {arm: done[run.key] for arm, run in runs.items()}
    return report(TogetherFindings(setting, _rates(setting), _epochs(setting), reached))


def _run(arm: str, setting: Setting) -> Run:
    return Run(
        "together.runs:train",
        f"{ARMS[arm]}, all rates and seeds",
        {
            "arm": arm,
            "rates": list(_rates(setting)),
            "seeds": list(SEEDS),
            "epochs": _epochs(setting),
            "most": FEW if setting.quick else None,
            "full": setting.full,
        },
        tuple(setting.parts[kata] for kata in (KATAS if arm == "custom" else (JUDGE,))),
        cost=_arm_cost(setting),
    )


COMPARISON = Comparison(NAME, katas, cost, stages)
