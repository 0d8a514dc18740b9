"""A fresh interpreter that does one piece of work, where there is no warm process to fork."""

import socket
import sys
from collections.abc import Sequence

from dojo.check.forkserver import import_everything, perform


def main(arguments: Sequence[str]) -> None:
    """Runs the work that stands on standard input.

    Args:
        arguments: A key of `forkserver.ENTRIES`, and the number of the channel's socket.
    """
    work = sys.stdin.read()
    import_everything()
    perform(arguments[0], work, socket.socket(fileno=int(arguments[1])))
