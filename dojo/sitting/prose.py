"""The text of a docstring on a screen: paragraphs wrap, formulas do not, clauses have lights."""

import re
import textwrap
from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dojo.sitting.clause_lights import light

# Splits before each numbered item of an indented block.
_ITEM = re.compile(r"^ +(?=\d+\. )", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


def prose(text: str, verdicts: Mapping[str, str] | None = None) -> Group:
    """Returns a docstring's text.

    Args:
        text: Paragraphs, and blocks that are indented.
        verdicts: Clause number to "passed" or "failed"; None where nothing is judged.
    """
    parts: list[RenderableType] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        parts += [Text(), _block(block, verdicts)]
    return Group(*parts)


def _block(block: str, verdicts: Mapping[str, str] | None) -> RenderableType:
    if _ITEM.match(block):
        return _items(block, verdicts)
    if block.startswith(" "):
        return Padding(Text(textwrap.dedent(block), "bold", no_wrap=True), (0, 0, 0, 2))
    return _marked(" ".join(block.split()))


def _items(block: str, verdicts: Mapping[str, str] | None) -> Table:
    grid = Table.grid(padding=(0, 1))
    for item in _ITEM.split(block)[1:]:
        number, _, text = item.partition(". ")
        mark = Text() if verdicts is None else light(verdicts.get(number, ""))
        grid.add_row(Text(" ").append(mark), Text(f"{number}."), _marked(" ".join(text.split())))
    return grid


def _marked(text: str) -> Text:
    """Text whose `code` is told apart; the back quotes stay for terminals without colour."""
    marked = Text(text)
    marked.highlight_regex(_CODE, "cyan")
    return marked
