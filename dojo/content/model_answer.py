"""The model answer of a kata, and what it explains."""

import ast

from dojo import layout


def source(kata: str) -> str:
    """Returns the whole file."""
    return layout.source_file(kata, layout.REFERENCE).read_text(encoding="utf-8")


def explanation(kata: str) -> str:
    """Returns its module docstring: the trap, the derivation, the cost."""
    return ast.get_docstring(ast.parse(source(kata))) or ""
