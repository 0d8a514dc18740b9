"""The text of the code that computes: numbers that came from another text are not ours."""

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from dojo import layout


@functools.cache
def digest(*modules: str) -> str:
    """Returns a hash of these modules and of all that they import of dojo.compare."""
    whole = hashlib.sha256()
    for module in sorted(closure(modules)):
        whole.update(_file(module).read_bytes())
    return whole.hexdigest()


def closure(modules: Iterable[str]) -> set[str]:
    """Returns the modules, and what they import of dojo.compare, however deep."""
    found: set[str] = set()
    waiting = set(modules)
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= _imported(module) - found
    return found


@functools.cache
def _imported(module: str) -> frozenset[str]:
    tree = ast.parse(_file(module).read_bytes())
    names = {name for node in ast.walk(tree) for name in _names(node)}
    return frozenset(name for name in names if _is_ours(name))


def _names(node: ast.AST) -> Iterator[str]:
    """Yields what a statement may import: of `from a import b` both a and a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or ""
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_ours(name: str) -> bool:
    return name.startswith("dojo.compare.") and _file(name).is_file()


def _file(module: str) -> Path:
    return layout.ROOT.joinpath(*module.split(".")).with_suffix(".py")
