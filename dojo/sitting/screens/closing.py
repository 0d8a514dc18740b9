"""The debrief of a whole interview, as it is kept."""

from typing import ClassVar

from rich.markdown import Markdown
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from dojo import layout
from dojo.sitting import interview_report
from dojo.sitting.interview_record import Interview
from dojo.sitting.screens.careful import Careful


class ClosingScreen(Screen[None], Careful):
    """Ends when it is left."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "leave", "quit")]

    def __init__(self, interview: Interview) -> None:
        super().__init__()
        self.interview = interview

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="debrief"):
            yield Static(Markdown(interview_report.report(self.interview)))
        yield Static(self._where(), id="trouble")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#debrief").focus()

    def action_leave(self) -> None:
        self.dismiss(None)

    def _where(self) -> Text:
        if self.interview.trouble:
            return Text(self.interview.trouble, "bold red")
        return Text(f"Kept: {layout.shown(interview_report.file_of(self.interview))}", "dim")
