"""One answer's check inside the sandbox, in an enclosure of its own."""

import base64
import json
import os
import socket
from pathlib import Path

from dojo.check import worker
from dojo.check.job import Job
from dojo.cohort import enclosure

# The keeper and what it starts end with the warm process by themselves: a thread that waits for
# that would forbid it a namespace of its own.
ENDS_BY_ITSELF = True


def prepare(text: str) -> None:
    """Runs in the warm process, before it forks: the child finds the suite compiled."""
    worker.prepare(json.loads(text)["job"])


def work(text: str, end: socket.socket) -> None:
    """Runs in the keeper: sends what `worker.work` sends.

    Args:
        text: JSON of "job", a `Job` in text whose tree and folder lie in the scratch; "source",
            the answer in base64; and "scratch", an empty folder.
        end: Where the messages go. The log's descriptor comes from there, first of all.
    """
    order = json.loads(text)
    job = Job.from_json(order["job"])
    _, (log, *_), _, _ = socket.recv_fds(end, 1, 1)
    answer = base64.b64decode(order["source"])
    enclosure.enter(Path(order["scratch"]), job.suite, {job.source: answer})
    enclosure.keep(lambda: _check(job, end, log), [end.fileno(), log])


def _check(job: Job, end: socket.socket, log: int) -> None:
    # A signal to its own group reaches nobody else's.
    os.setsid()
    job.folder.mkdir()
    worker.examine(job, end, log)
