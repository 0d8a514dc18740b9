"""A kata, or a round, within an interview: the interview's clock rules, and nothing pauses it."""

from rich.text import Text

from dojo.content.mistakes import Mistake
from dojo.record import attempts
from dojo.sitting.attempt import Attempt
from dojo.sitting.desk import Desk
from dojo.sitting.interview_record import Interview
from dojo.sitting.screens.attempt import AttemptScreen
from dojo.sitting.screens.round import RoundScreen
from dojo.words import minutes_and_seconds

END_HERE = "End the interview here? The debrief follows."


class UnderAClock(AttemptScreen):
    """Ends as practice's screen does, and also when the whole time is up."""

    end_is = "move on"
    over_is = "go on; it takes time from the other parts"
    away = "Move on to the next part? Your file stays as it is."
    out = END_HERE
    interview: Interview

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "pause" and super().check_action(action, parameters)

    def tick(self) -> None:
        self.interview.clock.tick()
        super().tick()
        if self.interview.left <= 0 and self.attempt.running:
            self.finish(attempts.TIME_UP)

    def time_left(self, brief: bool = False) -> Text:
        total = f"{minutes_and_seconds(self.interview.left)} · kata "
        total = total if brief else f"interview {total}"
        return Text(total, "not bold").append_text(super().time_left(brief))


class CodeScreen(UnderAClock):
    """A kata to write."""

    surrender = "Give up this kata? Its answer comes in the debrief."

    def __init__(self, attempt: Attempt, desk: Desk, interview: Interview) -> None:
        super().__init__(attempt, desk)
        self.interview = interview


class RepairScreen(UnderAClock, RoundScreen):
    """Somebody else's answer to repair."""

    surrender = "Give up this round? The mistake is named in the debrief."

    def __init__(
        self, attempt: Attempt, desk: Desk, mistake: Mistake, interview: Interview
    ) -> None:
        self.interview = interview
        RoundScreen.__init__(self, attempt, desk, mistake, hard=False)
