"""What a mock interview is going to be; its clock starts with a key."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Static

from dojo.content.document import Kata
from dojo.sitting.interview_plan import Part, Repair, minutes_of
from dojo.sitting.interview_record import Interview
from dojo.sitting.screens.careful import Careful


class OpeningScreen(Screen[str], Careful):
    """Ends with "start" or "quit"."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", "start the clock", key_display="enter"),
        Binding("q", "leave", "quit"),
    ]

    def __init__(self, interview: Interview) -> None:
        super().__init__()
        self.interview = interview

    def compose(self) -> ComposeResult:
        options, parts = self.interview.options, self.interview.parts
        katas = sum(isinstance(part, Kata) for part in parts)
        text = Text("Mock interview", "bold")
        text.append(f"   {options.minutes:g} minutes\n\n", "not bold")
        for number, part in enumerate(parts, 1):
            text.append(f"  {number}. {_announced(part)}\n")
        text.append(f"\nSolve the {'kata' if katas == 1 else 'katas'} in your editor. ")
        text.append("Answer the questions aloud, as to a person; ")
        text.append("where time is left, one follow-up comes.\n")
        text.append("One clock runs for the whole interview and cannot be paused. Key points,\n")
        text.append("model answers and the debrief come at the end, and are kept.")
        yield Static(text, classes="box")
        yield Footer()

    def action_start(self) -> None:
        self.dismiss("start")

    def action_leave(self) -> None:
        self.dismiss("quit")


def _announced(part: Part) -> str:
    minutes = f"{minutes_of(part):g} min"
    if isinstance(part, Kata):
        return f"a kata of {part.track}, {part.level}, {minutes}"
    if isinstance(part, Repair):
        return f"somebody's answer to debug, of {part.track}, {part.level}, {minutes}"
    return f"a spoken question on {part.track}, {part.level}, {minutes}"
