"""The debug command: somebody else's answer with one mistake; find it, repair it, name it."""

import dataclasses
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.text import Text
from textual import work

from dojo.content import catalogue, mistakes
from dojo.content.document import Document, Kata
from dojo.content.mistakes import Mistake
from dojo.content.traps import read_traps
from dojo.errors import UsageError
from dojo.record.archive import ArchiveError
from dojo.record.attempts import Attempts, Entry
from dojo.record.deck import utc_now
from dojo.record.rounds import REPAIR, REVIEW
from dojo.sitting import debrief, handout, review_report, round_report
from dojo.sitting.app import DojoApp, run_to_the_end
from dojo.sitting.attempt import Attempt
from dojo.sitting.desk import Desk, lay_out
from dojo.sitting.interview_plan import repair_minutes
from dojo.sitting.played import Played
from dojo.sitting.round_book import RoundBook
from dojo.sitting.round_choice import Past, choose, past
from dojo.sitting.round_report import Said
from dojo.sitting.screens.ask import Ask, sure
from dojo.sitting.screens.name_it import ask_name
from dojo.sitting.screens.review import ReviewScreen
from dojo.sitting.screens.round import RoundScreen
from dojo.sitting.screens.round_debrief import RoundDebriefScreen
from dojo.words import minutes_and_seconds


class NothingToDebug(UsageError):
    """No kata can be put up; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class DebugOptions:
    """What to debug; fields as the options of the command.

    Attributes:
        name: A kata, or "" for what comes next.
        minutes: Time box of each round; None for a third of the kata's.
        hard: No symptom.
        review: Name line, clause and input, and repair nothing.
        any: Also katas that are not solved yet.
        own: Break the learner's own answer where the mistake fits there.
        tree: Folder of the learner's answers.
        into: Folder to write the broken files to.
    """

    name: str
    minutes: float | None
    hard: bool
    review: bool
    any: bool
    own: bool
    tree: Path
    into: Path


def debug(options: DebugOptions) -> int:
    """Runs rounds until the learner quits, and returns the exit status.

    Raises:
        UnknownKata: If there is no such kata.
        NothingToDebug: If no kata is solved yet.
    """
    options.into.mkdir(parents=True, exist_ok=True)
    with lay_out(options.into, "debug", book=RoundBook) as desk:
        katas = eligible(options, desk.document, desk.book.database.was_solved)
        return run_to_the_end(DebugApp(desk, options, katas))


def eligible(
    options: DebugOptions, document: Document, solved: Callable[[str], bool]
) -> Sequence[str]:
    """Returns the katas that may be put up.

    Args:
        options: Of the command.
        document: All katas.
        solved: Says of a path whether that kata was ever solved.

    Raises:
        NothingToDebug: If there are none.
    """
    named = [catalogue.one(options.name)] if options.name else document.katas
    if options.name and named[0].track == "repair":
        raise NothingToDebug(
            f"{named[0].path} is somebody's broken program already: "
            f"nox -s practice -- {named[0].name}"
        )
    written = [kata for kata in named if kata.track != "repair"]
    katas = [kata.path for kata in written if options.any or solved(kata.path)]
    if not katas and options.name:
        raise NothingToDebug(
            f"{named[0].path} is not solved yet, and a round shows how its answer is built; "
            "--any takes it all the same"
        )
    if not katas:
        raise NothingToDebug(
            "no kata is solved yet. `nox -s practice` begins one; --any takes unsolved ones, "
            "and so shows how their answers are built"
        )
    return katas


class DebugApp(DojoApp):
    """Round after round."""

    def __init__(self, desk: Desk, options: DebugOptions, katas: Sequence[str]) -> None:
        """
        Args:
            desk: Its tree is the folder of the broken files.
            options: Of the command.
            katas: What may be put up.
        """
        super().__init__(desk)
        assert isinstance(desk.book, RoundBook)
        self.book = desk.book
        self.options = options
        self.katas = katas
        self.chance = random.Random()
        self._may_show: set[str] = set()

    @work
    async def flow(self) -> None:
        step = await self.go_on()
        while step == "next":
            step = await self.another()
        self.exit()

    async def another(self) -> str:
        """Chooses a mistake and plays it; returns "next" or "quit"."""
        mistake = self.next_mistake()
        if mistake is None:
            self.parting.append("there is no mistake to find in these katas")
            return "quit"
        kata = catalogue.one(mistake.kata)
        if not await self.may_show(kata):
            return "quit"
        own = debrief.own_answer(kata.path, self.options.tree) if self.options.own else ""
        fitted = mistakes.in_own_answer(mistake, own)
        mistake = fitted or mistake
        minutes = self.options.minutes or repair_minutes(kata)
        try:
            handout.hand_out(mistake, self.desk.tree)
        except ArchiveError as error:
            self.parting.append(str(error))
            return "quit"
        self.book.open(mistake, REVIEW if self.options.review else REPAIR)
        entry = Entry(kata.path, minutes, session=self.book.session, started=time.time())
        return await self.play(mistake, self.attempt_at(kata, entry), own if fitted else None)

    def attempt_at(self, kata: Kata, entry: Entry) -> Attempt:
        return Attempt(kata, entry, self.book)

    def next_mistake(self) -> Mistake | None:
        return choose(self.katas, self.known(), self.chance)

    def known(self) -> Past:
        entries = Attempts(self.book.database).all()
        return past(self.book.deck.due_times(), entries, self.book.rounds.all(), utc_now())

    async def may_show(self, kata: Kata) -> bool:
        """Asks, once a kata, before a round gives an unsolved one's answer away."""
        if kata.path in self._may_show or self.book.database.was_solved(kata.path):
            return True
        text = f"{kata.path} is not solved yet. A round shows how its answer is built. Go on?"
        if await sure(self, text):
            self._may_show.add(kata.path)
        return kata.path in self._may_show

    async def go_on(self) -> str:
        """Goes on with a round that broke off, if the learner wants; "next" where there is none."""
        for found in self.book.rounds.broken_off()[-1:]:
            kata = catalogue.one(found.entry.kata)
            mistake = _same_again(found.id, kata.path)
            if mistake is None or not handout.exists(mistake, self.desk.tree):
                continue
            spent = minutes_and_seconds(found.entry.seconds)
            text = Text(f"A round of {mistake.kata} broke off after {spent}.", "bold")
            ways = {"c": "continue it", "n": "another one", "q": "quit"}
            key = await self.push_screen_wait(Ask(text, ways))
            if key == "q":
                return "quit"
            if key == "c":
                self.book.open(mistake, found.kind)
                return await self.play(mistake, self.attempt_at(kata, found.entry))
        self.book.rounds.close(self.book.rounds.broken_off())
        return "next"

    async def play(self, mistake: Mistake, attempt: Attempt, own: str | None = None) -> str:
        """One round to its debrief; returns "next" or "quit"."""
        attempt.start()
        self.attempt = attempt
        kind = ReviewScreen if self.book.round_kind == REVIEW else RoundScreen
        screen = kind(attempt, self.desk, mistake, self.options.hard)
        step = await self.push_screen_wait(screen)
        if step == "void":
            self.notify("The tests do not see that mistake; here is another.")
            return "next"
        if step != "debrief":
            return step
        if isinstance(screen, ReviewScreen):
            grades = review_report.grades(mistake, screen.evidence, screen.review)
            said = Said(screen.review.text, "", mistake.name)
        else:
            grades, said = {}, await ask_name(self, mistake, self.chance)
        right = all(grades.values()) if grades else said.right
        due, trouble = self.book.conclude(attempt.entry, right, screen.evidence)
        if trouble:
            self.notify(trouble, severity="error", timeout=15)
        self.parting.append(f"{mistake.kata}: {round_report.headline(attempt.entry, said, grades)}")
        repaired = debrief.own_answer(mistake.kata, self.desk.tree)
        played = Played(mistake, attempt, screen.evidence, said, repaired, own, due, grades)
        return await self.push_screen_wait(RoundDebriefScreen(played))


def _same_again(wanted: str, kata: str) -> Mistake | None:
    """The mistake of that id, a trap or a break, if the kata still has it."""
    for trap in read_traps(kata):
        if f"{kata}: {trap.name}" == wanted:
            return mistakes.of_trap(trap)
    breaks = mistakes.from_breaks(kata, random.Random())
    return next((found for found in breaks if found.id == wanted), None)
