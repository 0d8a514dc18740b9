"""Checks the kata on the desk in the background: on request, and whenever it is saved."""

import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from dojo.check import processes
from dojo.check.runner import Event, Runner
from dojo.check.watch import Watcher
from dojo.results import Failure, Outcome, Result

Hear = Callable[[Event], object]


class BackgroundChecker:
    """A warm checker in threads of its own. Use `with`; requests return at once.

    A new request replaces a check that still runs, so that the newest save is judged, and
    a file that hangs keeps nobody waiting.
    """

    def __init__(self, katas: Sequence[str], tree: Path, limit: float) -> None:
        self._runner = Runner(tree, limit)
        self._watcher = Watcher(katas, tree)
        self._requests: queue.Queue[str | None] = queue.Queue()
        self._kata = ""
        self._hear: Hear = lambda event: None
        self._closing = threading.Event()
        # Whether the learner knows that there are no watches.
        self._told = False

    def __enter__(self) -> "BackgroundChecker":
        # Before a screen takes the terminal: the warm process inherits what is open.
        processes.starter()
        self._watcher.__enter__()
        # Daemons: leaving must not wait for an import of TensorFlow.
        threading.Thread(target=self._work, daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._requests.put(None)
        self._watcher.__exit__()

    def attend(self, kata: str, hear: Hear) -> None:
        """From now on this kata is checked, and `hear` called in the checker's thread."""
        self._kata, self._hear = kata, hear

    def check(self) -> None:
        """Asks for a check of the present file."""
        self._requests.put(self._kata)

    def rest(self) -> None:
        """Attends to nothing; a running check is ended."""
        self.attend("", lambda event: None)
        self._requests.put("")

    def _watch(self) -> None:
        while not self._closing.is_set():
            saved = self._watcher.wait(0.5)
            if self._kata in saved:
                self.check()

    def _work(self) -> None:
        with contextlib.closing(self._runner):
            while (kata := self._newest()) is not None:
                if kata:
                    self._examine(kata, self._hear)
                if kata and self._requests.empty():
                    self._runner.prepare(kata)
                elif not kata:
                    self._runner.close()

    def _newest(self) -> str | None:
        """Waits for a request, and skips those that newer ones replace."""
        kata = self._requests.get()
        while kata is not None and not self._requests.empty():
            kata = self._requests.get()
        return kata

    def _examine(self, kata: str, hear: Hear) -> None:
        if self._watcher.polling and not self._told:
            self._told = True
            hear(Event("polling", kata))
        hear(Event("requested", kata))
        try:
            with contextlib.closing(self._runner.check([kata])) as events:
                for event in events:
                    # Closing the events kills what still runs.
                    if not self._requests.empty():
                        return
                    if event.kind != "tick":
                        hear(event)
        except Exception as error:  # whatever breaks here must not end the sitting
            reason = Failure("", f"the checker itself failed: {error!r}")
            hear(Event("finished", kata, result=Result(kata, Outcome.BROKEN, [reason])))
