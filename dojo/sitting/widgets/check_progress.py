"""What the checker is at, in a few words."""

import time
from collections.abc import Callable

from dojo.check.runner import Event
from dojo.results import Result


class CheckProgress:
    """Hears the checker's events, and says how far the present check has come."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """
        Args:
            now: Returns seconds.
        """
        self._now = now
        self._newest: Event | None = None
        self._since = 0.0

    def hear(self, event: Event) -> None:
        if event.kind == "requested":
            self._since = self._now()
        self._newest = None if event.result is not None else event

    def words(self, found: Result | None) -> str:
        """Returns "checking 2/9 3 s", or what the check before has found."""
        if self._newest is None:
            return "" if found is None else found.outcome.value
        seconds = self._now() - self._since
        waited = f" {seconds:.0f} s" if seconds >= 2 else ""
        if self._newest.kind == "requested":
            # The first check waits for the warm process to be warm.
            return f"importing TensorFlow{waited}" if waited else "checking"
        done = f" {self._newest.done}/{self._newest.total}" if self._newest.total else ""
        return f"checking{done}{waited}"
