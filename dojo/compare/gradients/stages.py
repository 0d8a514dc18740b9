"""One stage: a run for each case."""

from dojo import layout
from dojo.compare.comparison import Comparison, Setting, Stages
from dojo.compare.gradients import NAME
from dojo.compare.gradients.findings import GradientFindings
from dojo.compare.gradients.report import report
from dojo.compare.gradients.views import VIEWS, kata_of
from dojo.compare.parts import Part
from dojo.compare.run import Run

_COST = 0.1


def katas() -> list[str]:
    """Returns the gradients' katas that have a view and a model answer."""
    named = dict.fromkeys(map(kata_of, VIEWS))
    return [kata for kata in named if layout.source_file(kata, layout.REFERENCE).is_file()]


def cost(setting: Setting) -> float:
    """Returns seconds on a quiet core, roughly."""
    return _COST * len(VIEWS)


def stages(setting: Setting) -> Stages:
    """Yields one run a case, and returns the report."""
    parts = setting.parts
    runs = {case: _run(case, parts[kata_of(case)]) for case in VIEWS if kata_of(case) in parts}
    done = yield list(runs.values())
    return report(GradientFindings(parts, {case: done[run.key] for case, run in runs.items()}))


def _run(case: str, part: Part) -> Run:
    arguments = {"kata": part.kata, "case": case}
    return Run("gradients.runs:compute", case, arguments, (part,), cost=_COST)


COMPARISON = Comparison(NAME, katas, cost, stages)
