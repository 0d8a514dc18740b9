"""What runs now, on a terminal: a line, and the first word on what failed before."""

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.text import Text

from dojo.check import processes, scoreboard, warm
from dojo.check.runner import Event


class Progress:
    """Gone when the verdict comes; nothing at all where the output is no terminal."""

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self.total = total
        self.done = 0
        self.running: dict[str, str] = {}
        self._spinner = Spinner("dots", style="green")
        self._first: Event | None = None
        self._live: Live | None = None
        if console.is_terminal:
            self._live = Live(console=console, refresh_per_second=12.5, transient=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, event: Event) -> None:
        """Takes the event into what is shown."""
        if event.kind == "tick":
            return
        self._note(event)
        if self._live is not None and self.running:
            if not self._live.is_started:
                self._live.start()
                # Ctrl-Z would leave the shell without it.
                self.console.show_cursor(True)
            self._live.update(self._picture(), refresh=event.kind == "first")

    def _note(self, event: Event) -> None:
        name = event.kata.partition("/")[2]
        if event.kind == "started":
            self.running[name] = ""
            if processes.newly_started():
                self.console.print(warm.STARTED, style="dim")
        elif event.kind == "first":
            self._first = event
        elif event.kind == "tested":
            self.running[name] = f" {event.done}/{event.total}"
        else:
            self.done += 1
            self.running.pop(name, None)

    def _picture(self) -> RenderableType:
        if self._first is None:
            self._spinner.update(text=self._line())
            return self._spinner
        first = self._first
        track, _, name = first.kata.partition("/")
        self._spinner.update(text=f"still running{self.running.get(name, '')}  {name}")
        word = scoreboard.first_word(first.kata, first.test, first.failure, self.console.width)
        # Laid out as the report that takes its place, so that nothing one reads moves.
        running = Padding(self._spinner, (0, 0, 0, 2))
        return Group(Text(track, "bold"), running, Text(), word)

    def _line(self) -> str:
        if not any(self.running.values()) and not self.done:
            return "waiting for the first test"
        running = ", ".join(f"{name}{count}" for name, count in self.running.items())
        return f"{self.done} of {self.total} katas done; checking {running}"
