"""The question of a kata, its clauses with their lights, and the hints given so far."""

import re
from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from dojo.content.asked import asked
from dojo.sitting.attempt import Attempt
from dojo.sitting.prose import prose


class QuestionPane(VerticalScroll):
    """The question, as long as the clock runs: thinking is what it measures."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(id="question")
        self._attempt = attempt

    def compose(self) -> ComposeResult:
        yield Static(id="text")

    def show(self) -> None:
        self.display = not self._attempt.paused
        attempt = self._attempt
        text = question(attempt.kata.path, attempt.verdicts, attempt.hints)
        self.query_one("#text", Static).update(text)

    def go_to_the_hint(self) -> None:
        """Scrolls to the end, once what `show` has put there is laid out."""
        self.focus()
        self.call_after_refresh(self.scroll_end, animate=False)


def question(kata: str, verdicts: Mapping[str, str], hints: Sequence[str]) -> RenderableType:
    """Returns what the kata asks, with a light a clause, and the hints below."""
    title, _, rest = asked(kata).text.partition("\n")
    # Saving the file runs it; what remains is where to read on.
    rest = re.sub(r"^Run .*\n", "", rest, flags=re.MULTILINE)
    parts: list[RenderableType] = [Text(title, "bold"), prose(rest, verdicts)]
    for number, hint in enumerate(hints, 1):
        parts += [Text(f"\nHint {number} of 3", "bold yellow"), Markdown(hint)]
    return Group(*parts)
