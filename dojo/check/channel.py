"""One end of the way between two processes: lines of bytes, bounded in size and number."""

import contextlib
import socket
from collections.abc import Iterator

# Enough for ten thousand tests that all fail; what sends more does so on purpose.
LONGEST_LINE = 2**20
MOST_BYTES = 2**26


class Flood(Exception):
    """More came than any honest process has to say."""


class Channel:
    """Lines over a socket. Sending waits until all is on its way; reading never waits."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._rest = b""
        self._taken = 0

    def fileno(self) -> int:
        return self._end.fileno()

    def send(self, line: bytes) -> None:
        """Sends a line, which ends in a line feed.

        Raises:
            OSError: If nobody reads any more.
        """
        self._end.sendall(line)

    def hand_over(self, handle: int) -> None:
        """Gives the other end a descriptor, with one byte that means nothing.

        Raises:
            OSError: If nobody reads any more.
        """
        socket.send_fds(self._end, [b"\n"], [handle])

    def lines(self) -> Iterator[bytes]:
        """Yields the whole lines that have come.

        Raises:
            EOFError: If the other end is closed and all was read.
            Flood: If a line, or all of them, are too long.
        """
        while True:
            try:
                part = self._end.recv(2**16, socket.MSG_DONTWAIT)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                part = b""
            if not part:
                raise EOFError
            self._taken += len(part)
            *whole, self._rest = (self._rest + part).split(b"\n")
            yield from whole
            if self._taken > MOST_BYTES or len(self._rest) > LONGEST_LINE:
                raise Flood

    def wait(self, seconds: float | None = None) -> bool:
        """Returns whether something came, or the end, within that time."""
        import select

        readable, _, _ = select.select([self._end], [], [], seconds)
        return bool(readable)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._end.close()


def pair() -> tuple[Channel, socket.socket]:
    """Returns two ends: one to keep, and the other to hand to a new process."""
    mine, theirs = socket.socketpair()
    return Channel(mine), theirs
