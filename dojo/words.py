"""How numbers, times and lists are said, the same wherever something is printed."""

import datetime


def counted(number: int, noun: str) -> str:
    """Returns "1 check", "2 checks"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def minutes_and_seconds(seconds: float) -> str:
    """Returns 12:05; what is not over yet is rounded up, what is below 0 is 0:00."""
    whole = max(0, -int(-seconds // 1))
    return f"{whole // 60}:{whole % 60:02d}"


def from_now(delta: datetime.timedelta) -> str:
    """Returns "in 10 minutes", "in 3 days", or "now"."""
    minutes = round(delta.total_seconds() / 60)
    for size, unit in [(24 * 60, "day"), (60, "hour"), (1, "minute")]:
        if minutes >= size:
            return f"in {counted(round(minutes / size), unit)}"
    return "now"


def visible(text: str) -> str:
    """Returns text whose control characters are shown, as \\x1b, and do nothing."""
    # Of a cohort's report it is asked a hundred million characters, nearly all of them plain.
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )


def on_one_line(text: str, most: int = 100) -> str:
    """Returns text as `visible` does, line breaks shown as \\n, and its middle left out if long."""
    shown = visible(text).replace("\n", "\\n").replace("\t", "\\t")
    half = (most - 1) // 2
    return shown if len(shown) <= most else f"{shown[:half]}…{shown[-half:]}"
