"""What a kata's process is told to do."""

import dataclasses
import json
from pathlib import Path

from dojo import layout


@dataclasses.dataclass(frozen=True)
class Job:
    """One file to check, and how.

    Attributes:
        kata: Path of the kata, such as "losses/focal_loss".
        tree: Folder with the file under test.
        suite: The file with its tests.
        folder: An empty folder for the log and for whatever the tests write.
        limit: Seconds for all tests together; the parent enforces it, too.
        select: A pytest -k expression, or "".
        only: The one test to run; "" for all.
        aim: Stop once it is certain which failure is shown, and this clause has failed; "" for
            all tests.
        until: By a cause that has these words; "" for any.
        fail_fast: Stop at the first failure.
        canary: Take every number for another one, so that an honest test must fail.
        held: Once the tests are collected, wait for a line before the file is read.
    """

    kata: str
    tree: Path
    suite: Path
    folder: Path
    limit: float
    select: str = ""
    only: str = ""
    aim: str = ""
    until: str = ""
    fail_fast: bool = False
    held: bool = False
    canary: bool = False

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def source(self) -> Path:
        return layout.source_file(self.kata, self.tree)

    def asks_the_same(self, other: "Job") -> bool:
        """Whether a process that was held for this job can do the other."""
        return dataclasses.replace(self, folder=other.folder, held=other.held) == other

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "Job":
        values = json.loads(text)
        paths = {name: Path(values[name]) for name in ("tree", "suite", "folder")}
        return cls(**{**values, **paths})
