"""How each case is shown; most are named as their kata."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class View:
    """How a case is shown.

    Attributes:
        x, dtype: The axis, and the precision of the computation.
        look_for: What its picture should make one see.
        scale: Of both axes where numbers span 60 orders of magnitude.
    """

    x: str
    look_for: str
    dtype: str = "float32"
    scale: str = "linear"


VIEWS = {
    "clip_by_value": View("x, clipped to [–1, 1]", "The gradient at the two kinks."),
    "gradient_reversal": View(
        "x", "The value of the trick once x + 6x passes 65,504, the largest float16.", "float16"
    ),
    "straight_through: round": View("x", "Autodiff has no gradient to show for a step."),
    "straight_through: sign": View("x", "Zero everywhere: nothing learns through it."),
    "log1pexp": View(
        "x",
        "Overflow on the right, a vanishing value on the left, the kink at 0.",
        scale="log y",
    ),
    "safe_norm": View(
        "x, of the vector (3x, 4x)",
        "The squares leave float32's range long before the norm does, and 0 has no slope.",
        scale="magnitudes",
    ),
    "softmax_cross_entropy": View("x, of the logits (x, 0)", "log(0) as soon as exp underflows."),
    "captured_variables": View(
        "x", "The gradient of y²/2 to the bias; the kata asks for half of what autodiff gives."
    ),
    "recompute_grad": View("x", "Nothing to see is the point: it saves memory, not digits."),
}


def kata_of(case: str) -> str:
    """Returns "gradients/straight_through" for "straight_through: round"."""
    return "gradients/" + case.partition(":")[0]
