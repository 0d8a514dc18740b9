"""What a kata's process may say to its parent: data of a fixed form, and nothing else.

One message is one line of JSON, `["Started", "test_1_values"]`.
The process runs a stranger's code, so the parent takes nothing on trust: whatever is not
exactly one of the classes below is a `MessageError`, and nothing is ever unpickled.
"""

import dataclasses
import json
import math
import types
from collections.abc import Callable
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

from dojo.results import Failure, Kind

# Of one text. A failure's picture has a few hundred characters.
LONGEST_TEXT = 100_000
MOST_NAMES = 10_000


class MessageError(ValueError):
    """A line that is none of the messages."""


@dataclasses.dataclass(frozen=True)
class Ready:
    """TensorFlow is imported: from now on the time is the kata's."""


@dataclasses.dataclass(frozen=True)
class Opened:
    """The file under check was read: the SHA-256 of its bytes, in hexadecimal."""

    digest: str


@dataclasses.dataclass(frozen=True)
class Collected:
    """These are all the tests."""

    names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Started:
    """A test begins."""

    test: str


@dataclasses.dataclass(frozen=True)
class Tested:
    """A test has run to its end.

    Attributes:
        message: Why it failed; None if it did not.
        cause: The mistake that its numbers prove, or None.
        output: What the learner's code printed meanwhile.
        kind: Of `results.Kind`: what the failure rests on.
        gradient: Whether a gradient is wrong, and not a value.
        ruled_out: The mistakes that its test lists and that give other numbers.
    """

    test: str
    passed: bool
    seconds: float
    message: str | None = None
    cause: str | None = None
    output: str = ""
    kind: Kind = Kind.BASIC
    gradient: bool = False
    ruled_out: tuple[str, ...] = ()

    def failure(self) -> Failure | None:
        """Returns what it has found, or None where it has passed."""
        if self.message is None:
            return None
        why = (self.message, self.cause, self.output, self.kind, self.gradient, self.ruled_out)
        return Failure(self.test, *why)


@dataclasses.dataclass(frozen=True)
class Blind:
    """A test found that its own data show nothing."""

    reason: str


@dataclasses.dataclass(frozen=True)
class Broken:
    """The suite or the environment is at fault."""

    reason: str


@dataclasses.dataclass(frozen=True)
class TimedOut:
    """A test took too long, and the tests to come are left out."""

    reason: str


@dataclasses.dataclass(frozen=True)
class Interrupted:
    """The file ended the tests."""

    reason: str


@dataclasses.dataclass(frozen=True)
class Trespassed:
    """The file opened a model answer, or would have changed what judges it."""

    reason: str


@dataclasses.dataclass(frozen=True)
class Probed:
    """An input was put to two answers."""

    right: str
    wrong: str
    apart: bool


@dataclasses.dataclass(frozen=True)
class Finished:
    """Nothing more comes."""


Message: TypeAlias = (
    Ready
    | Opened
    | Collected
    | Started
    | Tested
    | Blind
    | Broken
    | TimedOut
    | Interrupted
    | Trespassed
    | Probed
    | Finished
)
_CLASSES: dict[str, Any] = {cls.__name__: cls for cls in get_args(Message)}


def encode(message: Message) -> bytes:
    """Returns the line that says `message`; texts that are too long are cut."""
    values = [_cut(getattr(message, field.name)) for field in dataclasses.fields(message)]
    # Escapes, so that a lone surrogate in a learner's message survives the way.
    return json.dumps([type(message).__name__, *values], ensure_ascii=True).encode() + b"\n"


def _cut(value: Any) -> Any:
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def decode(line: bytes) -> Message:
    """Returns the message that a line says.

    Raises:
        MessageError: If it says none.
    """
    try:
        said = json.loads(line, parse_constant=_refuse)
        if not isinstance(said, list):
            raise ValueError("it is no list")
        name, *values = said
        cls = _CLASSES[name]
        hints = get_type_hints(cls)
        fields = [_checked(value, hint) for value, hint in zip(values, hints.values(), strict=True)]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise MessageError(f"{line[:60]!r} is no message: {error!r}"[:300]) from None
    return cls(*fields)  # type: ignore[no-any-return]


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _checked(value: Any, hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        return None if value is None else _checked(value, get_args(hint)[0])
    check = _CHECKS[get_origin(hint) or hint]
    checked = check(value)
    if checked is None:
        raise ValueError(f"{str(value)[:40]!r} is no {hint}")
    return checked


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= LONGEST_TEXT else None


def _names(value: Any) -> tuple[str, ...] | None:
    right = isinstance(value, list) and len(value) <= MOST_NAMES
    return tuple(value) if right and all(_text(name) is not None for name in value) else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _seconds(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) and value >= 0 else None


def _kind(value: Any) -> Kind | None:
    return Kind(value) if isinstance(value, str) and value in list(Kind) else None


_CHECKS: dict[Any, Callable[[Any], Any]] = {
    Kind: _kind,
    str: _text,
    tuple: _names,
    bool: _truth,
    float: _seconds,
}
