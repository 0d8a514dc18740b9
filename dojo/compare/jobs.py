"""Pieces of work for a child process, and the store that keeps what they found.

A job's key is a hash of all that determines its numbers: arguments, the source of the
katas, of the code that computes, the digits, the versions. So an interrupted comparison
goes on where it stopped, and an edited kata trains again while the others do not.
"""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from dojo import data
from dojo.compare.parts import Part
from dojo.errors import DojoError
from dojo.files import write_whole

Result: TypeAlias = dict[str, Any]


class CompareError(DojoError):
    """The comparison cannot go on; the message says what to do."""


# Every task is computed by its own module and by these.
_SHARED = ("training.py", "digits.py", "measures.py", "worker.py")


@dataclasses.dataclass(frozen=True)
class Job:
    """One piece of work.

    Attributes:
        task: "module:function" below dojo.compare, such as "optimizer_runs:train".
        title: What the progress display calls it.
        arguments: JSON values that the function takes by keyword.
        parts: The katas it uses; the function finds them loaded, by their paths.
        cost: Seconds on a quiet core, roughly; for the time left and for the deadline.
        alone: Whether nothing else may run meanwhile, as for timings.
        group: Jobs of one group share what a child has traced: one child takes them.
    """

    task: str
    title: str
    arguments: Mapping[str, Any]
    parts: tuple[Part, ...] = ()
    cost: float = 1.0
    alone: bool = False
    group: str = ""

    @functools.cached_property
    def key(self) -> str:
        parts = [(part.kata, part.digest) for part in self.parts]
        determined = [
            self.task,
            dict(self.arguments),
            parts,
            _code(self.task),
            _versions(),
            _data(),
        ]
        text = json.dumps(determined, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def limit(self) -> float:
        """Seconds after which it counts as hanging, on a machine that is busy, too."""
        return 120 + 40 * self.cost

    def __hash__(self) -> int:
        return hash(self.key)


class Store:
    """Results on disk, one small file each, written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, job: Job) -> Result | None:
        """Returns what the job found in an earlier run, or None."""
        try:
            stored = json.loads(self._file(job).read_text(encoding="utf-8"))
            return revive(stored["result"])  # type: ignore[no-any-return]
        except (OSError, ValueError, KeyError, TypeError):
            # Absent or damaged: it is computed again.
            return None

    def put(self, job: Job, result: Result) -> None:
        """Keeps a result. Failures are not kept: they are tried again."""
        if "error" in result:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        stored = {"task": job.task, "title": job.title, "result": plain(result)}
        write_whole(self._file(job), json.dumps(stored).encode())

    def _file(self, job: Job) -> Path:
        return self.folder / f"{job.task.replace(':', '-')}-{job.key}.json"


def plain(value: Any) -> Any:
    """Returns `value` for strict JSON, which has no nan and no inf: they become strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def revive(value: Any) -> Any:
    """Returns what `plain` was given, as dicts, lists and numbers."""
    if isinstance(value, dict):
        return {key: revive(item) for key, item in value.items()}
    if isinstance(value, list):
        return [revive(item) for item in value]
    return float(value) if value in ("nan", "inf", "-inf") else value


@functools.cache
def _code(task: str) -> str:
    module = task.partition(":")[0]
    files = sorted({f"{module}.py", *_SHARED})
    sources = b"".join((Path(__file__).parent / name).read_bytes() for name in files)
    return hashlib.sha256(sources).hexdigest()


@functools.cache
def _versions() -> list[str]:
    return [importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")]


@functools.cache
def _data() -> str:
    try:
        return hashlib.sha256(data.SHIPPED.read_bytes()).hexdigest()
    except OSError as error:
        raise data.DataError(f"{data.SHIPPED} cannot be read: {error.strerror}") from error
