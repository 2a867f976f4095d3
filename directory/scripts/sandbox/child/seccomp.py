"""Seccomp: a filter that allows this process only the few system calls that evaluating scripts needs.

It is written out here without libseccomp, because Python's libraries for that start programs to find their parts, and
the kernel never changes these numbers. Only ``lockdown.py`` imports it, in the child, which runs without this package.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator
from typing import NamedTuple

PR_SET_SECCOMP = 22
MODE_FILTER = 2
KILL = 0x80000000
REFUSE = 0x00050000 | errno.EPERM
NO_MEMORY = 0x00050000 | errno.ENOMEM
# For brk, which returns no error: error number 0, so the result is not the requested end of the heap.
NO_HEAP = 0x00050000
ALLOW = 0x7FFF0000

LOAD = 0x20
RETURN = 0x06
JUMP_IF_EQUAL = 0x15
JUMP_IF_GREATER = 0x25
JUMP_IF_AT_LEAST = 0x35
JUMP_IF_ANY_BIT = 0x45

# Offsets in struct seccomp_data: the call, the architecture, and six arguments of eight bytes, low half first.
CALL = 0
ARCHITECTURE = 4
ARGUMENTS = 16
PROT_EXEC = 4
# The largest piece of memory, so that a script is refused the same amount whatever ran before it.
LARGEST_PIECE = 64 * 1024 * 1024

# Each call's numbers on x86_64 and on aarch64; None for no such call.
ALLOWED = {
    "read": (0, 63), "write": (1, 64), "setitimer": (38, 103), "munmap": (11, 215), "madvise": (28, 233),
    "getrusage": (98, 165), "gettimeofday": (96, 169), "clock_gettime": (228, 113), "time": (201, None),
    "getrandom": (318, 278), "futex": (202, 98), "sched_yield": (24, 124), "rt_sigreturn": (15, 139),
    "rt_sigprocmask": (14, 135), "restart_syscall": (219, 128), "fstat": (5, 80), "lseek": (8, 62),
    "poll": (7, None), "ppoll": (271, 73), "close": (3, 57), "getpid": (39, 172), "exit": (60, 93),
    "exit_group": (231, 94),
}  # fmt: skip
PIECES = {"mmap": (9, 222, 1), "mremap": (25, 216, 2)}
PROTECTED = {"mmap": (9, 222, 2), "mprotect": (10, 226, 2)}
HEAP_END = (12, 214)
DEADLY = {
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None), "clone": (56, 220),
    "clone3": (435, 435), "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "creat": (85, None),
    "open_by_handle_at": (304, 265), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "bpf": (321, 280),
    "io_uring_setup": (425, 425), "userfaultfd": (323, 282), "keyctl": (250, 219), "unshare": (272, 97),
    "setns": (308, 268), "mount": (165, 40), "init_module": (175, 105), "finit_module": (313, 273),
    "perf_event_open": (298, 241), "memfd_create": (319, 279),
}  # fmt: skip


# No dataclass: importing dataclasses takes a tenth of the child's start.
class Machine(NamedTuple):
    """One processor architecture: the kernel's number for it, its column in the tables, and whether x32 calls exist."""

    audit: int
    column: int
    x32: bool


MACHINES = {"x86_64": Machine(0xC000003E, 0, x32=True), "aarch64": Machine(0xC00000B7, 1, x32=False)}


def allow_few_calls() -> str:
    """Install the filter for good; return a description of it, or raise OSError."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        raise OSError(errno.ENOSYS, f"no filter is known for {platform.machine()} processors")
    install(program(machine, _heap_end(HEAP_END[machine.column])))
    return "all but a few calls are refused, dangerous ones end the process"


def install(program: bytes) -> None:
    """Hand a BPF program to the kernel; raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(program)
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    if libc.prctl(PR_SET_SECCOMP, MODE_FILTER, header, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"this kernel takes no filter ({os.strerror(number)})")


def step(code: int, value: int = 0, *, yes: int = 0, no: int = 0) -> bytes:
    """Return one instruction; ``yes`` and ``no`` are the numbers of next instructions that a test skips."""
    return struct.pack("<HBBI", code, yes, no, value)


def program(machine: Machine, heap_end: int) -> bytes:
    """Return the filter for a machine, for a process whose heap now ends at this address."""
    return b"".join(_steps(machine, heap_end))


def _steps(machine: Machine, heap_end: int) -> Iterator[bytes]:
    yield from (step(LOAD, ARCHITECTURE), step(JUMP_IF_EQUAL, machine.audit, yes=1), step(RETURN, KILL))
    yield step(LOAD, CALL)
    if machine.x32:
        yield from (step(JUMP_IF_AT_LEAST, 0x40000000, no=1), step(RETURN, KILL))
    for numbers in ALLOWED.values():
        yield from _when(numbers[machine.column], [step(RETURN, ALLOW)])
    for protected in PROTECTED.values():
        argument = _low(protected[2])
        tests = [step(LOAD, argument), step(JUMP_IF_ANY_BIT, PROT_EXEC, no=1), step(RETURN, KILL), step(LOAD, CALL)]
        yield from _when(protected[machine.column], tests)
    yield from _when(PROTECTED["mprotect"][machine.column], [step(RETURN, ALLOW)])
    for piece in PIECES.values():
        yield from _when(piece[machine.column], _at_most(piece[2], LARGEST_PIECE, NO_MEMORY))
    # The heap may grow by one piece, too, measured from its present end.
    brk = HEAP_END[machine.column]
    yield from _when(brk, _at_most(0, heap_end + LARGEST_PIECE, NO_HEAP))
    for numbers in DEADLY.values():
        yield from _when(numbers[machine.column], [step(RETURN, KILL)])
    yield step(RETURN, REFUSE)


def _when(number: int | None, then: list[bytes]) -> list[bytes]:
    return [] if number is None else [step(JUMP_IF_EQUAL, number, no=len(then)), *then]


def _at_most(argument: int, most: int, otherwise: int) -> list[bytes]:
    """Return the steps that allow a call whose 64-bit argument is at most this number."""
    high, low = divmod(most, 1 << 32)
    return [
        step(LOAD, _low(argument) + 4),
        step(JUMP_IF_GREATER, high, yes=4),
        step(JUMP_IF_EQUAL, high, no=2),
        step(LOAD, _low(argument)),
        step(JUMP_IF_GREATER, low, yes=1),
        step(RETURN, ALLOW),
        step(RETURN, otherwise),
    ]


def _low(argument: int) -> int:
    return ARGUMENTS + 8 * argument


def _heap_end(brk: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return int(libc.syscall(ctypes.c_long(brk), ctypes.c_long(0)))
