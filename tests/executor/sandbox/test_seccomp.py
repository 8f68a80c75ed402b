"""The filter of system calls, as this kernel judges and as a reader of its program does for others."""

import ctypes
import errno
import json
import platform
import struct
import subprocess
import sys

import pytest

from nightbook_executor import seccomp

ALLOWED = 0x7FFF0000
X86_64, AARCH64, I386 = 0xC000003E, 0xC00000B7, 0x40000003
COLUMN = {"x86_64": 0, "aarch64": 1}
AUDIT = {"x86_64": X86_64, "aarch64": AARCH64}

# Makes each call that is named on standard input, under the filter, and prints what became of it.
_UNDER_THE_FILTER = """
import ctypes, json, sys
from nightbook_executor import seccomp
libc = ctypes.CDLL(None, use_errno=True)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]
calls = json.load(sys.stdin)
program = seccomp.program()
buffer = ctypes.create_string_buffer(program)
assert libc.prctl(38, 1, 0, 0, 0) == 0
wrapped = Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
assert libc.prctl(22, 2, ctypes.byref(wrapped), 0, 0) == 0
answers = []
for number, *arguments in calls:
    ctypes.set_errno(0)
    libc.syscall(number, *arguments, *[0] * (6 - len(arguments)))
    answers.append(ctypes.get_errno())
print(json.dumps(answers))
"""


def judged(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the program returns for a call: a reading of classic BPF, as far as the program uses it."""
    instructions = list(struct.iter_unpack("<HBBI", seccomp.program(machine)))
    padded = [*arguments, *[0] * (6 - len(arguments))]
    facts = struct.pack("<IIQ6Q", number, audit or AUDIT[machine], 0, *padded)
    accumulator, at = 0, 0
    while True:
        code, then, otherwise, value = instructions[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", facts, value)
        elif code == 0x06:
            return value
        else:
            holds = {0x15: accumulator == value, 0x25: accumulator > value, 0x45: bool(accumulator & value)}
            at += then if holds[code] else otherwise


def refused(number: int) -> int:
    return 0x00050000 | number


def under_the_filter(*calls: list[int]) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", _UNDER_THE_FILTER],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_this_kernel_answers_every_denied_call_with_not_permitted():
    column = COLUMN[platform.machine()]
    numbers = {name: both[column] for name, both in seccomp.DENIED.items() if both[column] is not None}

    answers = under_the_filter(*([number] for number in numbers.values()))

    assert dict(zip(numbers, answers, strict=True)) == dict.fromkeys(numbers, errno.EPERM)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_denied_call_is_refused_on_each_machine_and_what_programs_need_is_not(machine):
    column = COLUMN[machine]
    for name, numbers in seccomp.DENIED.items():
        if numbers[column] is not None:
            assert judged(machine, numbers[column]) == refused(errno.EPERM), name

    needed = {"x86_64": [0, 1, 9, 57, 59, 202, 257, 281], "aarch64": [56, 57, 63, 64, 98, 221, 222]}
    assert {judged(machine, number) for number in needed[machine]} == {ALLOWED}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_process_may_be_made_but_no_namespace(machine):
    clone = {"x86_64": 56, "aarch64": 220}[machine]
    threads = 0x3D0F00

    assert judged(machine, clone, 17) == ALLOWED
    assert judged(machine, clone, threads) == ALLOWED
    for namespace in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert judged(machine, clone, namespace | 17) == refused(errno.EPERM)
    assert judged(machine, 435) == refused(errno.ENOSYS)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_only_sockets_that_a_network_namespace_confines_can_be_made(machine):
    socket = {"x86_64": 41, "aarch64": 198}[machine]
    unix, ipv4, ipv6, netlink, packet, algorithm, vsock = 1, 2, 10, 16, 17, 38, 40
    stream, raw, audit = 1, 3, 9

    for family in (unix, ipv4, ipv6):
        assert judged(machine, socket, family, stream) == ALLOWED
    assert judged(machine, socket, netlink, raw, 0) == ALLOWED
    assert judged(machine, socket, netlink, raw, audit) == refused(errno.EAFNOSUPPORT)
    for family in (packet, algorithm, vsock):
        assert judged(machine, socket, family, stream) == refused(errno.EAFNOSUPPORT)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_nobody_types_into_a_terminal_that_is_not_theirs(machine):
    ioctl = {"x86_64": 16, "aarch64": 29}[machine]
    get_size, put_key, console = 0x5413, 0x5412, 0x541C

    assert judged(machine, ioctl, 0, get_size) == ALLOWED
    assert judged(machine, ioctl, 0, put_key) == refused(errno.EPERM)
    assert judged(machine, ioctl, 0, console) == refused(errno.EPERM)
    assert judged(machine, ioctl, 0, put_key | 1 << 40) == refused(errno.EPERM)  # the kernel reads 32 bits


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_calls_under_other_numbers_or_newer_than_the_list_do_not_exist(machine):
    x32_bit, read = 0x40000000, 0

    assert judged(machine, read, audit=I386) == refused(errno.ENOSYS)
    assert judged(machine, x32_bit | 101) == refused(errno.ENOSYS)
    assert judged(machine, 467) == refused(errno.ENOSYS)
    assert judged(machine, 466) == ALLOWED


def test_the_numbers_are_those_of_the_library_of_system_calls():
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("libseccomp is not installed here")
    library.seccomp_syscall_resolve_name_arch.argtypes = [ctypes.c_uint32, ctypes.c_char_p]

    for name, numbers in seccomp.DENIED.items():
        for audit, number in zip((X86_64, AARCH64), numbers, strict=True):
            theirs = library.seccomp_syscall_resolve_name_arch(audit, name.encode())
            assert theirs == number or (number is None and theirs < 0), name


def test_a_machine_without_a_list_is_named():
    with pytest.raises(seccomp.UnknownMachineError, match="x86_64, aarch64, not riscv64"):
        seccomp.program("riscv64")
