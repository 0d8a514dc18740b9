"""Which mistake comes next: what is due, then what was never seen, never the same twice."""

import dataclasses
import datetime
import random
from collections.abc import Collection, Mapping, Sequence

from dojo.content import mistakes
from dojo.content.traps import Trap, read_traps
from dojo.record.attempts import Entry
from dojo.record.deck import family_card
from dojo.record.mistakes import made
from dojo.record.rounds import Round


@dataclasses.dataclass(frozen=True)
class Past:
    """What the record knows of the learner's mistakes.

    Attributes:
        due: Families that come back now, longest due first.
        made: Families of mistakes that were proved in the learner's own answers.
        rounds: All rounds so far, oldest first.
    """

    due: Sequence[str] = ()
    made: Collection[str] = ()
    rounds: Sequence[Round] = ()


def past(
    times: Mapping[str, datetime.datetime],
    entries: Sequence[Entry],
    rounds: Sequence[Round],
    now: datetime.datetime,
) -> Past:
    """Returns what the record knows.

    Args:
        times: Card to when it is due.
        entries: All attempts.
        rounds: All rounds.
        now: UTC.
    """
    by_card = {family_card(family): family for family in mistakes.FAMILIES}
    due = [by_card[card] for card in times if card in by_card and times[card] <= now]
    return Past(due, made(entries), rounds)


def choose(katas: Sequence[str], known: Past, chance: random.Random) -> mistakes.Mistake | None:
    """Returns the mistake of the next round, or None where there is none.

    Families that are due come first, then those of the learner's own mistakes, then those
    never met; of a family what was seen least, in another kata than the last.

    Args:
        katas: Paths to choose from.
        known: What the record knows.
        chance: Decides between equals.
    """
    traps = [trap for kata in katas for trap in read_traps(kata)]
    seen = [found.id for found in known.rounds]
    last = known.rounds[-1] if known.rounds else None
    fresh = [trap for trap in traps if _id(trap) not in seen]
    if not fresh and (found := _break(katas, seen, chance)) is not None:
        return found
    pool = fresh or [trap for trap in traps if not seen or _id(trap) != seen[-1]]
    if not pool:
        return None

    def place(trap: Trap) -> tuple[float, ...]:
        same = last is not None and last.entry.kata == trap.kata
        return _rank(trap.family, known), seen.count(_id(trap)), same, chance.random()

    return mistakes.of_trap(min(pool, key=place))


def _rank(family: str, known: Past) -> float:
    met = {found.family for found in known.rounds}
    if family in known.due:
        return known.due.index(family) / len(known.due)
    if family in known.made and family not in met:
        return 1
    return 2 if family not in met else 3


def _break(
    katas: Sequence[str], seen: Sequence[str], chance: random.Random
) -> mistakes.Mistake | None:
    """A break that was not seen yet, once all traps were."""
    for kata in chance.sample(katas, len(katas)):
        for found in mistakes.from_breaks(kata, chance):
            if found.id not in seen:
                return found
    return None


def _id(trap: Trap) -> str:
    return f"{trap.kata}: {trap.name}"
