"""Hints, model answers, and answers put away or brought back: what needs no check."""

import sys
from pathlib import Path

from rich.console import Console

from dojo import layout
from dojo.content import catalogue
from dojo.record import archive
from dojo.record.database import Database


def hint(name: str) -> int:
    """Prints one hint for a kata; each call gives the next, and the last again."""
    kata = catalogue.one(name)
    with Database() as database:
        number = database.next_hint(kata.path, len(kata.hints))
    print(f"{kata.path}: hint {number} of {len(kata.hints)}\n")
    Console(highlight=False, width=min(80, Console().width)).print(
        _markdown(kata.hints[number - 1])
    )
    if number == len(kata.hints):
        print(f"\nThat was the last. `python -m dojo show {kata.name} --give-up` shows an answer.")
    return 0


def _markdown(text: str):  # type: ignore[no-untyped-def]
    from rich.markdown import Markdown

    return Markdown(text)


def show(name: str, give_up: bool) -> int:
    """Prints the model answer, to those who have solved the kata or give up."""
    kata = catalogue.one(name)
    with Database() as database:
        solved = database.was_solved(kata.path)
    if not (solved or give_up):
        print(
            f"{kata.path} is not solved yet. `nox -s check -- {kata.name}` checks it, "
            f"`python -m dojo hint {kata.name}` helps, --give-up shows the answer all the same.",
            file=sys.stderr,
        )
        return 1
    print(layout.source_file(kata.path, layout.REFERENCE).read_text(encoding="utf-8"), end="")
    return 0


def reset(name: str, tree: Path) -> int:
    """Restores the empty stub; what stood there is kept."""
    kata = catalogue.one(name)
    copy = archive.reset(kata.path, tree)
    with Database() as database:
        database.forget_hints(kata.path)
    path = layout.shown(layout.source_file(kata.path, tree))
    print(f"{path} is the empty stub again.")
    if copy is not None:
        print(f"Your answer is kept: {layout.shown(copy)}")
        print(f"`python -m dojo restore {kata.name}` brings it back.")
    return 0


def restore(name: str, when: str, tree: Path) -> int:
    """Brings a kept answer back; what stood there is kept in turn."""
    kata = catalogue.one(name)
    chosen, present = archive.restore(kata.path, when, tree)
    print(f"{layout.shown(layout.source_file(kata.path, tree))} is your answer of {chosen.stem}.")
    if present is not None:
        print(f"What stood there is kept: {layout.shown(present)}")
    return 0
