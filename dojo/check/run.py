"""One kata's process, from its start to its verdict."""

import dataclasses
import hashlib
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dojo import layout
from dojo.check import messages, processes
from dojo.check.channel import Flood
from dojo.check.folders import make_folder, open_log
from dojo.check.job import Job
from dojo.check.messages import Message, MessageError
from dojo.check.opened import plain_content
from dojo.check.verdict import Story
from dojo.results import RanTest, Result

# Until a process reports for work: a cold import of TensorFlow on a slow disk.
START_LIMIT = 300.0
# For a process that is asked where it hangs, to write it down; a busy machine lets it wait.
_GRACE = 3.0


class Run:
    """A kata's process as its parent sees it: what it said, and how long it has left."""

    def __init__(
        self,
        job: Job,
        process: processes.Process,
        log: BinaryIO,
        starter: processes.Starter | None = None,
    ) -> None:
        self.job = job
        self.process = process
        self.starter = starter
        # By a descriptor of our own: what the file puts in the log's place is not opened.
        self.log = log
        self.story = Story(job.kata)
        self.result: Result | None = None
        # The verdict that this run is to confirm.
        self.of: Result | None = None
        self._seen: bytes | None = None
        self.lost = False
        self.suite_time = job.suite.stat().st_mtime_ns
        self.started = time.monotonic()
        self.deadline = self.started + START_LIMIT
        self.asked = False

    @classmethod
    def start(cls, job: Job, starter: processes.Starter | None = None) -> "Run":
        """Starts the process.

        Args:
            job: What it is told to do.
            starter: Where it comes from; None for the warm process.

        Raises:
            StartError: If that is impossible.
        """
        log = open_log(job.log)
        source = starter or processes.starter()
        process = source.start("check", job.to_json(), str(job.folder))
        run = cls(job, process, log, starter)
        run.look()
        return run

    def again(self) -> "Run":
        """Starts the same again; the file is there already."""
        new = self._start(self.job)
        new.of = self.of
        return new

    def canary(self) -> "Run":
        """Starts the same with numbers that are wrong on purpose: one test has to fail."""
        new = self._start(dataclasses.replace(self.job, fail_fast=True, canary=True))
        new.of = self.result
        return new

    def second_opinion(self) -> "Run":
        """Starts the same tests on the model answer: are they at fault, or this answer?"""
        new = self._start(dataclasses.replace(self.job, tree=layout.REFERENCE))
        new.of = self.result
        return new

    def _start(self, job: Job) -> "Run":
        return Run.start(dataclasses.replace(job, folder=make_folder(), held=False), self.starter)

    def fits(self, job: Job) -> bool:
        """Whether this process, which is held, can do that job in place of a new one."""
        fresh = self.suite_time == self.job.suite.stat().st_mtime_ns
        same = self.job.asks_the_same(job)
        return fresh and same and not _sets_up_tensorflow(self.job.source)

    def release(self) -> bool:
        """Lets it read the file; returns False if it is no longer there."""
        self.started = time.monotonic()
        self.deadline = self.started + START_LIMIT
        self.look()
        try:
            self.process.channel.send(b"go\n")
        except OSError:
            return False
        return not self.process.lost

    def look(self) -> None:
        """Keeps the file as it is now: what the process says it has read may be just this."""
        self._seen = plain_content(self.job.source)

    @property
    def _checked(self) -> bytes | None:
        """The text that the process has read, if it was seen here, too."""
        known = self._seen is not None and _digest(self._seen) == self.story.opened
        return self._seen if known else None

    def news(self) -> Iterator[RanTest]:
        """Reads what the process has said, and notices its end or its deadline."""
        try:
            for line in self.process.channel.lines():
                yield from self._hear(messages.decode(line))
        except EOFError:
            self._conclude()
            return
        except (MessageError, Flood) as error:
            # None of our own code sends that, so the file's did.
            self.story.garbled = str(error) or "it sends without end"
            self._conclude()
            return
        if excess := self.process.excess:
            self.story.excess = excess
            self._conclude()
        elif time.monotonic() > self.deadline or (self.asked and self._where()):
            self._overdue()

    def _hear(self, message: Message) -> Iterator[RanTest]:
        if isinstance(message, messages.Ready):
            # The clock starts when TensorFlow is there: importing it is not the learner's.
            self.started = time.monotonic()
            self.deadline = self.started + self.job.limit
        # What comes later under this name is the file's own doing.
        first = isinstance(message, messages.Opened) and not self.story.opened
        self.story.add(message)
        if first and self._checked is None:
            # Saved since; mostly this is the text.
            self.look()
        if self.story.garbled:
            raise MessageError(self.story.garbled)
        if isinstance(message, messages.Tested):
            yield self.story.tests[-1]

    def _overdue(self) -> None:
        """Asks the process where it is, then ends it."""
        if not self.asked:
            self.asked = True
            self.deadline = time.monotonic() + _GRACE
            self.process.ask()
            return
        self.story.overdue = f"stopped after {self.job.limit:g} s"
        self._conclude()

    def _conclude(self) -> None:
        seconds = time.monotonic() - self.started
        fault, status = self.process.fault, None
        if self.story.unfinished:
            status = None if fault else self.process.exit_status()
            # Nobody here killed it: memory ran out, or another kata's file did.
            self.lost = self.process.lost or status == -signal.SIGKILL
        self.process.kill()
        where = self._where()
        self.log.close()
        shutil.rmtree(self.job.folder, ignore_errors=True)
        verdict = self.story.verdict(seconds, fault, status, where)
        self.result = dataclasses.replace(verdict, text=self._checked)

    def _where(self) -> str:
        """The learner's line in the newest stack that faulthandler wrote, if there is one."""
        self.log.seek(max(0, os.fstat(self.log.fileno()).st_size - 100_000))
        text = self.log.read(100_000).decode("utf-8", "replace")
        name = re.escape(str(self.job.source.resolve()))
        # With what follows it: a number may be written in part.
        lines = re.findall(rf'File "{name}", line (\d+),? in', text)
        return f", at {layout.shown(self.job.source)}:{lines[0]}" if lines else ""

    def kill(self) -> None:
        """Ends the process and all that it started, and removes its folder."""
        self.process.kill()
        self.log.close()
        shutil.rmtree(self.job.folder, ignore_errors=True)


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _sets_up_tensorflow(source: Path) -> bool:
    # tf.config refuses most of its settings once an op has run.
    try:
        return b"config." in source.read_bytes()
    except OSError:
        return False
