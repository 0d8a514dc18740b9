"""What a colleague reports of a broken answer; the kata's question below, folded."""

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.text import Text
from textual.widgets import Static

from dojo.content.asked import asked
from dojo.sitting.attempt import Attempt
from dojo.sitting.widgets.question_pane import QuestionPane, question


class SymptomPane(QuestionPane):
    """The symptom, and on request the question."""

    def __init__(self, attempt: Attempt, symptom: str) -> None:
        """
        Args:
            attempt: The round.
            symptom: As Markdown; "" where there is to be none.
        """
        super().__init__(attempt)
        self.symptom = symptom
        self.folded = True

    def show(self) -> None:
        self.display = not self._attempt.paused
        parts: list[RenderableType] = [Text("Find the mistake, and repair it", "bold")]
        if self.symptom:
            parts += [Text(), Markdown(f"> {self.symptom}")]
        kata = self._attempt.kata.path
        if self.folded:
            parts.append(Text(f"\n{asked(kata).title}  f shows the whole question.", "dim"))
        else:
            parts += [Text(), question(kata, self._attempt.verdicts, ())]
        self.query_one("#text", Static).update(Group(*parts))

    def fold(self) -> None:
        """Shows the question, or puts it away."""
        self.folded = not self.folded
        self.show()
        self.scroll_home(animate=False)
