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

from dojo.results import Failure, Kind

_SLOWER = (("float64", 1), ("float16", 2))
_MODES = (("graph", 1), ("XLA", 2))


def shown(failures: Sequence[Failure]) -> int | None:
    """Returns the index of the failure to show, or None where nothing fails."""
    order = sorted(range(len(failures)), key=lambda index: _place(failures[index], index))
    for rank, index in enumerate(order):
        failure = failures[index]
        if failure.kind is Kind.BASIC:
            return index
        if failure.kind is Kind.PROOF:
            before = [failures[other] for other in order[:rank]]
            if not (failure.gradient and any(_wrong_value(other) for other in before)):
                return index
    return order[0] if order else None


def _place(failure: Failure, index: int) -> tuple[bool, int, int, int, int]:
    late = failure.kind is Kind.LATE
    dtype, mode = (_rank(failure.test, names) for names in (_SLOWER, _MODES))
    return late, int(failure.clause or 0), dtype, mode, index


def _rank(test: str, names: Sequence[tuple[str, int]]) -> int:
    return next((rank for name, rank in names if name in test), 0)


def _wrong_value(failure: Failure) -> bool:
    return failure.kind in (Kind.NUMBERS, Kind.PROOF) and not failure.gradient


def mistake(cause: str) -> str:
    """Returns the mistake's name, without the words of a failure around it."""
    return cause.removeprefix("these are exactly the numbers of: ")


def other_causes(failures: Sequence[Failure]) -> list[str]:
    """Returns what the failures that are not shown prove besides, each once."""
    index = shown(failures)
    told = None if index is None else failures[index].cause
    proved = [failure.cause for failure in failures if failure.kind is Kind.PROOF]
    return [cause for cause in dict.fromkeys(proved) if cause and cause != told]
