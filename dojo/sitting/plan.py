"""The plan command: what to do today, and on each day up to the interview."""

import bisect
import dataclasses
import datetime
import time
from collections.abc import Sequence

from rich.console import Console

from dojo import layout
from dojo.content.document import Document, read_document
from dojo.errors import UsageError
from dojo.record.database import Database
from dojo.record.goal import FARTHEST, WEEKDAYS, Goal, Goals, day_of
from dojo.sitting import plan_text
from dojo.sitting.agenda import Agenda, read_agenda
from dojo.sitting.planner import Learner, lay, left_out

LEAST_MINUTES, MOST_MINUTES = 5, 720
# Longer days that are tried, to say at which all that is asked often fits.
STEP, LONGEST = 15, 360


@dataclasses.dataclass(frozen=True)
class PlanOptions:
    """What to plan for; None keeps what is on record.

    Attributes:
        date: Of the interview.
        minutes: For a day.
        level: The level aimed at.
        track: The only track; "" for all.
        off: Days without work, "sat,2026-12-03"; "" for none.
        forget: Plan no longer.
        whole: Show every day.
    """

    date: datetime.date | None = None
    minutes: float | None = None
    level: str | None = None
    track: str | None = None
    off: str | None = None
    forget: bool = False
    whole: bool = False


def plan(options: PlanOptions) -> int:
    """Runs the command and returns the exit status.

    Raises:
        UsageError: If nothing can be planned so.
        NoGoal: If nothing is prepared for, or its day has passed.
    """
    document, now, console = read_document(), time.time(), Console(highlight=False)
    with Database() as database:
        if options.forget:
            Goals(database).forget()
            console.print("The plan is forgotten; what you have done stays on record.")
            return 0
        changed = _set(Goals(database), options, document, day_of(now))
        agenda = read_agenda(database, document, now)
    for line in _lines(agenda, document, options.whole or changed, console.width):
        console.print(line, soft_wrap=True)
    return 0


def _lines(agenda: Agenda, document: Document, whole: bool, width: int) -> Sequence[plan_text.Line]:
    katas, questions = left_out(agenda.goal, document, agenda.learner, agenda.days)
    enough = _enough(agenda, document) if whole else None
    return [
        *plan_text.head(agenda),
        *plan_text.slipped(agenda, width),
        *plan_text.today(agenda, width),
        *(plan_text.calendar(agenda.days, width) if whole else plan_text.tomorrow(agenda, width)),
        *(plan_text.missing(katas, questions, enough, width) if agenda.is_before else []),
        *([] if whole else plan_text.more()),
    ]


def _enough(agenda: Agenda, document: Document) -> int | None:
    """Minutes a day at which all that is asked often fits; None if no such day would do."""
    shortest = int(agenda.goal.minutes // STEP + 1) * STEP
    longer = range(shortest, LONGEST + 1, STEP)
    found = bisect.bisect_left(longer, True, key=lambda minutes: _holds(agenda, document, minutes))
    return longer[found] if found < len(longer) else None


def _holds(agenda: Agenda, document: Document, minutes: int) -> bool:
    """Whether days of that length hold all that is asked often."""
    goal = dataclasses.replace(agenda.goal, minutes=minutes)
    days = lay(goal, document, agenda.learner, agenda.today)
    katas, questions = left_out(goal, document, agenda.learner, days)
    asked = [*(kata.asked for kata in katas), *(question.asked for question in questions)]
    return layout.ASKED[0] not in asked


def _set(goals: Goals, options: PlanOptions, document: Document, today: datetime.date) -> bool:
    """Writes what is asked for, and returns whether anything was."""
    names = ("date", "minutes", "level", "track", "off")
    wanted = {name: getattr(options, name) for name in names}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if not wanted:
        return False
    present = goals.current()
    if present is None and "date" not in wanted:
        raise UsageError(
            "when is the interview? A first plan takes --date 2026-12-06, or +7 for in a week"
        )
    if "off" in wanted:
        wanted["off"] = days_off(wanted["off"])
    goal = dataclasses.replace(present or Goal(today), **wanted)
    _refuse(goal, today)
    _refuse_emptiness(goal, document)
    goals.set(goal)
    return True


def _refuse(goal: Goal, today: datetime.date) -> None:
    if goal.date < today:
        raise UsageError(f"--date {goal.date} has passed; today is {today}")
    if (goal.date - today).days > FARTHEST:
        raise UsageError(f"--date {goal.date} is more than a year away; plan when it is nearer")
    if not LEAST_MINUTES <= goal.minutes <= MOST_MINUTES:
        raise UsageError(
            f"--minutes are for a day, {LEAST_MINUTES} to {MOST_MINUTES}. "
            f"Received: {goal.minutes:g}"
        )
    ahead = range((goal.date - today).days)
    if ahead and all(goal.is_off(today + datetime.timedelta(days=n)) for n in ahead):
        raise UsageError("--days-off leaves no day before the interview")


def _refuse_emptiness(goal: Goal, document: Document) -> None:
    """A level may be below all that a track has."""
    katas, questions = left_out(goal, document, Learner(), ())
    if not (katas or questions):
        raise UsageError(f"{goal.track} has nothing up to level {goal.level}; try a higher --level")


def days_off(text: str) -> Sequence[str]:
    """Returns the days in "sat,2026-12-03", checked.

    Raises:
        UsageError: If one is neither a weekday nor a date.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    return tuple(dict.fromkeys(map(_day_off, names)))


def _day_off(name: str) -> str:
    for weekday in WEEKDAYS:
        if len(name) >= 3 and FULL[weekday].startswith(name):
            return weekday
    try:
        return datetime.date.fromisoformat(name).isoformat()
    except ValueError:
        known = ", ".join(WEEKDAYS)
        raise UsageError(f"--days-off are of {known}, or dates. Received: {name}") from None


FULL = dict(
    zip(
        WEEKDAYS,
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        strict=True,
    )
)
