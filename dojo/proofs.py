"""What the failing tests of one run say of one another's causes.

A test names the mistake that gives just its numbers. Small data cannot tell all mistakes
apart: two of them may give the same numbers there. Another test that lists the mistake, and
saw other numbers, is evidence against it. How much, depends on what that test proves:

- If it proves another mistake, and that may explain both tests, the first one is not there.
- If it proves nothing, there may be two mistakes, or one that only some dtypes or inputs
  show. Then the cause is not named beside another one, but it is named where nothing else is.
"""

import dataclasses
from collections.abc import Sequence

from dojo.results import Failure, Kind, dtype_and_mode

_EXACTLY, _OR = "these are exactly the numbers of: ", "; or of: "


def mistake(cause: str) -> str:
    """Returns the mistake's name, without the words of a failure around it."""
    return cause.removeprefix(_EXACTLY)


def mistakes(cause: str) -> list[str]:
    """Returns the mistakes that a cause names; one of them is the learner's."""
    return mistake(cause).split(_OR)


def upheld(failures: Sequence[Failure]) -> list[Failure]:
    """Returns the failures without the mistakes that other proofs exclude.

    A failure that proves nothing any more is one of numbers.
    """
    return [_without(failure, _excluded(failure, failures)) for failure in failures]


def undisputed(failure: Failure, failures: Sequence[Failure]) -> str | None:
    """Returns what a failure proves and no other one has seen other numbers of, or None."""
    disputed = {name for other in failures if other is not failure for name in other.ruled_out}
    return _without(failure, disputed).cause if failure.kind is Kind.PROOF else None


def _names(failure: Failure) -> list[str]:
    cause = failure.cause or ""
    proved = failure.kind is Kind.PROOF and cause.startswith(_EXACTLY)
    return mistakes(cause) if proved else []


def _excluded(failure: Failure, failures: Sequence[Failure]) -> set[str]:
    return {
        name
        for other in failures
        if other is not failure and _explains(other, failure)
        for name in other.ruled_out
    }


def _explains(one: Failure, other: Failure) -> bool:
    """Whether what the one proves may be behind the other, too."""
    # A wrong gradient may come on top of a wrong value, and a graph do what no plain call does.
    apart = one.gradient and not other.gradient
    alike = dtype_and_mode(one.test) == dtype_and_mode(other.test)
    names = _names(one)
    return bool(names) and alike and not apart and not set(names) & set(other.ruled_out)


def _without(failure: Failure, names: set[str]) -> Failure:
    """The failure, where it proves none of these mistakes."""
    proved = _names(failure)
    left = [name for name in proved if name not in names]
    if left == proved:
        return failure
    row = f"\n  cause     {failure.cause}"
    if not left:
        message = failure.message.removesuffix(row)
        return dataclasses.replace(failure, message=message, cause=None, kind=Kind.NUMBERS)
    cause = _EXACTLY + _OR.join(left)
    message = failure.message.replace(row, f"\n  cause     {cause}")
    return dataclasses.replace(failure, message=message, cause=cause)
