"""The practice command: kata after kata against the clock; choose, attempt, debrief."""

import dataclasses
from pathlib import Path

from rich.text import Text
from textual import work

from dojo.content import catalogue
from dojo.content.document import Kata
from dojo.record.archive import ArchiveError
from dojo.record.attempts import Refused
from dojo.sitting import attempt, debrief
from dojo.sitting.agenda import agenda_if_any
from dojo.sitting.app import DojoApp, run_to_the_end
from dojo.sitting.attempt import Attempt
from dojo.sitting.choices import choices, propose
from dojo.sitting.desk import Desk, lay_out
from dojo.sitting.screens.ask import Ask
from dojo.sitting.screens.attempt import AttemptScreen
from dojo.sitting.screens.choose import ChooseScreen
from dojo.sitting.screens.debrief import DebriefScreen
from dojo.words import minutes_and_seconds


@dataclasses.dataclass(frozen=True)
class PracticeOptions:
    """What to practise; fields as the options of the command."""

    name: str
    minutes: float | None
    tree: Path


def practise(options: PracticeOptions) -> int:
    """Runs a sitting of practice and returns the exit status.

    Raises:
        UnknownKata: If there is no such kata.
        Refused: If it is under way in another window.
    """
    kata = catalogue.one(options.name) if options.name else None
    with lay_out(options.tree, "practice") as desk:
        attempt.settle(desk.book)
        if kata is not None:
            attempt.refuse_elsewhere(kata, desk.book)
        return run_to_the_end(PracticeApp(desk, kata, options.minutes))


class PracticeApp(DojoApp):
    """Kata after kata, until the learner quits."""

    def __init__(self, desk: Desk, kata: Kata | None, minutes: float | None) -> None:
        """
        Args:
            desk: What the screens work with.
            kata: The first one; None to choose it from the list.
            minutes: Time box of each; None for the kata's own.
        """
        super().__init__(desk)
        self.kata = kata
        self.minutes = minutes

    @work
    async def flow(self) -> None:
        kata = self.kata or await self.choose()
        while kata is not None:
            step = await self.one(kata)
            kata = await self.choose() if step == "next" else None
        self.exit()

    async def choose(self) -> Kata | None:
        found = choices(self.desk.document, self.desk.book, self.desk.tree)
        planned = agenda_if_any(self.desk.book.database, self.desk.document)
        proposal = propose(found, self.desk.book, planned)
        return await self.push_screen_wait(ChooseScreen(found, proposal))

    async def one(self, kata: Kata) -> str:
        """One kata to its debrief; returns "next" or "quit"."""
        try:
            begun = await self.begin(kata, self.minutes or kata.minutes)
        except (Refused, ArchiveError) as error:
            self.notify(str(error), severity="error", timeout=15)
            return "next"
        self.attempt = begun
        if begun is None:
            return "quit"
        step = await self.push_screen_wait(AttemptScreen(begun, self.desk))
        self.parting.append(f"{kata.path}: {debrief.headline(begun.entry)}")
        if step == "debrief":
            return await self.push_screen_wait(DebriefScreen(begun, self.desk))
        return step

    async def begin(self, kata: Kata, minutes: float) -> Attempt | None:
        """Goes on with an attempt that broke off, if the learner wants, or starts anew.

        None leaves that attempt as it is.

        Raises:
            Refused, ArchiveError: If it cannot begin.
        """
        entry = attempt.resumable(kata, self.desk.book, self.desk.tree)
        if entry is not None:
            text = (
                f"An attempt at {kata.path} broke off after {minutes_and_seconds(entry.seconds)}."
            )
            ways = {"c": "continue it", "n": "start anew; your text is kept", "q": "quit"}
            key = await self.push_screen_wait(Ask(Text(text, "bold"), ways))
            if key == "q":
                return None
            if key == "c":
                return attempt.resume(kata, entry, self.desk.book)
        return attempt.begin(kata, minutes, self.desk.book, self.desk.tree)
