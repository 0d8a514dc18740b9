"""The two rows above an attempt: the kata and its countdown; lights, checks and hints."""

from collections.abc import Sequence

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
# A column to each side of a row.
BESIDE = 2


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

    def show(self, time: Text, brief: Text) -> None:
        """Draws both rows; in a narrow terminal, what matters of them.

        Args:
            time: The countdown.
            brief: The same in fewer words.
        """
        kata, entry, result = self._attempt.kata, self._attempt.entry, self._attempt.result
        names = [Text(name, "bold") for name in (kata.path, kata.path, kata.name)]
        names[0].append(f" · {kata.level}", "not bold")
        rows = [*((name, time) for name in names), (names[-1], brief)]
        self.query_one("#head", Static).update(self._fitting(rows), layout=False)
        found = lights(self._clauses, self._attempt.verdicts)
        found.append(f" {self._progress.words(result)}")
        counts = Text(debrief.effort(entry), "dim")
        self.query_one("#lights", Static).update(
            self._fitting([(found, counts), (found, Text())]), layout=False
        )

    def _fitting(self, rows: Sequence[tuple[Text, Text]]) -> Table:
        """The first row that fits, or the last: what stands left, and what right."""
        width = self.size.width - BESIDE
        fitting = [row for row in rows if row[0].cell_len + row[1].cell_len < width]
        left, right = [*fitting, rows[-1]][0]
        grid = Table.grid(expand=True)
        grid.add_column(ratio=1, no_wrap=True)
        grid.add_column(justify="right", no_wrap=True)
        grid.add_row(left, right)
        return grid


def countdown(attempt: Attempt, brief: bool = False) -> Text:
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
    of = "" if brief else f" of {minutes_and_seconds(box)}"
    return Text(f"{label}{minutes_and_seconds(left)}{of} left ", style)
