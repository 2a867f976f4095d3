"""Describes the stored entries from which the impact of a script edit is computed, and the users without one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

NEVER_READ = "No entries of this server that belong to users are stored: simulate a synchronization first."


@dataclass(frozen=True, slots=True)
class Basis:
    """The evaluated entries: their number, and when they were read; ``outdated``: the server's settings have changed since.

    The stored verdicts come from the scripts of that time, which may differ from the saved ones now. ``missing`` counts
    active users who were last found on this server but have no stored entry: the impact does not cover them.
    """

    total: int
    read_at: datetime | None = None
    outdated: bool = False
    missing: int = 0

    @property
    def incomplete(self) -> str:
        """A sentence about users whom the impact leaves out; empty when it covers all."""
        if not self.missing:
            return ""
        users = "1 active user" if self.missing == 1 else f"{self.missing} active users"
        return (
            f"{users} of this server have no stored entry and are not counted: the impact is not whole. "
            "Simulate a synchronization, and look whom it could not check."
        )

    @property
    def problem(self) -> str:
        """Why there is no impact to show; empty when there is one."""
        return "" if self.total else NEVER_READ
