"""Makes a kata's stub from its model answer, and tells whether a stub was touched.

A stub is the answer without what is asked, under the question: the module docstring of the
kata's test file. What stands below a comment `# given` is copied as it is, to the next blank
line or to the end of its function or class. Of the rest, bodies are the learner's work;
private names, decorators and undocumented methods are too, and do not appear; but a class
that is given in part keeps its decorators.

In the repair track nothing is taken out: a stub is the answer with its bugs put in.
"""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from dojo import layout
from dojo.content.asked import docstring
from dojo.content.bugs import Bug, put_in, read_bugs

# Alone on a line of a model answer, above what its stub is to show as it is.
GIVEN = "# given"

Body: TypeAlias = ast.Module | ast.ClassDef | ast.FunctionDef


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
    parts: list[str] = []
    for node, given in _marked(tree, lines):
        if given and parts and not _gap(node, lines):
            parts[-1] += "\n" + _verbatim(node, lines)
        else:
            parts.append(_part(node, given, lines))
    head = f'"""{docstring(question)}"""\n\n' + "\n".join(imports)
    return "\n\n\n".join([head, *filter(None, parts)]) + "\n"


def make_broken(question: str, answer: str, bugs: Sequence[Bug]) -> str:
    """Returns the source of a program to repair.

    Args:
        question: As for `make_stub`.
        answer: Source of the repaired program.
        bugs: What is wrong with the other one.
    """
    broken = put_in(bugs, answer)
    return broken.replace(docstring(broken), docstring(question), 1)


def pristine(kata: str) -> str:
    """Returns the stub that a learner of "losses/focal_loss" starts from."""
    if layout.is_pack():
        return layout.source_file(kata, layout.PACKED_STUBS).read_text(encoding="utf-8")
    question = layout.test_file(kata).read_text(encoding="utf-8")
    answer = layout.source_file(kata, layout.REFERENCE).read_text(encoding="utf-8")
    if kata.partition("/")[0] == layout.REPAIR:
        return make_broken(question, answer, read_bugs(kata))
    return make_stub(question, answer)


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
    return decoded(path.read_bytes())


def decoded(raw: bytes) -> str:
    """Returns the text that a Python file's bytes are.

    Raises:
        SourceError: As for `read_source`.
    """
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


def _marked(owner: Body, lines: list[str]) -> Iterator[tuple[ast.stmt, bool]]:
    """Each statement of a body, and whether it is given: marked itself, or in a marked block."""
    given, end = False, getattr(owner, "lineno", 0)
    for node in owner.body:
        between = [line.strip() for line in lines[end : _start(node) - 1]]
        given = GIVEN in between or (given and "" not in between)
        yield node, given
        end = node.end_lineno or 0


def _part(node: ast.stmt, given: bool, lines: list[str]) -> str:
    """A statement of the module as the stub shows it; "" for what it does not show."""
    if given:
        return _verbatim(node, lines)
    if isinstance(node, ast.FunctionDef) and node.name[0] != "_":
        return _asked(node, node.name, lines)
    if isinstance(node, ast.ClassDef) and node.name[0] != "_":
        marked = list(_marked(node, lines))
        members = [_member(m, node.name, g, lines) for m, g in marked]
        # Who is given the config is given the registration.
        above = _decorators(node, lines) if any(g for _, g in marked) else []
        head = "\n".join(above + _head(node, lines))
        return "\n\n".join([head, *filter(None, members)])
    return ""


def _member(node: ast.stmt, owner: str, given: bool, lines: list[str]) -> str:
    if given:
        return _verbatim(node, lines)
    if isinstance(node, ast.FunctionDef) and node.name == "__init__":
        return _asked(node, owner, lines)
    if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
        return _asked(node, f"{owner}.{node.name}", lines)
    return ""


def _asked(node: ast.FunctionDef, name: str, lines: list[str]) -> str:
    """The signature, the docstring, what is given of the body, and an error for the rest."""
    head = _head(node, lines)
    parts: list[str] = []
    todo = f'{" " * (node.col_offset + 4)}raise NotImplementedError("{name}")'
    for part, given in _marked(node, lines):
        if part.lineno < node.lineno + len(head):
            continue  # the docstring
        text = _verbatim(part, lines) if given or _begins_base(node, part) else todo
        if parts[-1:] != [text]:
            parts += [*(_gap(part, lines) if parts else []), text]
    return "\n".join(head + parts)


def _begins_base(node: ast.FunctionDef, part: ast.stmt) -> bool:
    """Whether `part` calls the base class first thing: who forgets it learns nothing here."""
    return node.name == "__init__" and ast.unparse(part).startswith("super().__init__(")


def _verbatim(node: ast.stmt, lines: list[str]) -> str:
    """The statement with its decorators and the comments right above it."""
    return "\n".join(lines[_first_comment(node, lines) : node.end_lineno])


def _gap(node: ast.stmt, lines: list[str]) -> list[str]:
    """A blank line, where one stands above the statement and its comments."""
    return [""] if not lines[_first_comment(node, lines) - 1].strip() else []


def _first_comment(node: ast.stmt, lines: list[str]) -> int:
    """Index of the first of the comment lines right above, or of the statement itself."""
    first = _start(node) - 1
    while lines[first - 1].strip().startswith("#"):
        first -= 1
    return first


def _start(node: ast.stmt) -> int:
    """The line of the first decorator, or of the statement itself."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _decorators(node: ast.ClassDef, lines: list[str]) -> list[str]:
    return lines[_start(node) - 1 : node.lineno - 1]


def _head(node: ast.FunctionDef | ast.ClassDef, lines: list[str]) -> list[str]:
    """The lines of the signature and of the docstring, without decorators."""
    first = node.body[0]
    end = first.end_lineno if ast.get_docstring(node) is not None else first.lineno - 1
    return lines[node.lineno - 1 : end]


def _code(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef))
            and ast.get_docstring(node) is not None
        ):
            del node.body[0]
    return ast.dump(tree)
