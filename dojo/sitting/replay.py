"""The saves of a kata, one after the other: when, its verdict, and what it changed."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from dojo import layout
from dojo.content import catalogue, stubs
from dojo.content.document import Kata
from dojo.record import archive, saves, texts
from dojo.record.archive import ArchiveError
from dojo.record.database import Database
from dojo.record.saves import Save
from dojo.sitting.difference import between_saves
from dojo.words import counted, minutes_and_seconds

if TYPE_CHECKING:
    from dojo.sitting.prompts import Prompts


@dataclasses.dataclass(frozen=True)
class Step:
    """One save of a replay.

    Attributes:
        number: From 1.
        save: When it was, and its verdict.
        text: None where it cannot be read; then `trouble` says why.
        before: The text before it: of the last save that can be read, or the stub.
        gap: Seconds since the save before; None for the first.
    """

    number: int
    save: Save
    text: bytes | None
    before: bytes
    gap: float | None
    trouble: str = ""


def show(name: str) -> int:
    """Prints the saves of a kata, in a terminal step by step; returns the exit status.

    Raises:
        UnknownKata: If there is no such kata.
    """
    kata = catalogue.one(name)
    with Database() as database:
        found, without = saves.of_kata(database, kata.path)
    console = Console(highlight=False)
    if without:
        console.print(f"{counted(without, 'check')} left out: the text is not kept", style="dim")
    if not found:
        console.print(f"No saves of {kata.path} yet: each check keeps one.", soft_wrap=True)
        return 0
    steps = steps_of(kata, found)
    if sys.stdin.isatty() and sys.stdout.isatty():
        walk(kata, steps, console, layout.KATAS)
        return 0
    for step in steps:
        draw(step, len(steps), console)
    return 0


def steps_of(kata: Kata, found: Sequence[Save]) -> list[Step]:
    """Returns the saves with their texts, oldest first."""
    steps: list[Step] = []
    before, at = stubs.pristine(kata.path).encode(), None
    for number, save in enumerate(found, 1):
        text, trouble = _read(save)
        gap = None if at is None else save.at - at
        steps.append(Step(number, save, text, before, gap, trouble))
        before, at = before if text is None else text, save.at
    return steps


def _read(save: Save) -> tuple[bytes | None, str]:
    try:
        return texts.read(save.text), ""
    except texts.TextError as error:
        return None, str(error)


def draw(step: Step, total: int, console: Console) -> None:
    """Prints one save."""
    save = step.save
    console.print()
    console.rule(f"save {step.number} of {total}", style="dim", align="left")
    console.print(Text(save.stamp, "bold").append(_since(step.gap), "not bold"))
    again = f", checked {save.checks} times" if save.checks > 1 else ""
    console.print(save.verdict().append(f", {save.progress}{again}", "not bold default"))
    if reason := save.reason():
        console.print(Text(reason, "yellow"))
    console.print()
    if step.text is None:
        console.print(Text(step.trouble, "red"))
    else:
        # Not folded: what is copied from here stays in one piece.
        console.print(between_saves(step.before, step.text), soft_wrap=True)


def _since(gap: float | None) -> str:
    if gap is None:
        return ", against the stub"
    if gap < 3600:
        return f", {minutes_and_seconds(gap)} after the one before"
    hours = round(gap / 3600)
    later = counted(hours, "hour") if hours < 48 else counted(round(hours / 24), "day")
    return f", {later} after the one before"


def walk(kata: Kata, steps: Sequence[Step], console: Console, tree: Path) -> None:
    """Shows step after step, as the learner's keys say.

    Args:
        kata: Whose saves they are.
        steps: Oldest first.
        console: Where to show them, and to ask.
        tree: Where one of them is put back.
    """
    from dojo.sitting.prompts import Leave, Prompts

    prompts, place, drawn = Prompts(console), 0, -1
    try:
        while place < len(steps):
            if drawn != place:
                draw(steps[place], len(steps), console)
            drawn = place
            answer = prompts.ask(_keys(place, len(steps)))
            if answer == "r":
                put_back(kata, steps[place], prompts, tree)
                continue
            place = _goto(answer, place, len(steps), console)
    except (Leave, KeyboardInterrupt, EOFError):
        console.print()


def _keys(place: int, total: int) -> str:
    on = "next" if place + 1 < total else "ends"
    return f"Enter {on}, b back, r restore, q quit"


def _goto(answer: str, place: int, total: int, console: Console) -> int:
    """Which step comes next: the same one for what is not understood."""
    if not answer:
        return place + 1
    if answer == "b":
        return max(0, place - 1)
    if answer.isdecimal() and 1 <= int(answer) <= total:
        return int(answer) - 1
    console.print(f"{answer!r} is not understood: Enter, b, r, q, or the number of a save")
    return place


def put_back(kata: Kata, step: Step, prompts: "Prompts", tree: Path) -> None:
    """Asks, then writes the text of a step to the learner's file; what stood there is kept."""
    console, file = prompts.console, layout.source_file(kata.path, tree)
    if step.text is None:
        console.print(Text(step.trouble, "red"))
        return
    if prompts.ask(f"Put save {step.number} back into your file? y or n") != "y":
        return
    try:
        copy = archive.restore(kata.path, step.text, tree)
    except ArchiveError as error:
        console.print(Text(str(error), "red"))
        return
    console.print(f"{layout.shown(file)} is save {step.number}.", soft_wrap=True)
    if copy is not None:
        console.print(f"What stood there is kept: {layout.shown(copy)}", soft_wrap=True)
