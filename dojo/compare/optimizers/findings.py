"""What came of the optimizers, and what is read off it."""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence

from dojo.compare.numbers import Numbers
from dojo.compare.standings import Standings
from dojo.compare.tournament import Contender

# Of validation accuracy: steps and seconds to it are counted.
TARGET = 0.9


@dataclasses.dataclass(frozen=True)
class OptimizerFindings(Standings):
    """All numbers of the comparison.

    Attributes:
        baselines: Names of those that every custom optimizer is compared with.
        paths: By surface and contender, where its best learning rate walks.
        seconds: Of a step, by contender, one for each round.
    """

    baselines: Sequence[str]
    paths: Mapping[tuple[str, str], Numbers]
    seconds: Mapping[str, Sequence[float]]

    @property
    def custom(self) -> list[Contender]:
        return [one for one in self.contenders if one.custom and one.name in self.finished]

    def accuracies(self, name: str) -> list[float]:
        return self.per_seed(name, "test")

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
