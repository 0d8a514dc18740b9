"""What tests/costs/ declares of a kata: the forms that its `case` may return."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Call: TypeAlias = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Function:
    """A function and its gradient.

    Attributes:
        data: What `inputs` are, in a few words.
        inputs: Tensors, by position. The gradient is taken with respect to all.
        of: From a kata's module to its function.
        standard: {name: what TensorFlow or Keras has instead}.
    """

    data: str
    inputs: Sequence[Any]
    of: Callable[[Any], Call]
    standard: Mapping[str, Call]


@dataclasses.dataclass(frozen=True)
class Steps:
    """The steps of an optimizer.

    Attributes:
        data: What is optimized, in a few words.
        shapes: Of the variables.
        of: From a kata's module to a new optimizer.
        standard: {name: function of no arguments that returns Keras' own}.
    """

    data: str
    shapes: Sequence[tuple[int, ...]]
    of: Callable[[Any], Any]
    standard: Mapping[str, Callable[[], Any]]
