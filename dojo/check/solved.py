"""Which answers of the learner's are known to be solved, so that nobody checks them twice.

A verdict holds for one text of the answer, its suite and what both import.
"""

import contextlib
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dojo import layout
from dojo.files import write_whole
from dojo.results import Outcome, Result


def fingerprints(katas: Sequence[str]) -> dict[str, str]:
    """Returns, for each kata with a file, a digest of all that its verdict depends on."""
    versions = [_version(name) for name in ("tensorflow", "keras", "numpy")]
    shared = hashlib.sha256(" ".join([sys.version, *versions]).encode())
    for file in [layout.TESTS / "conftest.py", *sorted(layout.SUPPORT.glob("*.py"))]:
        shared.update(file.read_bytes())
    found = {}
    for kata in katas:
        digest = shared.copy()
        with contextlib.suppress(OSError):
            for file in (layout.test_file(kata), layout.source_file(kata, layout.KATAS)):
                digest.update(hashlib.sha256(file.read_bytes()).digest())
            found[kata] = digest.hexdigest()
    return found


def known(katas: Sequence[str]) -> set[str]:
    """Returns those katas whose answer, as it is now, was found solved."""
    kept = _read()
    return {kata for kata, digest in fingerprints(katas).items() if kept.get(kata) == digest}


def keep(found: Sequence[Result], before: Mapping[str, str]) -> None:
    """Keeps which answers are solved.

    Args:
        found: Verdicts on the learner's own tree.
        before: The `fingerprints` from before the check. What was saved meanwhile is not kept.
    """
    now = fingerprints([result.kata for result in found])
    kept = _read()
    for result in found:
        digest = now.get(result.kata)
        if result.outcome is Outcome.SOLVED and digest and digest == before.get(result.kata):
            kept[result.kata] = digest
        else:
            kept.pop(result.kata, None)
    # Without it the next comparison only takes longer.
    with contextlib.suppress(OSError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_whole(_file(), json.dumps(kept, indent=1, sort_keys=True).encode())


def _version(package: str) -> str:
    import importlib.metadata

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # nothing can be solved without it
        return ""


def _file() -> Path:
    return layout.state_folder() / "solved.json"


def _read() -> dict[str, str]:
    try:
        kept = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
