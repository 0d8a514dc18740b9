"""The bugs of a repair kata: edits that make the broken program from the model answer.

They stand beside its traps, as `[[bug]]`:

    name     what the mistake is called
    clause   the clause that fails if, and only if, the bug is in
    old      the text of the answer, found there exactly once; or a list of such texts
    new      what stands there instead; a list where `old` is one
    symptom  what a learner sees of it
"""

import dataclasses
import tomllib
from collections.abc import Iterable, Sequence

from dojo.content.traps import traps_file


@dataclasses.dataclass(frozen=True)
class Bug:
    """One mistake in a program that is to be repaired.

    Attributes:
        name: What it is called.
        clause: Number of the clause that fails if it is in.
        edits: Each a text of the answer, and what stands there instead.
        symptom: What a learner sees of it.
    """

    name: str
    clause: str
    edits: Sequence[tuple[str, str]]
    symptom: str


def read_bugs(kata: str) -> Sequence[Bug]:
    """Returns the bugs of "repair/debug_loop", in the order of their clauses."""
    entries = tomllib.loads(traps_file(kata).read_text(encoding="utf-8"))["bug"]
    return [
        Bug(
            entry["name"],
            str(entry["clause"]),
            list(zip(_texts(entry["old"]), _texts(entry["new"]), strict=True)),
            entry["symptom"],
        )
        for entry in entries
    ]


def put_in(bugs: Iterable[Bug], answer: str) -> str:
    """Returns the answer with these bugs in it.

    Raises:
        ValueError: If the answer does not have a text to edit, or has it twice.
    """
    for bug in bugs:
        for old, new in bug.edits:
            if answer.count(old) != 1:
                raise ValueError(f"{bug.name}: `old` is there {answer.count(old)} times: {old}")
            answer = answer.replace(old, new)
    return answer


def _texts(value: str | list[str]) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    return [text.removeprefix("\n") for text in texts]
