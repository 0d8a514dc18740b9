"""Notices when the file of a kata is saved."""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dojo import layout

# An editor's save is a few changes within milliseconds; so long a silence ends it.
SETTLED = 0.03
LONGEST = 0.2
# A look at each file takes microseconds.
LOOK_EVERY = 0.1
POLLING = "the system has no file watches left: each file is looked at ten times a second instead"

Stamp = tuple[int, int, int] | None


class Watcher:
    """Tells which katas' files have changed. Use `with`; a thread does the waiting.

    The system's watches only say when to look: what counts is the file itself. So a link to a
    file elsewhere, a folder that was replaced, or a disk that reports nothing, is seen as well,
    if a moment later.
    """

    def __init__(self, katas: Sequence[str], tree: Path) -> None:
        self._files = {kata: layout.source_file(kata, tree.resolve()) for kata in katas}
        self._tree = tree.resolve()
        self._known: Mapping[str, Stamp] = {}
        self._saved: queue.Queue[set[str]] = queue.Queue()
        self._stop = threading.Event()
        self._polling = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Watcher":
        self._known = self._stamps()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(1)

    @property
    def polling(self) -> bool:
        """Whether it does without the system's watches, because there are none to be had."""
        return self._polling.is_set()

    def wait(self, timeout: float | None = None) -> set[str]:
        """Returns the katas saved since the last call; empty when `timeout` s pass first."""
        saved: set[str] = set()
        with contextlib.suppress(queue.Empty):
            saved |= self._saved.get(timeout=timeout)
            while True:
                saved |= self._saved.get_nowait()
        return saved

    def _watch(self) -> None:
        for _ in self._turns():
            if self._stamps() != self._known:
                before, self._known = self._known, self._settled()
                saved = {kata for kata, stamp in self._known.items() if stamp != before[kata]}
                if saved:
                    self._saved.put(saved)

    def _turns(self) -> Iterator[None]:
        """Yields whenever something may have changed, and now and then."""
        try:
            for _ in self._changes():
                yield
        except (OSError, RuntimeError) as error:
            # A folder that is not there yet is no lack of watches.
            if not isinstance(error, FileNotFoundError):
                self._polling.set()
        while not self._stop.is_set():
            yield
            self._stop.wait(LOOK_EVERY)

    def _changes(self) -> Iterator[object]:
        # Here, and not above: a check that watches nothing needs a tenth less time to start.
        import watchfiles

        return watchfiles.watch(
            self._tree,
            debounce=50,
            step=5,
            rust_timeout=200,
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
        )

    def _stamps(self) -> Mapping[str, Stamp]:
        return {kata: _stamp(file) for kata, file in self._files.items()}

    def _settled(self) -> Mapping[str, Stamp]:
        """Waits until nothing changes any more: a file that is half written is not checked."""
        end = time.monotonic() + LONGEST
        now = self._stamps()
        while time.monotonic() < end:
            time.sleep(SETTLED)
            before, now = now, self._stamps()
            if now == before:
                break
        return now


def _stamp(file: Path) -> Stamp:
    """What differs after a save, of the file that a link leads to; None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
