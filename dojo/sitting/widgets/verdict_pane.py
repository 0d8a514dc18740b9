"""What the newest check has found, in the words and form of `nox -s check`."""

import io
from pathlib import Path

from rich.console import Console
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from dojo import layout
from dojo.check import scoreboard
from dojo.results import Outcome, Result
from dojo.sitting.attempt import Attempt

NARROWEST = 40
# The scroll bar, and a column to each side of the text.
BESIDE = 3


class VerdictPane(VerticalScroll):
    """The newest failure; before the first check, where to write the answer."""

    INVITATION = "Write your answer in"

    def __init__(self, attempt: Attempt, file: Path) -> None:
        """
        Args:
            attempt: Whose verdicts are shown.
            file: Where the answer is written.
        """
        super().__init__(id="verdict")
        self._attempt = attempt
        self._file = file

    def compose(self) -> ComposeResult:
        yield Static(id="failure")

    def show(self) -> None:
        self.query_one("#failure", Static).update(self._text())

    def go_to_the_failure(self) -> None:
        self.focus()
        self.scroll_home(animate=False)

    def _text(self) -> Text:
        result = self._attempt.result
        if self._attempt.paused:
            return Text("The clock is stopped. p starts it again.", "bold")
        if result is None or result.outcome is Outcome.NOT_STARTED:
            place = Text(layout.shown(self._file), "bold")
            return Text(f"{self.INVITATION} ").append(place).append("; saving it checks it.")
        if not result.failures:
            return Text(result.outcome.value, "bold green")
        return _failure(result, max(NARROWEST, self.size.width - BESIDE))


def _failure(result: Result, width: int) -> Text:
    screen = io.StringIO()
    console = Console(
        file=screen, width=width, force_terminal=True, color_system="standard", highlight=False
    )
    scoreboard.failure(console, result)
    return Text.from_ansi(screen.getvalue())
