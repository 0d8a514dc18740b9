"""What one spoken answer was worth: its key points, to be ticked."""

from typing import ClassVar

from rich.console import Group
from rich.markdown import Markdown
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Key
from textual.screen import Screen
from textual.widgets import Footer, Static

from dojo.sitting.interview_record import Answer
from dojo.sitting.screens.careful import Careful


class AssessScreen(Screen[list[int] | None], Careful):
    """Ends with the numbers of the points, from 1, or None to skip the rest."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "none", "…9 tick what you said", key_display="1"),
        Binding("a", "all", "all"),
        Binding("enter", "done", "done", key_display="enter"),
        Binding("q", "leave", "skip the rest"),
    ]

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer
        self.ticked: set[int] = set()

    def compose(self) -> ComposeResult:
        yield Static(Text("How good was it? Tick the points that you made.", "bold"), classes="bar")
        with VerticalScroll(id="points"):
            yield Static(id="text")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#points").focus()
        self.show()

    def show(self) -> None:
        question = self.answer.question
        points = "\n".join(
            f"{i}. {'☑' if i in self.ticked else '☐'} {point}"
            for i, point in enumerate(question.points, 1)
        )
        noted = f"\n\nYou noted: {self.answer.words}" if self.answer.words else ""
        head = Markdown(f"**{question.text}**{noted}")
        self.query_one("#text", Static).update(Group(head, Text(), Markdown(points)))

    def on_key(self, event: Key) -> None:
        number = int(event.key) if event.key.isdecimal() else 0
        if 1 <= number <= len(self.answer.question.points):
            self.ticked ^= {number}
            self.show()

    def action_all(self) -> None:
        self.ticked = set(range(1, len(self.answer.question.points) + 1))
        self.show()

    def action_done(self) -> None:
        self.dismiss(sorted(self.ticked))

    def action_leave(self) -> None:
        self.dismiss(None)
