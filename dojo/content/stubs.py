"""Makes a kata's stub from its model answer, and tells whether a stub was touched.

A stub is the answer without its bodies, under the question: the module docstring of the
kata's test file. Private names, decorators and undocumented methods are the learner's
work and do not appear.
"""

import ast
import re
from pathlib import Path

from dojo import layout


def make_stub(question: str, answer: str) -> str:
    """Returns the source of the stub.

    Args:
        question: Source of the test file, whose module docstring asks the question.
        answer: Source of the model answer.
    """
    lines = answer.splitlines()
    tree = ast.parse(answer)
    # ast.get_source_segment splits the whole source again for each.
    imports = [
        "\n".join(lines[node.lineno - 1 : node.end_lineno])
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    public = [
        _without_body(node, lines, "")
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_"
    ]
    head = f'"""{_docstring(question)}"""\n\n' + "\n".join(imports)
    return "\n\n\n".join([head, *public]) + "\n"


def pristine(kata: str) -> str:
    """Returns the stub that a learner of "losses/focal_loss" starts from."""
    question = layout.test_file(kata).read_text(encoding="utf-8")
    answer = layout.source_file(kata, layout.REFERENCE).read_text(encoding="utf-8")
    return make_stub(question, answer)


def clauses(kata: str) -> dict[str, str]:
    """Returns clause number to its text, from the question of "losses/focal_loss"."""
    question = layout.test_file(kata).read_text(encoding="utf-8")
    text = ast.get_docstring(ast.parse(question)) or ""
    # An item ends where the next begins, or at a blank line.
    items = re.findall(
        r"^ {4}(\d+)\. (.+?)(?=^ {4}\d+\. |^\s*$|\Z)", text, re.DOTALL | re.MULTILINE
    )
    return {number: " ".join(words.split()) for number, words in items}


def is_untouched(stub: str, present: str) -> bool:
    """Returns whether `present` is `stub` but for comments, docstrings and layout."""
    if stub == present:
        return True
    try:
        return _code(stub) == _code(present)
    except (SyntaxError, ValueError):
        return False


def read_source(path: Path) -> str:
    """Returns the text of a Python file.

    Raises:
        SourceError: If it is not UTF-8 text, with the line of the first wrong byte.
    """
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{raw[error.start]:02x}"
        raise SourceError(f"not UTF-8: {byte} cannot be read", line) from None


class SourceError(Exception):
    """A file that is no Python text, and the line where that shows."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def _docstring(source: str) -> str:
    """The module docstring as written. Parsing a whole suite for it takes too long."""
    start = source.index('"""') + 3
    return source[start : source.index('"""', start)]


def _without_body(node: ast.FunctionDef | ast.ClassDef, lines: list[str], indent: str) -> str:
    if isinstance(node, ast.FunctionDef):
        return "\n".join([*_head(node, lines), f"{indent}    {_todo(node.name)}"])
    methods = [
        _method(member, node.name, lines)
        for member in node.body
        if isinstance(member, ast.FunctionDef)
        and (member.name == "__init__" or ast.get_docstring(member) is not None)
    ]
    return "\n\n".join(["\n".join(_head(node, lines)), *methods])


def _method(node: ast.FunctionDef, owner: str, lines: list[str]) -> str:
    body = _head(node, lines)
    first = node.body[0]
    if node.name == "__init__" and ast.unparse(first).startswith("super().__init__("):
        body += lines[first.lineno - 1 : first.end_lineno]
    name = owner if node.name == "__init__" else f"{owner}.{node.name}"
    return "\n".join([*body, f"        {_todo(name)}"])


def _head(node: ast.FunctionDef | ast.ClassDef, lines: list[str]) -> list[str]:
    """The lines of the signature and of the docstring, without decorators."""
    first = node.body[0]
    end = first.end_lineno if ast.get_docstring(node) is not None else first.lineno - 1
    return lines[node.lineno - 1 : end]


def _todo(name: str) -> str:
    return f'raise NotImplementedError("{name}")'


def _code(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef))
            and ast.get_docstring(node) is not None
        ):
            del node.body[0]
    return ast.dump(tree)
