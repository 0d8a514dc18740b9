"""A wrong answer as a colleague would send it: nothing in the file says where the mistake is.

Its docstrings are those of the stub, and it has no comments: the model answer's would say
what is right, and a mistake would stand beside its own refutation.
"""

import ast
import io
import tokenize
from collections.abc import Iterator
from typing import TypeAlias

from dojo import layout
from dojo.content import stubs
from dojo.content.asked import docstring

Owner: TypeAlias = ast.FunctionDef | ast.ClassDef


def disguise(kata: str, source: str) -> str:
    """Returns the file to hand out.

    Args:
        kata: Its path, such as "losses/focal_loss".
        source: An edited model answer.
    """
    question = docstring(layout.test_file(kata).read_text(encoding="utf-8"))
    shown = set(_docstrings(stubs.pristine(kata)))
    lines = _without_comments(source)
    tree = ast.parse(source)
    for node, text in _documented(tree):
        if text not in shown:
            _cut(lines, node.body[0])
    head = tree.body[0]
    _cut(lines, head)
    lines[head.lineno - 1] = f'"""{question}"""'
    return _with_gaps(lines)


def _docstrings(source: str) -> Iterator[str]:
    for _, text in _documented(ast.parse(source)):
        yield text


def _documented(tree: ast.Module) -> Iterator[tuple[Owner, str]]:
    for node in ast.walk(tree):
        if isinstance(node, Owner) and (text := ast.get_docstring(node)) is not None:
            yield node, text


def _without_comments(source: str) -> list[str]:
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            kept = lines[row - 1][:column].rstrip()
            # A line of its own goes away altogether: it leaves no gap.
            lines[row - 1] = kept if kept else _GONE
    return lines


# No line of Python reads so.
_GONE = "\0"


def _cut(lines: list[str], node: ast.stmt) -> None:
    for row in range(node.lineno - 1, node.end_lineno or node.lineno):
        lines[row] = _GONE


def _with_gaps(lines: list[str]) -> str:
    """Joins what is left; two blank lines are the widest gap, one within a block."""
    kept: list[str] = []
    for line in lines:
        if line == _GONE:
            continue
        if not line.strip() and kept and kept[-1].rstrip().endswith(":"):
            continue
        if line.strip() or kept[-2:] != ["", ""]:
            kept.append(line)
    return "\n".join(kept).strip("\n") + "\n"
