"""How an attempt went: the figures, the model answer beside the learner's, what is asked next."""

from typing import ClassVar

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import Footer, Static

from dojo.content import model_answer
from dojo.sitting import debrief
from dojo.sitting.attempt import Attempt
from dojo.sitting.desk import Desk
from dojo.sitting.difference import difference
from dojo.sitting.prose import prose
from dojo.sitting.screens.careful import Careful
from dojo.sitting.widgets.trouble_line import TroubleLine


class DebriefScreen(Screen[str], Careful):
    """Ends with "next" or "quit"."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "points", "key points", tooltip="key points, then the next question"),
        Binding("n", "next", "next", tooltip="take another kata"),
        Binding("q", "leave", "quit"),
    ]

    def __init__(self, attempt: Attempt, desk: Desk) -> None:
        super().__init__()
        self.attempt = attempt
        self.asked = debrief.follow_ups(desk.document, attempt.kata.path)
        self.own = debrief.own_answer(attempt.kata.path, desk.tree)
        self.revealed = 0

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="debrief"):
            saved = self.attempt.book.saves(self.attempt.entry)
            summary = debrief.summary(self.attempt.entry, self.attempt.due, saved)
            yield Static(summary, classes="box")
            yield Static(id="difference")
            yield Static(Text("\nWhy it is so", "bold"))
            yield Static(prose(model_answer.explanation(self.attempt.kata.path)))
            yield Static(Text("\nAsked next", "bold"))
        yield TroubleLine()
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(TroubleLine).show(self.attempt.trouble)
        self.query_one("#debrief").focus()
        self.show_question()

    def on_resize(self, event: Resize) -> None:
        model = model_answer.source(self.attempt.kata.path)
        code = difference(self.own, model, event.size.width - 4)
        title = Text("\nYour answer beside the model answer\n", "bold")
        self.query_one("#difference", Static).update(Group(title, code))

    def show_question(self) -> None:
        """Puts the next question below what is there."""
        if self.revealed >= len(self.asked):
            text: RenderableType = Text("\nThere are no more questions on this kata.", "dim")
        else:
            hidden = Text("\nSay your answer; k shows the key points.", "dim")
            text = Group(Text(), Markdown(f"**{self.asked[self.revealed].text}**"), hidden)
        self.query_one("#debrief").mount(Static(text))

    def action_points(self) -> None:
        """Shows the key points of the question one is at, and the next question below."""
        if self.revealed >= len(self.asked):
            return
        asked, shown = self.asked[self.revealed], self.query("#debrief Static").last(Static)
        answer = Markdown(asked.answer)
        shown.update(Group(Text(), Markdown(f"**{asked.text}**"), Text(), answer))
        self.revealed += 1
        self.show_question()
        self.call_after_refresh(shown.scroll_visible, top=True, animate=False)

    def action_next(self) -> None:
        self.dismiss("next")

    def action_leave(self) -> None:
        self.dismiss("quit")
