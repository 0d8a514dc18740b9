"""One kata against the clock: what its keys do, and what happens meanwhile."""

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Resize
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer

from dojo import layout
from dojo.check.runner import Event
from dojo.check.watch import POLLING
from dojo.record import attempts
from dojo.record.archive import ArchiveError, reset
from dojo.results import Result
from dojo.shown import shown_test
from dojo.sitting.attempt import Attempt
from dojo.sitting.desk import Desk
from dojo.sitting.difference import SIDE_BY_SIDE
from dojo.sitting.screens.ask import Ask, sure, withdraw
from dojo.sitting.screens.careful import Careful
from dojo.sitting.widgets.head import AttemptHead, countdown
from dojo.sitting.widgets.question_pane import QuestionPane
from dojo.sitting.widgets.trouble_line import TroubleLine
from dojo.sitting.widgets.verdict_pane import VerdictPane
from dojo.words import minutes_and_seconds


class EditFile(Message):
    """Asks the application to open a file in the learner's editor."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file


class Heard(Message):
    """An event of the checker, brought from its thread."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class AttemptScreen(Screen[str], Careful):
    """Ends with "debrief", "next" or "quit"."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "check", "check", tooltip="check now; saving the file does it, too"),
        Binding("h", "hint", "hint", tooltip="one more of three hints; they are counted"),
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

    def __init__(self, attempt: Attempt, desk: Desk) -> None:
        super().__init__()
        self.attempt = attempt
        self.desk = desk
        self.file = layout.source_file(attempt.kata.path, desk.tree)
        self._warned = False

    def compose(self) -> ComposeResult:
        yield AttemptHead(self.attempt)
        with Vertical(id="panes"):
            yield self.question_pane()
            yield self.verdict_pane()
        yield TroubleLine()
        yield Footer()

    def question_pane(self) -> QuestionPane:
        """What there is to read before one writes."""
        return QuestionPane(self.attempt)

    def verdict_pane(self) -> VerdictPane:
        """What the newest check has found."""
        return VerdictPane(self.attempt, self.file)

    def on_mount(self) -> None:
        self.query_one(QuestionPane).focus()
        self.set_interval(0.25, self.tick)
        self.desk.checker.attend(
            self.attempt.kata.path, lambda event: self.post_message(Heard(event))
        )
        self.desk.checker.check()
        self.show()

    def on_unmount(self) -> None:
        self.desk.checker.rest()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= SIDE_BY_SIDE, "wide")
        # The text is folded to the width that the pane has by then.
        self.call_after_refresh(lambda: self.query_one(VerdictPane).show())

    def show(self) -> None:
        """Draws everything anew."""
        self.show_time()
        self.query_one(QuestionPane).show()
        self.query_one(VerdictPane).show()

    def show_time(self) -> None:
        """Draws what may change at any moment."""
        self.query_one(AttemptHead).show(self.time_left(), self.time_left(brief=True))
        self.query_one(TroubleLine).show(self.attempt.trouble)

    def time_left(self, brief: bool = False) -> Text:
        return countdown(self.attempt, brief)

    def tick(self) -> None:
        jump = self.attempt.tick()
        if jump:
            self.notify(
                f"The clock jumped by {minutes_and_seconds(abs(jump))}; that is not counted."
            )
        if self.attempt.left <= 0 and not self._warned and self.attempt.running:
            self._warned = True
            self.time_up()
        self.show_time()

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

    def on_heard(self, message: Heard) -> None:
        event = message.event
        if event.kata != self.attempt.kata.path:
            return
        self.query_one(AttemptHead).hear(event)
        if event.kind == "polling":
            self.notify(POLLING, timeout=10)
        if event.kind == "first" and not self.attempt.paused:
            self.show_first(event)
        # Saved while the clock stood: it is checked again when the clock goes on.
        if event.result is not None and not self.attempt.clock.paused:
            self.take(event.result)

    def show_first(self, word: Event) -> None:
        """Shows how the test fares that failed before, while the others still run."""
        pane = self.query_one(VerdictPane)
        pane.show_first(word)
        pane.go_to_the_failure()

    def take(self, result: Result) -> None:
        """Shows a verdict; a solved kata ends the attempt."""
        self.attempt.take(result)
        pane = self.query_one(VerdictPane)
        read = pane.end_first()
        self.show()
        if not self.attempt.running:
            self.leave_with("debrief")
        elif result.failures and shown_test(result) != read:
            pane.go_to_the_failure()

    def action_check(self) -> None:
        if not self.attempt.clock.paused:
            self.desk.checker.check()

    def action_hint(self) -> None:
        if not self.attempt.hint():
            self.notify("Those were all three hints; g gives up and shows the answer.")
            return
        self.show()
        self.query_one(QuestionPane).go_to_the_hint()

    def action_edit(self) -> None:
        self.post_message(EditFile(self.file))

    def action_pause(self) -> None:
        if self.attempt.clock.paused:
            self.attempt.start()
            self.desk.checker.check()
        else:
            self.attempt.pause()
        self.show()

    @work
    async def action_reset(self) -> None:
        if not await sure(self.app, "Put the empty stub back? What you wrote is kept."):
            return
        try:
            copy = reset(self.attempt.kata.path, self.desk.tree)
        except ArchiveError as error:
            self.notify(str(error), severity="error", timeout=10)
            return
        if copy is not None:
            self.notify(f"What you wrote is kept: {layout.shown(copy)}")

    @work
    async def action_give_up(self) -> None:
        if await sure(self.app, self.surrender):
            self.finish(attempts.GIVEN_UP)

    @work
    async def action_next(self) -> None:
        if await sure(self.app, self.away):
            self.attempt.leave()
            self.leave_with("next")

    @work
    async def action_leave(self) -> None:
        if await sure(self.app, self.out):
            self.attempt.leave()
            self.leave_with("quit")

    def finish(self, outcome: str) -> None:
        self.attempt.end(outcome)
        self.leave_with("debrief")

    def leave_with(self, step: str) -> None:
        """Ends the screen once, also from under a question that is still open."""
        withdraw(self.app)
        if self.is_current:
            self.dismiss(step)
