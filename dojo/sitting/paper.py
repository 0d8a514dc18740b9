"""What the practice screens show, as rich renderables: question, lights, verdict, diff."""

import ast
import difflib
import io
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dojo.check import scoreboard
from dojo.content.asked import asked
from dojo.results import Result

MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "": ("·", "dim")}
SAME = "Your code is the model answer, letter for letter."
# Two columns of code need this much; below it the diff is one column.
SIDE_BY_SIDE = 140

# Splits before each numbered item of an indented block.
_ITEM = re.compile(r"^ +(?=\d+\. )", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


def question(kata: str, verdicts: Mapping[str, str], hints: Sequence[str]) -> RenderableType:
    """Returns the question: its clauses with their lights, and the hints given so far."""
    title, _, rest = asked(kata).text.partition("\n")
    # Saving the file runs it; what remains is where to read on.
    rest = re.sub(r"^Run .*\n", "", rest, flags=re.MULTILINE)
    parts: list[RenderableType] = [Text(title, "bold"), prose(rest, verdicts)]
    for number, hint in enumerate(hints, 1):
        parts += [Text(f"\nHint {number} of 3", "bold yellow"), Markdown(hint)]
    return Group(*parts)


def prose(text: str, verdicts: Mapping[str, str] | None = None) -> Group:
    """Returns a docstring's text: paragraphs that wrap, formulas that do not.

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
        mark, style = ("", "") if verdicts is None else MARKS[verdicts.get(number, "")]
        grid.add_row(Text(f" {mark}", style), Text(f"{number}."), _marked(" ".join(text.split())))
    return grid


def _marked(text: str) -> Text:
    """Text whose `code` is told apart; the back quotes stay for terminals without colour."""
    marked = Text(text)
    marked.highlight_regex(_CODE, "cyan")
    return marked


def lights(clauses: Iterable[str], verdicts: Mapping[str, str]) -> Text:
    """Returns one light a clause: 1✓ 2✗ 3·"""
    text = Text()
    for number in clauses:
        mark, style = MARKS[verdicts.get(number, "")]
        text.append(f"{number}{mark} ", style)
    return text


def verdict(result: Result, width: int) -> Text:
    """Returns the newest failure, in the words and form of `nox -s check`."""
    screen = io.StringIO()
    console = Console(
        file=screen, width=width, force_terminal=True, color_system="standard", highlight=False
    )
    scoreboard.failure(console, result)
    return Text.from_ansi(screen.getvalue())


def difference(own: str, model: str, width: int) -> RenderableType:
    """Returns the learner's code beside the model's, or above it in a narrow terminal.

    Module docstrings are left out: one asks, the other explains.
    """
    left, right = without_docstring(own), without_docstring(model)
    if width >= SIDE_BY_SIDE:
        return _two_columns(left, right)
    return _one_column(left, right)


def _one_column(left: Sequence[str], right: Sequence[str]) -> Text:
    text = Text()
    styles = {"-": "red", "+": "green"}
    for line in difflib.unified_diff(left, right, "yours", "model answer", lineterm="", n=3):
        text.append(f"{line}\n", styles.get(line[:1], "dim" if line[:2] == "@@" else ""))
    return text if text else Text(SAME)


def _two_columns(left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    for _ in range(2):
        table.add_column(width=1)
        table.add_column(ratio=1)
    table.add_row("", Text("yours", "bold"), "", Text("model answer", "bold"))
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        same = tag == "equal"
        for i in range(max(i2 - i1, j2 - j1)):
            mine = left[i1 + i] if i1 + i < i2 else None
            theirs = right[j1 + i] if j1 + i < j2 else None
            table.add_row(*_cell(mine, "-", "red", same), *_cell(theirs, "+", "green", same))
    return table


def _cell(line: str | None, mark: str, style: str, same: bool) -> tuple[Text, Text]:
    if line is None:
        return Text(), Text()
    style = "dim" if same else style
    return Text("" if same else mark, style), Text(line, style)


def without_docstring(source: str) -> list[str]:
    """Returns the lines below the module docstring; all of them where it cannot be read."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return source.splitlines()
    first = body[0] if body else None
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    end = (first.end_lineno or 0) if first is not None and documented else 0
    return "\n".join(source.splitlines()[end:]).strip("\n").splitlines()
