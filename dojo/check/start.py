"""Where a process that checks begins: run by its path, so that its text counts.

The project's other modules are compiled from their text, too. What lies in a bytecode cache
beside them may have been put there by a file under check, and git would not show it.
"""

import importlib
import os
import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from types import CodeType
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_OURS = tuple(os.path.join(ROOT, name, "") for name in ("dojo", "tests"))


class FromText(SourceFileLoader):
    """Reads no bytecode."""

    def get_code(self, fullname: str) -> CodeType | None:
        return self.source_to_code(self.get_data(self.path), self.path)


_finder = FileFinder.path_hook((FromText, SOURCE_SUFFIXES))


def find_ours(folder: str) -> Any:
    """Finds modules in the project's own folders, and in no other."""
    if folder == ROOT or os.path.join(folder, "").startswith(_OURS):
        return _finder(folder)
    raise ImportError


if __name__ == "__main__":
    sys.path_hooks.insert(0, find_ours)
    # Last: a file keras.py in the project's folder hides nothing.
    sys.path.append(ROOT)
    importlib.import_module(sys.argv[1]).main(sys.argv[2:])
