"""What differs: the learner's code and the model answer's, without docstrings; two saves, whole."""

import ast
import difflib
import re
from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from dojo.words import visible

# Between two places that differ.
GAP = " …"
SAME = "Your code is the model answer, letter for letter."
# Two columns of code need this much; below it the difference is one column.
SIDE_BY_SIDE = 140
# Of two saves, in bytes: beyond it the search for what they share takes minutes.
LONGEST = 200_000
_PLACE = re.compile(r"@@ -\S+ \+(\d+)")
_STYLES = {"-": "red", "+": "green"}


def difference(own: str, model: str, width: int) -> RenderableType:
    """Returns both sources side by side, or one above the other in a narrow terminal."""
    return _two_columns(own, model) if width >= SIDE_BY_SIDE else _one_column(own, model)


def unified(own: str, model: str) -> list[str]:
    """Returns the lines of a unified diff; none where the code is the same."""
    lines = difflib.unified_diff(
        code_of(own), code_of(model), "yours", "model answer", lineterm="", n=3
    )
    # Without the docstrings, line numbers lead nowhere.
    return [GAP if line.startswith("@@") else line for line in lines]


def between_saves(before: bytes, after: bytes) -> Text:
    """Returns the lines that one save has changed, with two of context.

    Bytes that are no UTF-8 are shown as \\xe9. Where the lines are the same, it says so.
    """
    if max(len(before), len(after)) > LONGEST:
        return Text(f"too long to compare: {len(before):,} and {len(after):,} bytes", "dim")
    old, new = (raw.decode("utf-8-sig", "backslashreplace").splitlines() for raw in (before, after))
    lines = list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]
    if not lines:
        same = "the same text" if before == after else "only line ends differ"
        return Text(same, "dim")
    text = Text()
    for line in lines:
        place = _PLACE.match(line)
        shown = f"{GAP} line {place[1]}" if place else visible(line)
        text.append(f"{shown}\n", "dim" if place else _STYLES.get(line[:1], ""))
    text.right_crop()
    return text


def code_of(source: str) -> Sequence[str]:
    """Returns the lines without docstrings; all of them where it cannot be read."""
    lines = source.splitlines()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return lines
    kept: list[str] = []
    end = 0
    for start, next_end in sorted(_docstrings(tree)):
        kept += lines[end:start]
        # With it goes the empty line that sets it off.
        end = next_end + (lines[next_end : next_end + 1] == [""])
    return "\n".join(kept + lines[end:]).strip("\n").splitlines()


def _docstrings(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """Where each begins and ends, as indices of lines; but for one that is all of its body."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            text = first.value if isinstance(first, ast.Expr) else None
            alone = len(node.body) == 1 and not isinstance(node, ast.Module)
            if isinstance(text, ast.Constant) and isinstance(text.value, str) and not alone:
                yield text.lineno - 1, text.end_lineno or text.lineno


def _one_column(own: str, model: str) -> Text:
    text = Text()
    for line in unified(own, model):
        text.append(f"{line}\n", "dim" if line == GAP else _STYLES.get(line[:1], ""))
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
