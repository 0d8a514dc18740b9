"""One question of an interview, to be answered aloud, and a follow-up if time is left for it."""

from typing import ClassVar

from rich.markdown import Markdown
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from dojo.content.document import FollowUp, Question
from dojo.sitting import interview_report
from dojo.sitting.interview_plan import minutes_of
from dojo.sitting.interview_record import Answer, Further, Interview
from dojo.sitting.screens.ask import sure
from dojo.sitting.screens.careful import Careful
from dojo.sitting.screens.code import END_HERE
from dojo.words import minutes_and_seconds

# Seconds that must be left for an interviewer to ask further.
LEAST_FOR_MORE = 20.0


class SpokenScreen(Screen[str], Careful):
    """Adds the answer to the interview; ends with "next" or "quit"."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "end the interview", key_display="esc"),
    ]

    def __init__(
        self, question: Question, further: FollowUp, place: str, interview: Interview
    ) -> None:
        """
        Args:
            question: What is asked.
            further: What is asked after it.
            place: Such as "2 of 5".
            interview: Whose clock runs.
        """
        super().__init__()
        self.question = question
        self.further = further
        self.place = place
        self.interview = interview
        self.begun = interview.clock.spent
        self.answer: Answer | None = None

    @property
    def seconds(self) -> float:
        """How long this question has taken, the follow-up included."""
        return self.interview.clock.spent - self.begun

    @property
    def left(self) -> float:
        """Seconds left in the question's own time."""
        return minutes_of(self.question) * 60 - self.seconds

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
            self.leave_with("next")

    def head(self) -> Text:
        """Which question it is, and the time left for it and for the interview."""
        question, left = self.question, self.left
        text = Text(f"{self.place} · {question.track} · {question.level}   ", "bold")
        text.append(f"interview {minutes_and_seconds(self.interview.left)} left   ", "not bold")
        if left <= 0:
            over = f"{minutes_and_seconds(-left)} over time: please finish"
            return text.append(over, "bold red")
        return text.append(f"question {minutes_and_seconds(left)} left", "not bold")

    def on_input_submitted(self) -> None:
        self.interview.clock.tick()
        if self.answer is None and self.left >= LEAST_FOR_MORE:
            self.keep()
            self.ask_further()
        else:
            self.leave_with("next")

    def ask_further(self) -> None:
        """Puts the follow-up below the question."""
        further = Static(Markdown(f"A follow-up: **{self.further.text}**"))
        self.query_one("#spoken").mount(Static(), further)
        self.query_one(Words).clear()
        self.call_after_refresh(further.scroll_visible, animate=False)

    @work
    async def action_leave(self) -> None:
        if await sure(self.app, END_HERE):
            self.leave_with("quit")

    def leave_with(self, step: str) -> None:
        """Notes what was said last, once, and ends the screen."""
        if self.is_current:
            self.keep()
            self.dismiss(step)

    def keep(self) -> None:
        """Notes the answer; the second time, that to the follow-up."""
        words = self.query_one(Words).value.strip()
        if self.answer is None:
            self.answer = Answer(self.question, words, self.seconds)
            self.interview.done.append(self.answer)
        else:
            spent = self.seconds - self.answer.seconds
            self.answer.further = Further(self.further, words, spent)
        interview_report.keep(self.interview)


class Words(Input):
    """What the learner types; the key that sends it is shown at the foot of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "go on", key_display="enter", show=True)
    ]
