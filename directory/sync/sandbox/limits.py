"""What one evaluation may use, and the failure that ends a run."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY_MESSAGE = "used more than the memory allowed"


class SandboxBroken(Exception):
    """The scripts cannot be run any further; the message is for the administrator, and nothing was applied."""


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """The limits of one child process.

    ``memory_bytes`` is its whole address space, of which the interpreter itself takes about 25 MB.
    ``cpu_seconds_per_entry`` also bounds a whole batch, which shrinks until slow but honest scripts fit.
    ``wall_seconds`` only ends a child that waits without computing.
    """

    cpu_seconds_per_entry: float = 1.0
    memory_bytes: int = 400 * 1024 * 1024
    wall_seconds: float = 30.0
    batch_size: int = 200
    batch_bytes: int = 4 * 1024 * 1024
    answer_bytes: int = 8 * 1024 * 1024
    source_bytes: int = 32 * 1024
    culprits: int = 20
