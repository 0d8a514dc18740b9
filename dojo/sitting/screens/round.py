"""A round of debugging against the clock: a file with one mistake, to be found and repaired."""

import dataclasses
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from dojo.check.runner import Event
from dojo.content.asked import asked
from dojo.content.mistakes import Mistake
from dojo.results import Outcome, Result
from dojo.sitting import handout, round_report
from dojo.sitting.attempt import Attempt
from dojo.sitting.desk import Desk
from dojo.sitting.screens.ask import sure
from dojo.sitting.screens.attempt import AttemptScreen
from dojo.sitting.widgets.question_pane import QuestionPane
from dojo.sitting.widgets.symptom_pane import SymptomPane
from dojo.sitting.widgets.verdict_pane import VerdictPane


class RepairPane(VerdictPane):
    """The newest failure; before the first check, where the broken file is."""

    INVITATION = "Read it, say what is wrong, and repair it:"


class RoundScreen(AttemptScreen):
    """Ends with "debrief", "next" or "quit"; with "void" where the tests find no mistake."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "fold", "question", tooltip="show the kata's question, or put it away"),
    ]

    surrender = "Give up, and see what the mistake was?"
    away = "Leave this round for another?"
    out = "Quit? The round is recorded, and its file stays as it is."

    def __init__(self, attempt: Attempt, desk: Desk, mistake: Mistake, hard: bool) -> None:
        """
        Args:
            attempt: Clock and checks of the round.
            desk: Its tree is the folder of the broken file.
            mistake: What is to be found.
            hard: Show no symptom.
        """
        super().__init__(attempt, desk)
        self.mistake = mistake
        self.hard = hard
        # What the tests say of the file as it was handed out.
        self.evidence: Result | None = None

    def question_pane(self) -> QuestionPane:
        return SymptomPane(self.attempt, self.symptom())

    def verdict_pane(self) -> VerdictPane:
        return RepairPane(self.attempt, self.file)

    def symptom(self) -> str:
        """What is reported: written for a trap, the clause that fails for a break."""
        if self.hard:
            return ""
        if self.mistake.symptom:
            return self.mistake.symptom
        if self.evidence is None:
            return "A test fails; the first check says which."
        return failing_clause(self.evidence)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "hint"

    def take(self, result: Result) -> None:
        if self.evidence is None and handout.is_untouched(self.mistake, self.desk.tree):
            self.notice(result)
        elif not handout.is_untouched(self.mistake, self.desk.tree):
            super().take(round_report.unnamed(result))

    def show_first(self, word: Event) -> None:
        if handout.is_untouched(self.mistake, self.desk.tree):
            return
        failure = word.failure and round_report.without_cause(word.failure)
        super().show_first(dataclasses.replace(word, failure=failure))

    def notice(self, result: Result) -> None:
        """Keeps what the tests say of the broken file; it has to be wrong."""
        self.evidence = result
        if result.outcome is Outcome.SOLVED:
            self.attempt.leave()
            self.leave_with("void")
            return
        pane = self.query_one(SymptomPane)
        pane.symptom = self.symptom()
        pane.show()

    def action_fold(self) -> None:
        self.query_one(SymptomPane).fold()

    @work
    async def action_reset(self) -> None:
        if await sure(self.app, "Put the broken file back? What you wrote is kept."):
            handout.hand_out(self.mistake, self.desk.tree)


def failing_clause(evidence: Result) -> str:
    """Returns the clause that fails first, in the words of the question."""
    failed = [clause for clause, verdict in evidence.clauses.items() if verdict == "failed"]
    words = asked(evidence.kata).clauses.get(failed[0], "") if failed else ""
    if not words:
        return f"The tests end with “{evidence.outcome.value}”."
    return f"Clause {failed[0]} does not hold: {words}"
