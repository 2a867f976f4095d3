"""Gives up all rights of the child process that a script could use after breaking out of the engine.

These are user, files, processes and memory. Only ``main.py`` imports it, which runs without this package.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable

from landlock import give_up_files_and_ports  # type: ignore[import-not-found]
from seccomp import allow_few_calls  # type: ignore[import-not-found]

NOBODY = 65534
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
# The states of a layer, which the parent reads: protections.LayerState.
IN_FORCE, MISSING, NOT_NEEDED = "in force", "missing", "not needed"
NOTHING_OF = (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE)
CPU_SECONDS = 3600


def lock_down(*, memory_bytes: int, parent: int) -> list[tuple[str, str, str]]:
    """Give up every right that evaluating scripts does not need; call it after the last import and file.

    Return the layers, outermost first: name, state, and what the layer covers or why it is missing.
    """
    layers = [("Own process", IN_FORCE, "started anew, with an empty environment and no files of Rollcall")]
    layers.append(_layer("Rights of nobody", _drop_root) if os.geteuid() == 0 else _already_ordinary())
    # The kernel drops the death signal when the user changes, so this step has to follow the one above.
    layers.append(_layer("Bound to its parent", _bind_to_parent, only_linux=True))
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    layers.append(_layer("Landlock", give_up_files_and_ports, only_linux=True))
    layers.append(_layer("Resource limits", lambda: _limit_resources(memory_bytes)))
    layers.append(_layer("System call filter (seccomp)", allow_few_calls, only_linux=True))
    return layers


def _layer(name: str, step: Callable[[], str], *, only_linux: bool = False) -> tuple[str, str, str]:
    if only_linux and sys.platform != "linux":
        return name, MISSING, "only Linux has it"
    try:
        return name, IN_FORCE, step()
    except OSError as error:
        return name, MISSING, error.strerror or str(error)


def _already_ordinary() -> tuple[str, str, str]:
    return (
        "Rights of nobody",
        NOT_NEEDED,
        f"Rollcall is not run by root; scripts have the rights of user {os.geteuid()}",
    )


def _drop_root() -> str:
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError as error:
        raise OSError(error.errno, "root may not become nobody here; start Rollcall as an ordinary user") from error
    return f"user and group {NOBODY}"


def _bind_to_parent() -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((PR_SET_PDEATHSIG, signal.SIGKILL), (PR_SET_DUMPABLE, 0), (PR_SET_NO_NEW_PRIVS, 1)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option}): {os.strerror(ctypes.get_errno())}")
    return "ends with it, gains no rights, and cannot be watched"


def _limit_resources(memory_bytes: int) -> str:
    limits = [
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        *((kind, 0) for kind in NOTHING_OF),
    ]
    for kind, most in limits:
        try:
            resource.setrlimit(kind, (most, most))
        except ValueError as error:
            raise OSError(f"a limit cannot be set: {error}") from error
    return f"{memory_bytes >> 20} MB of memory; no files, processes or core dumps"
