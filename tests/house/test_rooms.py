"""The rooms of dojo/ stack: what is below imports nothing from above."""

import ast

import pytest

from dojo import layout

# From the ground up. `cli` stands on top of all: it calls every room.
ROOMS = ["", "content", "record", "check", "sitting", "cohort", "compare", "upkeep", "cli"]
FOLDER = layout.ROOT / "dojo"


def name_of(path):
    parts = path.relative_to(layout.ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in FOLDER.rglob("*.py")}


def imports_of(module):
    """Every module of dojo that it imports, also inside a function."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "dojo":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def room_of(module):
    name = module.split(".")[1] if "." in module else ""
    return name if name in ROOMS else ""


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"dojo.__main__"}))
def test_nothing_is_imported_from_a_room_above(module):
    floor = ROOMS.index(room_of(module))
    assert [name for name in imports_of(module) if ROOMS.index(room_of(name)) > floor] == []


@pytest.mark.parametrize("room", ["content", "record", "check", "sitting", "cohort", "compare"])
def test_the_modules_of_a_room_import_one_another_without_a_circle(room):
    done = set()

    def visit(module, path):
        assert module not in path, " -> ".join([*path, module])
        for name in set() if module in done else imports_of(module):
            if room_of(name) == room:
                visit(name, [*path, module])
        done.add(module)

    for module in sorted(MODULES):
        if room_of(module) == room:
            visit(module, [])
