"""Re-checks a kata whenever its file is saved, in a process that stays warm."""

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import watchfiles

from dojo import layout


class Watcher:
    """Tells which katas' files have changed. Use `with`; a thread does the waiting."""

    def __init__(self, katas: Sequence[str], tree: Path) -> None:
        self._katas = {layout.source_file(kata, tree.resolve()): kata for kata in katas}
        self._tree = tree.resolve()
        self._saved: queue.Queue[set[str]] = queue.Queue()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        # watchfiles starts listening on its first turn; a save before that would be lost.
        self._ready.wait(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(1)

    def wait(self, timeout: float | None = None) -> set[str]:
        """Returns the katas saved since the last call; empty when `timeout` s pass first."""
        saved: set[str] = set()
        with contextlib.suppress(queue.Empty):
            saved |= self._saved.get(timeout=timeout)
            while True:
                saved |= self._saved.get_nowait()
        return saved

    def _watch(self) -> None:
        for changes in self._changes():
            self._ready.set()
            saved = {self._katas[Path(p)] for _, p in changes if Path(p) in self._katas}
            if saved:
                self._saved.put(saved)

    def _changes(self) -> Iterator[set[tuple[watchfiles.Change, str]]]:
        # An editor's save is a few events within milliseconds; 30 ms gather them.
        return watchfiles.watch(
            self._tree,
            debounce=200,
            step=30,
            rust_timeout=200,
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
        )
