"""Which failure of a kata is shown: the one that teaches most.

A test that compares numbers says that they are wrong, and sometimes which mistake gives just
these numbers. An exception, a wrong shape or a None says what is wrong by itself. So:

1. in the order of the clauses; within a clause as the suite has them, but float32 before
   float64 and float16, and plain calls before traced and compiled ones;
2. the first failure that is basic or proved, past those that are only numbers;
3. but a proof by a gradient waits while a value of its clause, or of one before, is wrong:
   what the gradient of another function would prove is not said;
4. what is only numbers, or not written yet, where nothing else fails; a time-out last.
"""

from collections.abc import Sequence

from dojo.proofs import mistakes, undisputed
from dojo.results import Failure, Kind, Result, clause_of, dtype_and_mode


def shown(failures: Sequence[Failure]) -> int | None:
    """Returns the index of the failure to show, or None where nothing fails."""
    order = _order(failures)
    certain = _certain([failures[index] for index in order])
    if certain is not None:
        return order[certain]
    return order[0] if order else None


def shown_test(result: Result) -> str:
    """Returns the test of the suite whose failure is shown, or ""."""
    index = shown(result.failures)
    test = "" if index is None else result.failures[index].test
    return test if test in result.names else ""


def is_certain(failures: Sequence[Failure]) -> bool:
    """Whether one of them is shown, whatever the tests that come after them may find.

    But for one: a later proof that excludes the mistake which it names (`dojo.proofs`).
    """
    return _certain([failures[index] for index in _order(failures)]) is not None


def place(test: str) -> tuple[int, int, int]:
    """Where a test's failure stands among others; before those that the suite has later."""
    return int(clause_of(test) or 0), *dtype_and_mode(test)


def _order(failures: Sequence[Failure]) -> list[int]:
    places = [(failure.kind is Kind.LATE, *place(failure.test)) for failure in failures]
    return sorted(range(len(failures)), key=lambda index: (places[index], index))


def _certain(failures: Sequence[Failure]) -> int | None:
    """The first, of failures in their order, that is basic or proved."""
    for rank, failure in enumerate(failures):
        if failure.kind is Kind.BASIC:
            return rank
        if failure.kind is Kind.PROOF and not _waits(failures, rank):
            return rank
    return None


def _waits(failures: Sequence[Failure], rank: int) -> bool:
    """Whether it is the gradient of what may be another function."""
    return failures[rank].gradient and any(map(_wrong_value, failures[:rank]))


def _wrong_value(failure: Failure) -> bool:
    return failure.kind in (Kind.NUMBERS, Kind.PROOF) and not failure.gradient


def other_causes(failures: Sequence[Failure]) -> list[str]:
    """Returns what the failures that are not shown prove besides, undisputed, each once.

    One that says less in the same words is the same, and so is one that may be the same mistake.
    """
    told = _told(failures)
    in_order = [failures[place] for place in _order(failures)]
    certain = [one for rank, one in enumerate(in_order) if not _waits(in_order, rank)]
    proved = [undisputed(failure, failures) for failure in certain]
    named = [cause for cause in dict.fromkeys([told, *proved]) if cause]
    longer = [c for c in named if not any(o != c and o.startswith(c) for o in named)]
    return [cause for cause in longer if set(mistakes(told)).isdisjoint(mistakes(cause))]


def causes(failures: Sequence[Failure]) -> list[str]:
    """Returns all that the failures prove, that of the one shown first, each once."""
    told = _told(failures)
    return [*([told] if told else []), *other_causes(failures)]


def _told(failures: Sequence[Failure]) -> str:
    index = shown(failures)
    return "" if index is None else failures[index].cause or ""
