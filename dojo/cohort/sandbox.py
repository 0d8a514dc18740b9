"""Starts answers in the sandbox: one warm process inside, for one answer at a time."""

import base64
import contextlib
import dataclasses
import json
import os
import socket
import time
from pathlib import Path

from dojo.check import environment, examiner, processes
from dojo.check.job import Job
from dojo.cohort import memory, walls
from dojo.cohort.bounds import BOUNDS

# Between two looks at how much memory the answer's processes take.
_LOOK = 0.1


class Sandbox(processes.Starter):
    """Where answers of strangers are run."""

    def __init__(self, scratch: Path, tree: Path) -> None:
        """
        Args:
            scratch: A folder that is an answer's own, inside. Outside, none writes to it.
            tree: Below that, where an answer lies inside.
        """
        self._scratch = scratch
        self._tree = tree
        self._warm: _Inside | None = None

    @property
    def pid(self) -> int:
        """The number of the process that all others inside descend from."""
        return self._present().pid

    def start(self, entry: str, work: str, folder: str = "") -> processes.Process:
        """Starts a check of one answer.

        Args:
            entry: "check".
            work: A `Job`; its answer is read here and handed in.
            folder: Where the log is.

        Raises:
            StartError: If that is impossible.
        """
        job = Job.from_json(work)
        source = base64.b64encode(job.source.read_bytes()).decode()
        within = dataclasses.replace(job, tree=self._tree, folder=self._scratch / "run")
        order = {"job": within.to_json(), "source": source, "scratch": str(self._scratch)}
        process = self._present().start("confined", json.dumps(order))
        log = os.open(Path(folder) / "log", os.O_WRONLY | os.O_APPEND)
        try:
            # If nobody takes it, the end of the channel says so.
            with contextlib.suppress(OSError):
                process.channel.hand_over(log)
        finally:
            os.close(log)
        return process

    def close(self) -> None:
        """Ends all that is inside."""
        if self._warm is not None:
            self._warm.close()
            self._warm = None

    def _present(self) -> "_Inside":
        """The warm process; a new one where it has died."""
        if self._warm is not None and self._warm.gone:
            self.close()
        if self._warm is None:
            self._warm = self._new()
        return self._warm

    def _new(self) -> "_Inside":
        mine, theirs = socket.socketpair()
        with theirs:
            end = str(theirs.fileno())
            command = walls.command(self._scratch, "dojo.cohort.gate", end)
            surroundings = walls.variables(self._scratch)
            server = processes.spawn(command, theirs, self._scratch / "warm", surroundings)
        return _Inside(mine, environment.fingerprint(), server.pid, server, examiner.digests())


class _Inside(processes.Warm):
    """The warm process inside, and how much its children take."""

    _looked = 0.0

    def take_news(self, seconds: float = 0.0) -> None:
        super().take_news(seconds)
        if self.gone and not self.fault:
            # No answer can reach it: whatever ended it, none is to be blamed.
            self.fault = "the sandbox has ended"

    def excess(self) -> str:
        if time.monotonic() - self._looked < _LOOK:
            return ""
        self._looked = time.monotonic()
        # Of bubblewrap there are two processes, then comes the warm one.
        taken = memory.held_by(list(memory.descendants(self.pid))[2:], BOUNDS.memory)
        if taken <= BOUNDS.memory:
            return ""
        return f"stopped: its processes took {taken / 2**30:.1f} GiB of memory together"
