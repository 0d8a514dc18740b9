"""What is training now, and how long is left."""

import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dojo.compare.jobs import Job


class Board:
    """Two lines on a terminal; where there is none, nothing."""

    def __init__(self, console: Console, cost: float, workers: int) -> None:
        """
        Args:
            console: Where to.
            cost: Of all jobs to come, in seconds on a quiet core.
            workers: How many jobs run at a time.
        """
        self.cost = cost
        self.workers = workers
        self.spent = self.found = 0.0
        self.started = time.monotonic()
        self.running: dict[str, Job] = {}
        self.live = Live(console=console, transient=True, auto_refresh=False)
        self.shown = console.is_terminal

    def __enter__(self) -> "Board":
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

    def kept(self, job: Job) -> None:
        """Takes a job that an earlier run has done."""
        self.found += job.cost

    def start(self, job: Job) -> None:
        self.running[job.key] = job

    def finish(self, job: Job) -> None:
        self.running.pop(job.key, None)
        self.spent += job.cost

    def refresh(self) -> None:
        """Draws the lines anew; cheap enough for every tick."""
        if self.shown:
            self.live.update(self._lines(), refresh=True)

    def seconds_left(self) -> float:
        """Returns a guess: by the plan at first, then by the pace so far."""
        left = max(0.0, self.cost - self.spent - self.found)
        elapsed = time.monotonic() - self.started
        # The plan's pace counts as ten seconds of experience, or the start would jump.
        pace = (elapsed + 10) / (self.spent + 10 * self.workers)
        return left * pace

    def _lines(self) -> Group:
        share = min(1.0, (self.spent + self.found) / max(self.cost, 1e-9))
        grid = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=1.0, completed=share, width=40)
        grid.add_row(bar, f"{share:.0%}", f"{in_words(self.seconds_left())} left")
        titles = " · ".join(job.title for job in self.running.values())
        return Group(grid, Text(titles, "dim", no_wrap=True, overflow="ellipsis"))


def in_words(seconds: float) -> str:
    """Returns "40 s", or "3 min" from two minutes on."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
