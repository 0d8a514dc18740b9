"""The spoken questions, spaced over days: plain prompts that work in any terminal."""

import dataclasses
import datetime
import time
from collections.abc import Sequence

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding

from dojo.content import catalogue
from dojo.content.document import Document, Question, read_document
from dojo.record.database import Database
from dojo.record.deck import RATINGS, Deck, question_card, utc_now
from dojo.words import counted, from_now, minutes_and_seconds

NEW_PER_SITTING = 10
WIDTH = 88


@dataclasses.dataclass(frozen=True)
class RehearsalOptions:
    """What to rehearse; fields as the options of the command."""

    track: str = ""
    level: str = ""
    kata: str = ""
    count: int | None = None
    minutes: float | None = None
    all: bool = False


class Leave(Exception):
    """The learner has had enough."""


def rehearse(options: RehearsalOptions) -> int:
    """Runs one sitting and returns the exit status."""
    document = read_document()
    console = Console(highlight=False)
    with Database() as database:
        deck = Deck(database)
        chosen = pick(document, deck, options, utc_now())
        if not chosen:
            console.print(nothing_due(document, deck, options))
            return 0
        session = database.start_session("rehearsal", options.minutes)
        sitting = Sitting(console, deck, session, options.minutes)
        try:
            sitting.run(chosen)
        except (Leave, KeyboardInterrupt, EOFError):
            console.print()
        finally:
            database.end_session(session)
        sitting.summarise()
    return 0


def pick(
    document: Document, deck: Deck, options: RehearsalOptions, at: datetime.datetime
) -> Sequence[Question]:
    """Returns what to ask: what is due, longest first, then new ones in study order."""
    by_card = {question_card(q.id): q for q in wanted(document, options)}
    due, new = deck.in_order(by_card, at)
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
    return (
        f"Nothing is due; the next question comes {from_now(soonest - utc_now())}. --all asks all."
    )


class Sitting:
    """One sitting at the terminal: questions, ratings, and the clock."""

    def __init__(
        self, console: Console, deck: Deck, session: int | None, minutes: float | None
    ) -> None:
        self.console = console
        self.deck = deck
        self.session = session
        self.minutes = minutes
        self.started = time.monotonic()
        self.rated: list[tuple[Question, int]] = []

    def run(self, chosen: Sequence[Question]) -> None:
        """Asks one question after the other until they, or the minutes, run out."""
        for number, question in enumerate(chosen, 1):
            if self.minutes is not None and self._left() <= 0:
                self.console.print("\nTime is up.", style="bold yellow")
                return
            self._ask(question, f"{number} of {len(chosen)}")

    def _ask(self, question: Question, place: str) -> None:
        self._head(question, place)
        asked = time.monotonic()
        said = self._prompt(
            "Say your answer, or type it. Enter shows the key points; s skips; q ends"
        )
        if said == "s":
            return
        self._points(question, said)
        ticked = self._ticks(len(question.points))
        rating = self._rating(propose(ticked, len(question.points)))
        due = self.deck.rate(
            question_card(question.id),
            rating,
            seconds=time.monotonic() - asked,
            session=self.session,
        )
        self.rated.append((question, rating))
        self.console.print(
            f"{RATINGS[rating]}; it comes back {from_now(due - utc_now())}", style="dim"
        )
        self._afterwards(question, rating)

    def _head(self, question: Question, place: str) -> None:
        facts = [place, question.kata or question.track, question.level]
        if self.minutes is not None:
            facts.append(f"{minutes_and_seconds(self._left())} left")
        self.console.print()
        self.console.rule(" · ".join(facts), style="dim", align="left")
        self._show(f"**{question.text}**")

    def _points(self, question: Question, said: str) -> None:
        if said:
            self._show(f"You wrote: {said}")
        self.console.print("\nKey points", style="bold")
        self._show("\n".join(f"{i}. {point}" for i, point in enumerate(question.points, 1)))

    def _ticks(self, most: int) -> int:
        text = "Which did you say? Numbers such as 1 3, a for all, Enter for none"
        while True:
            answer = self._prompt(text)
            if answer == "a":
                return most
            words = answer.replace(",", " ").split()
            if all(word.isdecimal() and 1 <= int(word) <= most for word in words):
                return len({int(word) for word in words})
            self.console.print(f"{answer!r} is not understood: numbers from 1 to {most}, or a")

    def _rating(self, proposed: int) -> int:
        choices = ", ".join(f"{number} {name}" for number, name in RATINGS.items())
        while True:
            answer = self._prompt(f"How was it? {choices}; Enter for {RATINGS[proposed]}")
            if not answer:
                return proposed
            for number, name in RATINGS.items():
                if answer in (str(number), name):
                    return number
            self.console.print(f"{answer!r} is none of: {choices}")

    def _afterwards(self, question: Question, rating: int) -> None:
        self.console.print("\nTrap", style="bold")
        self._show(question.trap)
        for follow_up in question.follow_ups:
            self.console.print("\nFollow-up", style="bold")
            self._show(f"**{follow_up.text}**")
            self._prompt("Enter shows the answer")
            self._show(follow_up.answer)
        self._show(f"\nSources: {question.sources}")
        if rating <= 2 and question.kata:
            name = question.kata.partition("/")[2]
            self.console.print(f"\nWrite it, and it stays: nox -s practice -- {name}", style="bold")

    def _prompt(self, text: str) -> str:
        self.console.print(f"\n{text}", style="cyan", soft_wrap=True)
        answer = self.console.input("> ").strip()
        if answer == "q":
            raise Leave
        return answer

    def _show(self, text: str) -> None:
        width = min(WIDTH, self.console.width)
        self.console.print(Padding(Markdown(text), (0, 0, 0, 2)), width=width)

    def _left(self) -> float:
        return (self.minutes or 0) * 60 - (time.monotonic() - self.started)

    def summarise(self) -> None:
        """Prints how many, how long, the weakest track, and what is due next."""
        if not self.rated:
            self.console.print("Nothing was rated.")
            return
        spent = minutes_and_seconds(time.monotonic() - self.started)
        count = len(self.rated)
        self.console.rule(style="dim")
        self.console.print(f"{counted(count, 'question')} in {spent}")
        if weakest := weakest_track(self.rated):
            self.console.print(f"weakest track: {weakest}")
        soonest = min(self.deck.due_times().values())
        self.console.print(f"next due: {from_now(soonest - utc_now())}")
        self.console.print("python -m dojo progress   shows both decks and the days to come")


def propose(ticked: int, points: int) -> int:
    """Returns the rating that the share of key points said suggests."""
    share = ticked / points
    if share == 1:
        return 4
    return 3 if share >= 2 / 3 else 2 if share >= 1 / 3 else 1


def weakest_track(rated: Sequence[tuple[Question, int]]) -> str:
    """Returns the track with the lowest mean rating, or "" where all were easy."""
    by_track: dict[str, list[int]] = {}
    for question, rating in rated:
        by_track.setdefault(question.track, []).append(rating)
    means = {track: sum(ratings) / len(ratings) for track, ratings in by_track.items()}
    worst = min(means, key=lambda track: means[track])
    return f"{worst} (mean rating {means[worst]:.1f} of 4)" if means[worst] < 4 else ""
