"""The screens of practice and interview: choose, attempt, debrief, and what they ask.

Each screen is one `push_screen_wait` in the flow of its application, and ends with what the
learner wants next. All of it fits into 80 by 24, and says without colour what colour says.
"""

import asyncio
import dataclasses
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.events import Key, Resize
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from dojo import layout
from dojo.check.background import Examiner
from dojo.check.runner import Event
from dojo.content import model_answer
from dojo.content.asked import asked
from dojo.content.document import Document, Kata
from dojo.record import attempts
from dojo.record.archive import ArchiveError, reset
from dojo.results import Outcome, Result
from dojo.sitting import debrief, editor, paper, practice
from dojo.sitting.practice import Attempt, Book, Choice
from dojo.words import minutes_and_seconds

# Shares of the time box at which the countdown turns yellow, then red.
SOON, LAST = 0.25, 0.1
# Seconds for an orderly end once the terminal is lost.
GRACE = 2.0


@dataclasses.dataclass(frozen=True)
class Desk:
    """What every screen of one sitting works with."""

    document: Document
    book: Book
    examiner: Examiner
    tree: Path


class DojoApp(App[None]):
    """What practice and interview share: the desk, the editor, and a careful way out."""

    CSS_PATH = "screens.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "leave", show=False, priority=True),
        Binding("question_mark", "keys", "keys", key_display="?"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.attempt: Attempt | None = None
        self.parting: list[str] = []

    def on_mount(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.break_off)
        self.flow()

    def break_off(self) -> None:
        """The connection is lost, or somebody kills it: the attempt can go on later."""
        self.attempt = None
        # What Textual still writes to a terminal that is gone may block it for good.
        last = threading.Timer(GRACE, os._exit, [1])
        last.daemon = True
        last.start()
        self.exit()

    async def sit(self, kata: Kata, minutes: float) -> str:
        """Runs one attempt to its end, and returns how its screen ended, or "quit".

        Raises:
            Refused, ArchiveError: If it cannot begin.
        """
        self.attempt = await self.begin(kata, minutes)
        if self.attempt is None:
            return "quit"
        step = await self.push_screen_wait(AttemptScreen(self.attempt, self.desk))
        self.parting.append(f"{kata.path}: {debrief.headline(self.attempt.entry)}")
        return step

    async def begin(self, kata: Kata, minutes: float) -> Attempt | None:
        """Goes on with an attempt that broke off, if the learner wants, or starts anew.

        None leaves that attempt as it is.
        """
        entry = practice.resumable(kata, self.desk.book, self.desk.tree)
        if entry is not None:
            text = (
                f"An attempt at {kata.path} broke off after {minutes_and_seconds(entry.seconds)}."
            )
            choices = {"c": "continue it", "n": "start anew; your text is kept", "q": "quit"}
            key = await self.push_screen_wait(Ask(Text(text, "bold"), choices))
            if key == "q":
                return None
            if key == "c":
                return practice.resume(kata, entry, self.desk.book)
        return practice.begin(kata, minutes, self.desk.book, self.desk.tree)

    @work
    async def flow(self) -> None:
        """The sitting, from its first screen to its last."""
        raise NotImplementedError

    def action_leave(self) -> None:
        """Ctrl-C: what q does on this screen; in a question, at once."""
        if isinstance(self.screen, Careful):
            self.screen.action_leave()
        else:
            self.exit()

    def action_keys(self) -> None:
        """Lists the keys of the present screen."""
        if isinstance(self.screen, ModalScreen):
            return
        rows = [
            (active.binding.key_display or self.get_key_display(active.binding), active)
            for active in self.screen.active_bindings.values()
            if active.binding.show
        ]
        table = Table.grid(padding=(0, 2))
        for key, active in rows:
            table.add_row(Text(key, "bold"), active.binding.tooltip or active.binding.description)
        table.add_row(Text("tab", "bold"), "the other pane; the arrows scroll it")
        table.add_row(Text("ctrl+c", "bold"), "leave; twice to leave at once")
        self.push_screen(Ask(Group(Text("Keys\n", "bold"), table), {"any key": "back"}))

    @work
    async def edit(self, file: Path) -> None:
        """Opens the file in the learner's editor; a terminal editor gets the terminal.

        The application's own work: the screen that asked may end while the editor is open.
        """
        try:
            words = editor.command(file)
            if not editor.takes_the_terminal(words):
                editor.launch(words)
                self.notify(f"{words[0]} opens {layout.shown(file)}")
                return
            # Clock and checks go on meanwhile; only drawing has to wait.
            with self.suspend(), self.batch_update():
                await asyncio.to_thread(editor.run, words)
        except editor.EditorError as error:
            self.notify(str(error), severity="warning", timeout=8)


class Careful:
    """A screen that asks, or puts things in order, before it is left."""

    def action_leave(self) -> object:
        raise NotImplementedError


class Ask(ModalScreen[str]):
    """A question with a few keys to answer it; escape is the last of them.

    With one choice, nothing is asked and any key will do.
    """

    def __init__(self, text: RenderableType, choices: Mapping[str, str]) -> None:
        """
        Args:
            text: What is asked.
            choices: Key to what it does; the screen ends with the key.
        """
        super().__init__()
        self._text = text
        self._choices = choices
        self.safe = list(choices)[-1]

    def compose(self) -> ComposeResult:
        choices = Text("\n")
        for key, meaning in self._choices.items():
            choices.append(f" {key} ", "reverse bold").append(f" {meaning}   ")
        with Vertical(id="ask"):
            yield Static(Group(self._text, choices))

    def on_key(self, event: Key) -> None:
        event.stop()
        names = [event.key, event.character or ""]
        chosen = next((name for name in names if name in self._choices), None)
        if event.key == "escape" or len(self._choices) == 1:
            chosen = self.safe
        if chosen is not None and self.is_current:
            self.dismiss(chosen)


class Katas(OptionList):
    """The list itself; its keys are shown at the foot of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "cursor_down", "choose", key_display="↑↓", show=True),
        Binding("enter", "select", "start", key_display="enter", show=True),
    ]


class ChooseScreen(Screen[Kata | None], Careful):
    """The list of katas; ends with one, or None to quit."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "leave", "quit")]

    def __init__(self, choices: Sequence[Choice], proposal: tuple[Choice, str] | None) -> None:
        super().__init__()
        self._choices = choices
        self._proposal = proposal

    def compose(self) -> ComposeResult:
        yield Static(self._advice(), classes="bar")
        yield Static(Text(row("kata", "level", "box", "best", "last result", "review"), "dim"))
        yield Katas(*self._options(), id="katas")
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(Katas)
        if self._proposal is not None:
            table.highlighted = table.get_option_index(self._proposal[0].kata.path)
        table.focus()

    def _advice(self) -> Text:
        text = Text("Practice against the clock", "bold")
        if self._proposal is not None:
            choice, why = self._proposal
            text.append(f"   next: {choice.kata.path}, {why}", "not bold")
        return text

    def _options(self) -> list[Option]:
        options, track = [], ""
        for choice in self._choices:
            if choice.kata.track != track:
                track = choice.kata.track
                options.append(Option(Text(track, "bold"), disabled=True))
            options.append(Option(line(choice), id=choice.kata.path))
        return options

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        by_path = {choice.kata.path: choice.kata for choice in self._choices}
        self.dismiss(by_path[event.option_id or ""])

    def action_leave(self) -> None:
        self.dismiss(None)


def line(choice: Choice) -> Text:
    """Returns a kata as one line of the list."""
    kata = choice.kata
    best = "" if choice.best is None else minutes_and_seconds(choice.best)
    mark = "✓ " if choice.solved else "  "
    text = Text(row(mark + kata.name, kata.level, f"{kata.minutes} min", best, choice.last, ""))
    style = "bold yellow" if choice.due == "due" else "dim"
    return text.append(choice.due, style)


def row(name: str, level: str, box: str, best: str, last: str, due: str) -> str:
    return f"  {name:<26}{level:<8}{box:>6}{best:>8}  {last:<13}{due}"


class AttemptScreen(Screen[str], Careful):
    """One kata against the clock; ends with "debrief", "next" or "quit"."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "check", "check", tooltip="check now; saving the file does it, too"),
        Binding("h", "hint", "hint", tooltip="one more hint, of three; they are counted"),
        Binding("e", "edit", "edit", tooltip="open the file in $VISUAL or $EDITOR"),
        Binding("p", "pause", "pause", tooltip="stop the clock, and go on"),
        Binding("r", "reset", "reset", tooltip="the empty stub again; your text is kept"),
        Binding("g", "give_up", "give up", tooltip="end it, and show the answer"),
        Binding("n", "next", "next", tooltip="leave this kata and go on"),
        Binding("q", "leave", "quit", tooltip="leave; your file stays as it is"),
    ]

    # What leaving the screen means here.
    end_is = "debrief"
    over_is = "go on over time"
    surrender = "Give up, and see the model answer?"
    away = "Leave this kata for another? Your file stays as it is."
    out = "Quit? Your file stays as it is, and the attempt is recorded."

    class Heard(Message):
        """An event of the checker, brought from its thread."""

        def __init__(self, event: Event) -> None:
            super().__init__()
            self.event = event

    def __init__(self, attempt: Attempt, desk: Desk) -> None:
        super().__init__()
        self.attempt = attempt
        self.desk = desk
        self.checking: Event | None = None
        self.since = 0.0
        self.warned = False
        self.told = ""
        self.clauses = list(asked(attempt.kata.path).clauses)
        self.file = layout.source_file(attempt.kata.path, desk.tree)

    def compose(self) -> ComposeResult:
        yield Static(id="head", classes="bar")
        yield Static(id="lights")
        with Vertical(id="panes"):
            with VerticalScroll(id="question"):
                yield Static(id="text")
            with VerticalScroll(id="verdict"):
                yield Static(id="failure")
        yield Static(id="trouble")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#question").focus()
        self.set_interval(0.25, self.tick)
        self.desk.examiner.attend(
            self.attempt.kata.path, lambda event: self.post_message(self.Heard(event))
        )
        self.desk.examiner.check()
        self.show_question()
        self.show_verdict()
        self.show_head()

    def on_unmount(self) -> None:
        self.desk.examiner.rest()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= paper.SIDE_BY_SIDE, "wide")
        self.call_after_refresh(self.show_verdict)

    # The clock

    def tick(self) -> None:
        jump = self.attempt.tick()
        if jump:
            self.notify(
                f"The clock jumped by {minutes_and_seconds(abs(jump))}; that is not counted."
            )
        if self.attempt.left <= 0 and not self.warned and self.attempt.running:
            self.warned = True
            self.time_up()
        self.show_head()

    @work
    async def time_up(self) -> None:
        """Says so; who goes on may still solve it, over time."""
        self.app.bell()
        text = Text("Time is up.", "bold").append(
            " You may go on over time, until you solve it or give up.", "not bold"
        )
        choices = {"d": self.end_is, "o": self.over_is}
        if await self.app.push_screen_wait(Ask(text, choices)) == "d":
            self.finish(attempts.TIME_UP)

    def show_head(self) -> None:
        kata, entry = self.attempt.kata, self.attempt.entry
        grid = Table.grid(expand=True)
        grid.add_column(ratio=1)
        grid.add_column(justify="right")
        place = Text(kata.path, "bold").append(f" · {kata.level}", "not bold")
        grid.add_row(place, self.countdown())
        self.query_one("#head", Static).update(grid, layout=False)
        state = Table.grid(expand=True)
        state.add_column(ratio=1)
        state.add_column(justify="right")
        verdicts = self.attempt.result.clauses if self.attempt.result else {}
        counts = f"{debrief.effort(entry)}"
        left = paper.lights(self.clauses, verdicts).append(f" {self.progress()}")
        state.add_row(left, Text(counts, "dim"))
        self.query_one("#lights", Static).update(state, layout=False)
        self.show_trouble()

    def show_trouble(self) -> None:
        trouble, text = self.query_one("#trouble", Static), self.attempt.trouble
        trouble.display = bool(text)
        if text != self.told:
            self.told = text
            trouble.update(Text(text, "bold red"))

    def countdown(self) -> Text:
        """The time left, or over; red and yellow near the end."""
        left, box = self.attempt.left, self.attempt.entry.box
        if left <= 0:
            return Text(f" time is up, +{minutes_and_seconds(-left)} ", "bold white on red")
        style = "bold"
        if left <= LAST * box:
            style = "bold red"
        elif left <= SOON * box:
            style = "bold yellow"
        of = f" of {minutes_and_seconds(box)} left"
        label = "paused, " if self.attempt.clock.paused else ""
        return Text(f"{label}{minutes_and_seconds(left)}{of} ", style)

    # The checker

    def progress(self) -> str:
        """What the checker does now, or found."""
        if self.checking is None:
            result = self.attempt.result
            return "" if result is None else result.outcome.value
        seconds = self.desk_time() - self.since
        waited = f" {seconds:.0f} s" if seconds >= 2 else ""
        if self.checking.kind == "requested":
            # The first check waits for the warm process to be warm.
            return f"importing TensorFlow{waited}" if waited else "checking"
        done = f" {self.checking.done}/{self.checking.total}" if self.checking.total else ""
        return f"checking{done}{waited}"

    def desk_time(self) -> float:
        return asyncio.get_running_loop().time()

    def on_attempt_screen_heard(self, message: Heard) -> None:
        event = message.event
        if event.kata != self.attempt.kata.path:
            return
        if event.result is None:
            if event.kind == "requested":
                self.since = self.desk_time()
            # Drawn with the clock: the cores are for the tests now.
            self.checking = event
            return
        self.checking = None
        # Saved while the clock stood: it is checked again when the clock goes on.
        if not self.attempt.clock.paused:
            self.take(event.result)

    def take(self, result: Result) -> None:
        """Shows a verdict; a solved kata ends the attempt."""
        self.attempt.take(result)
        self.show_head()
        self.show_question()
        self.show_verdict()
        if not self.attempt.running:
            self.leave_with("debrief")
        elif result.failures:
            pane = self.query_one("#verdict", VerticalScroll)
            pane.focus()
            pane.scroll_home(animate=False)

    def show_question(self) -> None:
        verdicts = self.attempt.result.clauses if self.attempt.result else {}
        text = paper.question(self.attempt.kata.path, verdicts, self.attempt.hints)
        self.query_one("#text", Static).update(text)

    def show_verdict(self) -> None:
        self.query_one("#failure", Static).update(self.verdict())

    def verdict(self) -> RenderableType:
        result = self.attempt.result
        if self.attempt.clock.paused and self.attempt.running:
            return Text("The clock stands still. p goes on.", "bold")
        if result is None or result.outcome is Outcome.NOT_STARTED:
            place = Text(layout.shown(self.file), "bold")
            return Text("Write your answer in ").append(place).append("; saving it checks it.")
        if not result.failures:
            return Text(result.outcome.value, "bold green")
        width = max(40, self.query_one("#verdict").size.width - 3)
        return paper.verdict(result, width)

    # The keys

    def action_check(self) -> None:
        if not self.attempt.clock.paused:
            self.desk.examiner.check()

    def action_hint(self) -> None:
        if not self.attempt.hint():
            self.notify("That were all three hints; g gives up and shows the answer.")
            return
        self.show_question()
        pane = self.query_one("#question", VerticalScroll)
        pane.focus()
        self.call_after_refresh(pane.scroll_end, animate=False)
        self.show_head()

    def action_edit(self) -> None:
        assert isinstance(self.app, DojoApp)
        self.app.edit(self.file)

    def action_pause(self) -> None:
        """Covers the question, too: thinking is what the clock measures."""
        running = self.attempt.clock.paused
        if running:
            self.attempt.clock.resume()
            self.desk.examiner.check()
        else:
            self.attempt.clock.pause()
            self.attempt.write()
        self.query_one("#question").display = running
        self.show_verdict()
        self.show_head()

    @work
    async def action_reset(self) -> None:
        if not await self.sure("Put the empty stub back? What you wrote is kept."):
            return
        try:
            copy = reset(self.attempt.kata.path, self.desk.tree)
        except ArchiveError as error:
            self.notify(str(error), severity="error", timeout=10)
            return
        if copy is not None:
            self.notify(f"Kept: {layout.shown(copy)}")

    @work
    async def action_give_up(self) -> None:
        if await self.sure(self.surrender):
            self.finish(attempts.GIVEN_UP)

    @work
    async def action_next(self) -> None:
        if await self.sure(self.away):
            self.attempt.leave()
            self.leave_with("next")

    @work
    async def action_leave(self) -> None:
        if await self.sure(self.out):
            self.attempt.leave()
            self.leave_with("quit")

    async def sure(self, text: str) -> bool:
        choices = {"y": "yes", "n": "no"}
        return await self.app.push_screen_wait(Ask(Text(text, "bold"), choices)) == "y"

    def finish(self, outcome: str) -> None:
        self.attempt.end(outcome)
        self.leave_with("debrief")

    def leave_with(self, step: str) -> None:
        """Ends the screen once, also from under a question that is still open."""
        while isinstance(question := self.app.screen, Ask):
            question.dismiss(question.safe)
        if self.is_current:
            self.dismiss(step)


class DebriefScreen(Screen[str], Careful):
    """How it went; ends with "next" or "quit"."""

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
            yield Static(debrief.summary(self.attempt.entry, self.attempt.due), classes="box")
            yield Static(id="difference")
            yield Static(Text("\nWhy it is so", "bold"))
            yield Static(paper.prose(model_answer.explanation(self.attempt.kata.path)))
            yield Static(Text("\nAsked next", "bold"))
        yield Static(Text(self.attempt.trouble, "bold red"), id="trouble")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#trouble").display = bool(self.attempt.trouble)
        self.query_one("#debrief").focus()
        self.show_question()

    def on_resize(self, event: Resize) -> None:
        model = model_answer.source(self.attempt.kata.path)
        code = paper.difference(self.own, model, event.size.width - 4)
        title = Text("\nYour answer beside the model answer\n", "bold")
        self.query_one("#difference", Static).update(Group(title, code))

    def show_question(self) -> None:
        """Puts the next question below what is there."""
        if self.revealed >= len(self.asked):
            text: RenderableType = Text("\nThat is all that is asked here.", "dim")
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
