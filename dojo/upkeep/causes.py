"""The causes command: what the first screen says to each trap, as a table per kata."""

import enum
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from dojo.content import catalogue
from dojo.content.traps import Trap, read_traps
from dojo.results import FAILING, Kind, Result
from dojo.shown import shown
from dojo.upkeep import variants

# Share of the traps that the first screen has to name or make plain.
BAR = 0.95


class Sight(enum.StrEnum):
    """What the failure that is shown says of a mistake."""

    NAMED = "named"  # it carries the trap's cause
    PLAIN = "plain"  # its message has the words that the trap calls plain
    HIDDEN = "hidden"  # it says something else
    FALSE = "false"  # it claims another cause
    UNMARKED = "unmarked"  # nobody has said yet what it ought to say
    PASSED = "passed"  # there is none, or not by the trap's clause and cause


Seen = Counter[Sight]


def run(names: Sequence[str], jobs: int | None) -> int:
    """Prints the table of the katas named; 0 where the bar is met, else 1."""
    console = Console(highlight=False)
    traps = [trap for kata in catalogue.select(names) for trap in read_traps(kata.path)]
    counts: dict[str, Seen] = {trap.kata: Seen() for trap in traps}
    with console.status("") as status:
        for done, (trap, result) in enumerate(judged(traps, jobs), 1):
            status.update(f"{done} of {len(traps)} traps")
            seen = sight(trap, result)
            counts[trap.kata][seen] += 1
            if seen not in (Sight.NAMED, Sight.PLAIN):
                console.print(_line(seen, trap, result), markup=False, soft_wrap=True)
    console.print(_table(counts))
    return _bar(console, sum(counts.values(), Seen()))


def judged(traps: Sequence[Trap], jobs: int | None = None) -> Iterator[tuple[Trap, Result]]:
    """Yields each trap with the verdict on it, in the order they finish."""
    by_key = {variants.of_trap(trap).key: trap for trap in traps}
    plan = [variants.of_trap(trap) for trap in traps]
    for variant, result in variants.run(plan, jobs):
        yield by_key[variant.key], result


def sight(trap: Trap, result: Result) -> Sight:
    """Returns what a learner who made this mistake sees first."""
    index = shown(result.failures)
    if index is None or not rejected(trap, result):
        return Sight.PASSED
    first = result.failures[index]
    if trap.cause and trap.cause in (first.cause or ""):
        return Sight.NAMED
    if trap.plain and trap.plain in f"{first.test}: {first.message}":
        proved = first.kind is Kind.PROOF
        return Sight.FALSE if proved and trap.plain not in (first.cause or "") else Sight.PLAIN
    if not (trap.cause or trap.plain or trap.unnamed):
        return Sight.UNMARKED
    claims = first.cause and first.kind is not Kind.NUMBERS
    return Sight.FALSE if claims else Sight.HIDDEN


def rejected(trap: Trap, result: Result) -> bool:
    """Whether the trap's clause fails, by its cause where it names one."""
    if result.outcome not in FAILING:
        return False
    own = [failure for failure in result.failures if failure.clause == trap.clause]
    return any(trap.cause in (failure.cause or "") for failure in own)


def _line(seen: Sight, trap: Trap, result: Result) -> str:
    index = shown(result.failures)
    lines = [f"{seen:<8}  {trap.kata}: {trap.name}"]
    if index is None:
        return lines[0]
    first = result.failures[index]
    return "\n          ".join([*lines, first.test, *first.message.splitlines()])


def _table(counts: dict[str, Seen]) -> Table:
    table = Table("kata", "traps", *Sight, box=None, pad_edge=False)
    whole = sum(counts.values(), Seen())
    for kata, seen in [*counts.items(), ("in all", whole)]:
        table.add_row(kata, str(seen.total()), *(str(seen[kind] or "") for kind in Sight))
    return table


def _bar(console: Console, seen: Seen) -> int:
    marked = seen.total() - seen[Sight.UNMARKED]
    share = (seen[Sight.NAMED] + seen[Sight.PLAIN]) / max(1, marked)
    met = share >= BAR and not seen[Sight.FALSE] and not seen[Sight.PASSED]
    verdict = "the bar is met" if met else "the bar is not met"
    console.print(f"{share:.1%} named or plain: {verdict} ({BAR:.0%}, none false, none passed)")
    return 0 if met else 1
