"""What a verdict depends on besides the answer: the suites, what runs them, and the packages.

Two machines with the same digest judge alike, wherever the project lies on them.
"""

import hashlib
import importlib.metadata
import platform
from collections.abc import Iterable, Mapping

from dojo import layout
from dojo.cohort.imports import needed

_PACKAGES = ("tensorflow", "keras", "numpy", "pytest", "pytest-timeout")
# Where judging begins: outside an answer's process, and in it. What is started by its name, no
# import leads to.
_JUDGES = (
    *("dojo.cohort.grading", "dojo.cohort.gate", "dojo.cohort.cell", "dojo.check.forkserver"),
    *("dojo.check.preload", "dojo.check.worker", "tests.conftest"),
)


def versions() -> dict[str, str]:
    """Returns name to version of Python and of the packages that a verdict depends on."""
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **packages}


def digests(katas: Iterable[str]) -> Mapping[str, str]:
    """Returns kata to a digest of all that judges an answer to it."""
    environment = hashlib.sha256(repr(sorted(versions().items())).encode())
    shared, _ = needed(_JUDGES)
    found = {}
    for kata in katas:
        suite = layout.test_file(kata)
        # The model answer has a word where a suite finds nothing to compare.
        own = {suite, layout.source_file(kata, layout.REFERENCE)}
        files = shared | needed([], [suite])[0] | own
        digest = environment.copy()
        for file in sorted(files):
            digest.update(file.relative_to(layout.ROOT).as_posix().encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        found[kata] = digest.hexdigest()
    return found
