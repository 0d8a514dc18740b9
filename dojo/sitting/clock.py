"""The time a learner has spent, kept so that no jump of any clock can spend it."""

import time
from collections.abc import Callable

# The screen ticks four times a second: so long a silence means that the computer slept or
# the process was stopped, and not that somebody was thinking.
LONGEST_SILENCE = 30.0


class Clock:
    """A stopwatch that adds up the time between its ticks; paused until it is resumed."""

    def __init__(self, now: Callable[[], float] = time.monotonic, spent: float = 0.0) -> None:
        """
        Args:
            now: Returns seconds; the default is not moved by changes of the wall clock.
            spent: Seconds to begin with.
        """
        self._now = now
        self._last: float | None = None
        self.spent = spent

    @property
    def paused(self) -> bool:
        return self._last is None

    def tick(self) -> float:
        """Adds the time since the last tick, and returns seconds left out as a jump."""
        if self._last is None:
            return 0.0
        now = self._now()
        passed, self._last = now - self._last, now
        if 0 <= passed <= LONGEST_SILENCE:
            self.spent += passed
            return 0.0
        return passed

    def catch_up(self) -> None:
        """Adds all the time since the last tick, however long: the learner was elsewhere."""
        if self._last is not None:
            now = self._now()
            self.spent += max(0.0, now - self._last)
            self._last = now

    def pause(self) -> None:
        """Stops counting; harmless when paused."""
        self.tick()
        self._last = None

    def resume(self) -> None:
        """Goes on counting; harmless when running."""
        if self._last is None:
            self._last = self._now()
