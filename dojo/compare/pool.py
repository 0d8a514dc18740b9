"""Child processes that do runs side by side; one that dies or hangs is replaced."""

import contextlib
import dataclasses
import select
import signal
import time
from collections.abc import Iterator, Sequence

from dojo.check import processes
from dojo.check.channel import Flood
from dojo.check.messages import MessageError
from dojo.compare.errors import CompareError
from dojo.compare.messages import Answer, Compute, Done, Refused, ask, decode
from dojo.compare.numbers import Numbers
from dojo.compare.run import Run

# Until a child reports for work: a cold import of TensorFlow on a slow disk.
_START_LIMIT = 300.0


@dataclasses.dataclass(frozen=True)
class News:
    """A run has started, has ended (then `numbers` are there), or 0.1 s have passed."""

    run: Run | None = None
    numbers: Numbers | None = None


class Pool:
    """Children that stay warm from one list of runs to the next. Use `with`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._children: list[_Child] = []

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()

    def run(self, runs: Sequence[Run]) -> Iterator[News]:
        """Does all runs, those that must be alone last, and yields what happens.

        Raises:
            CompareError: If no child can work, or a run finds its data missing.
        """
        together = [run for run in runs if not run.alone]
        yield from self._run(together, self.size)
        yield from self._run([run for run in runs if run.alone], 1)

    def _run(self, runs: Sequence[Run], at_once: int) -> Iterator[News]:
        # The longest first, so that no core idles at the end.
        waiting = sorted(runs, key=lambda run: -run.cost)
        while waiting or self._busy():
            while waiting and len(self._busy()) < at_once:
                yield News(self._hand_out(waiting))
            self._wait()
            yield News()
            for child in list(self._children):
                yield from self._hear(child)

    def _busy(self) -> list["_Child"]:
        return [child for child in self._children if child.run is not None]

    def _hand_out(self, waiting: list[Run]) -> Run:
        """Takes one of the waiting runs, gives it to a child, and returns it."""
        child = self._idle_child()
        run = self._next(child, waiting)
        waiting.remove(run)
        child.give(run)
        return run

    def _next(self, child: "_Child", waiting: Sequence[Run]) -> Run:
        """Returns a run of the group the child is at, or was at, or that nobody else is at."""
        others = {other.group for other in self._children if other is not child}

        def distance(run: Run) -> tuple[bool, bool, bool]:
            return run.group != child.group, run.group not in child.groups, run.group in others

        return min(waiting, key=distance)

    def _idle_child(self) -> "_Child":
        for child in self._children:
            if child.run is None:
                return child
        self._children.append(_Child.start())
        return self._children[-1]

    def _hear(self, child: "_Child") -> Iterator[News]:
        run, numbers = child.run, child.news()
        if run is not None and numbers is not None:
            if child.dead:
                self._children.remove(child)
            yield News(run, numbers)

    def _wait(self) -> None:
        select.select([child.process.channel for child in self._busy()], [], [], 0.1)


class _Child:
    """One process and the run it is at."""

    def __init__(self, process: processes.Process) -> None:
        self.process = process
        self.ready = self.dead = False
        self.run: Run | None = None
        self.group = ""
        self.groups: set[str] = set()
        self.deadline = 0.0

    @classmethod
    def start(cls) -> "_Child":
        """Starts a process, and returns at once."""
        return cls(processes.starter().start("compare", ""))

    def give(self, run: Run) -> None:
        """Has it do a run."""
        self.run, self.group = run, run.group
        self.groups.add(run.group)
        self.deadline = time.monotonic() + run.limit + (0 if self.ready else _START_LIMIT)
        # A child that has died meanwhile is noticed when its answer is awaited.
        with contextlib.suppress(OSError):
            self.process.channel.send(ask(Compute(run)))

    def news(self) -> Numbers | None:
        """Returns the present run's numbers once they are there, or why there are none."""
        if self.run is None:
            return None
        try:
            for line in self.process.channel.lines():
                numbers = self._take(decode(line))
                if numbers is not None:
                    return numbers
        except EOFError:
            return self._ended()
        except (MessageError, Flood) as error:
            return self._stopped(str(error) or "its process sends without end")
        if time.monotonic() > self.deadline:
            return self._stopped(f"no end in sight: stopped after {self.run.limit:.0f} s")
        return None

    def _take(self, answer: Answer) -> Numbers | None:
        if isinstance(answer, Refused):
            raise CompareError(answer.reason)
        if isinstance(answer, Done):
            self.run = None
            return answer.numbers
        self.ready = True
        if self.run is not None:
            self.deadline = time.monotonic() + self.run.limit
        return None

    def _stopped(self, why: str) -> Numbers:
        self.kill()
        return {"error": why}

    def _ended(self) -> Numbers:
        code = self.process.exit_status()
        self.kill()
        if not self.ready:
            raise CompareError(
                "TensorFlow cannot be started in a process of its own: "
                "`nox -s check` says more, or delete .venv and let nox make it anew"
            )
        how = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else "ended"
        return {"error": f"its process {how}"}

    def kill(self) -> None:
        self.run, self.dead = None, True
        self.process.kill()
