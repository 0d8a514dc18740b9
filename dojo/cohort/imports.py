"""What a module needs: the project's own files that it imports, and what those import in turn."""

import ast
import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dojo import layout

# The project's own packages.
_OURS = ("dojo", "tests")


def needed(modules: Iterable[str], files: Iterable[Path] = ()) -> tuple[set[Path], set[str]]:
    """Returns the project's own files that are imported, and the names of other packages.

    Imports inside functions count, too.

    Args:
        modules: Where to begin, such as "dojo.check.worker".
        files: More to begin with, which are not returned.
    """
    found: set[Path] = set()
    others: set[str] = set()
    waiting = [name for file in files for name in _imports(file)] + list(modules)
    while waiting:
        name = waiting.pop()
        if name.partition(".")[0] not in _OURS:
            others.add(name.partition(".")[0])
            continue
        for file in set(_files(name)) - found:
            found.add(file)
            waiting += _imports(file)
    return found, others


def _imports(file: Path) -> Sequence[str]:
    return _names(file.read_text(encoding="utf-8"))


@functools.cache
def _names(source: str) -> Sequence[str]:
    return list(_named(ast.parse(source)))


def _named(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # Each may be a module, or something in one.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(name: str) -> Iterator[Path]:
    """The module's file, and those of the packages around it."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        place = layout.ROOT.joinpath(*parts[:end])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                yield file
