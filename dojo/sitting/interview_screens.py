"""The screens of a mock interview: spoken questions, katas under one clock, the debrief."""

import random
from typing import ClassVar

from rich.console import Group
from rich.markdown import Markdown
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Key
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from dojo import layout
from dojo.content.document import Kata, Question
from dojo.record import attempts
from dojo.record.archive import ArchiveError
from dojo.record.attempts import Refused
from dojo.record.database import DatabaseError
from dojo.record.deck import question_card, utc_now
from dojo.sitting import debrief, flow, interview, practice
from dojo.sitting.interview import Answer, Interview, InterviewOptions, Part, Trial
from dojo.sitting.practice import Attempt
from dojo.sitting.rehearse import propose
from dojo.sitting.screens import Ask, AttemptScreen, Careful, Desk, DojoApp
from dojo.words import minutes_and_seconds


def hold(options: InterviewOptions) -> int:
    """Runs one mock interview and returns the exit status.

    Raises:
        TooShort: If no kata fits.
    """
    with flow.desk(options.tree, "interview", options.minutes, options.limit) as desk:
        found = practice.choices(desk.document, desk.book, desk.tree)
        cards = [question_card(question.id) for question in desk.document.questions]
        due, _ = desk.book.deck.in_order(cards, utc_now())
        parts = interview.plan(
            desk.document,
            options,
            {choice.kata.path for choice in found if choice.solved},
            [card.removeprefix("question:") for card in due],
            random.Random(interview.seed()),
        )
        return flow.finish(InterviewApp(desk, Interview(options, parts)))


class InterviewApp(DojoApp):
    """Part after part under one clock, then what the answers were worth, then the debrief."""

    def __init__(self, desk: Desk, interview: Interview) -> None:
        super().__init__(desk)
        self.interview = interview

    @work
    async def flow(self) -> None:
        if await self.push_screen_wait(Opening(self.interview)) == "start":
            self.interview.clock.resume()
            await self.parts()
            self.interview.clock.pause()
            self.interview.save()
            await self.assess()
            self.interview.save()
            await self.push_screen_wait(Closing(self.interview))
            self.parting.append(f"The debrief is kept: {layout.shown(self.interview.path())}")
        self.exit()

    async def parts(self) -> None:
        """Puts one part after the other, until they or the time run out."""
        for number, part in enumerate(self.interview.parts, 1):
            if self.interview.left <= 0:
                return
            place = f"{number} of {len(self.interview.parts)}"
            step = await (self.code(part) if isinstance(part, Kata) else self.speak(part, place))
            self.interview.save()
            if step == "quit":
                return

    async def speak(self, question: Question, place: str) -> str:
        return await self.push_screen_wait(SpokenScreen(question, place, self.interview))

    async def code(self, kata: Kata) -> str:
        minutes = min(kata.minutes, self.interview.left / 60)
        try:
            self.attempt = practice.begin(kata, minutes, self.desk.book, self.desk.tree)
        except (Refused, ArchiveError) as error:
            self.notify(str(error), severity="error", timeout=15)
            return "next"
        screen = CodeScreen(self.attempt, self.desk, self.interview)
        step = await self.push_screen_wait(screen)
        own = debrief.own_answer(kata.path, self.desk.tree)
        self.interview.done.append(Trial(self.attempt.entry, self.attempt.due, own))
        return step

    async def assess(self) -> None:
        """Lets the learner tick the points that were said; nothing is timed any more."""
        for answer in self.interview.answers:
            ticked = await self.push_screen_wait(AssessScreen(answer))
            if ticked is None:
                return
            answer.ticked = ticked
            answer.rating = propose(len(ticked), len(answer.question.points))
            card = question_card(answer.question.id)
            book = self.desk.book
            try:
                answer.due = book.deck.rate(
                    card, answer.rating, seconds=answer.seconds, session=book.sitting()
                )
            except DatabaseError as error:
                self.interview.trouble = f"not recorded: {error}"
            self.interview.save()


class Opening(Screen[str], Careful):
    """What is to come; the clock starts with a key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", "start the clock", key_display="enter"),
        Binding("q", "leave", "quit"),
    ]

    def __init__(self, interview: Interview) -> None:
        super().__init__()
        self.interview = interview
        interview.clock.pause()

    def compose(self) -> ComposeResult:
        options, parts = self.interview.options, self.interview.parts
        katas = sum(isinstance(part, Kata) for part in parts)
        text = Text("Mock interview", "bold")
        text.append(f"   {options.minutes:g} minutes\n\n", "not bold")
        for number, part in enumerate(parts, 1):
            text.append(f"  {number}. {_announced(part)}\n")
        text.append(f"\n{katas} of these in your editor, the others aloud: speak as to a person.\n")
        text.append("One clock runs over all of it and does not pause. Key points, model answers\n")
        text.append("and the debrief come at the end, and are kept.")
        yield Static(text, classes="box")
        yield Footer()

    def action_start(self) -> None:
        self.dismiss("start")

    def action_leave(self) -> None:
        self.dismiss("quit")


def _announced(part: Part) -> str:
    minutes = f"{interview.minutes_of(part):g} min"
    if isinstance(part, Kata):
        return f"a kata of {part.track}, {part.level}, {minutes}"
    return f"a spoken question on {part.track}, {part.level}, {minutes}"


class CodeScreen(AttemptScreen):
    """A kata within an interview: the sitting's clock rules, and nothing pauses it."""

    end_is = "move on"
    over_is = "go on; it takes from the other parts"
    surrender = "Give up this kata? Its answer comes in the debrief."
    away = "Move on to the next part? Your file stays as it is."
    out = "End the interview here? The debrief follows."

    def __init__(self, attempt: Attempt, desk: Desk, interview: Interview) -> None:
        super().__init__(attempt, desk)
        self.interview = interview

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "pause"

    def tick(self) -> None:
        super().tick()
        if self.interview.left <= 0 and self.attempt.running:
            self.finish(attempts.TIME_UP)

    def countdown(self) -> Text:
        total = f"interview {minutes_and_seconds(self.interview.left)} · kata "
        return Text(total, "not bold").append_text(super().countdown())


class Words(Input):
    """What the learner types; the key that sends it is shown at the foot of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "next part", key_display="enter", show=True)
    ]


class SpokenScreen(Screen[str], Careful):
    """One question to answer aloud; ends with "next" or "quit"."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "end the interview", key_display="esc"),
    ]

    def __init__(self, question: Question, place: str, interview: Interview) -> None:
        super().__init__()
        self.question = question
        self.place = place
        self.interview = interview
        self.begun = interview.clock.spent

    def compose(self) -> ComposeResult:
        yield Static(id="head", classes="bar")
        with VerticalScroll(id="spoken"):
            yield Static(Markdown(f"**{self.question.text}**"))
            yield Static(
                Text("\nSay your answer aloud. Notes are kept, if you like to type.", "dim")
            )
        yield Words(placeholder="key words", id="words")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(Words).focus()
        self.set_interval(0.25, self.tick)
        self.tick()

    def tick(self) -> None:
        left = self.interview.left
        mine = interview.minutes_of(self.question) * 60 - (self.interview.clock.spent - self.begun)
        text = Text(f"{self.place} · {self.question.track} · {self.question.level}   ", "bold")
        text.append(f"interview {minutes_and_seconds(left)} left   ", "not bold")
        over = f"{minutes_and_seconds(-mine)} over: come to an end"
        style = "bold red" if mine <= 0 else "not bold"
        text.append(over if mine <= 0 else f"question {minutes_and_seconds(mine)} left", style)
        self.query_one("#head", Static).update(text)
        if left <= 0:
            self.keep("next")

    def on_input_submitted(self) -> None:
        self.keep("next")

    @work
    async def action_leave(self) -> None:
        choices = {"y": "yes", "n": "no"}
        if await self.app.push_screen_wait(Ask(Text(CodeScreen.out, "bold"), choices)) == "y":
            self.keep("quit")

    def keep(self, step: str) -> None:
        """Notes the answer, once, and ends the screen."""
        if not self.is_current:
            return
        words = self.query_one(Words).value.strip()
        seconds = self.interview.clock.spent - self.begun
        self.interview.done.append(Answer(self.question, words, seconds))
        self.dismiss(step)


class AssessScreen(Screen[list[int] | None], Careful):
    """The key points of one answer, to be ticked; ends with their numbers."""

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
        yield Static(Text("What was it worth? Tick the points you said.", "bold"), classes="bar")
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


class Closing(Screen[None], Careful):
    """The debrief of the whole interview, as it is kept."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "leave", "quit")]

    def __init__(self, interview: Interview) -> None:
        super().__init__()
        self.interview = interview

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="debrief"):
            yield Static(Markdown(self.interview.report()))
        kept = self.interview.trouble or f"Kept: {layout.shown(self.interview.path())}"
        yield Static(Text(kept, "bold red" if self.interview.trouble else "dim"), id="trouble")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#debrief").focus()

    def action_leave(self) -> None:
        self.dismiss(None)
