"""The entries that the impact of a script edit is computed over, and what they leave out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

NEVER_READ = "No entries of this server that belong to users are stored: simulate a synchronization first."


@dataclass(frozen=True, slots=True)
class Basis:
    """The entries that are evaluated: how many, and of when; ``outdated`` where the server was set otherwise then.

    The stored verdicts are by the scripts of that time, which need not be those that are saved by now. ``missing`` counts
    active users whom this server had last and of whom no entry is stored: the impact says nothing of them.
    """

    total: int
    read_at: datetime | None = None
    outdated: bool = False
    missing: int = 0

    @property
    def incomplete(self) -> str:
        """What the impact leaves out; empty where it is whole."""
        if not self.missing:
            return ""
        users = "1 active user" if self.missing == 1 else f"{self.missing} active users"
        return (
            f"{users} of this server have no stored entry and are not counted: the impact is not whole. "
            "Simulate a synchronization, and look whom it could not check."
        )

    @property
    def problem(self) -> str:
        """Why there is no impact to show; empty where there is one."""
        return "" if self.total else NEVER_READ
