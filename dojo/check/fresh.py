"""A fresh interpreter that does one piece of work, where there is no warm process to fork."""

import socket
import sys
from collections.abc import Sequence

from dojo.check.forkserver import ended_with, import_everything, perform
from dojo.check.messages import Broken, encode


def main(arguments: Sequence[str]) -> None:
    """Runs the work that stands on standard input.

    Args:
        arguments: A key of `forkserver.ENTRIES`, and the number of the channel's socket.
    """
    work, end = sys.stdin.read(), socket.socket(fileno=int(arguments[1]))
    with ended_with(end):
        if fault := import_everything():
            end.sendall(encode(Broken(fault)))
        else:
            perform(arguments[0], work, end)
