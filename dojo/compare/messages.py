"""What the pool and a child process say to each other.

A child runs katas, perhaps a stranger's: what comes from it is JSON of a fixed form, and is
never unpickled.
"""

import base64
import dataclasses
import json
import pickle
from typing import TypeAlias

from dojo.check.messages import MessageError
from dojo.compare.numbers import Numbers, plain, revive
from dojo.compare.run import Run


@dataclasses.dataclass(frozen=True)
class Compute:
    """To the child: do this."""

    run: Run


@dataclasses.dataclass(frozen=True)
class Ready:
    """From the child: TensorFlow is imported."""


@dataclasses.dataclass(frozen=True)
class Done:
    """From the child: what the run found, or {"error": why it failed}."""

    numbers: Numbers


@dataclasses.dataclass(frozen=True)
class Refused:
    """From the child: why neither this run nor any other can be done."""

    reason: str


Answer: TypeAlias = Ready | Done | Refused


def ask(request: Compute) -> bytes:
    """Returns the line that asks a child; it comes from the parent, and is trusted."""
    return base64.b64encode(pickle.dumps(request)) + b"\n"


def asked(line: bytes) -> Compute:
    """Returns what the parent asked.

    Raises:
        MessageError: If it is not `Compute`.
    """
    request = pickle.loads(base64.b64decode(line))
    if not isinstance(request, Compute):
        raise MessageError(f"no request to a child: {request!r}")
    return request


def encode(answer: Answer) -> bytes:
    """Returns the line to send.

    Raises:
        TypeError: If the numbers hold what JSON cannot.
    """
    values = [plain(getattr(answer, field.name)) for field in dataclasses.fields(answer)]
    return json.dumps([type(answer).__name__, *values], allow_nan=False).encode() + b"\n"


def decode(content: bytes) -> Answer:
    """Returns the answer that these bytes are.

    Raises:
        MessageError: If they are none.
    """
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    match answer:
        case ["Ready"]:
            return Ready()
        case ["Done", dict(numbers)]:
            return Done(revive(numbers))
        case ["Refused", str(reason)]:
            return Refused(reason)
    raise MessageError(f"no answer of a child's: {content[:80]!r}")
