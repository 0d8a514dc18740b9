"""The progress command: what the learner can do now, and what would raise it most."""

import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dojo.content.document import Document, read_document
from dojo.record.database import Database
from dojo.record.deck import Deck, utc_now
from dojo.record.gains import Gains, Step
from dojo.record.goal import Goals
from dojo.record.pace import Pace
from dojo.record.standing import Known, Standing, cards_of, known_now, often_asked, standing
from dojo.words import counted

AHEAD = datetime.timedelta(days=14)
NOTHING = "No time and no rating on record yet. python -m dojo practice   times a first kata."


def show(level: str, plot: Path | None) -> int:
    """Prints where the learner stands, and draws it if asked; returns the exit status.

    Args:
        level: What is asked often up to this level counts; "" for the level of the goal on
            record, and for all levels where there is none.
        plot: Where to draw the days so far; None for no picture.
    """
    document = read_document()
    console = Console(highlight=False)
    with Database() as database:
        goal = Goals(database).current()
        level, track = level or (goal.level if goal else ""), goal.track if goal else ""
        counting = often_asked(document, level, track)
        known, now = known_now(database, document), utc_now()
        if not (known.ended or known.ratings):
            console.print(NOTHING, soft_wrap=True)
            return 0
        console.print(Text(title(level, track), "bold"))
        print_standing(console, counting, known, _untimed(database, counting, known), now)
        console.print(due_line(due_times(document, known), now))
        print_steps(console, Gains(document, counting, known, Deck(database).lately(), now).best())
        if plot is not None:
            from dojo.record import progress_picture

            progress_picture.draw(database, document, counting, plot, title(level, track))
            console.print(f"\n{plot} drawn")
    return 0


def print_standing(
    console: Console, counting: Document, known: Known, untimed: int, now: datetime.datetime
) -> None:
    """Prints how much of what counts the learner can do, and what that rests on."""
    katas = standing(counting.katas, known, now)
    questions = standing(counting.questions, known, now)
    console.print("", table(katas, questions), "", sep="\n")
    for line in [*remarks(katas, questions, untimed), pace_line(known.pace)]:
        console.print(line)


def title(level: str, track: str) -> str:
    """Returns what is counted."""
    of = f" of {track}" if track else ""
    return f"Of what is asked often{of}, {f'up to {level}' if level else 'at all levels'}"


def table(katas: Standing, questions: Standing) -> Table:
    """Returns a row for what is written, and one for what is spoken."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "can do", "likely", "of"):
        grid.add_column(heading, no_wrap=True)
    for name, found in (("katas in time", katas), ("questions", questions)):
        low, high = found.range()
        likely = f"{low} to {high}" if low < high else str(low)
        about = f"about {round(found.expected)}" if found.chances else "not known"
        grid.add_row(name, Text(about, "bold"), likely if found.chances else "", str(found.total))
    return grid


def remarks(katas: Standing, questions: Standing, untimed: int) -> Iterable[str]:
    """Yields what the figures rest on, and what they leave out."""
    yield "Likely: four times in five, by your times and fsrs' curve of forgetting."
    out = {
        f"{counted(katas.new - untimed, 'kata')} never tried to the end": katas.new - untimed,
        f"{counted(untimed, 'kata')} solved, never timed": untimed,
        f"{counted(questions.new, 'question')} never asked": questions.new,
    }
    if said := _joined(out):
        yield f"Not counted as known, not guessed: {said}."
    failed = {
        f"{counted(katas.failed, 'kata')} last not solved, or with hints": katas.failed,
        f"{counted(questions.failed, 'question')} last rated again": questions.failed,
    }
    if said := _joined(failed):
        yield f"Counted as not known: {said}."


def pace_line(mine: Pace) -> str:
    """Returns how long new katas take."""
    if not mine.count:
        return "Your pace is not known yet: no kata was timed to its end."
    low, high = mine.ratio / mine.spread, mine.ratio * mine.spread
    return (
        f"Your pace: a new kata takes about {mine.ratio:.1f} times its box, two of three between "
        f"{low:.1f} and {high:.1f} ({counted(mine.count, 'kata')} so far)."
    )


def due_times(document: Document, known: Known) -> list[datetime.datetime]:
    """Returns when each known card of the document is due."""
    return [known.cards[card].due for card in cards_of(document) if card in known.cards]


def due_line(times: Iterable[datetime.datetime], now: datetime.datetime) -> str:
    """Returns how many cards are due now, and in the two weeks to come."""
    times = list(times)
    due = sum(at <= now for at in times)
    ahead = sum(now < at <= now + AHEAD for at in times)
    return f"Due for review: {due} now, {ahead} more within two weeks."


def print_steps(console: Console, steps: Iterable[Step]) -> None:
    """Prints a command to paste and its reason for each step."""
    steps = list(steps)
    if not steps:
        console.print("\nNothing would raise it now.")
        return
    console.print("\nWhat would raise it most, for its minutes:", style="bold")
    for step in steps:
        # The terminal itself breaks a long line, so that it can be pasted whole.
        console.print(Text(step.command, "cyan"), soft_wrap=True)
        console.print(Padding(step.reason, (0, 0, 0, 4), expand=False))


def _untimed(database: Database, counting: Document, known: Known) -> int:
    """How many katas were solved by a check, but never to the end of an attempt."""
    katas = [kata.path for kata in counting.katas if kata.path not in known.ended]
    return sum(database.was_solved(kata) for kata in katas)


def _joined(parts: Mapping[str, int]) -> str:
    return ", ".join(part for part, count in parts.items() if count)
