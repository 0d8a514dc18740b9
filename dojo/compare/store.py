"""What earlier runs found, kept on disk."""

import json
from pathlib import Path

from dojo.compare.numbers import Numbers, plain, revive
from dojo.compare.run import Run
from dojo.files import write_whole


class Store:
    """Numbers on disk, one small file a run, written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, run: Run) -> Numbers | None:
        """Returns what the run found earlier, or None."""
        try:
            stored = json.loads(self._file(run).read_text(encoding="utf-8"))
            return revive(stored["result"])  # type: ignore[no-any-return]
        except (OSError, ValueError, KeyError, TypeError):
            # Absent or damaged: it is computed again.
            return None

    def put(self, run: Run, numbers: Numbers) -> None:
        """Keeps what a run found. Failures are not kept: they are tried again."""
        if "error" in numbers:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        stored = {"task": run.task, "title": run.title, "result": plain(numbers)}
        write_whole(self._file(run), json.dumps(stored).encode())

    def _file(self, run: Run) -> Path:
        return self.folder / f"{run.task.replace(':', '-')}-{run.key}.json"
