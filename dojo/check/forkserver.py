"""The warm process: imports TensorFlow once, and forks a child for each piece of work.

It is spoken to over Unix sockets, a line of JSON each. To the warm process:

    {"start": ID, "entry": NAME, "work": …, "folder": PATH}
                                             with the child's end of a channel attached
    {"ask": ID}, {"kill": ID}                where is it (SIGUSR1); end it
    {"stop": true}                           no new clients; the end once the last has gone

and from it {"id": ID, "pid": N}, then {"id": ID, "exit": N}; or {"fault": why it cannot work}.
A client that goes takes its children with it, and so does the warm process when it dies.
"""

import contextlib
import ctypes
import importlib
import json
import os
import select
import selectors
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dojo import layout
from dojo.check import environment
from dojo.check.processes import peer_of

# What a child may be started for: a function that takes its work and its end of a channel.
ENTRIES = {
    "check": "dojo.check.worker:work",
    "series": "dojo.check.series:work",
    "compare": "dojo.compare.child:serve",
    "probe": "dojo.check.probe:serve",
    "confined": "dojo.cohort.cell:work",
}

# Seconds without a client until it ends.
PATIENCE = 1800.0
# The same for one that cannot work, and only says why.
BRIEF = 10.0
_TICK = 5.0


def main(arguments: Sequence[str]) -> None:
    """Runs the warm process.

    Args:
        arguments: "listen" or "serve", and the number of the socket to listen on, or of
            the only client.
    """
    end = socket.socket(fileno=int(arguments[1]))
    if arguments[0] == "listen":
        server = Server(import_everything())
        server.listen(end)
    else:
        with ended_with(end):
            server = Server(import_everything())
        server.take(end)
    server.run()


@contextlib.contextmanager
def ended_with(end: socket.socket) -> Iterator[None]:
    """Meanwhile, this process goes at once when whoever is at the other end does."""
    over, tell = os.pipe()
    poll = select.poll()
    poll.register(over, 0)
    poll.register(end, 0)

    def wait() -> None:
        if end.fileno() in dict(poll.poll()):
            os._exit(0)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    # A thread waits while a library is loaded; on Linux the kernel needs none.
    _prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    yield
    _prctl(_PARENT_DEATH_SIGNAL, 0)
    os.close(tell)
    waiting.join()
    os.close(over)


def import_everything() -> str:
    """Returns why that is impossible, or ""."""
    before = environment.fingerprint()
    try:
        from dojo.check import preload  # noqa: F401
    except Exception as error:
        return f"the environment cannot import what it needs: {error!r}"
    sys.path.remove(str(layout.ROOT))
    sys.path.insert(0, str(layout.ROOT))
    if before != environment.fingerprint():
        # Nobody knows which text was imported: the commands start another.
        os._exit(0)
    return ""


def prepare(entry: str, work: str) -> None:
    """Does what helps every process that gets such work, where its module has any such thing."""
    if help_all := getattr(module_of(entry), "prepare", None):
        help_all(work)


def module_of(entry: str) -> Any:
    """Returns the entry's module, or None where it is not imported yet."""
    return sys.modules.get(ENTRIES[entry].partition(":")[0])


def perform(entry: str, work: str, end: socket.socket) -> None:
    """Does one piece of work, in a process of its own."""
    sys.dont_write_bytecode = True
    module, _, function = ENTRIES[entry].partition(":")
    getattr(importlib.import_module(module), function)(work, end)


class Client:
    """A command that has children started."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.rest = b""
        self.handles: list[int] = []
        self.children: dict[int, int] = {}
        self.folders: dict[int, str] = {}

    def send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self.end.sendall(json.dumps(message).encode() + b"\n")


class Server:
    """Clients, their children, and the time since the last client."""

    def __init__(self, fault: str) -> None:
        """
        Args:
            fault: Why no child can work, or "".
        """
        self.fault = fault
        self.clients: list[Client] = []
        self.listener: socket.socket | None = None
        self.path = ""
        self.inode = 0
        self.selector = selectors.DefaultSelector()
        self.bells: tuple[socket.socket, ...] = ()
        # Its children hold the reading end: it closes when this process is gone.
        self.lifeline = os.pipe()
        self.idle_since = self._now()

    def listen(self, listener: socket.socket) -> None:
        """Takes clients from now on."""
        self.listener, self.path = listener, listener.getsockname()
        self.inode = os.stat(self.path).st_ino
        self.selector.register(listener, selectors.EVENT_READ, None)

    def take(self, end: socket.socket) -> None:
        """Takes one client."""
        client = Client(end)
        self.clients.append(client)
        self.selector.register(end, selectors.EVENT_READ, client)

    def run(self) -> None:
        """Serves until nobody wants it any more."""
        _adopt_orphans()
        alarm, bell = self.bells = socket.socketpair()
        bell.setblocking(False)
        signal.set_wakeup_fd(bell.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.selector.register(alarm, selectors.EVENT_READ, None)
        while self.clients or (self.listener is not None and not self._forgotten()):
            for key, _ in self.selector.select(_TICK):
                self._attend(key.fileobj, key.data)
            self._reap()
        self._close()

    def _attend(self, source: Any, data: Any) -> None:
        if source is self.listener:
            self._accept()
        elif isinstance(data, Client):
            self._hear(data)
        else:
            source.recv(4096)

    def _accept(self) -> None:
        assert self.listener is not None
        end, _ = self.listener.accept()
        if peer_of(end)[1] in (os.getuid(), None):
            self.take(end)
        else:
            end.close()

    def _hear(self, client: Client) -> None:
        try:
            data, handles, _, _ = socket.recv_fds(client.end, 2**16, 8)
        except OSError:
            data, handles = b"", []
        client.handles += handles
        if not data:
            self._drop(client)
            return
        *lines, client.rest = (client.rest + data).split(b"\n")
        try:
            for line in lines:
                self._obey(client, json.loads(line))
        except (ValueError, LookupError, TypeError):
            # Whatever that is, it is no command of this dojo's.
            self._drop(client)

    def _obey(self, client: Client, request: dict[str, Any]) -> None:
        if "start" in request:
            self._start(client, request["start"], request)
        elif "ask" in request:
            self._signal(client, request["ask"], signal.SIGUSR1)
        elif "kill" in request:
            self._kill(client, request["kill"])
        elif "stop" in request:
            self._close()

    def _start(self, client: Client, number: int, request: dict[str, Any]) -> None:
        handle = client.handles.pop(0)
        if self.fault:
            # Before the channel ends: who finds it ended asks for the reason.
            client.send({"fault": self.fault})
            os.close(handle)
            return
        prepare(request["entry"], request["work"])
        pid = os.fork()
        if pid == 0:
            self._become_child(request["entry"], request["work"], handle)
        os.close(handle)
        client.children[number] = pid
        client.folders[number] = request["folder"]
        client.send({"id": number, "pid": pid})

    def _become_child(self, entry: str, work: str, handle: int) -> None:
        """Never returns."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            self._let_go()
            with contextlib.suppress(OSError):
                os.setsid()
            if not getattr(module_of(entry), "ENDS_BY_ITSELF", False):
                lifeline = self.lifeline[:1]
                threading.Thread(target=_die_with, args=lifeline, daemon=True).start()
            perform(entry, work, socket.socket(fileno=handle))
        finally:
            os._exit(70)

    def _let_go(self) -> None:
        """A child must not hold what tells others that this process, or a client, is gone."""
        os.close(self.lifeline[1])
        for bell in self.bells:
            bell.close()
        for client in self.clients:
            client.end.close()
            for handle in client.handles:
                os.close(handle)
        if self.listener is not None:
            self.listener.close()
        self.selector.close()

    def _signal(self, client: Client, number: int, what: int) -> None:
        if number in client.children:
            with contextlib.suppress(OSError):
                os.kill(client.children[number], what)

    def _kill(self, client: Client, number: int) -> None:
        if number in client.children:
            _kill_group(client.children[number])

    def _drop(self, client: Client) -> None:
        for number, pid in client.children.items():
            _kill_group(pid)
            shutil.rmtree(client.folders[number] or os.devnull, ignore_errors=True)
        self.selector.unregister(client.end)
        client.end.close()
        self.clients.remove(client)
        self.idle_since = self._now()

    def _reap(self) -> None:
        """Notices which children have ended, and ends what those left behind."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG | os.WUNTRACED))[0]:
                pid, status = ended
                if os.WIFSTOPPED(status):
                    # By another kata's file, perhaps; if by its own, its time goes on.
                    os.kill(pid, signal.SIGCONT)
                    continue
                _kill_group(pid)
                for client in self.clients:
                    for number in [n for n, of in client.children.items() if of == pid]:
                        del client.children[number]
                        client.send({"id": number, "exit": os.waitstatus_to_exitcode(status)})
        known = {pid for client in self.clients for pid in client.children.values()}
        for stray in _children() - known:
            _kill_group(stray)

    def _forgotten(self) -> bool:
        patience = BRIEF if self.fault else PATIENCE
        return abs(self._now() - self.idle_since) > patience

    @staticmethod
    def _now() -> float:
        # The wall clock goes on while a laptop sleeps; where it is set back, it counts, too.
        return time.time()

    def _close(self) -> None:
        """Takes no more clients."""
        if self.listener is None:
            return
        self.selector.unregister(self.listener)
        # Before the socket closes: who finds the path gone starts another process.
        with contextlib.suppress(OSError):
            if os.stat(self.path).st_ino == self.inode:
                os.unlink(self.path)
        self.listener.close()
        self.listener = None


def _adopt_orphans() -> None:
    """What a kata's process leaves behind comes to this process, on Linux."""
    _prctl(_CHILD_SUBREAPER, 1)


# Of <linux/prctl.h>.
_PARENT_DEATH_SIGNAL, _CHILD_SUBREAPER = 1, 36


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _children() -> set[int]:
    try:
        text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    except OSError:
        return set()
    return {int(pid) for pid in text.split()}


def _kill_group(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def _die_with(lifeline: int) -> None:
    """Waits until the warm process is gone."""
    os.read(lifeline, 1)
    # Whoever would have removed this process' folder may be gone as well.
    folder = os.environ.get("TMPDIR", "")
    if Path(folder).name.startswith("dojo-"):
        shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.killpg(os.getpgid(0), signal.SIGKILL)
    os._exit(1)
