"""The warm process inside the sandbox: gives up the rights it came with, then serves."""

import importlib
import os
import socket
from collections.abc import Sequence

from dojo.check import forkserver
from dojo.cohort import kernel

# In a range that neither Debian nor systemd gives to anybody. Root's processes nobody counts.
NOBODY = 61_000


def main(arguments: Sequence[str]) -> None:
    """Serves one client.

    Args:
        arguments: The number of the socket that leads to it.
    """
    give_up()
    end = socket.socket(fileno=int(arguments[0]))
    with forkserver.ended_with(end):
        fault = forkserver.import_everything()
        if not fault:
            importlib.import_module("dojo.cohort.cell")
    server = forkserver.Server(fault)
    server.take(end)
    server.run()


def give_up() -> None:
    """Goes on as a user who owns no file here, and as one whom nobody can look into."""
    if os.getuid() == 0:
        # bubblewrap's own forbids what a user namespace inside needs.
        kernel.mount_processes()
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    # No answer could read or change its memory, even if it saw this process.
    kernel.set_dumpable(False)
