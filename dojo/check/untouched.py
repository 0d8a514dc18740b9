"""Verdicts that need no TensorFlow: what a file is, before anything in it runs."""

import ast
from pathlib import Path

from dojo import layout
from dojo.content import stubs
from dojo.results import Failure, Outcome, Result

# Python's parser has not the memory, or the depth, for ten thousand signs in a row.
_TOO_DEEP = (RecursionError, MemoryError)
_UNREADABLE = (OSError, stubs.SourceError, SyntaxError, ValueError, *_TOO_DEEP)


def static_verdict(kata: str, tree: Path) -> Result | None:
    """Returns the verdict that needs no TensorFlow, or None where the tests must speak."""
    path = layout.source_file(kata, tree)
    if not layout.test_file(kata).is_file():
        reason = Failure("", f"{layout.shown(layout.test_file(kata))} is missing")
        return Result(kata, Outcome.BROKEN, [reason])
    stub = stubs.pristine(kata)
    raw: bytes | None = None
    try:
        raw = path.read_bytes()
        text = stubs.decoded(raw)
        body = ast.parse(text, str(path)).body
        untouched = stubs.is_untouched(stub, text)
    except FileNotFoundError:
        return _gone(kata, path)
    except _UNREADABLE as error:
        return Result(kata, Outcome.WRONG, [Failure("", _unreadable(error, path))], text=raw)
    if not body:
        message = f"{layout.shown(path)} is empty; `python -m dojo reset {kata}` restores the stub"
        return Result(kata, Outcome.WRONG, [Failure("", message)], text=raw)
    return Result(kata, Outcome.NOT_STARTED) if untouched else None


def _gone(kata: str, path: Path) -> Result:
    message = f"{layout.shown(path)} is not there; `python -m dojo reset {kata}` brings the stub"
    return Result(kata, Outcome.NOT_STARTED, [Failure("", message)])


def _unreadable(error: Exception, path: Path) -> str:
    place = layout.shown(path)
    if isinstance(error, SyntaxError):
        line = (error.text or "").rstrip()
        return f"{place}:{error.lineno}: {type(error).__name__}: {error.msg}\n    {line}"
    if isinstance(error, stubs.SourceError):
        return f"{place}:{error.line}: {error}"
    if isinstance(error, _TOO_DEEP):
        return f"{place}:1: an expression is nested too deeply for Python to read"
    return f"{place}:1: {error}"
