"""The calls to the kernel that no answer needs: a filter (seccomp) that refuses them.

Namespaces hide files, processes and networks. What they do not hide is left to this: kinds of
sockets that know no namespaces, as those to the machine that hosts a virtual one; keys of the
session; and calls whose faults have let programs out before.
"""

import errno
import platform
import struct

_SIMPLE = (
    *("add_key", "request_key", "keyctl", "ptrace", "process_vm_readv", "process_vm_writev"),
    *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "syslog", "open_by_handle_at"),
    *("unshare", "setns", "mount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen"),
    *("fsconfig", "fsmount", "fspick", "mount_setattr", "kexec_load", "init_module"),
    *("finit_module", "delete_module"),
)
# The same number for every machine, of those that came late.
_LATE = {
    "io_uring_setup": 425,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "clone3": 435,
    "mount_setattr": 442,
}
_X86 = {
    "socket": 41,
    "clone": 56,
    "ptrace": 101,
    "syslog": 103,
    "pivot_root": 155,
    "mount": 165,
    "umount2": 166,
    "init_module": 175,
    "delete_module": 176,
    "kexec_load": 246,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "unshare": 272,
    "perf_event_open": 298,
    "open_by_handle_at": 304,
    "setns": 308,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "finit_module": 313,
    "bpf": 321,
    "userfaultfd": 323,
}
_ARM = {
    "umount2": 39,
    "mount": 40,
    "pivot_root": 41,
    "unshare": 97,
    "kexec_load": 104,
    "init_module": 105,
    "delete_module": 106,
    "syslog": 116,
    "ptrace": 117,
    "socket": 198,
    "add_key": 217,
    "request_key": 218,
    "keyctl": 219,
    "clone": 220,
    "perf_event_open": 241,
    "open_by_handle_at": 265,
    "setns": 268,
    "process_vm_readv": 270,
    "process_vm_writev": 271,
    "finit_module": 273,
    "bpf": 280,
    "userfaultfd": 282,
}
# Of <linux/audit.h>: the machine, as the kernel names it to a filter.
_MACHINES = {"x86_64": (0xC000003E, _X86), "aarch64": (0xC00000B7, _ARM)}
# Unix, IPv4, IPv6, and what lists network interfaces: all of them know namespaces.
_FAMILIES = (1, 2, 10, 16)
# CLONE_NEW… of every kind.
_NEW_NAMESPACE = 0x7E020000
# A second set of numbers on x86: none of the calls above is meant by them.
_X32 = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
# Where a filter finds what: `struct seccomp_data`.
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16


def known() -> bool:
    """Whether the numbers of this machine's calls are known."""
    return platform.machine() in _MACHINES


def program() -> bytes:
    """Returns the filter, in the form that the kernel takes."""
    machine, numbers = _MACHINES[platform.machine()]
    numbers = numbers | _LATE
    lines = [_line(_LOAD, _MACHINE), _line(_EQUAL, machine, 1, 0), _line(_RETURN, _KILL)]
    lines += [_line(_LOAD, _NUMBER), *_refused(_AT_LEAST, _X32, errno.ENOSYS)]
    # The C library goes on with clone, whose flags a filter can read.
    lines += _refused(_EQUAL, numbers["clone3"], errno.ENOSYS)
    for name in _SIMPLE:
        lines += _refused(_EQUAL, numbers[name], errno.EPERM)
    apart = _refused(_ANY_BIT, _NEW_NAMESPACE, errno.EPERM)
    lines += _looked_at(numbers["clone"], [*apart, _line(_RETURN, _ALLOW)])
    allowed = [line for f in _FAMILIES for line in _returned(_EQUAL, f, _ALLOW)]
    lines += _looked_at(numbers["socket"], [*allowed, _line(_RETURN, _ERROR | errno.EAFNOSUPPORT)])
    return b"".join([*lines, _line(_RETURN, _ALLOW)])


def _looked_at(number: int, then: list[bytes]) -> list[bytes]:
    """For one call: loads its first argument, and goes on with `then`, which returns."""
    return [_line(_EQUAL, number, 0, len(then) + 1), _line(_LOAD, _FIRST_ARGUMENT), *then]


def _refused(test: int, value: int, error: int) -> list[bytes]:
    return _returned(test, value, _ERROR | error)


def _returned(test: int, value: int, verdict: int) -> list[bytes]:
    return [_line(test, value, 0, 1), _line(_RETURN, verdict)]


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
