"""The warm command: shows the process that keeps TensorFlow imported, or ends it."""

import contextlib
import datetime
import os
import time
from pathlib import Path
from typing import Any

from dojo import layout
from dojo.check import processes
from dojo.words import from_now

STARTED = (
    "A warm process starts: it keeps TensorFlow imported, so that later checks begin at once, and "
    "ends after half an hour without one. python -m dojo warm   shows it"
)


def show(stop: bool) -> int:
    """Prints since when it runs and what it takes, or ends it; returns the exit status."""
    plate = _answering()
    if plate is None:
        print("No warm process runs for this checkout; the next check starts one.")
        return 0
    if stop:
        return _stop(plate["pid"])
    pid, age = plate["pid"], time.time() - plate["started"]
    since = from_now(datetime.timedelta(seconds=age)).removeprefix("in ")
    print(f"warm for {since if since != 'now' else 'less than a minute'}, process {pid}")
    if (memory := _memory(pid)) is not None:
        print(f"memory: {memory:.0f} MB")
    print(f"checkout: {layout.ROOT}")
    print("python -m dojo warm --stop   ends it; DOJO_WARM=0 does without")
    return 0


def _answering() -> dict[str, Any] | None:
    """What the door's plate says, if the process that it names is there."""
    with contextlib.suppress(processes.Unsafe, OSError):
        here = processes.door()
        end = processes.connect(here)
        if end is not None:
            end.close()
            return here.read_plate()
    return None


def _stop(pid: int) -> int:
    """Asks it to end; it does once the checks that use it have."""
    with contextlib.suppress(processes.Unsafe, OSError):
        end = processes.connect(processes.door())
        if end is not None:
            with end:
                end.sendall(b'{"stop": true}\n')
    for _ in range(250):
        if not _exists(pid):
            print("The warm process has ended.")
            return 0
        time.sleep(0.02)
    print(f"Process {pid} ends as soon as it is not in use any more.")
    return 0


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _memory(pid: int) -> float | None:
    """Megabytes that are its own, or None where the system does not say."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return None
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
