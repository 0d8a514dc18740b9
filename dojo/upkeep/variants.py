"""Runs many variants of model answers against their suites: traps and mutants."""

import contextlib
import dataclasses
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from dojo import layout
from dojo.check.runner import Runner, Task
from dojo.results import Result

# Variants hang now and then; a right answer needs a fraction of this.
LIMIT = 30.0


@dataclasses.dataclass(frozen=True)
class Variant:
    """A changed model answer.

    Attributes:
        key: Names it, uniquely.
        kata: Path of the kata.
        source: The whole file.
        clause: Number of the only clause to test, or "" for all.
        until: Stop at the first failure whose cause has these words.
        fail_fast: Stop at the first failure.
    """

    key: str
    kata: str
    source: str
    clause: str = ""
    until: str = ""
    fail_fast: bool = False


@dataclasses.dataclass(frozen=True)
class Trap:
    """A wrong answer that people really give, as an edit of the model answer.

    Attributes:
        kata: Path of the kata.
        name: What the mistake is called.
        clause: Number of the clause whose tests have to reject it.
        old, new: The edit; `old` occurs exactly once.
        cause: What the proved cause has to contain, or "".
    """

    kata: str
    name: str
    clause: str
    old: str
    new: str
    cause: str = ""

    def variant(self) -> Variant:
        """Raises ValueError where the model answer no longer has the text to edit."""
        source = layout.source_file(self.kata, layout.REFERENCE).read_text(encoding="utf-8")
        if source.count(self.old) != 1:
            found = source.count(self.old)
            raise ValueError(f"{self.kata}, {self.name}: `old` is there {found} times: {self.old}")
        edited = source.replace(self.old, self.new)
        key = f"{self.kata}: {self.name}"
        return Variant(key, self.kata, edited, self.clause, self.cause, not self.cause)


def traps_file(kata: str) -> Path:
    return layout.TESTS / "traps" / f"{kata}.toml"


def read_traps(kata: str) -> Sequence[Trap]:
    """Returns the traps of "losses/focal_loss", from tests/traps/losses/focal_loss.toml."""
    entries = tomllib.loads(traps_file(kata).read_text(encoding="utf-8"))["trap"]
    return [
        Trap(
            kata,
            entry["name"],
            str(entry["clause"]),
            entry["old"].removeprefix("\n"),
            entry["new"].removeprefix("\n"),
            entry.get("cause", ""),
        )
        for entry in entries
    ]


def read_equivalents(kata: str) -> dict[str, str]:
    """Returns mutant label to the reason why no test can tell it from the answer."""
    entries = tomllib.loads(traps_file(kata).read_text(encoding="utf-8"))
    return {entry["mutant"]: entry["why"] for entry in entries.get("equivalent", [])}


def run(variants: Sequence[Variant], jobs: int | None = None) -> Iterator[tuple[Variant, Result]]:
    """Yields each variant with its verdict, in the order they finish."""
    by_key = {variant.key: variant for variant in variants}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dojo-variants-")))
        tasks = [_task(variant, folder / str(i)) for i, variant in enumerate(by_key.values())]
        for event in Runner(folder, LIMIT, jobs).check_tasks(tasks):
            if event.result is not None:
                yield by_key[event.kata], event.result


def canary(kata: str) -> Result:
    """Returns the verdict on the model answer where every number is taken for another."""
    task = Task(kata, kata, layout.REFERENCE, fail_fast=True, canary=True)
    done = [event.result for event in Runner(layout.REFERENCE, LIMIT).check_tasks([task])]
    return next(result for result in done if result is not None)


def _task(variant: Variant, tree: Path) -> Task:
    file = layout.source_file(variant.kata, tree)
    file.parent.mkdir(parents=True)
    file.write_text(variant.source, encoding="utf-8")
    select = f"test_{variant.clause}_" if variant.clause else ""
    return Task(variant.key, variant.kata, tree, select, variant.until, variant.fail_fast)
