"""The rehearse command: the spoken questions, spaced over days, in any terminal."""

import dataclasses
import datetime
import statistics
import time
from collections.abc import Sequence

from rich.console import Console

from dojo.content import catalogue
from dojo.content.document import Document, Question, read_document
from dojo.content.order import questions_in_order
from dojo.record.database import Database
from dojo.record.deck import RATINGS, Deck, question_card, utc_now
from dojo.sitting import ratings
from dojo.sitting.agenda import agenda_if_any
from dojo.sitting.prompts import Leave, Prompts
from dojo.words import counted, from_now, minutes_and_seconds

NEW_PER_SITTING = 10


@dataclasses.dataclass(frozen=True)
class RehearsalOptions:
    """What to rehearse; fields as the options of the command."""

    track: str = ""
    level: str = ""
    kata: str = ""
    count: int | None = None
    minutes: float | None = None
    all: bool = False


def rehearse(options: RehearsalOptions) -> int:
    """Runs one sitting and returns the exit status.

    Raises:
        UnknownKata: If there is no such kata.
    """
    document = read_document()
    console = Console(highlight=False)
    with Database() as database:
        deck = Deck(database)
        chosen = chosen_for(document, database, options)
        if not chosen:
            console.print(nothing_due(document, deck, options))
            return 0
        session = database.start_session("rehearsal", options.minutes)
        rehearsal = Rehearsal(Prompts(console), deck, session, options.minutes)
        try:
            rehearsal.run(chosen)
        except (Leave, KeyboardInterrupt, EOFError):
            console.print()
        finally:
            database.end_session(session)
        rehearsal.summarise()
    return 0


def chosen_for(
    document: Document, database: Database, options: RehearsalOptions
) -> Sequence[Question]:
    """Returns what to ask: without options what the plan has for today, if there is one."""
    agenda = agenda_if_any(database, document)
    if agenda is not None and options == RehearsalOptions() and agenda.questions:
        by_id = {question.id: question for question in document.questions}
        return [by_id[name] for name in agenda.questions if name in by_id]
    level = agenda.goal.level if agenda is not None else ""
    return pick(document, Deck(database), options, utc_now(), level)


def pick(
    document: Document,
    deck: Deck,
    options: RehearsalOptions,
    at: datetime.datetime,
    level: str = "",
) -> Sequence[Question]:
    """Returns what to ask: what is due, longest first, then new ones in the order to learn them.

    Args:
        document: What there is to ask.
        deck: When each comes back.
        options: What to ask of it.
        at: Now, UTC.
        level: The level aimed at: questions up to it come first, the nearest before the others.
    """
    by_card = {question_card(q.id): q for q in wanted(document, options)}
    due, unseen = deck.in_order(by_card, at)
    ordered = questions_in_order([by_card[card] for card in unseen], level)
    beyond = questions_in_order([q for q in map(by_card.get, unseen) if q and q not in ordered])
    new = [question_card(q.id) for q in (*ordered, *beyond)]
    later = [card for card in by_card if card not in set(due) | set(new)]
    if options.all or options.kata:
        # Asked for by name: also what is not due yet.
        cards = [*due, *new, *later]
    else:
        cards = [*due, *new[: options.count or NEW_PER_SITTING]]
    return [by_card[card] for card in cards[: options.count]]


def wanted(document: Document, options: RehearsalOptions) -> Sequence[Question]:
    """Returns the questions of the track, level and kata asked for, in study order."""
    kata = catalogue.one(options.kata).path if options.kata else ""
    return [
        q
        for q in document.questions
        if options.track in ("", q.track)
        and options.level in ("", q.level)
        and kata in ("", q.kata)
    ]


def nothing_due(document: Document, deck: Deck, options: RehearsalOptions) -> str:
    """Returns one line that says why there is nothing to ask."""
    cards = {question_card(q.id) for q in wanted(document, options)}
    if not cards:
        return "No question fits these options."
    soonest = min(at for card, at in deck.due_times().items() if card in cards)
    back = from_now(soonest - utc_now())
    return f"Nothing is due; the next question comes {back}. --all asks every question."


class Rehearsal:
    """Questions asked and rated one by one; the time counts from `run`."""

    def __init__(
        self, prompts: Prompts, deck: Deck, session: int | None, minutes: float | None
    ) -> None:
        """
        Args:
            prompts: Where the learner is asked.
            deck: Where the ratings go.
            session: Number of the sitting in the record.
            minutes: The time box; None without one.
        """
        self.prompts = prompts
        self.deck = deck
        self.session = session
        self.minutes = minutes
        self.rated: list[tuple[Question, int]] = []
        self._started = 0.0

    def run(self, chosen: Sequence[Question]) -> None:
        """Asks one question after the other until they, or the minutes, run out.

        Raises:
            Leave: If the learner has had enough.
        """
        self._started = time.monotonic()
        for number, question in enumerate(chosen, 1):
            if self.minutes is not None and self._left() <= 0:
                self.prompts.console.print("\nTime is up.", style="bold yellow")
                return
            self._ask(question, f"{number} of {len(chosen)}")

    def _ask(self, question: Question, place: str) -> None:
        self._head(question, place)
        asked = time.monotonic()
        said = self.prompts.ask(
            "Say your answer, or type it. Enter shows the key points; s skips; q ends"
        )
        if said == "s":
            return
        self._points(question, said)
        ticked = self.prompts.ask_points(len(question.points))
        rating = self.prompts.ask_rating(ratings.of_answer(ticked, len(question.points)))
        self._rate(question, rating, time.monotonic() - asked)
        self._afterwards(question, rating)

    def _head(self, question: Question, place: str) -> None:
        facts = [place, question.kata or question.track, question.level]
        if self.minutes is not None:
            facts.append(f"{minutes_and_seconds(self._left())} left")
        self.prompts.head(" · ".join(facts))
        self.prompts.show(f"**{question.text}**")

    def _points(self, question: Question, said: str) -> None:
        if said:
            self.prompts.show(f"You wrote: {said}")
        self.prompts.title("Key points")
        self.prompts.show("\n".join(f"{i}. {point}" for i, point in enumerate(question.points, 1)))
        if question.essence:
            self.prompts.console.print()
            self.prompts.show(question.essence)

    def _rate(self, question: Question, rating: int, seconds: float) -> None:
        card = question_card(question.id)
        due = self.deck.rate(card, rating, seconds=seconds, session=self.session)
        self.rated.append((question, rating))
        back = from_now(due - utc_now())
        self.prompts.console.print(f"{RATINGS[rating]}; it comes back {back}", style="dim")

    def _afterwards(self, question: Question, rating: int) -> None:
        self.prompts.title("Trap")
        self.prompts.show(question.trap)
        for follow_up in question.follow_ups:
            self.prompts.title("Follow-up")
            self.prompts.show(f"**{follow_up.text}**")
            self.prompts.ask("Enter shows the answer")
            self.prompts.show(follow_up.answer)
        self.prompts.show(f"\nSources: {question.sources}")
        if rating <= 2 and question.kata:
            name = question.kata.partition("/")[2]
            self.prompts.title(f"Writing it makes it stick: nox -s practice -- {name}")

    def _left(self) -> float:
        return (self.minutes or 0) * 60 - (time.monotonic() - self._started)

    def summarise(self) -> None:
        """Prints how many, how long, the weakest track, and what is due next."""
        console = self.prompts.console
        if not self.rated:
            console.print("Nothing was rated.")
            return
        spent = minutes_and_seconds(time.monotonic() - self._started)
        console.rule(style="dim")
        console.print(f"{counted(len(self.rated), 'question')} in {spent}")
        if weakest := weakest_track(self.rated):
            console.print(f"weakest track: {weakest}")
        soonest = min(self.deck.due_times().values())
        console.print(f"next due: {from_now(soonest - utc_now())}")
        console.print("python -m dojo progress   shows where you stand")


def weakest_track(rated: Sequence[tuple[Question, int]]) -> str:
    """Returns the track with the lowest mean rating, or "" where all were easy."""
    by_track: dict[str, list[int]] = {}
    for question, rating in rated:
        by_track.setdefault(question.track, []).append(rating)
    means = {track: statistics.mean(found) for track, found in by_track.items()}
    worst = min(means, key=lambda track: means[track])
    return f"{worst} (mean rating {means[worst]:.1f} of 4)" if means[worst] < 4 else ""
