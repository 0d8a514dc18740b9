"""Whose parts are compared: the learner's where solved, the model answers elsewhere."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dojo import layout
from dojo.content import stubs
from dojo.results import Outcome

YOURS = "yours"
MODEL_ANSWER = "model answer"


@dataclasses.dataclass(frozen=True)
class Part:
    """One kata's answer, as text: what is hashed is what runs, even if the file is saved.

    Attributes:
        kata: Its path, such as "losses/focal_loss".
        path: The file it was read from.
        source: Its text; "" where it could not be read.
        whose: "yours", "model answer", or the tree that was asked for.
        reason: Why it is not the learner's, or why it cannot run.
    """

    kata: str
    path: str
    source: str
    whose: str
    reason: str = ""

    @functools.cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.source.encode()).hexdigest()

    @property
    def name(self) -> str:
        return self.kata.partition("/")[2]


def from_tree(katas: Iterable[str], tree: Path) -> dict[str, Part]:
    """Returns every kata's part from one tree, unchecked: --tree asks for that."""
    resolved = tree.resolve()
    whose = {layout.KATAS: YOURS, layout.REFERENCE: MODEL_ANSWER}
    label = whose.get(resolved, f"from {layout.shown(resolved)}")
    return {kata: _read(kata, resolved, label) for kata in katas}


def solved_or_model(katas: Sequence[str], verdicts: Mapping[str, Outcome]) -> dict[str, Part]:
    """Returns the learner's part of each solved kata, and the model answer of the others."""
    parts = {}
    for kata in katas:
        outcome = verdicts[kata]
        solved = outcome is Outcome.SOLVED
        tree, whose = (layout.KATAS, YOURS) if solved else (layout.REFERENCE, MODEL_ANSWER)
        reason = "" if solved else f"yours is {outcome}"
        parts[kata] = _read(kata, tree, whose, reason)
    return parts


def _read(kata: str, tree: Path, whose: str, reason: str = "") -> Part:
    path = layout.source_file(kata, tree)
    try:
        source = stubs.read_source(path)
    except (OSError, stubs.SourceError) as error:
        text = error.strerror if isinstance(error, OSError) else str(error)
        return Part(kata, str(path), "", whose, f"{layout.shown(path)}: {text}")
    return Part(kata, str(path), source, whose, reason)
