"""What is said of the gradients: one table, and a sentence a case."""

from collections.abc import Mapping, Sequence

import numpy as np

from dojo.compare.comparison import Picture, Report, Sheet
from dojo.compare.gradients import NAME, pictures
from dojo.compare.gradients.findings import Break, GradientFindings


def report(found: GradientFindings) -> Report:
    return Report(
        NAME,
        "Gradients",
        "Each function and its gradient on a few hundred points, kinks and extremes among "
        "them, by the kata and by autodiff of the naive form. The error is the largest "
        "distance from central differences away from kinks, relative above 1, in float64; "
        "where a kata's gradient is by design another function's, from that one's.",
        [_sheet(found)],
        _pictures(found),
        [_conclusion(found, case) for case in found.finished],
        _failures(found),
        dict(found.cases),
    )


def _sheet(found: GradientFindings) -> Sheet:
    rows = [_row(found, case, form) for case in found.finished for form in found.forms(case)]
    headings = ["case", "form", "value", "gradient", "error"]
    return Sheet("What each form gets right", headings, rows)


def _row(found: GradientFindings, case: str, form: str) -> list[str]:
    broken, points = found.broken(case, form), len(found.cases[case]["x"])
    texts = [_wrong(broken[side], points) for side in ("value", "gradient")]
    name = "kata" if form == "custom" else form
    return [case, name, *texts, _error(found.forms(case)[form]["error"])]


def _wrong(broken: Sequence[Break], points: int) -> str:
    wrong = sum(len(one.x) for one in broken)
    return f"{wrong}/{points} wrong" if wrong else "right"


def _error(value: float) -> str:
    return "no gradient" if np.isinf(value) else f"{value:.0e}"


def _pictures(found: GradientFindings) -> list[Picture]:
    if not found.finished:
        return []
    cases = [pictures.of_case(found, case, _conclusion(found, case)) for case in found.finished]
    return [*cases, pictures.of_errors(found)]


def _conclusion(found: GradientFindings, case: str) -> str:
    said = [f"{case}: the kata ({found.whose(case)}) {_judged(found.broken(case, 'custom'))}"]
    for form in list(found.forms(case))[1:]:
        said.append(f"{form} {_judged(found.broken(case, form))}")
    return "; ".join(said) + "."


def _judged(broken: Mapping[str, Sequence[Break]]) -> str:
    parts = [f"{name} {', '.join(map(str, found))}" for name, found in broken.items() if found]
    return "has " + " and ".join(parts) if parts else "is right everywhere"


def _failures(found: GradientFindings) -> list[tuple[str, str]]:
    failed = [
        (case, found.cases[case]["error"]) for case in found.cases if case not in found.finished
    ]
    for case in found.finished:
        forms = found.cases[case]["forms"].items()
        failed += [(f"{case}: {name}", form["failed"]) for name, form in forms if "failed" in form]
    return failed
