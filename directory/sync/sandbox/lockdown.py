"""Takes from the child process what a script that broke out of the engine could use: user, files, processes, memory.

Imported by ``child.py`` alone, which runs without this package.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

NOBODY = 65534
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38


def lock_down(*, memory_bytes: int, parent: int) -> None:
    """Give up every right that evaluating scripts does not need; call it after the last import and file."""
    _drop_root()
    _bind_to_parent(parent)
    _limit_resources(memory_bytes)
    _filter_system_calls()


def _drop_root() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def _bind_to_parent(parent: int) -> None:
    # The kernel forgets the death signal when the user changes, so this follows _drop_root.
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        for option, value in ((PR_SET_PDEATHSIG, signal.SIGKILL), (PR_SET_DUMPABLE, 0), (PR_SET_NO_NEW_PRIVS, 1)):
            if libc.prctl(option, value, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), f"prctl({option})")
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def _limit_resources(memory_bytes: int) -> None:
    # macOS refuses a limit on the address space; the parent's other limits still hold there.
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (3600, 3600))
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
        resource.setrlimit(kind, (0, 0))


def _filter_system_calls() -> None:
    """Landlock and seccomp go here: the last step, as they forbid what the steps above still need."""
