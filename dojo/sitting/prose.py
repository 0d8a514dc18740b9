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
# And before each of a list, which may follow its announcement.
_BULLET = re.compile(r"^- ", re.MULTILINE)
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
    return _paragraph(block)


def _paragraph(block: str) -> RenderableType:
    opening, *bullets = _BULLET.split(block)
    parts: list[RenderableType] = [_joined(opening)] if opening else []
    if bullets:
        grid = Table.grid(padding=(0, 1))
        for bullet in bullets:
            grid.add_row(Text("-"), _joined(bullet))
        parts.append(grid)
    return Group(*parts)


def _items(block: str, verdicts: Mapping[str, str] | None) -> Table:
    grid = Table.grid(padding=(0, 1))
    for item in _ITEM.split(block)[1:]:
        number, _, text = item.partition(". ")
        mark = Text() if verdicts is None else light(verdicts.get(number, ""))
        grid.add_row(Text(" ").append(mark), Text(f"{number}."), _joined(text))
    return grid


def _joined(lines: str) -> Text:
    """One paragraph. `code` is told apart; its back quotes stay for terminals without colour."""
    marked = Text(" ".join(lines.split()))
    marked.highlight_regex(_CODE, "cyan")
    return marked
