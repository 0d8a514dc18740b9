"""A question over the present screen, answered by a key."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Static


class Ask(ModalScreen[str]):
    """A question with a few keys to answer it; escape is the last of them.

    With one choice, nothing is asked and any key will do.
    """

    def __init__(self, text: RenderableType, choices: Mapping[str, str]) -> None:
        """
        Args:
            text: What is asked.
            choices: Key to what it does; the screen ends with the key.
        """
        super().__init__()
        self._text = text
        self._choices = choices
        self.safe = list(choices)[-1]

    def compose(self) -> ComposeResult:
        choices = Text("\n")
        for key, meaning in self._choices.items():
            choices.append(f" {key} ", "reverse bold").append(f" {meaning}   ")
        with Vertical(id="ask"):
            yield Static(Group(self._text, choices))

    def on_key(self, event: Key) -> None:
        event.stop()
        names = [event.key, event.character or ""]
        chosen = next((name for name in names if name in self._choices), None)
        if event.key == "escape" or len(self._choices) == 1:
            chosen = self.safe
        if chosen is not None and self.is_current:
            self.dismiss(chosen)


async def sure(app: App[Any], text: str) -> bool:
    """Asks, from a worker, and returns whether the answer was yes."""
    return await app.push_screen_wait(Ask(Text(text, "bold"), {"y": "yes", "n": "no"})) == "y"


def withdraw(app: App[Any]) -> None:
    """Gives every question that is still open its safe answer."""
    while isinstance(question := app.screen, Ask):
        question.dismiss(question.safe)
