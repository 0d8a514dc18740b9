"""The list of katas."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from dojo.content.document import Kata
from dojo.sitting.choices import Choice
from dojo.sitting.screens.careful import Careful
from dojo.words import minutes_and_seconds

HEADINGS = ("  kata", "level", "asked", "min", "best", "last result")


class ChooseScreen(Screen[Kata | None], Careful):
    """Ends with the kata chosen, or None to quit."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "leave", "quit")]

    def __init__(self, choices: Sequence[Choice], proposal: tuple[Choice, str] | None) -> None:
        """
        Args:
            choices: All katas, in the order of the list.
            proposal: The one to start at, and why.
        """
        super().__init__()
        self._choices = choices
        self._proposal = proposal

    def compose(self) -> ComposeResult:
        yield Static(self._advice(), classes="bar")
        yield Static(Text(_row(HEADINGS, "review"), "dim"))
        yield Katas(*self._options(), id="katas")
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(Katas)
        if self._proposal is not None:
            table.highlighted = table.get_option_index(self._proposal[0].kata.path)
        table.focus()

    def _advice(self) -> Text:
        text = Text("Practice against the clock", "bold")
        if self._proposal is not None:
            choice, why = self._proposal
            text.append(f"   next: {choice.kata.path}, {why}", "not bold")
        return text

    def _options(self) -> list[Option]:
        options, track = [], ""
        for choice in self._choices:
            if choice.kata.track != track:
                track = choice.kata.track
                options.append(Option(Text(track, "bold"), disabled=True))
            options.append(Option(_line(choice), id=choice.kata.path))
        return options

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        by_path = {choice.kata.path: choice.kata for choice in self._choices}
        self.dismiss(by_path[event.option_id or ""])

    def action_leave(self) -> None:
        self.dismiss(None)


class Katas(OptionList):
    """The list itself; its keys are shown at the foot of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "cursor_down", "choose", key_display="↑↓", show=True),
        Binding("enter", "select", "start", key_display="enter", show=True),
    ]


def _line(choice: Choice) -> Text:
    """A kata as one line of the list."""
    kata = choice.kata
    best = "" if choice.best is None else minutes_and_seconds(choice.best)
    mark = "✓ " if choice.solved else "  "
    cells = (mark + kata.name, kata.level, kata.asked, str(kata.minutes), best, choice.last)
    text = Text(_row(cells, ""))
    style = "bold yellow" if choice.due == "due" else "dim"
    return text.append(choice.due, style)


def _row(cells: Sequence[str], due: str) -> str:
    """The columns; with the scroll bar they fill 80 characters."""
    name, level, asked, minutes, best, last = cells
    return f"{name:<25}{level:<7}{asked:<10}{minutes:>3}{best:>8}  {last:<12}{due}"
