"""How long katas take this learner, as a factor on their time boxes."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from dojo.record.attempts import SOLVED, Entry

# A box is what a strong engineer takes: without a record, two thirds of all attempts take
# between 1/1.5 and 1.5 times it. That is worth as much as three attempts: fewer say little
# about a spread, and after a week of practice the learner's own outweigh it.
PRIOR_SPREAD, PRIOR_ATTEMPTS = 1.5, 3
# Learners get quicker: a kata counts half of one begun twenty katas later.
HALF_AS_MUCH = 20
# An answer pasted in, or a clock that ran over lunch, counts as no more than this factor.
FARTHEST = 8.0
# An attempt without a check says something from this share of its box on.
LEAST_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class Pace:
    """How this learner's time relates to the boxes.

    Attributes:
        ratio: Half of all attempts take less than this factor on the box, half more.
        spread: A factor >= 1: two thirds of the attempts lie within ratio / spread and
            ratio * spread.
        count: Katas whose first time it rests on.
    """

    ratio: float
    spread: float
    count: int

    def likely(self, minutes: float) -> float:
        """Returns the minutes that half of all attempts with such a box stay below."""
        return minutes * self.ratio

    def careful(self, minutes: float) -> float:
        """Returns the minutes to reserve: five of six attempts with such a box fit."""
        return minutes * self.ratio * self.spread

    def chance(self, share: float) -> float:
        """Returns how likely an attempt is over within `share` of its box; a share above 0."""
        return 1 - _upper_tail(math.log(share / self.ratio) / math.log(self.spread))


def pace(entries: Sequence[Entry]) -> Pace:
    """Estimates how long new katas take, from the first time at each.

    The logarithm of time over box is taken as normal. What was solved is an observation; any
    other end is one of "at least so long" (censored), and enters by the chance of exceeding
    it: leaving early says almost nothing, running out of time much. The estimate is the mode
    of the posterior, where the prior is as good as `PRIOR_ATTEMPTS` attempts at ratio 1.
    Found by EM, which replaces each censored square by its expectation.

    Args:
        entries: Attempts at any katas, in any order. Of each kata, what comes after it was
            solved, given up or out of time is a repeat, its answer known, and is passed over;
            what was left before adds its time. The box is the one that the attempt had: see
            `in_own_boxes`.
    """
    first = _first_time(entries)
    weights = [0.5 ** (age / HALF_AS_MUCH) for age in reversed(range(len(first)))]
    mean, deviation = 0.0, math.log(PRIOR_SPREAD)
    for _ in range(200):
        before = mean, deviation
        mean, deviation = _step(first, weights, mean, deviation)
        if math.dist(before, (mean, deviation)) < 1e-9:
            break
    return Pace(math.exp(mean), math.exp(deviation), len(first))


def _step(
    first: Sequence[Entry], weights: Sequence[float], mean: float, deviation: float
) -> tuple[float, float]:
    """One step of EM: a better mean and deviation of the logarithms."""
    total = PRIOR_ATTEMPTS + sum(weights)
    logs, squares = 0.0, PRIOR_ATTEMPTS * math.log(PRIOR_SPREAD) ** 2
    for weight, entry in zip(weights, first, strict=True):
        log = _log_share(entry)
        solved = entry.outcome == SOLVED
        x, xx = (log, log * log) if solved else _beyond(log, mean, deviation)
        logs += weight * x
        squares += weight * xx
    return logs / total, math.sqrt(squares / total - (logs / total) ** 2)


def in_own_boxes(entries: Sequence[Entry], minutes: Mapping[str, float]) -> list[Entry]:
    """Returns the attempts with their katas' own boxes: an interview may cut one short.

    Args:
        entries: Attempts.
        minutes: Kata to its own box; an attempt at any other keeps what it had.
    """
    return [
        dataclasses.replace(entry, minutes=minutes.get(entry.kata, entry.minutes))
        for entry in entries
    ]


def is_real(entry: Entry) -> bool:
    """Whether an attempt says anything: it was solved, or checked, or took a while."""
    return entry.outcome == SOLVED or entry.checks > 0 or entry.seconds >= LEAST_SHARE * entry.box


def _first_time(entries: Sequence[Entry]) -> list[Entry]:
    """Of each kata all that came before its answer was seen, as one attempt; oldest first."""
    open_still: dict[str, Entry] = {}
    seen: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.started):
        if entry.kata in seen or not (entry.ended or is_real(entry)):
            continue
        merged = _joined(open_still.pop(entry.kata, None), entry)
        (seen if entry.ended else open_still)[entry.kata] = merged
    found = [entry for entry in (*seen.values(), *open_still.values()) if is_real(entry)]
    return sorted(found, key=lambda entry: entry.started)


def _joined(earlier: Entry | None, entry: Entry) -> Entry:
    """A kata that was left and begun again has taken both times."""
    if earlier is None:
        return entry
    both = earlier.seconds + entry.seconds
    return dataclasses.replace(entry, seconds=both, checks=earlier.checks + entry.checks)


def _log_share(entry: Entry) -> float:
    share = entry.seconds / entry.box
    return math.log(min(max(share, 1 / FARTHEST), FARTHEST))


def _beyond(log: float, mean: float, deviation: float) -> tuple[float, float]:
    """Mean and mean square of a normal variable that is known to exceed `log`."""
    z = (log - mean) / deviation
    # E[x | x > c] = mean + deviation h, E[x² | x > c] = mean² + deviation² + deviation h (c + mean)
    hazard = math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / _upper_tail(z)
    return (
        mean + deviation * hazard,
        mean**2 + deviation**2 + deviation * hazard * (log + mean),
    )


def _upper_tail(z: float) -> float:
    """The chance that a standard normal variable exceeds z; above 0 up to z = 37."""
    return math.erfc(z / math.sqrt(2)) / 2
