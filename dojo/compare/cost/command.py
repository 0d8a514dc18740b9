"""The cost command: has a child measure, and prints the figures."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from dojo import layout
from dojo.check import solved
from dojo.check.untouched import static_verdict
from dojo.compare import parts
from dojo.compare.cost import report
from dojo.compare.numbers import Numbers
from dojo.compare.parts import Part
from dojo.compare.pool import Pool
from dojo.compare.run import Run
from dojo.content import catalogue
from dojo.errors import DojoError, UsageError
from dojo.results import Outcome

COSTS = layout.TESTS / "costs"
ROUNDS = 15
YOURS, MODEL_ANSWER = "yours", "the model answer"


class CostError(DojoError):
    """Nothing could be measured; the message says why."""


def declared() -> list[str]:
    """Returns the katas whose figures are worth a look."""
    return sorted(f"{file.parent.name}/{file.stem}" for file in COSTS.glob("*/*.py"))


def show(name: str, tree: Path) -> int:
    """Measures one kata, prints its figures, and returns the exit status."""
    kata = catalogue.select([name])[0].path
    if not layout.cost_file(kata).is_file():
        known = ", ".join(path.partition("/")[2] for path in declared())
        raise UsageError(f"the cost of {name} is not its point. It is of: {known}")
    contenders, remark = _contenders(kata, tree)
    if remark:
        print(f"{remark}\n", flush=True)
    ((_, numbers),) = measured([(kata, contenders)])
    if "error" in numbers:
        raise CostError(f"{kata} cannot be measured: {numbers['error']}")
    for line in report.lines(kata, contenders[0].kata, numbers):
        print(line)
    return 0


def measured(
    asked: Sequence[tuple[str, Sequence[Part]]], rounds: int = ROUNDS
) -> Iterator[tuple[str, Numbers]]:
    """Yields a kata and its figures, or {"error": why there are none}, in no order.

    Args:
        asked: Katas, and whose parts of each.
        rounds: As for `runs.measure`.
    """
    runs = [
        Run("cost.runs:measure", kata, {"kata": kata, "rounds": rounds}, tuple(who), 30, alone=True)
        for kata, who in asked
    ]
    # One child, one run at a time: nothing else of ours takes the processor meanwhile.
    with Pool(1) as pool:
        for news in pool.run(runs):
            if news.run is not None and news.numbers is not None:
                yield news.run.title, news.numbers


def _contenders(kata: str, tree: Path) -> tuple[tuple[Part, ...], str]:
    """The parts to measure, called by whose they are, and what is said of the first."""
    model = parts.from_tree([kata], layout.REFERENCE)[kata]
    answers = [
        dataclasses.replace(model, kata=MODEL_ANSWER),
        dataclasses.replace(model, kata=report.AGAIN),
    ]
    if tree == layout.REFERENCE:
        return tuple(answers), ""
    verdict = static_verdict(kata, tree)
    if verdict is not None:
        why = "is not started" if verdict.outcome is Outcome.NOT_STARTED else "cannot be read"
        return tuple(answers), f"Yours {why}: the model answer beside the framework's own."
    mine = dataclasses.replace(parts.from_tree([kata], tree)[kata], kata=YOURS)
    known = tree == layout.KATAS and kata in solved.known([kata])
    remark = "" if known else "It is not known to be solved: what is wrong costs what it likes."
    return (mine, *answers), remark
