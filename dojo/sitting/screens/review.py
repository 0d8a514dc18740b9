"""A code review against the clock: which line, which clause, and the input that shows it."""

import asyncio
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.syntax import Syntax
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from dojo import layout
from dojo.check import probe
from dojo.content import mistakes
from dojo.content.asked import asked
from dojo.content.mistakes import Mistake
from dojo.record import attempts
from dojo.results import Outcome, Result
from dojo.sitting import review_report
from dojo.sitting.attempt import Attempt
from dojo.sitting.desk import Desk
from dojo.sitting.difference import SIDE_BY_SIDE
from dojo.sitting.review_report import Review
from dojo.sitting.screens.ask import Ask, sure, withdraw
from dojo.sitting.screens.attempt import Heard
from dojo.sitting.screens.careful import Careful
from dojo.sitting.widgets.head import countdown
from dojo.sitting.widgets.trouble_line import TroubleLine

EXAMPLE = "x = [0.0, 2.0], … or an expression; `gradient(f, x)` is at hand"


class ReviewScreen(Screen[str], Careful):
    """Ends with "debrief", "next" or "quit"; with "void" where the tests find no mistake."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "done", "done", priority=True, tooltip="that is the review; grade it"),
        Binding("ctrl+g", "give_up", "give up", priority=True),
        Binding("ctrl+n", "next", "next", priority=True, tooltip="leave it for another"),
    ]

    def __init__(self, attempt: Attempt, desk: Desk, mistake: Mistake, hard: bool) -> None:
        """
        Args:
            attempt: Clock of the round.
            desk: Its tree is the folder of the file under review.
            mistake: What is to be found.
            hard: Show no symptom.
        """
        super().__init__()
        self.attempt = attempt
        self.desk = desk
        self.mistake = mistake
        self.hard = hard
        self.evidence: Result | None = None
        self.review = Review()
        self._warned = False

    def compose(self) -> ComposeResult:
        yield Static(id="head", classes="bar")
        with Vertical(id="panes"):
            with VerticalScroll(id="question"):
                yield Static(self._code(), id="code")
            with VerticalScroll(id="verdict"):
                yield Static(id="test")
        with Horizontal(id="answers"):
            yield Input(placeholder="line", type="integer", id="line")
            yield Input(placeholder="clause", type="integer", id="clause")
            yield Input(placeholder=EXAMPLE, id="input")
        yield Static(self._advice(), id="apart")
        yield TroubleLine()
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#line").focus()
        self.set_interval(0.25, self.tick)
        self.desk.checker.attend(self.mistake.kata, lambda event: self.post_message(Heard(event)))
        self.desk.checker.check()
        self.tick()
        self.show_test()

    def on_unmount(self) -> None:
        self.desk.checker.rest()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= SIDE_BY_SIDE, "wide")

    def on_heard(self, message: Heard) -> None:
        result = message.event.result
        if self.evidence is None and result is not None and result.kata == self.mistake.kata:
            self.evidence = result
            self.show_test()
            if result.outcome is Outcome.SOLVED:
                self.attempt.leave()
                self.leave_with("void")

    def _code(self) -> RenderableType:
        # Below the question, which stands in the other pane.
        lines = self.mistake.source.splitlines()
        first = next((i for i, line in enumerate(lines) if line.startswith("import")), 0)
        code = "\n".join(lines[first:])
        return Syntax(
            code,
            "python",
            line_numbers=True,
            start_line=first + 1,
            word_wrap=True,
            theme="ansi_dark",
            background_color="default",
        )

    def _advice(self) -> Text:
        file = layout.shown(layout.source_file(self.mistake.kata, self.desk.tree))
        return Text(f"enter runs the input; tab, then the arrows scroll; also in {file}", "dim")

    def show_test(self) -> None:
        """Draws what lies beside the code: the symptom, the clauses, a test that it passes."""
        parts: list[RenderableType] = []
        if not self.hard:
            # Not the clause that fails: that is what is asked for.
            parts.append(Markdown(f"> {self.mistake.symptom or 'Something is wrong with it.'}"))
        clauses = asked(self.mistake.kata).clauses.items()
        parts.append(Text("\n".join(f"{number}. {text}" for number, text in clauses)))
        test = "" if self.evidence is None else review_report.passing_test(self.evidence)
        if test:
            parts += [Text("\nThis test passes", "bold"), Syntax(test, "python", theme="ansi_dark")]
        self.query_one("#test", Static).update(Group(*parts))

    def tick(self) -> None:
        self.attempt.tick()
        head = Text(f"Review {self.mistake.kata}   ", "bold").append_text(countdown(self.attempt))
        self.query_one("#head", Static).update(head)
        self.query_one(TroubleLine).show(self.attempt.trouble)
        if self.attempt.left <= 0 and not self._warned and self.attempt.running:
            self._warned = True
            self.time_up()

    @work
    async def time_up(self) -> None:
        self.app.bell()
        ways = {"d": "debrief", "o": "go on over time"}
        if await self.app.push_screen_wait(Ask(Text("Time is up.", "bold"), ways)) == "d":
            self.finish(attempts.TIME_UP)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        after = {"line": "#clause", "clause": "#input"}
        if event.input.id in after:
            self.query_one(after[event.input.id]).focus()
        elif event.value.strip():
            self.try_input(event.value)

    @work(exclusive=True)
    async def try_input(self, text: str) -> None:
        """Puts the input to both answers, and says whether they differ."""
        out = self.query_one("#apart", Static)
        out.update(Text("running it through the right and the wrong answer …", "dim"))
        right = mistakes.repaired(self.mistake.kata)
        try:
            found = await asyncio.to_thread(probe.tell_apart, right, self.mistake.source, text)
        except probe.ProbeError as error:
            out.update(Text(str(error), "red"))
            return
        self.review = Review(text=text, probed=found)
        word, style = ("tells them apart", "green") if found.apart else ("both say the same", "red")
        said = Text(f"{word}: ", style).append(found.wrong, "default")
        out.update(said)

    def action_done(self) -> None:
        review = self.said()
        graded = review_report.grades(self.mistake, self.evidence, review)
        self.finish(attempts.SOLVED if all(graded.values()) else attempts.GIVEN_UP)

    def said(self) -> Review:
        """What stands in the fields now."""
        line, clause = (self.query_one(f"#{name}", Input).value for name in ("line", "clause"))
        number = int(line) if line.strip().isdecimal() else None
        return Review(number, clause.strip(), self.review.text, self.review.probed)

    @work
    async def action_give_up(self) -> None:
        if await sure(self.app, "Give up, and see what the mistake was?"):
            self.finish(attempts.GIVEN_UP)

    @work
    async def action_next(self) -> None:
        if await sure(self.app, "Leave this review for another?"):
            self.attempt.leave()
            self.leave_with("next")

    @work
    async def action_leave(self) -> None:
        if await sure(self.app, "Quit? The round is recorded."):
            self.attempt.leave()
            self.leave_with("quit")

    def finish(self, outcome: str) -> None:
        self.review = self.said()
        self.attempt.end(outcome)
        self.leave_with("debrief")

    def leave_with(self, step: str) -> None:
        """Ends the screen once, also from under a question that is still open."""
        withdraw(self.app)
        if self.is_current:
            self.dismiss(step)
