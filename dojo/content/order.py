"""The order in which to learn: the three of the field, what is asked often, tracks in turn."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from dojo import layout
from dojo.content.document import Kata, Question, rarity

# A custom gradient, a custom loss, a custom optimizer: hardly an interview without one of them.
FIELD = ("gradients/clip_by_value", "losses/focal_loss", "optimizers/momentum")

Asked = TypeVar("Asked", Kata, Question)


def katas_in_order(katas: Sequence[Kata], level: str = "") -> list[Kata]:
    """Returns the katas up to a level in the order in which to write them.

    The three of the field come first; then what interviews ask often, the tracks in turn, and
    none before those that it builds on.

    Args:
        katas: In study order, which decides between equals.
        level: The level aimed at: the nearest come first. "" for all levels, from the lowest.
    """
    reachable = [kata for kata in katas if kata.path in FIELD or _below(kata, level) >= 0]
    distance = _distances(reachable, level)

    def place(kata: Kata, left: Sequence[Kata]) -> tuple[int, int, int]:
        waits = bool({other.path for other in left} & set(kata.after))
        return waits, _of_field(kata.path), distance[kata.path]

    return _in_turn(reachable, place)


def questions_in_order(questions: Sequence[Question], level: str = "") -> list[Question]:
    """Returns the spoken questions up to a level in the order in which to learn them.

    Args:
        questions: In study order, which decides between equals.
        level: The level aimed at; "" for all.
    """
    reachable = [q for q in questions if q.kata in FIELD or _below(q, level) >= 0]
    return _in_turn(reachable, lambda q, _: (0, _of_field(q.kata), _below(q, level)))


def _in_turn(
    entries: Sequence[Asked],
    place: Callable[[Asked, Sequence[Asked]], tuple[int, int, int]],
) -> list[Asked]:
    """One after the other, no track twice in a row if it can be helped.

    Args:
        entries: What to order.
        place: Of an entry among those that are left: whether it waits for another, its place
            among the three of the field, and its distance from the level.
    """
    left, placed = list(entries), list[Asked]()
    counts = Counter[str]()

    def order(entry: Asked) -> tuple[int, ...]:
        waits, field, distance = place(entry, left)
        again = bool(placed) and placed[-1].track == entry.track
        return waits, field, rarity(entry), again, distance, counts[entry.track]

    while left:
        placed.append(min(left, key=order))
        left.remove(placed[-1])
        counts[placed[-1].track] += 1
    return placed


def _distances(katas: Sequence[Kata], level: str) -> dict[str, int]:
    """How far each kata is from the level; what one builds on is as near as that one."""
    found = {kata.path: abs(_below(kata, level)) for kata in katas}
    for kata in sorted(katas, key=lambda kata: found[kata.path]):
        waiting = [kata]
        for later in waiting:
            before = [other for other in katas if other.path in later.after]
            waiting += [other for other in before if found[other.path] > found[kata.path]]
            for other in before:
                found[other.path] = min(found[other.path], found[kata.path])
    return found


def _of_field(kata: str) -> int:
    return FIELD.index(kata) if kata in FIELD else len(FIELD)


def _below(entry: Kata | Question, level: str) -> int:
    """How far it is below the level aimed at; negative above it."""
    own = layout.LEVELS.index(entry.level)
    return layout.LEVELS.index(level) - own if level else own
