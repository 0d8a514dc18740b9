"""One round of debugging as it is played: what was handed out, said, and repaired."""

import dataclasses
import datetime
from collections.abc import Mapping

from dojo.content.mistakes import Mistake
from dojo.record.deck import utc_now
from dojo.results import Result
from dojo.sitting.attempt import Attempt
from dojo.sitting.round_report import Said
from dojo.words import from_now


@dataclasses.dataclass(frozen=True)
class Played:
    """A round that has ended.

    Attributes:
        mistake: What was to be found.
        attempt: Its clock and checks.
        evidence: What the tests said of the file as it was handed out, if they got so far.
        said: What the learner said it was.
        repaired: The learner's file in the end.
        own: The learner's answer that was broken; None where the model's was.
        grades: Of a review, what was asked for and whether it was right; empty for a repair.
        due: When the family comes back; None where that could not be recorded.
    """

    mistake: Mistake
    attempt: Attempt
    evidence: Result | None
    said: Said
    repaired: str
    own: str | None
    due: datetime.datetime | None
    grades: Mapping[str, bool] = dataclasses.field(default_factory=dict)

    def back(self) -> str:
        """Returns "in 3 days"."""
        return from_now(self.due - utc_now()) if self.due is not None else ""
