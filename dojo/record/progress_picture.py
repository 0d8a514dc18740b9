"""The picture of `progress --plot`: what could be done day by day, and the minutes spent."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dojo.content.document import Document
from dojo.record.database import Database
from dojo.record.deck import question_card, utc_now
from dojo.record.goal import DAY_BEGINS, day_of
from dojo.record.standing import Standing, known_at, standing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Days that are computed: more could not be told apart.
MOST_DAYS = 90
DAY = datetime.timedelta(days=1)
HOURS = DAY_BEGINS // datetime.timedelta(hours=1)
COLOURS = {"katas in time": "tab:blue", "questions": "tab:orange"}
# Where minutes are on record. A kata's review has those of its attempt.
MINUTES = {
    "practice": ("tab:blue", "SELECT started AS at, seconds FROM attempts"),
    "rounds of debugging": ("tab:green", "SELECT started AS at, seconds FROM rounds"),
    "questions": (
        "tab:orange",
        f"SELECT at, seconds FROM reviews WHERE card LIKE '{question_card('%')}'",
    ),
}


def draw(
    database: Database, document: Document, counting: Document, path: Path, title: str
) -> None:
    """Draws the record.

    Args:
        database: The record; something is in it.
        document: All katas and questions.
        counting: Those that count.
        path: Where to.
        title: What counts, in words.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import MaxNLocator

    spent = {kind: minutes_by_day(database, query) for kind, (_, query) in MINUTES.items()}
    now = utc_now()
    first = min((day for days in spent.values() for day in days), default=day_of(now.timestamp()))
    moments = days_since(first, now)
    known_then = known_at(database, document, counting, moments)
    pairs = list(zip(known_then, moments, strict=True))
    figure, (upper, lower) = pyplot.subplots(
        2, 1, figsize=(9, 7), sharex=True, layout="constrained", height_ratios=[3, 2]
    )
    for kind, found in (
        ("katas in time", [standing(counting.katas, known, at) for known, at in pairs]),
        ("questions", [standing(counting.questions, known, at) for known, at in pairs]),
    ):
        _draw_coverage(upper, kind, found, moments)
    upper.set(ylabel="can be done", title=title, ylim=(0, None))
    upper.yaxis.set_major_locator(MaxNLocator(integer=True))
    upper.legend(loc="upper left", fontsize=8)
    _draw_minutes(lower, spent)
    figure.autofmt_xdate()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def days_since(
    first: datetime.date, now: datetime.datetime, most: int = MOST_DAYS
) -> list[datetime.datetime]:
    """Returns when each day from the first on began, evenly thinned out, and the present moment."""
    last = day_of(now.timestamp())
    dates = [first + n * DAY for n in range((last - first).days + 1)]
    step = max(1, -(-len(dates) // most))
    return [*(_local(date, HOURS).astimezone() for date in dates[::step]), now]


def minutes_by_day(database: Database, query: str) -> dict[datetime.date, float]:
    """Returns the learner's day to minutes, of a query for `at` and `seconds`."""
    rows = database.db.execute(
        f"SELECT date(at, 'unixepoch', 'localtime', '-{HOURS} hours') AS day,"
        f" SUM(seconds) / 60 AS minutes FROM ({query}) GROUP BY day ORDER BY day"
    )
    return {datetime.date.fromisoformat(row["day"]): row["minutes"] for row in rows}


def _draw_coverage(
    axes: "Axes", kind: str, found: Sequence[Standing], moments: Sequence[datetime.datetime]
) -> None:
    colour, ranges = COLOURS[kind], [one.range() for one in found]
    when = [_days(moment.astimezone()) for moment in moments]
    marker = "o" if len(when) < 3 else ""
    label = f"{kind}, of {found[-1].total}"
    axes.plot(when, [one.expected for one in found], marker=marker, color=colour, label=label)
    lows, highs = zip(*ranges, strict=True)
    axes.fill_between(when, lows, highs, color=colour, alpha=0.2, linewidth=0)


def _draw_minutes(axes: "Axes", spent: Mapping[str, Mapping[datetime.date, float]]) -> None:
    days = sorted({day for by_day in spent.values() for day in by_day})
    below = [0.0] * len(days)
    when = [_days(_local(day, 12)) for day in days]
    for kind, by_day in spent.items():
        minutes = [by_day.get(day, 0.0) for day in days]
        if any(minutes):
            axes.bar(when, minutes, 0.8, below, color=MINUTES[kind][0], label=kind)
        below = [a + b for a, b in zip(below, minutes, strict=True)]
    axes.xaxis_date()
    # Room for the legend.
    axes.set(ylabel="minutes a day", ylim=(0, 1.25 * max([1.0, *below])))
    axes.legend(loc="upper left", fontsize=8)


def _local(day: datetime.date, hour: int) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(hour))


def _days(local: datetime.datetime) -> float:
    """A local time as matplotlib's days since 1970, whatever its zone."""
    return (local.replace(tzinfo=None) - datetime.datetime(1970, 1, 1)) / DAY
