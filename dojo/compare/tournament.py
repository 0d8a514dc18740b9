"""The fair protocol, which knows no data: everybody gets the same grid, budget and seeds.

Each rate of the grid is tried on tuning seeds, on validation data. The best rate then
trains anew on other seeds, and only those runs see test data, once, at their end: so
neither the choice nor its luck is in what is reported.
"""

import dataclasses
import statistics
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias

from dojo.compare.errors import CompareError
from dojo.compare.numbers import Numbers
from dojo.compare.parts import Part
from dojo.compare.run import Run


@dataclasses.dataclass(frozen=True)
class Budget:
    """What each contender gets."""

    rates: tuple[float, ...]
    tuning_seeds: tuple[int, ...]
    seeds: tuple[int, ...]
    epochs: int
    batch: int

    def runs(self, contenders: int) -> int:
        """Returns how many trainings that is."""
        return contenders * (len(self.rates) * len(self.tuning_seeds) + len(self.seeds))


@dataclasses.dataclass(frozen=True)
class Contender:
    """One that is compared.

    Attributes:
        name: Unique, and shown: "Momentum (yours)", "Keras SGD, momentum 0.9".
        recipe: What the child needs to make it, as JSON values.
        parts: The katas it is made of.
        twin: Name of its standard counterpart, or "".
    """

    name: str
    recipe: Mapping[str, Any]
    parts: tuple[Part, ...] = ()
    twin: str = ""

    @property
    def custom(self) -> bool:
        return bool(self.parts)


@dataclasses.dataclass(frozen=True)
class Finding:
    """What came of one contender.

    Attributes:
        rate: The best of the grid; nan where nothing could be chosen.
        at_edge: Whether a wider grid might have held a better one.
        tuned: Mean validation score of each rate over the tuning seeds.
        runs: The numbers of the seeds that are reported, in order of the seeds.
        error: Why it is out of the race, or "".
    """

    rate: float = float("nan")
    at_edge: bool = False
    tuned: Sequence[float] = ()
    runs: Sequence[Numbers] = ()
    error: str = ""


MakeRun: TypeAlias = Callable[[Contender, float, int, bool], Run]
Findings: TypeAlias = Mapping[str, Finding]


def tournament(
    contenders: Sequence[Contender], budget: Budget, make_run: MakeRun
) -> Generator[Sequence[Run], Mapping[str, Numbers], Findings]:
    """Yields the lists of runs to do, takes their numbers, and returns the findings by name.

    Args:
        contenders: In the order of the report.
        budget: The same for all.
        make_run: Function of contender, rate, seed, and whether test data may be seen.
    """
    chosen = yield from _tuning(contenders, budget, make_run)
    # From here on nothing is chosen any more: test data may be seen.
    final = {
        contender.name: [
            make_run(contender, chosen[contender.name].rate, seed, True) for seed in budget.seeds
        ]
        for contender in contenders
        if not chosen[contender.name].error
    }
    done = yield [run for runs in final.values() for run in runs]
    reported = {
        name: with_runs(chosen[name], [done[run.key] for run in runs])
        for name, runs in final.items()
    }
    findings = {**chosen, **reported}
    assert_equal_starts(findings)
    return findings


def _tuning(
    contenders: Sequence[Contender], budget: Budget, make_run: MakeRun
) -> Generator[Sequence[Run], Mapping[str, Numbers], Findings]:
    """Yields the runs of the grid, and returns what was chosen."""
    grids = {
        contender.name: [
            [make_run(contender, rate, seed, False) for seed in budget.tuning_seeds]
            for rate in budget.rates
        ]
        for contender in contenders
    }
    done = yield [run for grid in grids.values() for row in grid for run in row]
    return {name: choose(grid, budget.rates, done) for name, grid in grids.items()}


def trainings(task: str, budget: Budget, cost: float, full: bool) -> MakeRun:
    """Returns the `make_run` of a task that trains on digits.

    Args:
        task: As a `Run` has it.
        budget: For epochs and batch.
        cost: Of one training, as a `Run` has it.
        full: Whether on all of MNIST.
    """

    def make_run(contender: Contender, rate: float, seed: int, test: bool) -> Run:
        title = f"{contender.name}, learning rate {rate:g}, seed {seed}"
        how = {"rate": rate, "seed": seed, "epochs": budget.epochs, "batch": budget.batch}
        arguments = {"recipe": contender.recipe, **how, "test": test, "full": full}
        return Run(task, title, arguments, contender.parts, cost, group=contender.name)

    return make_run


def choose(
    grid: Sequence[Sequence[Run]], rates: Sequence[float], done: Mapping[str, Numbers]
) -> Finding:
    """Returns the rate with the best mean score; of equals, the first."""
    found = [[done[run.key] for run in row] for row in grid]
    errors = [numbers["error"] for row in found for numbers in row if "error" in numbers]
    if errors:
        return Finding(error=errors[0])
    # Rounded, or equals would differ in the last bit.
    tuned = [round(statistics.fmean(numbers["score"] for numbers in row), 9) for row in found]
    if all(numbers["diverged"] for row in found for numbers in row):
        return Finding(tuned=tuned, error="the loss was not finite at any learning rate")
    best = tuned.index(max(tuned))
    return Finding(rates[best], best in (0, len(rates) - 1), tuned)


def with_runs(finding: Finding, runs: Sequence[Numbers]) -> Finding:
    """Returns the finding with its reported runs, or with what went wrong in them."""
    errors = [run["error"] for run in runs if "error" in run]
    errors += [f"loss not finite at step {run['diverged']}" for run in runs if run.get("diverged")]
    if errors:
        return dataclasses.replace(finding, error=errors[0])
    return dataclasses.replace(finding, runs=runs)


def assert_equal_starts(findings: Findings) -> None:
    """Checks that each seed gave everybody the same weights and the same data order.

    Raises:
        CompareError: If not: the comparison would be worth nothing.
    """
    starts: dict[int, set[tuple[str, str]]] = {}
    for finding in findings.values():
        for seed, run in enumerate(finding.runs):
            starts.setdefault(seed, set()).add((run["start"], run["order"]))
    if any(len(start) > 1 for start in starts.values()):
        raise CompareError("initial weights or data order differ between contenders of one seed")
