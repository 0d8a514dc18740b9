"""The suites' code with pytest's rewritten assertions, kept in memory and nowhere else.

Rewriting takes longer than many a test. pytest keeps what it gives in files that a file under
check could replace by other code; here the warm process compiles a suite before it forks.
"""

import contextlib
import importlib.util
from pathlib import Path
from types import CodeType
from typing import Any

from _pytest.assertion import rewrite

_kept: dict[Path, tuple[bytes, CodeType]] = {}


def make_ready(file: Path) -> None:
    """Compiles a suite or conftest, unless that was done. Its faults are the child's to find."""
    if kept_code(file) is None:
        with contextlib.suppress(OSError, SyntaxError, ValueError):
            _kept[file] = rewrite._rewrite_test(file, None)  # type: ignore[arg-type]


def kept_code(source: Path, *_: Any) -> CodeType | None:
    """Returns the code of just this text, or None. It takes the place of pytest's `_read_pyc`."""
    known, code = _kept.get(source, (b"", None))
    with contextlib.suppress(OSError):
        if importlib.util.source_hash(source.read_bytes()) == known:
            return code
    return None


rewrite._read_pyc = kept_code  # type: ignore[assignment]
