"""What came of the losses, and what is read off it."""

import dataclasses
import statistics

from dojo.compare.numbers import Numbers
from dojo.compare.standings import Standings

GAMMA = 2.0
# Below 1 the recited formula meets an infinite slope times zero.
STEEP = 0.5
# The last three classes of the tail: a few dozen examples in all.
RAREST = 3


@dataclasses.dataclass(frozen=True)
class LossFindings(Standings):
    """All numbers of the comparison.

    Attributes:
        baseline: Name of the loss that the others are compared with.
        curves: Focal loss against p_t, and its slopes.
    """

    baseline: str
    curves: Numbers

    @property
    def whose(self) -> str:
        """Whose focal loss the curves are of."""
        return self.setting.parts["losses/focal_loss"].whose

    def rarest_recall(self, name: str) -> list[float]:
        return [recalls[-1] for recalls in self.per_seed(name, "recalls")]

    def rare_precision(self, name: str) -> list[float]:
        """Returns the mean PR-AUC of the rarest classes, for each seed."""
        return [statistics.fmean(p[-RAREST:]) for p in self.per_seed(name, "precisions")]

    def tail(self) -> list[int]:
        """Returns the class sizes of the training set."""
        sizes = [one for name in self.finished for one in self.per_seed(name, "tail_sizes")]
        return list(sizes[0]) if sizes else []
