"""How a follow-up went: its answer, and the learner's own judgement."""

from typing import ClassVar

from rich.console import Group
from rich.markdown import Markdown
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from dojo.sitting.interview_record import Further
from dojo.sitting.screens.careful import Careful


class FollowUpScreen(Screen[int | None], Careful):
    """Ends with one of `follow_ups.ANSWERED`, or None to skip the rest."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "judge(2)", "answered"),
        Binding("p", "judge(1)", "partly"),
        Binding("n", "judge(0)", "no"),
        Binding("q", "leave", "skip the rest"),
    ]

    def __init__(self, further: Further) -> None:
        super().__init__()
        self.further = further

    def compose(self) -> ComposeResult:
        yield Static(Text("The follow-up: did you answer it?", "bold"), classes="bar")
        noted = f"You noted: {self.further.words}\n\n" if self.further.words else ""
        asked = self.further.asked
        with VerticalScroll(id="points"):
            head = Markdown(f"**{asked.text}**")
            yield Static(Group(head, Text(), Markdown(f"{noted}{asked.answer}")))
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#points").focus()

    def action_judge(self, answered: int) -> None:
        self.dismiss(answered)

    def action_leave(self) -> None:
        self.dismiss(None)
