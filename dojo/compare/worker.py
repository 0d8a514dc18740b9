"""A child process: imports TensorFlow once, then does one job after the other."""

import contextlib
import functools
import importlib
import multiprocessing
import os
import sys
import threading
import traceback
import types
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from dojo import layout
from dojo.compare.jobs import Job, Result, plain, revive
from dojo.compare.parts import Part
from dojo.data import DataError

Modules = Mapping[str, types.ModuleType]


def serve(connection: Connection) -> None:
    """Receives jobs until None comes; sends ("ready",), then a message for each job."""
    _leave_terminal()
    settle_framework()
    connection.send(("ready",))
    with contextlib.suppress(EOFError, OSError):
        while (job := connection.recv()) is not None:
            connection.send(answer(job))
    # Threads that a kata left behind must not keep the process alive.
    os._exit(0)


def answer(job: Job) -> tuple[str, Any]:
    """Returns ("done", result), or ("refused", why) where no other job would fare better."""
    try:
        # A result looks the same, whether it is new or comes from the store.
        return "done", revive(plain(perform(job)))
    except DataError as error:
        return "refused", str(error)
    except Exception as error:
        return "done", {"error": describe(error, job.parts)}


def perform(job: Job) -> Result:
    """Loads the katas and calls the job's function."""
    module, _, function = job.task.partition(":")
    compute = getattr(importlib.import_module(f"dojo.compare.{module}"), function)
    modules = {part.kata: load(part) for part in job.parts}
    return compute(modules, **job.arguments)  # type: ignore[no-any-return]


@functools.cache
def load(part: Part) -> types.ModuleType:
    """Returns the kata as a module, from the text that the job's key was made of."""
    if not part.source:
        raise ImportError(part.reason)
    module = types.ModuleType(f"compared_{part.name}")
    module.__file__ = part.path
    sys.modules[module.__name__] = module
    exec(compile(part.source, part.path, "exec"), vars(module))
    return module


def describe(error: BaseException, parts: Sequence[Part] = ()) -> str:
    """Returns one line: what went wrong, and where in the learner's file."""
    lines = str(error).strip().splitlines() or [""]
    text = f"{type(error).__name__}: {lines[-1].strip()}".removesuffix(": ")[:200]
    own = {part.path for part in parts}
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in own]
    place = f", at {layout.shown(Path(frames[-1].filename))}:{frames[-1].lineno}" if frames else ""
    return text + place


def settle_framework() -> None:
    """One thread and deterministic kernels: the same seed gives the same numbers."""
    import keras
    import tensorflow as tf

    # Models this small gain nothing from a second thread; a second process uses the core.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(0)
    tf.config.experimental.enable_op_determinism()
    tf.get_logger().setLevel("ERROR")


def _leave_terminal() -> None:
    with contextlib.suppress(OSError):
        os.setsid()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    for target in (0, 1, 2):
        nothing = os.open(os.devnull, os.O_RDONLY if target == 0 else os.O_WRONLY)
        os.dup2(nothing, target)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
