"""The limits of script evaluations, and the failure that ends a run."""

from __future__ import annotations

from dataclasses import dataclass

MEMORY_MESSAGE = "used more than the memory allowed"


class SandboxBroken(Exception):
    """The scripts can't run any further; the message is for the administrator, and nothing was applied."""


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """The limits of one child process, and of one whole sandbox.

    ``memory_bytes`` is the whole address space of a child, of which the interpreter takes about 25 MB. After a batch that
    took ``large_bytes`` of it, each entry of the batch runs alone, in a new child.
    ``cpu_seconds_per_entry`` also limits a whole batch; batches shrink until slow but harmless scripts fit.
    ``cpu_seconds`` is for all entries together. ``wall_seconds`` only ends a child that waits without computing.
    ``allow_weak`` runs scripts even if the system lacks a layer of the sandbox.
    """

    cpu_seconds_per_entry: float = 1.0
    cpu_seconds: float = 3600.0
    memory_bytes: int = 400 * 1024 * 1024
    large_bytes: int = 64 * 1024 * 1024
    wall_seconds: float = 30.0
    batch_size: int = 200
    batch_bytes: int = 4 * 1024 * 1024
    answer_bytes: int = 8 * 1024 * 1024
    source_bytes: int = 32 * 1024
    culprits: int = 20
    allow_weak: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of the scripts so far: evaluated entries and computing time."""

    entries: int = 0
    cpu_seconds: float = 0.0

    @property
    def milliseconds_per_entry(self) -> float:
        """The average computing time; 0 before the first entry."""
        return 1000 * self.cpu_seconds / self.entries if self.entries else 0.0
