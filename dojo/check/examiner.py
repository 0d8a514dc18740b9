"""The files that judge an answer: suites, helpers, the tool, the model answers.

A file under check runs with its owner's rights and may write to them. Nothing can forbid that
here; but what has changed since the warm process started is said beside the verdict.
"""

import contextlib
import hashlib
from collections.abc import Mapping

from dojo import layout
from dojo.words import counted

_MOST_NAMES = 3
# Of the tests: what checks the tool, the questions or the suites, and judges no answer.
_OTHERS = ("house", "questions", "second", "traps")


def digests() -> dict[str, str]:
    """Returns {path below the project's folder: digest of the text}."""
    found = {}
    for folder in ("tests", "dojo", "reference"):
        for file in sorted((layout.ROOT / folder).rglob("*.py")):
            name = file.relative_to(layout.ROOT)
            if name.parts[1] not in _OTHERS:
                with contextlib.suppress(OSError):
                    found[str(name)] = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    return found


def changed(before: Mapping[str, str]) -> list[str]:
    """Returns the files that were added, removed or rewritten; none if `before` is unknown."""
    after = digests() if before else {}
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def remark(names: list[str]) -> str:
    """Says what has changed, and how not to be told again."""
    told = ", ".join(names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    others = f" and {counted(more, 'other')}" if more > 0 else ""
    return (
        f"Changed since the warm process started: {told}{others}\n"
        "If that was you, or a git pull, all is well: python -m dojo warm --stop takes note of it"
    )
