"""The fair protocol, which knows no data: everybody gets the same grid, budget and seeds.

Each rate of the grid is tried on tuning seeds, on validation data. The best rate then
trains anew on other seeds, and only those runs see test data, once, at their end: so
neither the choice nor its luck is in what is reported.
"""

import dataclasses
import statistics
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias

from dojo.compare.jobs import CompareError, Job, Result
from dojo.compare.parts import Part

Stages: TypeAlias = Generator[Sequence[Job], Mapping[str, Result], Any]


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
        settings: What the child needs to make it, as JSON values.
        parts: The katas it is made of.
        twin: Name of its standard counterpart, or "".
    """

    name: str
    settings: Mapping[str, Any]
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
        runs: The results of the seeds that are reported, in order of the seeds.
        error: Why it is out of the race, or "".
    """

    rate: float = float("nan")
    at_edge: bool = False
    tuned: Sequence[float] = ()
    runs: Sequence[Result] = ()
    error: str = ""


MakeJob: TypeAlias = Callable[[Contender, float, int, bool], Job]


def tournament(contenders: Sequence[Contender], budget: Budget, make_job: MakeJob) -> Stages:
    """Yields the lists of jobs to do, takes their results, and returns the findings.

    Args:
        contenders: In the order of the report.
        budget: The same for all.
        make_job: Function of contender, rate, seed, and whether test data may be seen.
    """
    tuning = {
        contender.name: [
            [make_job(contender, rate, seed, False) for seed in budget.tuning_seeds]
            for rate in budget.rates
        ]
        for contender in contenders
    }
    done = yield [job for grid in tuning.values() for row in grid for job in row]
    findings = {name: choose(grid, budget.rates, done) for name, grid in tuning.items()}
    # From here on nothing is chosen any more: test data may be seen.
    final = {
        contender.name: [
            make_job(contender, findings[contender.name].rate, seed, True) for seed in budget.seeds
        ]
        for contender in contenders
        if not findings[contender.name].error
    }
    done = yield [job for jobs in final.values() for job in jobs]
    for name, jobs in final.items():
        findings[name] = with_runs(findings[name], [done[job.key] for job in jobs])
    assert_equal_starts(findings)
    return findings


def choose(
    grid: Sequence[Sequence[Job]], rates: Sequence[float], done: Mapping[str, Result]
) -> Finding:
    """Returns the rate with the best mean score; of equals, the first."""
    results = [[done[job.key] for job in row] for row in grid]
    errors = [result["error"] for row in results for result in row if "error" in result]
    if errors:
        return Finding(error=errors[0])
    # Rounded, or equals would differ in the last bit.
    tuned = [round(statistics.fmean(result["score"] for result in row), 9) for row in results]
    if all(result["diverged"] for row in results for result in row):
        return Finding(tuned=tuned, error="the loss was not finite at any learning rate")
    best = tuned.index(max(tuned))
    return Finding(rates[best], best in (0, len(rates) - 1), tuned)


def with_runs(finding: Finding, runs: Sequence[Result]) -> Finding:
    """Returns the finding with its reported runs, or with what went wrong in them."""
    errors = [run["error"] for run in runs if "error" in run]
    errors += [f"loss not finite at step {run['diverged']}" for run in runs if run.get("diverged")]
    if errors:
        return dataclasses.replace(finding, error=errors[0])
    return dataclasses.replace(finding, runs=runs)


def assert_equal_starts(findings: Mapping[str, Finding]) -> None:
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
