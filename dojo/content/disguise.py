"""A wrong answer as a colleague would send it: nothing in the file says where the mistake is.

Its docstrings are those of the stub, and it has no comments: the model answer's would say
what is right, and a mistake would stand beside its own refutation.
"""

import ast
import functools
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
    shown = _of_the_stub(kata)
    lines = _without_comments(source)
    tree = ast.parse(source)
    for node, text in _documented(tree):
        if text not in shown:
            _cut(lines, node.body[0])
    head = tree.body[0]
    _cut(lines, head)
    lines[head.lineno - 1] = f'"""{question}"""'
    return _with_gaps(lines)


@functools.cache
def _of_the_stub(kata: str) -> set[str]:
    return {text for _, text in _documented(ast.parse(stubs.pristine(kata)))}


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
    """Joins what is left; no gap remains where a block began with what is gone."""
    kept: list[str] = []
    gone = False
    for line in lines:
        # Only beside what is gone: a blank line within a docstring is its author's.
        if line == _GONE:
            gone = True
            continue
        if not (gone and not line.strip() and kept and _opens(kept[-1])):
            kept.append(line)
            gone = False
    return "\n".join(kept).strip("\n") + "\n"


def _opens(line: str) -> bool:
    return line.endswith(":") or not line.strip()
