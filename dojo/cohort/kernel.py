"""What a process on Linux can give up for good: its view of the machine, and its rights.

Python has no calls for this (os.unshare begins with 3.12), so the C library's are made.
Everything raises OSError with what was tried.
"""

import ctypes
import os
from pathlib import Path

# Of <sched.h>, <sys/mount.h>, <linux/prctl.h> and <linux/capability.h>.
_NAMESPACES = {
    "mount": 0x00020000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
READ_ONLY, NO_SETUID, NO_DEVICES, NO_PROGRAMS = 1, 2, 4, 8
_REMOUNT = 32
_DUMPABLE, _FILTER, _NO_NEW_PRIVILEGES = 4, 22, 38
_BY_PROGRAM = 2
_CAPABILITIES_VERSION_3 = 0x20080522


def enter_namespaces() -> None:
    """Gives this process all namespaces of its own, and its children that of processes.

    It has every right inside, and the user's outside. It must not have started a thread.
    """
    user, group = os.getuid(), os.getgid()
    # What another user's process did before it was forked; its own /proc is closed to it so.
    set_dumpable(True)
    _call("unshare", sum(_NAMESPACES.values()))
    Path("/proc/self/setgroups").write_text("deny")
    # Not as root: a program that it starts gains no right.
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def forbid_namespaces() -> None:
    """From now on nothing inside can make a user namespace, in which it would have rights."""
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def mount_memory(folder: Path, size: int, files: int) -> None:
    """Puts an empty folder in memory over that one; no program in it can be started.

    Args:
        folder: Has to be there.
        size: Bytes that it can hold at most.
        files: How many files and folders, itself one of them.
    """
    flags = NO_SETUID | NO_DEVICES | NO_PROGRAMS
    _mount("tmpfs", folder, flags, f"size={size},nr_inodes={files},mode=700")


def make_read_only(folder: Path) -> None:
    """Nothing can be written any more to what was mounted there."""
    _mount("tmpfs", folder, _REMOUNT | READ_ONLY | NO_SETUID | NO_DEVICES | NO_PROGRAMS, "")


def mount_processes() -> None:
    """Mounts /proc of this namespace of processes."""
    _call("mount", b"proc", b"/proc", b"proc", NO_SETUID | NO_DEVICES | NO_PROGRAMS, None)


def give_up_rights() -> None:
    """Gives up every capability; no program that is started brings one back."""
    _call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    _call("capset", header, none)


def filter_calls(program: bytes) -> None:
    """From now on, of this process and all that it starts, the program decides on each call.

    Args:
        program: As from `calls.program`; nothing that can be given up comes after it.
    """
    lines = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: how many lines, and where they are.
    length = (ctypes.c_size_t * 2)(len(program) // 8, ctypes.addressof(lines))
    _call("prctl", _FILTER, _BY_PROGRAM, length, 0, 0)


def set_dumpable(allowed: bool) -> None:
    """Whether processes of the same user may read and change this one's memory."""
    _call("prctl", _DUMPABLE, int(allowed), 0, 0, 0)


def _mount(kind: str, folder: Path, flags: int, data: str) -> None:
    _call("mount", kind.encode(), os.fsencode(folder), kind.encode(), flags, data.encode())


def _call(name: str, *arguments: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    wide = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    if getattr(library, name)(*wide) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
