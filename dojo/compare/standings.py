"""All that came of a tournament, and what every room reads off it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from dojo.compare.comparison import Curves, Setting
from dojo.compare.tournament import Budget, Contender, Findings


@dataclasses.dataclass(frozen=True)
class Standings:
    """The findings of all contenders.

    Attributes:
        setting, budget: What the tournament was held with.
        contenders: In the order of the report.
        findings: By the contenders' names, in the same order.
    """

    setting: Setting
    budget: Budget
    contenders: Sequence[Contender]
    findings: Findings

    @property
    def finished(self) -> list[str]:
        """The names of those that have numbers."""
        return [name for name, finding in self.findings.items() if finding.runs]

    def per_seed(self, name: str, *keys: str) -> list[Any]:
        """Returns a value of each seed's numbers, such as "balanced", "ece"."""
        values: list[Any] = list(self.findings[name].runs)
        for key in keys:
            values = [value[key] for value in values]
        return values

    def rate(self, name: str) -> str:
        """Returns the chosen learning rate, with a star where it is at the grid's edge."""
        finding = self.findings[name]
        return f"{finding.rate:g}{'*' if finding.at_edge else ''}"

    def at_edge(self) -> list[str]:
        """Returns the names of those that a wider grid might have served better."""
        return [name for name in self.finished if self.findings[name].at_edge]

    def errors(self) -> list[tuple[str, str]]:
        """Returns (name, why) of those that are out of the race."""
        return [(name, finding.error) for name, finding in self.findings.items() if finding.error]

    def training_curves(self, score: str) -> Curves:
        """Returns the curves for TensorBoard; `score` is what the validation score is called."""
        return {
            f"{name}/seed {index + 1}": {
                score: list(zip(run["steps"], run["scores"], strict=True)),
                "training loss": list(zip(run["steps"], run["losses"], strict=True)),
            }
            for name in self.finished
            for index, run in enumerate(self.findings[name].runs)
        }
