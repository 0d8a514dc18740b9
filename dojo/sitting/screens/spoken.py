"""One question of an interview, to be answered aloud."""

from typing import ClassVar

from rich.markdown import Markdown
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from dojo.content.document import Question
from dojo.sitting.interview_plan import minutes_of
from dojo.sitting.interview_record import Answer, Interview
from dojo.sitting.screens.ask import sure
from dojo.sitting.screens.careful import Careful
from dojo.sitting.screens.code import END_HERE
from dojo.words import minutes_and_seconds


class SpokenScreen(Screen[str], Careful):
    """Adds the answer to the interview; ends with "next" or "quit"."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "end the interview", key_display="esc"),
    ]

    def __init__(self, question: Question, place: str, interview: Interview) -> None:
        """
        Args:
            question: What is asked.
            place: Such as "2 of 5".
            interview: Whose clock runs.
        """
        super().__init__()
        self.question = question
        self.place = place
        self.interview = interview
        self.begun = interview.clock.spent

    @property
    def seconds(self) -> float:
        """How long this question has taken."""
        return self.interview.clock.spent - self.begun

    def compose(self) -> ComposeResult:
        yield Static(id="head", classes="bar")
        with VerticalScroll(id="spoken"):
            yield Static(Markdown(f"**{self.question.text}**"))
            aloud = "Say your answer aloud. Key words that you type below are kept."
            yield Static(Text(f"\n{aloud}", "dim"))
        yield Words(placeholder="key words", id="words")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(Words).focus()
        self.set_interval(0.25, self.tick)
        self.tick()

    def tick(self) -> None:
        self.interview.clock.tick()
        self.query_one("#head", Static).update(self.head())
        if self.interview.left <= 0:
            self.keep("next")

    def head(self) -> Text:
        """Which question it is, and the time left for it and for the interview."""
        question, left = self.question, minutes_of(self.question) * 60 - self.seconds
        text = Text(f"{self.place} · {question.track} · {question.level}   ", "bold")
        text.append(f"interview {minutes_and_seconds(self.interview.left)} left   ", "not bold")
        if left <= 0:
            over = f"{minutes_and_seconds(-left)} over time: please finish"
            return text.append(over, "bold red")
        return text.append(f"question {minutes_and_seconds(left)} left", "not bold")

    def on_input_submitted(self) -> None:
        self.keep("next")

    @work
    async def action_leave(self) -> None:
        if await sure(self.app, END_HERE):
            self.keep("quit")

    def keep(self, step: str) -> None:
        """Notes the answer, once, and ends the screen."""
        if self.is_current:
            words = self.query_one(Words).value.strip()
            self.interview.done.append(Answer(self.question, words, self.seconds))
            self.dismiss(step)


class Words(Input):
    """What the learner types; the key that sends it is shown at the foot of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "next part", key_display="enter", show=True)
    ]
