"""Runs many variants of model answers against their suites: traps and mutants."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from dojo import layout
from dojo.check.runner import Runner, Task
from dojo.content.traps import Trap
from dojo.results import Result
from dojo.upkeep import batches

# Variants hang now and then; a right answer needs a fraction of this, on a busy machine, too.
LIMIT = 90.0


@dataclasses.dataclass(frozen=True)
class Variant:
    """A changed model answer.

    Attributes:
        key: Names it, uniquely.
        kata: Path of the kata.
        source: The whole file.
        aim, until, fail_fast: As for `Job`.
    """

    key: str
    kata: str
    source: str
    aim: str = ""
    until: str = ""
    fail_fast: bool = False


def of_trap(trap: Trap) -> Variant:
    """Returns the variant that this trap is, under the kata's and its own name.

    Raises:
        ValueError: If the model answer no longer has the text to edit.
    """
    key = f"{trap.kata}: {trap.name}"
    return Variant(key, trap.kata, trap.source(), trap.clause, trap.cause)


def run(variants: Sequence[Variant], jobs: int | None = None) -> Iterator[tuple[Variant, Result]]:
    """Yields each variant with its verdict, in the order they finish."""
    by_key = {variant.key: variant for variant in variants}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dojo-variants-")))
        tasks = [task_of(variant, folder / str(i)) for i, variant in enumerate(by_key.values())]
        for key, result in batches.results(tasks, Runner(folder, LIMIT, jobs)):
            yield by_key[key], result


def canary(kata: str) -> Result:
    """Returns the verdict on the model answer where every number is taken for another."""
    task = Task(kata, kata, layout.REFERENCE, fail_fast=True, canary=True)
    done = [event.result for event in Runner(layout.REFERENCE, LIMIT).check_tasks([task])]
    return next(result for result in done if result is not None)


def task_of(variant: Variant, tree: Path) -> Task:
    file = layout.source_file(variant.kata, tree)
    file.parent.mkdir(parents=True)
    file.write_text(variant.source, encoding="utf-8")
    return Task(
        variant.key,
        variant.kata,
        tree,
        aim=variant.aim,
        until=variant.until,
        fail_fast=variant.fail_fast,
    )
