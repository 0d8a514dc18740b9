"""What a kata asks: the module docstring of its suite, with its title and its clauses."""

import ast
import dataclasses
import functools
import re
from collections.abc import Mapping
from pathlib import Path

from dojo import layout

# An item ends where the next begins, or at a blank line.
_CLAUSE = re.compile(r"^ {4}(\d+)\. (.+?)(?=^ {4}\d+\. |^\s*$|\Z)", re.DOTALL | re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Asked:
    """The question of one kata.

    Attributes:
        text: All of it, as `ast.get_docstring` gives it.
        title: Its first line.
        clauses: Number to text, without line breaks; `test_k_…` checks clause k.
    """

    text: str
    title: str
    clauses: Mapping[str, str]


def asked(kata: str) -> Asked:
    """Returns what "losses/focal_loss" asks; its suite is read again once it has changed.

    Raises:
        FileNotFoundError: If there is no such suite.
    """
    suite = layout.test_file(kata)
    return _read(suite, suite.stat().st_mtime_ns)


@functools.cache
def _read(suite: Path, _changed: int) -> Asked:
    source = suite.read_text(encoding="utf-8")
    # The head alone: parsing a whole suite for its docstring takes too long.
    head = source[: _docstring_of(source).stop] + '"""'
    text = ast.get_docstring(ast.parse(head)) or ""
    clauses = {number: " ".join(words.split()) for number, words in _CLAUSE.findall(text)}
    return Asked(text, text.partition("\n")[0], clauses)


def docstring(source: str) -> str:
    """Returns the module docstring as written in the source of a suite; a stub repeats it."""
    return source[_docstring_of(source)]


def _docstring_of(source: str) -> slice:
    start = source.index('"""') + 3
    return slice(start, source.index('"""', start))
