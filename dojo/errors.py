"""What a command cannot do. `dojo.cli` prints the message and exits with the status."""

from typing import ClassVar


class DojoError(Exception):
    """The command cannot go on; the message says why, and what to do.

    Attributes:
        status: The exit status of the command.
    """

    status: ClassVar[int] = 1


class UsageError(DojoError):
    """Something was asked for that there is not."""

    status = 2
