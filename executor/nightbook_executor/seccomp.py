"""The system calls that no code in a sandbox may make, as a program for the kernel (classic BPF).

A list of what is denied, not of what is allowed: notebooks bring libraries that nobody has seen. What it
takes away is what escapes from namespaces have been made of, and sockets that no namespace confines.
Calls newer than this list do not exist for the program, so that the list cannot grow stale by itself.
"""

import errno
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000

# Offsets in struct seccomp_data (linux/seccomp.h). An argument is read by its lower half: the calls whose
# arguments are judged here take 32 bits.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

# linux/bpf_common.h
_LOAD: Final = 0x20
_RETURN: Final = 0x06
_IF_EQUAL: Final = 0x15
_IF_GREATER: Final = 0x25
_IF_ANY_BIT: Final = 0x45

#: removexattrat, Linux 6.13. Whoever raises it judges the calls in between.
_NEWEST: Final = 466

_X86_64, _AARCH64 = 0, 1

#: Answered with EPERM; numbers on x86_64 and aarch64.
DENIED: Final[dict[str, tuple[int | None, int | None]]] = {
    # another process's memory and files
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # file systems and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "setns": (308, 268),
    "unshare": (272, 97),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "lookup_dcookie": (212, 18),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    # keys of the kernel belong to a user, not to a namespace
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # large parts of the kernel that a notebook does not need
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "vmsplice": (278, 75),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    # the machine
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "iopl": (172, None),
    "ioperm": (173, None),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "nfsservctl": (180, 42),
}
#: Its flags lie in memory, where no filter can read them; libraries fall back to `clone` without it.
_CLONE3: Final = (435, 435)
_CLONE: Final = (56, 220)
_SOCKET: Final = (41, 198)
_IOCTL: Final = (16, 29)

_CLONE_NEW_NAMESPACE: Final = 0x7E020000  # linux/sched.h: CLONE_NEWNS, NEWCGROUP, NEWUTS, …, NEWNET
_AF_NETLINK, _NETLINK_ROUTE = 16, 0
_AF_CONFINED: Final = (
    1,
    2,
    10,
)  # unix, IPv4, IPv6; AF_VSOCK, for one, would reach the virtual machine's host
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # keystrokes into somebody's terminal


class UnknownMachineError(Exception):
    """There is no list for this processor; the message says which there are."""


@dataclass(frozen=True)
class _Machine:
    column: int
    audit: int  # AUDIT_ARCH_*, linux/audit.h


_MACHINES: Final = {
    "x86_64": _Machine(_X86_64, 0xC000003E),
    "aarch64": _Machine(_AARCH64, 0xC00000B7),
}


def program(machine: str | None = None) -> bytes:
    """The filter as `bwrap --seccomp` and seccomp(2) read it.

    *machine* is a name of `uname -m`, by default this machine's. Raises UnknownMachineError.
    """
    name = machine or platform.machine()
    if name not in _MACHINES:
        raise UnknownMachineError(f"the filter of system calls knows {', '.join(_MACHINES)}, not {name}")
    return b"".join(struct.pack("<HBBI", *each) for each in _instructions(_MACHINES[name]))


_Instruction = tuple[int, int, int, int]


def _instructions(machine: _Machine) -> Iterator[_Instruction]:
    yield _load(_ARCHITECTURE)
    # A 64-bit kernel has the calls of 32 bits too, under other numbers.
    yield from _unless_equal(machine.audit, _refuse(errno.ENOSYS))
    yield _load(_NUMBER)
    yield from _when(_IF_GREATER, _NEWEST, _refuse(errno.ENOSYS))  # and those of x32: they have bit 30 set
    for numbers in DENIED.values():
        number = numbers[machine.column]
        if number is not None:
            yield from _when(_IF_EQUAL, number, _refuse(errno.EPERM))
    yield from _when(_IF_EQUAL, _CLONE3[machine.column], _refuse(errno.ENOSYS))
    yield from _call(
        _CLONE[machine.column],
        [
            _load_argument(0),
            *_when(_IF_ANY_BIT, _CLONE_NEW_NAMESPACE, _refuse(errno.EPERM)),
        ],
    )
    yield from _call(
        _IOCTL[machine.column],
        [
            _load_argument(1),
            *_when(_IF_EQUAL, _TIOCSTI, _refuse(errno.EPERM)),
            *_when(_IF_EQUAL, _TIOCLINUX, _refuse(errno.EPERM)),
        ],
    )
    yield from _call(_SOCKET[machine.column], _judge_socket())
    yield (_RETURN, 0, 0, _ALLOW)


def _judge_socket() -> list[_Instruction]:
    allow = (_RETURN, 0, 0, _ALLOW)
    route_only = [_load_argument(2), *_when(_IF_EQUAL, _NETLINK_ROUTE, allow)]
    return [
        _load_argument(0),
        *(each for family in _AF_CONFINED for each in _when(_IF_EQUAL, family, allow)),
        (_IF_EQUAL, 0, len(route_only), _AF_NETLINK),
        *route_only,
        _refuse(errno.EAFNOSUPPORT),
    ]


def _call(number: int, judgement: list[_Instruction]) -> list[_Instruction]:
    """What to do about one call; it is allowed where *judgement* comes to its end."""
    body = [*judgement, (_RETURN, 0, 0, _ALLOW)]
    return [(_IF_EQUAL, 0, len(body), number), *body]


def _when(comparison: int, value: int, then: _Instruction) -> list[_Instruction]:
    return [(comparison, 0, 1, value), then]


def _unless_equal(value: int, then: _Instruction) -> list[_Instruction]:
    return [(_IF_EQUAL, 1, 0, value), then]


def _load(offset: int) -> _Instruction:
    return (_LOAD, 0, 0, offset)


def _load_argument(index: int) -> _Instruction:
    return _load(_ARGUMENTS + 8 * index)


def _refuse(number: int) -> _Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)
