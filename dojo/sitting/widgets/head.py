"""The two rows above an attempt: the kata and its countdown; lights, checks and hints."""

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from dojo.check.runner import Event
from dojo.content.asked import asked
from dojo.sitting import debrief
from dojo.sitting.attempt import Attempt
from dojo.sitting.clause_lights import lights
from dojo.sitting.widgets.check_progress import CheckProgress
from dojo.words import minutes_and_seconds

# Shares of the time box at which the countdown turns yellow, then red.
SOON, LAST = 0.25, 0.1


class AttemptHead(Vertical):
    """What changes with the clock. `show` draws it."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__()
        self._attempt = attempt
        self._clauses = list(asked(attempt.kata.path).clauses)
        self._progress = CheckProgress()

    def compose(self) -> ComposeResult:
        yield Static(id="head", classes="bar")
        yield Static(id="lights")

    def hear(self, event: Event) -> None:
        """Notes what the checker does. It is drawn with the clock: the cores are for the tests."""
        self._progress.hear(event)

    def show(self, time: Text) -> None:
        """Draws both rows.

        Args:
            time: The countdown.
        """
        kata, entry, result = self._attempt.kata, self._attempt.entry, self._attempt.result
        place = Text(kata.path, "bold").append(f" · {kata.level}", "not bold")
        self.query_one("#head", Static).update(_row(place, time), layout=False)
        found = lights(self._clauses, self._attempt.verdicts)
        found.append(f" {self._progress.words(result)}")
        counts = Text(debrief.effort(entry), "dim")
        self.query_one("#lights", Static).update(_row(found, counts), layout=False)


def countdown(attempt: Attempt) -> Text:
    """Returns the time left, or over; yellow and red near the end."""
    left, box = attempt.left, attempt.entry.box
    if left <= 0:
        return Text(f" time is up, +{minutes_and_seconds(-left)} ", "bold white on red")
    style = "bold"
    if left <= LAST * box:
        style = "bold red"
    elif left <= SOON * box:
        style = "bold yellow"
    label = "paused, " if attempt.clock.paused else ""
    return Text(f"{label}{minutes_and_seconds(left)} of {minutes_and_seconds(box)} left ", style)


def _row(left: Text, right: Text) -> Table:
    grid = Table.grid(expand=True)
    grid.add_column(ratio=1)
    grid.add_column(justify="right")
    grid.add_row(left, right)
    return grid
