"""An exception as a learner needs it: what, where, and the line itself."""

import bdb
import functools
import re
import textwrap
import traceback
from pathlib import Path
from types import TracebackType

import pytest
import tensorflow as tf

from dojo import layout

_MOST_LINES = 20
# Where an op was made, or a converted function called, as TensorFlow's messages have it.
_PLACE = re.compile(r'^\s*File "(.+)", line (\d+), in ?(\S*)(  \*+)?$')
_NOISE = re.compile(
    r"^\s*(Graph execution error:|Detected at node .*|The op is created at:"
    r"|tf2xla conversion failed .*|<stack traces unavailable>|\[\[\{\{.*|name: ?\S*)\s*$"
)
_INTERNAL = re.compile(
    r"( graph)? __inference_\w+(\[[^\]]*\])?|( compatible with node)? ?\{\{\w*node [^}]*\}\} ?"
)
_WAITS = "reading from stdin while output is captured"
ASKS = "your file waits for input, and here nobody answers"


def describe(error: BaseException, source: Path, suite: Path) -> str:
    """Returns what an exception says, and the line that it is about.

    Args:
        source: The learner's file, whose line is named if the exception passed it.
        suite: The test file, whose line is named if not.
    """
    text = _essence(error, source)
    if getattr(error, "pytrace", True) is False:
        return text
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _resolved(frame.filename) == source]
    tests = [frame for frame in frames if Path(frame.filename) == suite]
    for frame, owner in [
        ((own or _told(error, source))[-1:], ""),
        (tests[-1:], "the test calls, "),
    ]:
        if frame:
            place = f"{layout.shown(_resolved(frame[0].filename))}:{frame[0].lineno}"
            inside = f" in {frame[0].name}" if not owner else ""
            lines = [text, "", f"  {owner}at {place}{inside}", f"    {frame[0].line}"]
            return "\n".join(lines)
    return text


def location(tb: TracebackType | None, source: Path) -> str:
    """Returns " at FILE:LINE: TEXT" of the learner's line that a traceback passed last, or ""."""
    frames = [f for f in traceback.extract_tb(tb) if _resolved(f.filename) == source]
    if not frames:
        return ""
    return f" at {layout.shown(source)}:{frames[-1].lineno}: {frames[-1].line}"


def raised_in(source: Path, error: BaseException) -> bool:
    """Whether the learner's file itself raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and _resolved(frames[-1].filename) == source


@functools.cache
def _resolved(filename: str) -> Path:
    """A deep traceback names the same few files a thousand times."""
    return Path(filename).resolve()


def _told(error: BaseException, source: Path) -> list[traceback.FrameSummary]:
    """The learner's lines that the message names: of a graph, no traceback passes them."""
    places = filter(None, map(_PLACE.match, _printed(error).splitlines()))
    return [
        traceback.FrameSummary(str(source), int(at[2]), at[3])
        # Some of its messages leave out the first stroke.
        for at in places
        if at[1].lstrip("/") == str(source).lstrip("/")
    ]


def _essence(error: BaseException, source: Path) -> str:
    if isinstance(error, AttributeError) and getattr(error.obj, "__file__", "") == str(source):
        return f"{layout.shown(source)} has no {error.name}: it is missing or was renamed"
    text = _printed(error)
    if _WAITS in text or isinstance(error, bdb.BdbQuit):
        return ASKS
    if text.startswith("in user code:"):
        text = _behind_places(text)
    elif isinstance(error, tf.errors.OpError):
        text = f"{type(error).__name__}: {_without_places(text)}"
    elif not isinstance(error, pytest.fail.Exception | AssertionError):
        text = f"{type(error).__name__}: {text}"
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if len(lines) > _MOST_LINES:
        # The last lines of TensorFlow's long messages name the fault.
        lines = [*lines[:3], "…", *lines[-(_MOST_LINES - 4) :]]
    return "\n".join(line[:300] for line in lines) or type(error).__name__


def _without_places(text: str) -> str:
    lines = text.partition("Traceback (most recent")[0].splitlines()
    told = [line for line in lines if not (_PLACE.match(line) or _NOISE.match(line))]
    return "\n".join(_INTERNAL.sub("", line) for line in told).strip()


def _behind_places(text: str) -> str:
    """What a function raised while autograph converted it: the last part of its message."""
    lines = text.splitlines()
    last = max((i for i, line in enumerate(lines) if _PLACE.match(line)), default=-1)
    # The line of code below the place.
    return textwrap.dedent("\n".join(lines[last + 2 :])).strip()


def _printed(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as other:
        return f"(printing it raises {type(other).__name__})"
