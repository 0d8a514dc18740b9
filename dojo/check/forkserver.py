"""The one warm process, which imports TensorFlow and is forked for each piece of work."""

import functools
import multiprocessing
from typing import Any


@functools.cache
def context() -> Any:
    """Returns what starts processes: multiprocessing's forkserver, or spawn without fork."""
    methods = multiprocessing.get_all_start_methods()
    found: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    found.set_forkserver_preload(["dojo.check.preload"])
    return found


def warm_up() -> None:
    """Starts the warm process and returns at once; the first piece of work waits for it."""
    if context().get_start_method() == "forkserver":
        from multiprocessing import forkserver

        forkserver.ensure_running()
