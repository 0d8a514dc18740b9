"""What is training now, and how long is left."""

import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dojo.compare.run import Run


class Display:
    """Two lines on a terminal; where there is none, nothing."""

    def __init__(self, console: Console, cost: float, children: int) -> None:
        """
        Args:
            console: Where to.
            cost: Of all runs to come, in seconds on a quiet core.
            children: How many runs are done at a time.
        """
        self.cost = cost
        self.children = children
        self.spent = self.found = 0.0
        self.started = time.monotonic()
        self.running: dict[str, Run] = {}
        self.live = Live(console=console, transient=True, auto_refresh=False)
        self.shown = console.is_terminal

    def __enter__(self) -> "Display":
        if self.shown:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self.shown:
            self.live.stop()

    def kept(self, run: Run) -> None:
        """Takes a run whose numbers are in the store."""
        self.found += run.cost

    def start(self, run: Run) -> None:
        self.running[run.key] = run

    def finish(self, run: Run) -> None:
        self.running.pop(run.key, None)
        self.spent += run.cost

    def refresh(self) -> None:
        """Draws the lines anew; cheap enough for every tick."""
        if self.shown:
            self.live.update(self._lines(), refresh=True)

    def seconds_left(self) -> float:
        """Returns a guess: by the plan at first, then by the pace so far."""
        left = max(0.0, self.cost - self.spent - self.found)
        elapsed = time.monotonic() - self.started
        # The plan's pace counts as ten seconds of experience, or the start would jump.
        pace = (elapsed + 10) / (self.spent + 10 * self.children)
        return left * pace

    def _lines(self) -> Group:
        share = min(1.0, (self.spent + self.found) / max(self.cost, 1e-9))
        grid = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=1.0, completed=share, width=40)
        grid.add_row(bar, f"{share:.0%}", f"{rough_time(self.seconds_left())} left")
        titles = " · ".join(run.title for run in self.running.values())
        return Group(grid, Text(titles, "dim", no_wrap=True, overflow="ellipsis"))


def rough_time(seconds: float) -> str:
    """Returns "40 s", or "3 min" from two minutes on."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
