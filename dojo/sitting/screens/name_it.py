"""What was the mistake? In the learner's own words, then picked from four."""

import random
from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from dojo.content import mistakes
from dojo.content.mistakes import Mistake
from dojo.sitting.round_report import Said
from dojo.sitting.screens.careful import Careful


async def ask_name(app: App[Any], mistake: Mistake, chance: random.Random) -> Said:
    """Asks, from a worker, what the mistake was."""
    names, true = mistakes.options(mistake, chance)
    words, picked = await app.push_screen_wait(NameScreen(names))
    return Said(words, "" if picked is None else names[picked], names[true])


class NameScreen(Screen[tuple[str, int | None]], Careful):
    """Ends with the learner's words, and the index of what was picked, None for nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "I cannot say", key_display="esc"),
    ]

    def __init__(self, options: Sequence[str]) -> None:
        """
        Args:
            options: What it may have been; the true one is among them.
        """
        super().__init__()
        self._options = options
        self._words = ""

    def compose(self) -> ComposeResult:
        yield Static(Text("What was the mistake?", "bold"), classes="bar")
        yield Input(placeholder="in a line, as you would tell a colleague; enter goes on")
        yield Named(*[Option(Text(name)) for name in self._options], id="katas")
        yield Footer()

    def on_mount(self) -> None:
        # First in one's own words: four names to read would put them into one's mouth.
        self.query_one(Named).display = False
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._words = event.value.strip()
        self.query_one(Input).disabled = True
        pick = self.query_one(Named)
        pick.display = True
        pick.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss((self._words, event.option_index))

    def action_leave(self) -> None:
        self.dismiss((self._words, None))


class Named(OptionList):
    """The four."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "cursor_down", "choose", key_display="↑↓", show=True),
        Binding("enter", "select", "that was it", key_display="enter", show=True),
    ]
