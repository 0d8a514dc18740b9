"""How a round went: the mistake, its line, the numbers that prove it, two repairs."""

from collections.abc import Sequence
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from dojo.content import model_answer
from dojo.content.mistakes import FAMILIES
from dojo.sitting import debrief, round_report
from dojo.sitting.played import Played
from dojo.sitting.prose import prose
from dojo.sitting.screens.careful import Careful
from dojo.sitting.widgets.trouble_line import TroubleLine
from dojo.words import counted


class RoundDebriefScreen(Screen[str], Careful):
    """Ends with "next" or "quit"."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next", "next round"),
        Binding("q", "leave", "quit"),
    ]

    def __init__(self, played: Played) -> None:
        super().__init__()
        self.played = played

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="debrief"):
            yield Static(summary(self.played), classes="box")
            yield Static(mistake(self.played))
            yield Static(repairs(self.played))
            yield Static(Text("\nWhy it is so", "bold"))
            yield Static(prose(model_answer.explanation(self.played.mistake.kata)))
            yield Static(Text(f"\nRead  {round_report.reading(self.played.mistake.kata)}"))
        yield TroubleLine()
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(TroubleLine).show(self.played.attempt.trouble)
        self.query_one("#debrief").focus()

    def action_next(self) -> None:
        self.dismiss("next")

    def action_leave(self) -> None:
        self.dismiss("quit")


def summary(played: Played) -> Text:
    """Returns the figures of the round, and what was said."""
    entry, said = played.attempt.entry, played.said
    text = Text(f"{entry.kata}  ", "bold")
    text.append(debrief.headline(entry), debrief.STYLES[entry.outcome])
    text.append(f"\n{counted(entry.checks, 'check')}")
    if said.words:
        text.append(f"\nyou said:   {said.words}")
    for what, right in played.grades.items():
        mark, style = ("✓", "green") if right else ("✗", "red")
        text.append(f"\n{mark} ", style).append(f"the {what}")
    if said.picked:
        mark, style = ("✓", "green") if said.right else ("✗", "red")
        text.append(f"\nyou picked: {said.picked} ").append(mark, style)
    if played.due is not None:
        family = played.mistake.family
        text.append(f"\n\n{family} ({FAMILIES[family]}) comes back {played.back()}.")
    return text


def mistake(played: Played) -> RenderableType:
    """Returns its name, the line it stands in, and the numbers that prove it."""
    found = played.mistake
    parts: list[RenderableType] = [Text("\nThe mistake: ", "bold").append(played.said.true)]
    line = found.source.splitlines()[found.line - 1].strip()
    parts += [Text(f"\n  line {found.line}", "dim"), Text(f"    {line}", "red")]
    if (failure := round_report.proof(played.evidence)) is not None:
        parts.append(Text(f"\n  {failure.test} said", "dim"))
        parts.append(Padding(Text(failure.message), (0, 0, 0, 2)))
    return Group(*parts)


def repairs(played: Played) -> RenderableType:
    """Returns the smallest repair, and the learner's where it is another."""
    smallest = round_report.smallest_repair(played.mistake, played.own)
    parts = [Text(f"\nThe smallest repair, {_lines(smallest)}", "bold"), _difference(smallest)]
    yours = round_report.changes(played.mistake.source, played.repaired)
    if yours and yours != smallest:
        parts += [Text(f"\nYours, {_lines(yours)}", "bold"), _difference(yours)]
    return Group(*parts)


def _lines(found: Sequence[str]) -> str:
    return counted(round_report.counted_lines(found), "line")


def _difference(found: Sequence[str]) -> Text:
    text = Text()
    for line in found:
        text.append(f"  {line}\n", "red" if line.startswith("-") else "green")
    return text
