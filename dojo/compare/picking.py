"""Asks the checker which of the learner's answers are solved, and picks the parts by that."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from dojo import layout
from dojo.check import solved
from dojo.check.progress import Progress
from dojo.check.runner import Event, Runner
from dojo.compare import parts
from dojo.compare.parts import Part
from dojo.results import Outcome, Result


def pick(katas: Sequence[str], tree: Path | None, console: Console) -> dict[str, Part]:
    """Returns the katas' parts, by the checker's word unless a tree was named."""
    katas = list(dict.fromkeys(katas))
    if tree is not None:
        return parts.from_tree(katas, tree)
    verdicts = dict.fromkeys(solved.known(katas), Outcome.SOLVED)
    unknown = [kata for kata in katas if kata not in verdicts]
    before = solved.fingerprints(unknown)
    found = _checked(unknown, console)
    solved.keep(found, before)
    verdicts |= {result.kata: result.outcome for result in found}
    return parts.solved_or_model(katas, verdicts)


def _checked(katas: Sequence[str], console: Console) -> list[Result]:
    found = []
    with Progress(console, len(katas)) as progress:
        for event in ask_checker(katas):
            progress.show(event)
            if event.result is not None:
                found.append(event.result)
    return found


def ask_checker(katas: Sequence[str]) -> Iterable[Event]:
    """Yields the checker's events on the learner's own tree; untouched stubs need no run."""
    return Runner(layout.KATAS).check(katas)
