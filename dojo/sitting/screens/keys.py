"""The list of keys that ? shows."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.screen import Screen

from dojo.sitting.screens.ask import Ask


def keys_of(screen: Screen[Any]) -> Ask:
    """Returns what lists the keys of a screen; any key closes it."""
    table = Table.grid(padding=(0, 2))
    for active in screen.active_bindings.values():
        binding = active.binding
        if binding.show:
            key = binding.key_display or screen.app.get_key_display(binding)
            table.add_row(Text(key, "bold"), binding.tooltip or binding.description)
    table.add_row(Text("tab", "bold"), "the other pane; the arrows scroll it")
    table.add_row(Text("ctrl+z", "bold"), "to the shell, fg comes back; the clock goes on")
    table.add_row(Text("ctrl+c", "bold"), "leave; twice to leave at once")
    return Ask(Group(Text("Keys\n", "bold"), table), {"any key": "back"})
