"""Plain questions and answers that work in any terminal: what a rehearsal is made of."""

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding

from dojo.record.deck import RATINGS

WIDTH = 88


class Leave(Exception):
    """The learner has had enough."""


class Prompts:
    """Shows texts on a console, and asks until an answer is understood."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def head(self, text: str) -> None:
        """Draws the line that parts one question from the next."""
        self.console.print()
        self.console.rule(text, style="dim", align="left")

    def title(self, text: str) -> None:
        self.console.print(f"\n{text}", style="bold")

    def show(self, text: str) -> None:
        """Shows Markdown."""
        width = min(WIDTH, self.console.width)
        self.console.print(Padding(Markdown(text), (0, 0, 0, 2)), width=width)

    def ask(self, text: str) -> str:
        """Returns what is typed.

        Raises:
            Leave: If that is q.
        """
        self.console.print(f"\n{text}", style="cyan", soft_wrap=True)
        answer = self.console.input("> ").strip()
        if answer == "q":
            raise Leave
        return answer

    def ask_points(self, most: int) -> int:
        """Returns how many of the key points the learner has said.

        Raises:
            Leave: If q is typed.
        """
        while True:
            answer = self.ask("Which did you say? Numbers such as 1 3, a for all, Enter for none")
            if answer == "a":
                return most
            words = answer.replace(",", " ").split()
            if all(word.isdecimal() and 1 <= int(word) <= most for word in words):
                return len({int(word) for word in words})
            self.console.print(f"{answer!r} is not understood: type numbers from 1 to {most}, or a")

    def ask_rating(self, proposed: int) -> int:
        """Returns the learner's own rating.

        Raises:
            Leave: If q is typed.
        """
        choices = ", ".join(f"{number} {name}" for number, name in RATINGS.items())
        while True:
            answer = self.ask(f"How was it? {choices}; Enter for {RATINGS[proposed]}")
            if not answer:
                return proposed
            for number, name in RATINGS.items():
                if answer in (str(number), name):
                    return number
            self.console.print(f"{answer!r} is none of: {choices}")
