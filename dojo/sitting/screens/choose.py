"""The list of katas."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from dojo.columns import fitting
from dojo.content.document import Kata
from dojo.sitting.choices import Choice
from dojo.sitting.screens.careful import Careful
from dojo.words import minutes_and_seconds


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
        yield Static(id="advice", classes="bar")
        yield Static(id="headings")
        yield Katas(*self._options(), id="katas")
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(Katas)
        if self._proposal is not None:
            table.highlighted = table.get_option_index(self._proposal[0].kata.path)
        table.focus()

    def on_resize(self, event: Resize) -> None:
        """In a narrow terminal, the columns that matter."""
        width = event.size.width
        rows = [HEADINGS, *map(_cells, self._choices)]
        columns = fitting(rows, width - SCROLL_BAR, LEAST, gap=0)
        self.query_one("#advice", Static).update(self._advice(width))
        headings = "".join(HEADINGS[column] for column in columns)
        self.query_one("#headings", Static).update(Text(headings, "dim", no_wrap=True))
        for choice in self._choices:
            line = _line(choice, columns)
            self.query_one(Katas).replace_option_prompt(choice.kata.path, line)

    def _advice(self, width: int) -> Text:
        text = Text("Practice against the clock   ", "bold", no_wrap=True)
        if self._proposal is None:
            return text
        choice, why = self._proposal
        advice = Text(f"next: {choice.kata.path}, {why}", no_wrap=True)
        return text + advice if text.cell_len + advice.cell_len < width else advice

    def _options(self) -> list[Option]:
        options, track = [], ""
        for choice in self._choices:
            if choice.kata.track != track:
                track = choice.kata.track
                options.append(Option(Text(track, "bold"), disabled=True))
            options.append(Option(choice.kata.name, id=choice.kata.path))
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


def _line(choice: Choice, columns: Sequence[int]) -> Text:
    """A kata as one line of the list."""
    text, cells = Text(no_wrap=True), _cells(choice)
    for column in columns:
        due = "bold yellow" if choice.due == "due" else "dim"
        text.append(cells[column], due if column == len(cells) - 1 else "")
    return text


def _cells(choice: Choice) -> Sequence[str]:
    kata = choice.kata
    best = "" if choice.best is None else minutes_and_seconds(choice.best)
    mark = "✓ " if choice.solved else "  "
    name = mark + kata.name
    return _row(name, kata.level, kata.asked, str(kata.minutes), best, choice.last, choice.due)


def _row(*cells: str) -> Sequence[str]:
    """The columns, with the space between them."""
    name, level, asked, minutes, best, last, due = cells
    return (
        f"{name:<25}",
        f"{level:<7}",
        f"{asked:<10}",
        f"{minutes:>3}",
        f"{best:>8}",
        f"  {last:<11}",
        due,
    )


HEADINGS = _row("  kata", "level", "asked", "min", "best", "last result", "review")
# The kata and how it went stay.
LEAST = (2, 4, 3, 1, 6)
SCROLL_BAR = 2
