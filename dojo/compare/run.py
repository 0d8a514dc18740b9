"""Pieces of work for a child process.

A run's key is a hash of all that determines its numbers: arguments, the source of the
katas, of the code that computes, the digits, the versions. So an interrupted comparison
goes on where it stopped, and an edited kata trains again while the others do not.
"""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any

from dojo import data
from dojo.compare import sources
from dojo.compare.parts import Part


@dataclasses.dataclass(frozen=True)
class Run:
    """One piece of work.

    Attributes:
        task: "module:function" below dojo.compare, such as "optimizers.runs:train".
        title: What the display calls it.
        arguments: JSON values that the function takes by keyword.
        parts: The katas it uses; the function finds them loaded, by their paths.
        cost: Seconds on a quiet core, roughly; for the time left and for the deadline.
        alone: Whether nothing else may run meanwhile, as for timings.
        group: Runs of one group share what a child has traced: one child takes them.
    """

    task: str
    title: str
    arguments: Mapping[str, Any]
    parts: tuple[Part, ...] = ()
    cost: float = 1.0
    alone: bool = False
    group: str = ""

    @functools.cached_property
    def key(self) -> str:
        determined = [
            self.task,
            dict(self.arguments),
            [(part.kata, part.digest) for part in self.parts],
            # The child decides on threads and on determinism.
            sources.digest(self.module, "dojo.compare.child"),
            _versions(),
            _data(),
        ]
        text = json.dumps(determined, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def module(self) -> str:
        """The module of the task, by its whole name."""
        return f"dojo.compare.{self.task.partition(':')[0]}"

    @property
    def function(self) -> str:
        return self.task.partition(":")[2]

    @property
    def limit(self) -> float:
        """Seconds after which it counts as hanging, on a machine that is busy, too."""
        return 120 + 40 * self.cost

    def __hash__(self) -> int:
        return hash(self.key)


@functools.cache
def _versions() -> list[str]:
    return [importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")]


@functools.cache
def _data() -> str:
    try:
        return hashlib.sha256(data.SHIPPED.read_bytes()).hexdigest()
    except OSError as error:
        raise data.DataError(f"{data.SHIPPED} cannot be read: {error.strerror}") from error
