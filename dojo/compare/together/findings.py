"""What the three models reached, by the kata's own comparison."""

import dataclasses
from collections.abc import Mapping, Sequence

from dojo.compare.comparison import Setting
from dojo.compare.numbers import Numbers

JUDGE = "training/custom_vs_standard"
CUSTOM = ("gradients/clip_by_value", "losses/categorical_focal_loss", "optimizers/momentum")
ARMS = {
    "custom": "all custom: clip, focal loss, Momentum",
    "twin": "its twin of Keras' parts",
    "plain": "ReLU, cross-entropy, Keras Adam",
}
SEEDS = (1, 2, 3)


@dataclasses.dataclass(frozen=True)
class TogetherFindings:
    """All numbers of the comparison.

    Attributes:
        setting: What it was made with.
        rates, epochs: The grid, and how long everybody trains.
        arms: What each arm reached.
    """

    setting: Setting
    rates: Sequence[float]
    epochs: int
    arms: Mapping[str, Numbers]

    @property
    def finished(self) -> list[str]:
        return [arm for arm, numbers in self.arms.items() if "error" not in numbers]

    def at_edge(self, arm: str) -> bool:
        """Whether a wider grid might have held a better rate."""
        return self.arms[arm]["rate"] in (self.rates[0], self.rates[-1])
