"""Wrong answers that people really give: the trap files beside the suites."""

import dataclasses
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dojo import layout


@dataclasses.dataclass(frozen=True)
class Trap:
    """A wrong answer, as an edit of the model answer.

    Attributes:
        kata: Path of the kata.
        name: What the mistake is called.
        clause: Number of the clause whose tests have to reject it.
        old, new: The edit; `old` occurs exactly once.
        cause: What a cause that its clause proves has to contain, or "".
        plain: Words of the message that is shown, where that says it without a proof, or "".
        unnamed: Why what is shown neither names the mistake nor makes it plain, or "".
        symptom: What a colleague who used the answer would report, or "".
        family: One of `mistakes.FAMILIES`, or "".
    """

    kata: str
    name: str
    clause: str
    old: str
    new: str
    cause: str = ""
    plain: str = ""
    unnamed: str = ""
    symptom: str = ""
    family: str = ""

    def source(self) -> str:
        """Returns the whole wrong answer.

        Raises:
            ValueError: If the model answer no longer has the text to edit.
        """
        answer = layout.source_file(self.kata, layout.REFERENCE).read_text(encoding="utf-8")
        if answer.count(self.old) != 1:
            found = answer.count(self.old)
            raise ValueError(f"{self.kata}, {self.name}: `old` is there {found} times: {self.old}")
        return answer.replace(self.old, self.new)


_OPTIONAL = ("cause", "plain", "unnamed", "symptom", "family")


def traps_file(kata: str) -> Path:
    return layout.TESTS / "traps" / f"{kata}.toml"


def read_traps(kata: str) -> Sequence[Trap]:
    """Returns the traps of "losses/focal_loss", from tests/traps/losses/focal_loss.toml."""
    return [
        Trap(
            kata,
            entry["name"],
            str(entry["clause"]),
            entry["old"].removeprefix("\n"),
            entry["new"].removeprefix("\n"),
            *(entry.get(field, "") for field in _OPTIONAL),
        )
        for entry in _entries(kata)["trap"]
    ]


def read_equivalents(kata: str) -> dict[str, str]:
    """Returns mutant label to the reason why no test can tell it from the answer."""
    return {entry["mutant"]: entry["why"] for entry in _entries(kata).get("equivalent", [])}


def _entries(kata: str) -> dict[str, Any]:
    return tomllib.loads(traps_file(kata).read_text(encoding="utf-8"))
