"""A plan as it is printed: today with a line to paste for each thing, and a line a day."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.text import Text

from dojo.content.document import Kata, Question
from dojo.sitting.agenda import Agenda, AgendaItem, spelled
from dojo.sitting.planner import Day, Item, Kind
from dojo.words import counted

Line = Text | str
# What a line a day shows; further days are counted.
MOST_DAYS = 21
MOST_KATAS = 8


def head(agenda: Agenda) -> Iterator[Line]:
    """Yields when the interview is, and what is given to it."""
    goal = agenda.goal
    ahead = (goal.date - agenda.today).days
    when = {0: "today", 1: "tomorrow"}.get(ahead, f"in {counted(ahead, 'day')}")
    facts = [f"{goal.minutes:g} minutes a day", f"up to level {goal.level}"]
    facts += [f"only {goal.track}"] if goal.track else []
    facts += [f"off: {', '.join(goal.off)}"] if goal.off else []
    yield Text(f"The interview is {when}: {spelled(goal.date)}", "bold")
    yield Text(" · ".join(facts), "dim")


def slipped(agenda: Agenda, width: int) -> Iterator[Line]:
    """Yields what was not done on the days before, and when it comes now."""
    if not agenda.slipped:
        return
    yield ""
    yield "Slipped, and laid anew:"
    for item in agenda.slipped:
        yield from _wrapped(f"  {short([item])}: {_now(item, agenda)}", width, 4)


def today(agenda: Agenda, width: int) -> Iterator[Line]:
    """Yields what there is to do today, done or not, with what to type for the rest."""
    yield ""
    if not agenda.entries:
        yield _nothing(agenda)
        return
    least, most = Day(agenda.today, [e.item for e in agenda.entries]).between(
        agenda.learner.pace.spread
    )
    minutes = sum(entry.item.minutes for entry in agenda.entries)
    between = f", mostly {_round(least)} to {_round(most)}" if most - least >= 5 else ""
    yield Text(f"Today, {spelled(agenda.today)}", "bold")
    yield Text(f"about {_round(minutes)} minutes{between}", "dim")
    size = max(len(_what(entry.item)) for entry in agenda.entries)
    following = next((entry for entry in agenda.entries if not entry.is_done), None)
    for entry in agenda.entries:
        yield from _entry(entry, entry is following, size, width)
    if following is None:
        yield "All of today is done."


def _entry(entry: AgendaItem, following: bool, size: int, width: int) -> Iterator[Line]:
    item = entry.item
    mark = "✓" if entry.is_done else "▸" if following else "·"
    line = f"  {mark} {_what(item):<{size}}  {_round(item.minutes):>3} min"
    why = _state(entry)
    line = f"{line}  {why}" if len(line) + 2 + len(why) <= width else line
    yield Text(line, "green" if entry.is_done else "")
    if not entry.is_done:
        yield Text(f"      {item.line}", "cyan" if following else "dim cyan")


def _state(entry: AgendaItem) -> str:
    if not entry.is_done and entry.item.kind is Kind.SPEAK and entry.done:
        return f"{entry.done} of {entry.item.parts} asked"
    if not entry.is_done and entry.begun:
        return "begun, not solved yet"
    return entry.item.why


def _nothing(agenda: Agenda) -> str:
    if agenda.today == agenda.goal.date:
        return "Today is the day, and nothing is due. Good luck!"
    if agenda.goal.is_off(agenda.today):
        return f"Today, {spelled(agenda.today)}, is off."
    return f"Nothing is to be done today, {spelled(agenda.today)}."


def tomorrow(agenda: Agenda, width: int) -> Iterator[Line]:
    """Yields the next day that holds something."""
    days = [day for day in agenda.days if day.date > agenda.today]
    if days:
        yield ""
        name = "Tomorrow" if (days[0].date - agenda.today).days == 1 else "Then"
        yield from _wrapped(f"{name}, {_day(days[0])}", width, 2)


def calendar(days: Sequence[Day], width: int) -> Iterator[Line]:
    """Yields a line a day."""
    yield ""
    yield Text("Day by day", "bold")
    for day in days[:MOST_DAYS]:
        yield from _wrapped(f"  {_day(day)}", width, 4)
    if rest := days[MOST_DAYS:]:
        yield f"  … and {counted(len(rest), 'day')} more, up to {spelled(rest[-1].date)}"


def _day(day: Day) -> str:
    return f"{spelled(day.date)}: {_round(day.minutes)} min · {short(day.items)}"


def missing(
    katas: Sequence[Kata], questions: Sequence[Question], enough: int | None, width: int
) -> Iterator[Line]:
    """Yields what does not fit, first what you would miss most.

    Args:
        katas: Those that fit into no day, in that order.
        questions: The same.
        enough: Minutes a day at which all that is asked often fits, if some do.
        width: Of the terminal.
    """
    often = [kata.name for kata in katas if kata.asked == "often"]
    lost = sum(question.asked == "often" for question in questions)
    if not (katas or questions):
        yield ""
        yield "All katas and questions up to this level fit."
        return
    yield ""
    if often or lost:
        yield "Does not fit, though it is asked often:"
        yield from _wrapped(f"  {_lost(often, lost)}", width, 4)
        if enough is not None:
            yield f"  It would at {enough} minutes a day: nox -s plan -- --minutes {enough}"
    others = len(katas) - len(often), len(questions) - lost
    if any(others):
        yield from _wrapped(
            f"Does not fit, and is asked less: {counted(others[0], 'kata')} and "
            f"{counted(others[1], 'question')}.",
            width,
            2,
        )


def _lost(often: Sequence[str], questions: int) -> str:
    named = ", ".join(often[:MOST_KATAS])
    rest = f" and {len(often) - MOST_KATAS} more" if len(often) > MOST_KATAS else ""
    spoken = counted(questions, "question") if questions else ""
    return "; ".join(part for part in (named + rest, spoken) if part)


def more() -> Iterator[Line]:
    """Yields what else there is to type."""
    yield ""
    yield Text("python -m dojo plan --whole   every day", "dim")
    yield Text("python -m dojo progress       where you stand", "dim")


def short(items: Sequence[Item]) -> str:
    """Returns "speak 4 · debug 2 · write adam, dpo"."""
    counts = Counter[Kind]()
    for item in items:
        counts[item.kind] += item.parts
    parts = []
    for kind in dict.fromkeys(item.kind for item in items):
        names = [_name(item) for item in items if item.kind is kind]
        told = {Kind.SPEAK: f"speak {counts[kind]}", Kind.MOCK: str(kind)}
        parts.append(told.get(kind, f"{kind} {', '.join(names)}"))
    return " · ".join(parts)


def _what(item: Item) -> str:
    if item.kind is Kind.SPEAK:
        return f"speak {counted(item.parts, 'question')}"
    return f"{item.kind} {_name(item)}".rstrip()


def _name(item: Item) -> str:
    return item.about[0].partition("/")[2] if item.about else ""


def _now(item: Item, agenda: Agenda) -> str:
    """When something that slipped comes now."""
    for day in agenda.days:
        for other in day.items:
            same = item.kind is Kind.MOCK is other.kind or {*item.about} & {*other.about}
            if same:
                return "now today" if day.date == agenda.today else f"now on {spelled(day.date)}"
    return "no longer fits"


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    return textwrap.wrap(text, max(20, width), subsequent_indent=" " * indent) or [""]


def _round(minutes: float) -> int:
    return max(1, round(minutes))
