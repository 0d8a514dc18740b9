"""README's paths for one day, three days and a week: what `plan` lays for who begins today."""

import datetime
from collections.abc import Sequence

from dojo import layout
from dojo.content.document import read_document
from dojo.record.goal import Goal
from dojo.sitting.plan_text import short
from dojo.sitting.planner import Day, Learner, lay, left_out

# Days ahead, and minutes for each: the less time is left, the more of it one takes.
LENGTHS = ((1, 240), (3, 120), (7, 60))
LEVEL = "mid"
# No weekday is named, and no day is off: any date would do.
_BEGIN = datetime.date(2026, 1, 5)
_NAMES = {1: "One day", 3: "Three days", 7: "A week"}


def paths() -> str:
    """Returns the three, each as a table in Markdown."""
    return "\n\n".join(_path(*length) for length in LENGTHS)


def _path(ahead: int, minutes: int) -> str:
    goal = Goal(_BEGIN + datetime.timedelta(days=ahead), minutes, LEVEL)
    days = lay(goal, read_document(), Learner(), _BEGIN)
    heading = f"**{_NAMES[ahead]}**, {minutes} minutes{' each' if ahead > 1 else ''}"
    rows = ["| day | min | what |", "|---|---:|---|", *(_row(day, goal) for day in days)]
    return "\n".join([f"{heading}; {_left(goal, days)}:", "", *rows])


def _row(day: Day, goal: Goal) -> str:
    number = (day.date - _BEGIN).days + 1
    name = "the day" if day.date == goal.date else str(number)
    return f"| {name} | {day.minutes:.0f} | {short(day.items)} |"


def _left(goal: Goal, days: Sequence[Day]) -> str:
    """How much of what is asked often it holds."""
    katas, questions = _often(goal, ())
    lost_katas, lost_questions = _often(goal, days)
    return (
        f"of what is asked often it holds {katas - lost_katas} of {katas} katas"
        f" and {questions - lost_questions} of {questions} questions"
    )


def _often(goal: Goal, days: Sequence[Day]) -> tuple[int, int]:
    """How many katas and questions that are asked often are in none of these days."""
    katas, questions = left_out(goal, read_document(), Learner(), days)
    return (
        sum(kata.asked == layout.ASKED[0] for kata in katas),
        sum(question.asked == layout.ASKED[0] for question in questions),
    )
