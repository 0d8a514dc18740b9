"""What there is to say after a round: the mistake, its proof, the smallest repair beside yours."""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence

from dojo import shown
from dojo.content import mistakes
from dojo.content.asked import asked
from dojo.content.mistakes import Mistake
from dojo.record.attempts import Entry
from dojo.results import Failure, Kind, Result
from dojo.sitting import debrief


@dataclasses.dataclass(frozen=True)
class Said:
    """What the learner said the mistake was.

    Attributes:
        words: In their own words, or "".
        picked: What they picked, or "".
        true: What it was, among what they could pick.
    """

    words: str
    picked: str
    true: str

    @property
    def right(self) -> bool:
        return self.picked == self.true


def unnamed(result: Result) -> Result:
    """Returns the verdict without the mistakes that numbers prove: to name them is the round."""
    return dataclasses.replace(result, failures=[without_cause(f) for f in result.failures])


def without_cause(failure: Failure) -> Failure:
    """Returns a failure without the mistake that its numbers prove."""
    if failure.kind is not Kind.PROOF:
        return failure
    message = failure.message.partition("\n  cause ")[0].rstrip()
    return dataclasses.replace(failure, cause=None, message=message)


def headline(entry: Entry, said: Said, grades: Mapping[str, bool]) -> str:
    """Returns "solved in 3:10 of 4:00, mistake named", or what a review got right."""
    if grades:
        right = ", ".join(what for what, right in grades.items() if right) or "nothing"
        return f"{debrief.headline(entry)}, right: {right}"
    named = "mistake named" if said.right else "mistake not named"
    return f"{debrief.headline(entry)}, {named}"


def proof(evidence: Result | None) -> Failure | None:
    """Returns the failure that shows the mistake best."""
    if evidence is None:
        return None
    index = shown.shown(evidence.failures)
    return None if index is None else evidence.failures[index]


def reading(kata: str) -> str:
    """Returns what the kata's question names to read, on one line."""
    _, _, rest = asked(kata).text.partition("\nRead ")
    return " ".join(rest.split())


def smallest_repair(mistake: Mistake, own: str | None = None) -> Sequence[str]:
    """Returns the lines of the difference to the right answer, as - and + lines.

    Args:
        mistake: What was to be repaired.
        own: The learner's answer before the mistake was put in; None for the model's.
    """
    return changes(mistake.source, own or mistakes.repaired(mistake.kata))


def changes(before: str, after: str) -> Sequence[str]:
    """Returns the lines that differ, each with - or + before it."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[:2] not in ("--", "++", "@@")]


def counted_lines(found: Sequence[str]) -> int:
    """Returns how many lines a repair touches: those taken out, or put in if there are more."""
    gone = sum(line.startswith("-") for line in found)
    return max(gone, len(found) - gone)
