"""What the newest check has found, in the words and form of `nox -s check`."""

from pathlib import Path

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from dojo import layout
from dojo.check import scoreboard
from dojo.check.runner import Event
from dojo.results import Outcome
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
        self._first: Event | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="failure")

    def show(self) -> None:
        self.query_one("#failure", Static).update(self._text())

    def show_first(self, word: Event) -> None:
        """Shows a first word, as long as the other tests run."""
        self._first = word
        # In the border: what one reads stays where it is, and this is in sight.
        self.border_title = " still running "
        self.show()

    def end_first(self) -> str | None:
        """Makes place for the verdict; returns the test whose failure one reads, or None."""
        word, self._first = self._first, None
        self.border_title = ""
        return word.test if word is not None and word.failure is not None else None

    def go_to_the_failure(self) -> None:
        self.focus()
        self.scroll_home(animate=False)

    def _text(self) -> Text:
        result = self._attempt.result
        if self._attempt.paused:
            return Text("The clock is stopped. p starts it again.", "bold")
        if self._first is not None:
            word = self._first
            return scoreboard.first_word(word.kata, word.test, word.failure, self._width())
        if result is None or result.outcome is Outcome.NOT_STARTED:
            place = Text(layout.shown(self._file), "bold")
            return Text(f"{self.INVITATION} ").append(place).append("; saving it checks it.")
        if not result.failures:
            return Text(result.outcome.value, "bold green")
        return scoreboard.failure_text(result, self._width())

    def _width(self) -> int:
        return max(NARROWEST, self.size.width - BESIDE)
