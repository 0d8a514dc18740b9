"""Tables in a narrow terminal: what matters least is left out before anything is cut."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text


def fitting(
    rows: Sequence[Sequence[Text | str]], width: int, least: Sequence[int], gap: int = 2
) -> list[int]:
    """Returns which columns to show.

    Args:
        rows: Cells; a row of fewer cells is a heading, and may run over all columns.
        width: Of the terminal, in characters.
        least: Columns that may be left out; the first of them goes first.
        gap: Characters between two columns.
    """
    most = max(map(len, rows), default=0)
    least = [column for column in least if column < most]
    widths = [max(cell_len(str(row[i])) for row in rows if len(row) == most) for i in range(most)]
    left_out: list[int] = []
    while sum(widths) + gap * (len(widths) - len(left_out) - 1) > width and least:
        widths[least[0]] = 0
        left_out.append(least[0])
        least = least[1:]
    return [column for column in range(most) if column not in left_out]
