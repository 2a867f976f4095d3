"""Landlock: gives up, for good, all rights of this process to files, ports, and sockets and signals of other processes.

Only ``lockdown.py`` imports it, in the child, which runs without this package.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

# System calls, with the same numbers on every architecture.
CREATE_RULESET = 444
RESTRICT_SELF = 446
GET_VERSION = 1
# The number of rights to files, to ports, and to reach other processes, by the ABI that added them (linux/landlock.h).
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16, 9: 17}
PORT_RIGHTS = {4: 2, 10: 4}
SCOPES = {6: 2}
WITH_UDP = 10


def give_up_files_and_ports() -> str:
    """Handle every right that the kernel knows and grant none; return what this covers, or raise OSError."""
    abi = _call(CREATE_RULESET, None, 0, GET_VERSION)
    attributes = ruleset_attributes(abi)
    ruleset = _call(CREATE_RULESET, attributes, len(attributes), 0)
    try:
        _call(RESTRICT_SELF, ruleset, 0, 0)
    finally:
        os.close(ruleset)
    return f"ABI {abi}: {', '.join(covered(abi))}"


def covered(abi: int) -> list[str]:
    """Return what each part of the structure covers, in order."""
    parts = ["files", "TCP and UDP ports" if abi >= WITH_UDP else "TCP ports", "abstract sockets and signals"]
    return parts[: len(ruleset_attributes(abi)) // 8]


def ruleset_attributes(abi: int) -> bytes:
    """Return the struct landlock_ruleset_attr that handles all rights of this ABI, in the length of this ABI."""
    masks = [_mask(known, abi) for known in (FILE_RIGHTS, PORT_RIGHTS, SCOPES)]
    # A kernel refuses parts that it does not know unless they are zero, and older kernels know fewer parts.
    known = [mask for mask in masks if mask]
    return struct.pack(f"<{len(known)}Q", *known)


def _mask(counts: dict[int, int], abi: int) -> int:
    bits = max((count for since, count in counts.items() if since <= abi), default=0)
    return (1 << bits) - 1


def _call(number: int, first: bytes | int | None, second: int, third: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    argument = ctypes.c_long(first) if isinstance(first, int) else first
    result = int(libc.syscall(ctypes.c_long(number), argument, ctypes.c_size_t(second), ctypes.c_uint(third)))
    if result < 0:
        code = ctypes.get_errno()
        reasons = {
            errno.ENOSYS: "this kernel has no Landlock",
            errno.EOPNOTSUPP: "Landlock is off in this kernel (lsm=)",
        }
        raise OSError(code, reasons.get(code, os.strerror(code)))
    return result
