"""Starts processes that check: children of the warm process, or fresh interpreters without it.

The warm process outlives the command where that is safe: in a folder that only its owner can
enter, not with DOJO_WARM=0, and in CI only with DOJO_WARM=1. Elsewhere it is the command's
own and ends with it.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import resource
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from dojo import layout
from dojo.check import environment, examiner, folders
from dojo.check.channel import Channel, pair
from dojo.errors import DojoError
from dojo.files import write_whole

# A Unix socket's path has at most 104 bytes on macOS, 108 on Linux.
_LONGEST_PATH = 100

# Descriptors: TensorFlow's, and a few for each child.
_FEWEST_FILES = 64


class StartError(DojoError):
    """No process can be started; the message says why."""


class Process:
    """One process that was started: its channel, and how it ended."""

    def __init__(self, channel: Channel, pid: int | None = None) -> None:
        """
        Args:
            channel: What it says comes here.
            pid: Its number, once it is known.
        """
        self.channel = channel
        self.pid = pid

    @property
    def fault(self) -> str:
        """Why no process can work here, or ""."""
        return ""

    @property
    def lost(self) -> bool:
        """Whether it was ended from outside, through no fault of the file's."""
        return False

    @property
    def excess(self) -> str:
        """What it has taken beyond its bounds, in words, or ""."""
        return ""

    def exit_status(self, patience: float = 5.0) -> int | None:
        """Returns how it ended, negative for a signal; None where nobody knows."""
        raise NotImplementedError

    def ask(self) -> None:
        """Has it write to its log where it is."""
        raise NotImplementedError

    def kill(self) -> None:
        """Ends it and all that it started; returns when it is gone."""
        raise NotImplementedError


class Starter:
    """Where processes come from."""

    def start(self, entry: str, work: str, folder: str = "") -> Process:
        """Starts one.

        Args:
            entry: A key of `forkserver.ENTRIES`.
            work: What it is told.
            folder: Removed when nobody is left to do it.

        Raises:
            StartError: If that is impossible.
        """
        raise NotImplementedError


class Warm(Starter):
    """A connection to a warm process."""

    def __init__(
        self,
        end: socket.socket,
        fingerprint: str,
        pid: int,
        server: "subprocess.Popen[bytes] | None" = None,
        judges: Mapping[str, str] | None = None,
        new: bool = False,
    ) -> None:
        """
        Args:
            end: Of the connection.
            fingerprint: What the process has imported, as `environment.fingerprint`.
            pid: Its number.
            server: The process, if it is this command's own.
            judges: What judged answers when it started, as `examiner.digests`.
            new: Whether it was started just now, and will outlive the command.
        """
        self.judges = judges or {}
        self.fingerprint = fingerprint
        self.new = new
        self.fault = ""
        self._end = end
        self._channel = Channel(end)
        self.pid = pid
        self._server = server
        self.children_started = 0
        self._children: dict[int, _Child] = {}
        self.gone = False

    def start(self, entry: str, work: str, folder: str = "") -> Process:
        mine, theirs = pair()
        self.children_started += 1
        number = self.children_started
        request = {"start": number, "entry": entry, "work": work, "folder": folder}
        self.wake()
        try:
            with theirs:
                line = json.dumps(request).encode() + b"\n"
                socket.send_fds(self._end, [line[:1]], [theirs.fileno()])
                self._end.sendall(line[1:])
        except OSError:
            # Noticed as the end of its channel, like a process that is killed.
            self.gone = True
        child = self._children[number] = _Child(mine, self, number)
        return child

    def wake(self) -> None:
        """Lets it go on if a file under check has stopped it."""
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGCONT)

    def say(self, message: dict[str, Any]) -> None:
        self.wake()
        with contextlib.suppress(OSError):
            self._end.sendall(json.dumps(message).encode() + b"\n")

    def take_news(self, seconds: float = 0.0) -> None:
        """Reads what the warm process has to say, and waits for it so long."""
        if self.gone or not self._channel.wait(seconds):
            return
        try:
            for line in self._channel.lines():
                news = json.loads(line)
                self.fault = news.get("fault", self.fault)
                child = self._children.get(news.get("id"))
                if child is not None:
                    child.pid = news.get("pid", child.pid)
                    child.status = news.get("exit", child.status)
        except (EOFError, ValueError):
            self.gone = True

    @property
    def busy(self) -> bool:
        """Whether a child was started that nobody has ended."""
        return bool(self._children)

    def excess(self) -> str:
        """What its children have taken beyond their bounds, in words, or ""."""
        return ""

    def forget(self, number: int) -> None:
        self._children.pop(number, None)

    def close(self) -> None:
        """Ends the children that still run, and the process itself if it is this command's."""
        for child in list(self._children.values()):
            child.kill()
        self._end.close()
        if self._server is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(0.5)
            if self._server.poll() is None:
                # In mid-import it hears nothing; nobody is to wait for that.
                self._server.kill()
                self._server.wait()


class _Child(Process):
    def __init__(self, channel: Channel, warm: Warm, number: int) -> None:
        super().__init__(channel)
        self._warm = warm
        self._number = number
        self.status: int | None = None

    @property
    def fault(self) -> str:
        self._warm.take_news()
        return self._warm.fault

    @property
    def lost(self) -> bool:
        self._warm.take_news()
        return self._warm.gone and self.status is None

    @property
    def excess(self) -> str:
        return self._warm.excess()

    def exit_status(self, patience: float = 5.0) -> int | None:
        self._warm.wake()
        end = time.monotonic() + patience
        while self.status is None and not self._warm.gone and time.monotonic() < end:
            self._warm.take_news(0.05)
        return self.status

    def ask(self) -> None:
        self._warm.say({"ask": self._number})

    def kill(self) -> None:
        self._warm.take_news()
        self._warm.say({"kill": self._number})
        if self.pid is not None:
            self.exit_status()
        self.channel.close()
        self._warm.forget(self._number)


class Cold(Starter):
    """A fresh interpreter for each piece of work, where there is no fork."""

    def start(self, entry: str, work: str, folder: str = "") -> Process:
        mine, theirs = pair()
        with theirs:
            command = environment.interpreter("dojo.check.fresh", entry, str(theirs.fileno()))
            try:
                process = subprocess.Popen(
                    command,
                    env=environment.variables(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except OSError as error:
                raise StartError(f"no process can be started: {error.strerror}") from None
        assert process.stdin is not None
        with contextlib.suppress(OSError), process.stdin as told:
            told.write(work.encode())
        return _Fresh(mine, process)


class _Fresh(Process):
    def __init__(self, channel: Channel, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(channel, process.pid)
        self._process = process

    def exit_status(self, patience: float = 5.0) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(patience)
        return None

    def ask(self) -> None:
        self._process.send_signal(signal.SIGUSR1)

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(5)
        self.channel.close()


def can_fork() -> bool:
    return hasattr(os, "fork") and hasattr(socket, "send_fds")


def starter() -> Starter:
    """Returns where processes come from now; a warm process starts at once.

    One for all callers in this process, until what it has imported changes or it dies.

    Raises:
        StartError: If nothing can be started.
    """
    if (open_files := resource.getrlimit(resource.RLIMIT_NOFILE)[0]) < _FEWEST_FILES:
        raise StartError(
            f"{open_files} open files are too few (ulimit -n); {_FEWEST_FILES} will do"
        )
    if not can_fork():
        return Cold()
    fingerprint = environment.fingerprint()
    if _shared and (_shared[-1].gone or _shared[-1].fingerprint != fingerprint):
        _remember(_shared[-1].judges)
        _replaced.append(_shared.pop())
    for warm in [warm for warm in _replaced if not warm.busy]:
        warm.close()
        _replaced.remove(warm)
    if not _shared:
        folders.sweep()
        _shared.append(_warm(fingerprint))
    return _shared[-1]


_shared: list[Warm] = []
# Of these some children still work.
_replaced: list[Warm] = []


def warm_pid() -> int:
    """The number of the warm process that this command uses."""
    return _shared[-1].pid


def judges_before() -> Mapping[str, str]:
    """What judged answers when the first warm process that this command met started."""
    return _first_judges or (_shared[-1].judges if _shared else {})


def _remember(judges: Any) -> None:
    if isinstance(judges, dict) and not _first_judges:
        _first_judges.update(judges)


_first_judges: dict[str, str] = {}


def newly_started() -> bool:
    """Whether the last process was the first of a warm process that outlives the command."""
    return bool(_shared) and _shared[-1].new and _shared[-1].children_started == 1


def _warm(fingerprint: str) -> Warm:
    if _may_outlive():
        with contextlib.suppress(Unsafe, OSError):
            here = door()
            with here.locked():
                return _enter(here, fingerprint) or _open(here, fingerprint)
    mine, theirs = socket.socketpair()
    with theirs:
        server = spawn(environment.interpreter(_SERVER, "serve", str(theirs.fileno())), theirs)
    return Warm(mine, fingerprint, server.pid, server, examiner.digests())


def _may_outlive() -> bool:
    wanted = os.environ.get("DOJO_WARM")
    return wanted != "0" if wanted else not os.environ.get("CI")


class Unsafe(Exception):
    """Somebody else could enter the folder."""


@dataclasses.dataclass(frozen=True)
class Door:
    """Where the warm process of this checkout is met.

    Attributes:
        folder: Only its owner can enter it.
    """

    folder: Path

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def plate(self) -> Path:
        """Who is behind it, whose call opened the socket, what was imported, when, what judges."""
        return self.folder / "plate.json"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One command at a time starts a process."""
        handle = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def read_plate(self) -> dict[str, Any]:
        try:
            read = json.loads(self.plate.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return read if isinstance(read, dict) else {}


def door() -> Door:
    """Returns this checkout's door, in a folder made safe.

    Raises:
        Unsafe: If there is no such folder to be had.
    """
    folder = layout.ROOT / ".dojo" / "warm"
    if len(os.fsencode(folder / "socket")) > _LONGEST_PATH:
        name = sha256(os.fsencode(layout.ROOT)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"dojo-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    short = len(os.fsencode(folder / "socket")) <= _LONGEST_PATH
    if not private or not short or found.st_uid != os.getuid():
        raise Unsafe
    return Door(folder)


def _enter(here: Door, fingerprint: str) -> Warm | None:
    """A connection to the process behind the door, if it is ours and up to date."""
    end = connect(here)
    if end is None:
        return None
    plate = here.read_plate()
    if plate.get("fingerprint") == fingerprint:
        return Warm(end, fingerprint, plate["pid"], judges=plate.get("judges"))
    _remember(plate.get("judges"))
    with end, contextlib.suppress(OSError):
        end.sendall(b'{"stop": true}\n')
    return None


def connect(here: Door) -> socket.socket | None:
    """Returns a connection to the process that the door's plate names, if it is there."""
    end = socket.socket(socket.AF_UNIX)
    try:
        end.connect(str(here.socket))
    except OSError:
        end.close()
        return None
    if peer_of(end)[0] not in (None, here.read_plate().get("opener")):
        end.close()
        return None
    return end


def peer_of(end: socket.socket) -> tuple[int | None, int | None]:
    """Returns process and user at the other end; None where the system does not say."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None, None
    size = struct.calcsize("3i")
    told = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid, user, _ = struct.unpack("3i", told)
    return pid, user


def _open(here: Door, fingerprint: str) -> Warm:
    """Starts a process behind the door."""
    with contextlib.suppress(FileNotFoundError):
        here.socket.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(here.socket))
        listener.listen(64)
        command = environment.interpreter(_SERVER, "listen", str(listener.fileno()))
        server = spawn(command, listener, here.folder / "log")
        plate: dict[str, Any] = {
            "pid": server.pid,
            # Of a listening socket, that is what the other end is told.
            "opener": os.getpid(),
            "fingerprint": fingerprint,
            "started": time.time(),
            "judges": examiner.digests(),
        }
        write_whole(here.plate, json.dumps(plate).encode())
        end = socket.socket(socket.AF_UNIX)
        end.connect(str(here.socket))
    return Warm(end, fingerprint, server.pid, judges=plate["judges"], new=True)


_SERVER = "dojo.check.forkserver"


def spawn(
    command: Sequence[str],
    end: socket.socket,
    log: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    """Starts a warm process, which inherits that socket.

    Args:
        command: What to start.
        end: Of the connection, or where it is listened for.
        log: Where it writes what it prints; None for nowhere.
        variables: Its environment; None for that of `environment`.

    Raises:
        StartError: If that is impossible.
    """
    with open(log or os.devnull, "wb") as errors:
        try:
            return subprocess.Popen(
                command,
                cwd="/",
                env=variables or environment.variables(),
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                pass_fds=[end.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            raise StartError(f"no process can be started: {error.strerror}") from None
