"""What runs in a worker of a cluster: it says what it judges by, and keeps one grader warm."""

import atexit
import dataclasses
import importlib.metadata
import pickle
import platform
import threading
from collections.abc import Mapping, Sequence

from dojo.cohort import crew, judges
from dojo.errors import DojoError
from dojo.results import Result

# A grader holds some 700 MB: who comes back within that time finds it warm.
IDLE = 60.0
_MOST_NAMES = 3


@dataclasses.dataclass(frozen=True)
class Standard:
    """What a machine judges by. Two that are equal judge alike.

    Attributes:
        versions: Name to version of Python and of the packages that matter.
        suites: Kata to a digest of what judges an answer to it: its tests, and this tool.
    """

    versions: Mapping[str, str]
    suites: Mapping[str, str]


def standard(suites: Mapping[str, str]) -> Standard:
    """Returns what this machine judges by.

    Args:
        suites: As from `judges.digests`.
    """
    dask = {"distributed": importlib.metadata.version("distributed")}
    return Standard(judges.versions() | dask, suites)


def examine(ours: Standard, making: bytes) -> str:
    """Returns why this machine must not grade, after its name; "" if it may, and is ready to.

    Args:
        ours: What whoever asks judges by.
        making: A pickled function that makes a grader.
    """
    try:
        fault = _difference(ours, standard(judges.digests(ours.suites)))
        if not fault:
            with _desk.lock:
                _desk.grader(making)
                _desk.close_later()
    except (OSError, ImportError, DojoError) as error:
        fault = str(error)
    return f"{platform.node()}: {fault}" if fault else ""


def _difference(ours: Standard, theirs: Standard) -> str:
    """What a person would mend first."""
    versions = [
        f"{name} {theirs.versions[name]} there, {version} here"
        for name, version in ours.versions.items()
        if theirs.versions[name] != version
    ]
    if versions:
        return "; ".join(versions)
    suites = [kata for kata, digest in ours.suites.items() if theirs.suites[kata] != digest]
    if not suites:
        return ""
    more = f" and {len(suites) - _MOST_NAMES} more" if len(suites) > _MOST_NAMES else ""
    return f"another version of the suites of {', '.join(suites[:_MOST_NAMES])}{more}"


def grade(making: bytes, kata: str, answer: bytes) -> tuple[str, Result | None, Sequence[str]]:
    """Returns why this machine cannot grade, or "" with a verdict and its flags.

    Args:
        making: As for `examine`.
        kata: Path of the kata.
        answer: The file as it came.
    """
    with _desk.lock:
        try:
            return crew.grade_one(_desk.grader(making), kata, answer)
        except DojoError as error:
            return str(error), None, []
        finally:
            _desk.close_later()


class _Desk:
    """The one grader of this process, closed when nobody has asked for it for a while."""

    def __init__(self) -> None:
        # A worker may have threads; graders are for one at a time.
        self.lock = threading.Lock()
        self._making = b""
        self._grader: crew.Grader | None = None
        self._timer: threading.Timer | None = None

    def grader(self, making: bytes) -> crew.Grader:
        if self._timer is not None:
            self._timer.cancel()
        if self._grader is None or making != self._making:
            self.close()
            self._grader, self._making = pickle.loads(making)(), making
        return self._grader

    def close_later(self) -> None:
        timer = self._timer = threading.Timer(IDLE, lambda: self._close_idle(timer))
        timer.daemon = True
        timer.start()

    def _close_idle(self, timer: threading.Timer) -> None:
        with self.lock:
            # If there was work meanwhile, another one counts.
            if timer is self._timer:
                self.close()

    def close(self) -> None:
        if self._grader is not None:
            self._grader.close()
        self._grader = None


_desk = _Desk()
atexit.register(_desk.close)
