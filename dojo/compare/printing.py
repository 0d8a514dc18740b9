"""Prints on the terminal whose parts are compared and what was found."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dojo.compare.comparison import Report, Sheet
from dojo.compare.parts import Part


def whose(found: Mapping[str, Part]) -> Text:
    """Returns a few lines: whose part each kata is, and what to do about yours that fail."""
    owners: dict[str, list[str]] = {}
    for part in found.values():
        owners.setdefault(part.whose, []).append(part.name)
    text = Text()
    for owner, names in owners.items():
        text.append(f"{owner}: ", "bold").append(f"{', '.join(names)}\n")
    for part in found.values():
        if part.reason and not part.reason.endswith("not started"):
            text.append(f"{part.name}: {part.reason}", "yellow")
            text.append(f"; nox -s check -- {part.name} says why\n")
    return text


def show(report: Report, console: Console) -> None:
    """Prints one comparison: method, tables, sentences, what is missing."""
    console.print()
    console.rule(Text(report.title, "bold"), align="left", style="dim")
    console.print(Text(report.method, "dim"))
    for sheet in report.sheets:
        console.print()
        console.print(Text(sheet.title, "bold"))
        console.print(_grid(sheet))
    if report.conclusions:
        console.print()
    console.print(_bullets("•", report.conclusions, ""))
    console.print(_bullets("✗", [f"{what}: {why}" for what, why in report.failures], "red"))


def _bullets(mark: str, lines: Sequence[str], style: str) -> Table | Text:
    if not lines:
        return Text("", end="")
    grid = Table.grid(padding=(0, 1))
    for line in lines:
        grid.add_row(Text(f" {mark}", style), Text(line, style))
    return grid


def _grid(sheet: Sheet) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in sheet.headings:
        grid.add_column(Text(heading, "dim"))
    for row in sheet.rows:
        grid.add_row(*(Text(text, "red" if text == "failed" else "") for text in row))
    return grid
