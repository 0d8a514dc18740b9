"""What could not be recorded, for as long as it is so."""

from rich.text import Text
from textual.widgets import Static


class TroubleLine(Static):
    """A line in red; none where all is well."""

    def __init__(self) -> None:
        super().__init__(id="trouble")
        self.display = False
        self._told = ""

    def show(self, trouble: str) -> None:
        """Shows it; does nothing where that is what it shows, so that the clock may call it."""
        if trouble != self._told:
            self._told = trouble
            self.display = bool(trouble)
            self.update(Text(trouble, "bold red"))
