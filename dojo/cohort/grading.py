"""Grades one answer at a time: the bytes of a file in, its verdict and what is odd out."""

import dataclasses
import shutil
from collections.abc import Iterator

from dojo import layout
from dojo.check import confirmation, folders
from dojo.check.runner import DEFAULT_LIMIT, Runner, Task
from dojo.cohort.bounds import BOUNDS
from dojo.cohort.oddities import oddities
from dojo.cohort.sandbox import Sandbox
from dojo.results import Failure, Outcome, Result


@dataclasses.dataclass(frozen=True)
class Graded:
    """What came of one answer.

    Attributes:
        result: As `check` would have it.
        flags: Why a person should look, with the line, a plain line each.
    """

    result: Result
    flags: list[str]


class Grader:
    """Grades answers, one after the other. Use `with`.

    Attributes:
        scratch: The folder that is an answer's own; the same name inside the sandbox and
            outside, so that what is said about a file holds for both.
        tree: Where the answer is put; inside there is nothing but that one.
        sandbox: What holds answers, or None.
        runner: What checks them.
    """

    def __init__(self, limit: float = DEFAULT_LIMIT, sandboxed: bool = True) -> None:
        """
        Args:
            limit: Seconds for one answer's tests.
            sandboxed: Whether answers are held; where not, they run with this user's rights.
        """
        self.scratch = folders.make_folder().resolve()
        # While it is open, nobody sweeps the folder.
        self._log = folders.open_log(self.scratch / "log")
        self.tree = self.scratch / "katas"
        self.sandbox = Sandbox(self.scratch, self.tree) if sandboxed else None
        self.runner = Runner(self.tree, limit, jobs=1, starter=self.sandbox)

    def __enter__(self) -> "Grader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends what runs, and removes what was written."""
        self.runner.close()
        if self.sandbox is not None:
            self.sandbox.close()
        self._log.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def grade(self, kata: str, answer: bytes) -> Graded:
        """Returns what comes of an answer.

        Args:
            kata: Its path, such as "losses/focal_loss".
            answer: The file as it came.

        Raises:
            StartError: If no process can be started, or not in the sandbox.
        """
        if len(answer) > BOUNDS.source:
            message = f"the file has {len(answer):,} bytes; no answer needs over {BOUNDS.source:,}"
            return Graded(Result(kata, Outcome.WRONG, [Failure("", message)]), [])
        file = layout.source_file(kata, self.tree)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(answer)
        try:
            # Not by `check`, which would try first what the answer before this one has failed.
            events = self.runner.check_tasks([Task(kata, kata, self.tree)])
            (result,) = [event.result for event in events if event.result is not None]
        finally:
            file.unlink(missing_ok=True)
        result = self._as_handed_in(result)
        return Graded(result, list(_flags(result, answer)))

    def _as_handed_in(self, result: Result) -> Result:
        """The verdict without the scratch's name: it is another each time, and nobody's path."""
        told = [
            dataclasses.replace(failure, message=failure.message.replace(f"{self.scratch}/", ""))
            for failure in result.failures
        ]
        return dataclasses.replace(result, failures=told)


def _flags(result: Result, answer: bytes) -> Iterator[str]:
    for failure in result.failures:
        if failure.message in (confirmation.TAMPERED, confirmation.BLINDED):
            yield failure.message
    if result.outcome is not Outcome.NOT_STARTED:
        model = layout.source_file(result.kata, layout.REFERENCE)
        yield from oddities(answer, model.read_bytes())
