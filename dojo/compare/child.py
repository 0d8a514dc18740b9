"""A child process: imports TensorFlow once, then does one run after the other."""

import contextlib
import importlib
import os
import socket

from dojo.check.channel import Channel
from dojo.compare.kata_modules import describe, load
from dojo.compare.messages import Compute, Done, Ready, Refused, asked, encode
from dojo.compare.numbers import Numbers
from dojo.compare.run import Run
from dojo.data import DataError


def serve(_: str, end: socket.socket) -> None:
    """Says `Ready`, then answers each `Compute`, until nobody is at the other end."""
    settle_framework()
    channel = Channel(end)
    channel.send(encode(Ready()))
    with contextlib.suppress(EOFError, OSError):
        while channel.wait():
            for line in channel.lines():
                channel.send(answer(asked(line)))
    # Threads that a kata left behind must not keep the process alive.
    os._exit(0)


def answer(request: Compute) -> bytes:
    """Returns `Done`, or `Refused` where no other run would fare better, as a line."""
    try:
        return encode(Done(perform(request.run)))
    except DataError as error:
        return encode(Refused(str(error)))
    except Exception as error:
        return encode(Done({"error": describe(error, request.run.parts)}))


def perform(run: Run) -> Numbers:
    """Loads the katas and calls the run's function."""
    compute = getattr(importlib.import_module(run.module), run.function)
    modules = {part.kata: load(part) for part in run.parts}
    return compute(modules, **run.arguments)  # type: ignore[no-any-return]


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
