"""The learner's code against the model answer's. Module docstrings are left out of both."""

import ast
import difflib
from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

SAME = "Your code is the model answer, letter for letter."
# Two columns of code need this much; below it the difference is one column.
SIDE_BY_SIDE = 140


def difference(own: str, model: str, width: int) -> RenderableType:
    """Returns both sources side by side, or one above the other in a narrow terminal."""
    return _two_columns(own, model) if width >= SIDE_BY_SIDE else _one_column(own, model)


def unified(own: str, model: str) -> list[str]:
    """Returns the lines of a unified diff; none where the code is the same."""
    lines = difflib.unified_diff(
        code_of(own), code_of(model), "yours", "model answer", lineterm="", n=3
    )
    return list(lines)


def code_of(source: str) -> Sequence[str]:
    """Returns the lines below the module docstring; all of them where it cannot be read."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return source.splitlines()
    first = body[0] if body else None
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    end = (first.end_lineno or 0) if first is not None and documented else 0
    return "\n".join(source.splitlines()[end:]).strip("\n").splitlines()


def _one_column(own: str, model: str) -> Text:
    text = Text()
    styles = {"-": "red", "+": "green"}
    for line in unified(own, model):
        text.append(f"{line}\n", styles.get(line[:1], "dim" if line[:2] == "@@" else ""))
    return text if text else Text(SAME)


def _two_columns(own: str, model: str) -> Table:
    left, right = code_of(own), code_of(model)
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
