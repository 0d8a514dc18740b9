"""Whether a clause has passed, as a mark that says without colour what colour says."""

from collections.abc import Iterable, Mapping

from rich.text import Text

_MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "": ("·", "dim")}


def light(verdict: str) -> Text:
    """Returns the mark of one clause: "passed", "failed", or "" for one not judged yet."""
    return Text(*_MARKS[verdict])


def lights(clauses: Iterable[str], verdicts: Mapping[str, str]) -> Text:
    """Returns one light a clause: 1✓ 2✗ 3·"""
    text = Text()
    for number in clauses:
        mark, style = _MARKS[verdicts.get(number, "")]
        text.append(f"{number}{mark} ", style)
    return text
