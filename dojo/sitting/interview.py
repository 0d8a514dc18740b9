"""The interview command: katas and spoken questions under one clock, then the debrief."""

import contextlib
import datetime
import random
import time
from collections.abc import Iterator, Sequence

from textual import work

from dojo import layout
from dojo.content.document import Kata, Question
from dojo.record.archive import ArchiveError
from dojo.record.attempts import Entry, Refused
from dojo.record.database import DatabaseError
from dojo.record.deck import question_card, utc_now
from dojo.record.follow_ups import FollowUps
from dojo.sitting import debrief, handout, interview_report
from dojo.sitting.app import DojoApp, run_to_the_end
from dojo.sitting.attempt import Attempt, begin
from dojo.sitting.choices import choices
from dojo.sitting.clock import Clock
from dojo.sitting.desk import Desk, lay_out
from dojo.sitting.interview_plan import InterviewOptions, Part, Repair, plan
from dojo.sitting.interview_record import Answer, Found, Further, Interview, Trial
from dojo.sitting.round_book import RoundBook
from dojo.sitting.round_choice import Past, choose
from dojo.sitting.round_report import Said
from dojo.sitting.screens.assess import AssessScreen
from dojo.sitting.screens.closing import ClosingScreen
from dojo.sitting.screens.code import CodeScreen, RepairScreen
from dojo.sitting.screens.follow_up import FollowUpScreen
from dojo.sitting.screens.name_it import ask_name
from dojo.sitting.screens.opening import OpeningScreen
from dojo.sitting.screens.spoken import SpokenScreen


def hold(options: InterviewOptions) -> int:
    """Runs one mock interview and returns the exit status.

    Raises:
        TooShort: If no kata fits.
    """
    with lay_out(options.tree, "interview", options.minutes) as desk, _second(options) as second:
        now = datetime.datetime.now().astimezone()
        interview = Interview(options, _parts(options, desk), now)
        return run_to_the_end(InterviewApp(desk, interview, second))


@contextlib.contextmanager
def _second(options: InterviewOptions) -> Iterator[Desk | None]:
    """The desk for what is to be debugged, where the format has that."""
    if options.format == "classic":
        yield None
        return
    layout.DEBUG.mkdir(exist_ok=True)
    with lay_out(layout.DEBUG, "debug", book=RoundBook) as desk:
        yield desk


def _parts(options: InterviewOptions, desk: Desk) -> Sequence[Part]:
    """The plan for this learner: first what is unsolved, and what is due."""
    found = choices(desk.document, desk.book, desk.tree)
    by_card = {question_card(question.id): question.id for question in desk.document.questions}
    due, _ = desk.book.deck.in_order(by_card, utc_now())
    return plan(
        desk.document,
        options,
        {choice.kata.path for choice in found if choice.solved},
        [by_card[card] for card in due],
        random.Random(),
    )


class InterviewApp(DojoApp):
    """Part after part under one clock, then what the answers were worth, then the debrief."""

    def __init__(self, desk: Desk, interview: Interview, second: Desk | None = None) -> None:
        """
        Args:
            desk: For katas and questions.
            interview: The plan and its clock.
            second: For rounds of debugging; None where the plan has none.
        """
        super().__init__(desk)
        self.interview = interview
        self.second = second

    def clocks(self) -> Sequence[Clock]:
        return [*super().clocks(), self.interview.clock]

    @work
    async def flow(self) -> None:
        if await self.push_screen_wait(OpeningScreen(self.interview)) == "start":
            self.interview.clock.resume()
            await self.parts()
            self.interview.clock.pause()
            interview_report.keep(self.interview)
            await self.assess()
            await self.push_screen_wait(ClosingScreen(self.interview))
            kept = layout.shown(interview_report.file_of(self.interview))
            self.parting.append(f"The debrief is kept: {kept}")
        self.exit()

    async def parts(self) -> None:
        """Puts one part after the other, until they or the time run out."""
        for number, part in enumerate(self.interview.parts, 1):
            self.interview.clock.tick()
            if self.interview.left <= 0:
                return
            place = f"{number} of {len(self.interview.parts)}"
            step = await self.put(part, place)
            interview_report.keep(self.interview)
            if step == "quit":
                return

    async def put(self, part: Part, place: str) -> str:
        """Puts one part; returns "quit" to end the interview there."""
        if isinstance(part, Kata):
            return await self.code(part)
        if isinstance(part, Question):
            return await self.speak(part, place)
        return await self.repair(part)

    async def repair(self, part: Repair) -> str:
        """A round of debugging under the interview's clock."""
        desk = self.second
        assert desk is not None
        assert isinstance(desk.book, RoundBook)
        known = Past(rounds=desk.book.rounds.all())
        mistake = choose([part.kata.path], known, random.Random())
        if mistake is None:
            return "next"
        handout.hand_out(mistake, desk.tree)
        desk.book.open(mistake)
        minutes = min(part.minutes, self.interview.left / 60)
        entry = Entry(part.kata.path, minutes, session=desk.book.session, started=time.time())
        self.attempt = attempt = Attempt(part.kata, entry, desk.book)
        attempt.start()
        screen = RepairScreen(attempt, desk, mistake, self.interview)
        step = await self.push_screen_wait(screen)
        said = Said("", "", mistake.name)
        if step == "debrief":
            said = await ask_name(self, mistake, random.Random())
        due, self.interview.unrecorded = desk.book.conclude(
            attempt.entry, said.right, screen.evidence
        )
        self.interview.done.append(Found(attempt.entry, said, due))
        return step

    async def speak(self, question: Question, place: str) -> str:
        known = FollowUps(self.desk.book.database).asked(question.id)
        # What was asked least so far, and of these what comes first.
        further = min(question.follow_ups, key=lambda further: known[further.text])
        screen = SpokenScreen(question, further, place, self.interview)
        return await self.push_screen_wait(screen)

    async def code(self, kata: Kata) -> str:
        minutes = min(kata.minutes, self.interview.left / 60)
        try:
            self.attempt = attempt = begin(kata, minutes, self.desk.book, self.desk.tree)
        except (Refused, ArchiveError) as error:
            self.notify(str(error), severity="error", timeout=15)
            return "next"
        step = await self.push_screen_wait(CodeScreen(attempt, self.desk, self.interview))
        own = debrief.own_answer(kata.path, self.desk.tree)
        last = attempt.result if attempt.entry.checks else None
        passed, total = (last.passed, last.total) if last else (0, 0)
        self.interview.done.append(Trial(attempt.entry, attempt.due, own, passed, total))
        return step

    async def assess(self) -> None:
        """Lets the learner judge what was said; nothing is timed any more."""
        for answer in self.interview.answers:
            ticked = await self.push_screen_wait(AssessScreen(answer))
            if ticked is None:
                return
            self.rate(answer, ticked)
            interview_report.keep(self.interview)
            if answer.further is not None:
                answered = await self.push_screen_wait(FollowUpScreen(answer.further))
                if answered is None:
                    return
                self.judge(answer.question, answer.further, answered)
                interview_report.keep(self.interview)

    def judge(self, question: Question, further: Further, answered: int) -> None:
        """Notes how a follow-up went."""
        further.answered = answered
        book = self.desk.book
        try:
            follow_ups = FollowUps(book.database)
            follow_ups.add(question.id, further.asked.text, answered, book.sitting())
        except DatabaseError as error:
            self.interview.unrecorded = f"not recorded: {error}"

    def rate(self, answer: Answer, ticked: Sequence[int]) -> None:
        """Notes what an answer was worth, and plans when its question comes back."""
        question, book = answer.question, self.desk.book
        answer.ticked = ticked
        try:
            answer.due = book.deck.rate(
                question_card(question.id),
                answer.rating,
                seconds=answer.seconds,
                session=book.sitting(),
            )
        except DatabaseError as error:
            self.interview.unrecorded = f"not recorded: {error}"
