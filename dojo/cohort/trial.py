"""What a stranger's answer would find here: tried from inside, without TensorFlow."""

import contextlib
import errno
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from dojo.cohort import enclosure, gate, kernel
from dojo.cohort.bounds import BOUNDS


def main(arguments: Sequence[str]) -> None:
    """Prints a JSON object: name of a wall to what is wrong with it, "" where it holds.

    Args:
        arguments: JSON of "scratch", "suite", "hidden" (paths) and "port" (where somebody
            listens outside).
    """
    told = json.loads(arguments[0])
    gate.give_up()
    enclosure.enter(Path(told["scratch"]), Path(told["suite"]), {})
    enclosure.keep(lambda: _look(told), [])


def _look(told: dict[str, object]) -> None:
    os.setsid()
    print(json.dumps(dict(_walls(told))))
    sys.stdout.flush()
    os._exit(0)


def _walls(told: dict[str, object]) -> Iterator[tuple[str, str]]:
    yield "files", _files(told["hidden"])
    yield "network", _network(told["port"])
    yield "processes", _processes()
    yield "scratch", _scratch(Path(str(told["scratch"])))
    yield "number of processes", _number()
    yield "rights", _rights()
    yield "calls", _calls()


def _files(hidden: object) -> str:
    assert isinstance(hidden, list)
    seen = [path for path in hidden if os.path.lexists(path)]
    written = [path for path in ("/", "/dev", str(Path(__file__).parent)) if _can_write(path)]
    return ", ".join([f"{path} is seen" for path in seen] + [f"{p} is written" for p in written])


def _can_write(folder: str) -> bool:
    try:
        Path(folder, "trial").write_bytes(b"")
    except OSError:
        return False
    return True


def _network(port: object) -> str:
    assert isinstance(port, int)
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return f"port {port} of this machine is reached"
    return f"{', '.join(others)} can be used" if others else ""


def _processes() -> str:
    if os.getppid() != 0:
        return "its parent is seen"
    seen = [name for name in os.listdir("/proc") if name.isdecimal()]
    return "others are seen" if seen else ""


def _scratch(folder: Path) -> str:
    try:
        with (folder / "full").open("wb") as file:
            for _ in range(BOUNDS.scratch // 2**20 + 1):
                file.write(bytes(2**20))
    except OSError as error:
        return "" if error.errno in (errno.ENOSPC, errno.EFBIG) else str(error)
    finally:
        (folder / "full").unlink(missing_ok=True)
    return f"it holds more than {BOUNDS.scratch >> 20} MiB"


def _number() -> str:
    for _ in range(BOUNDS.processes + 1):
        try:
            if os.fork() == 0:
                while True:
                    signal.pause()
        except OSError:
            return ""
    return f"more than {BOUNDS.processes} can be started"


def _rights() -> str:
    with contextlib.suppress(OSError):
        kernel.mount_memory(Path("/proc"), 1, 1)
        return "it can mount"
    with contextlib.suppress(OSError):
        kernel.enter_namespaces()
        return "it can make namespaces, in which it has more"
    return ""


def _calls() -> str:
    """Those that no namespace hides anything from: to the machine around a virtual one, say."""
    for name in ("AF_VSOCK", "AF_ALG", "AF_PACKET"):
        with contextlib.suppress(OSError):
            socket.socket(getattr(socket, name), socket.SOCK_STREAM).close()
            return f"a socket of {name} is had"
    return ""
