"""Keeps the last active SYSADMIN: a plan may not take that role or account away from everyone. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from directory.sync.values import Account, Change, Outcome


@dataclass(slots=True)
class LastSysadmin:
    """Counts, over a whole plan, who will still be an active SYSADMIN; ``holders`` are user ids."""

    holders: set[int]
    admin_roles: frozenset[str]

    def check(self, change: Change) -> Change:
        """Return the change, or the same user kept as they are when nobody would be left."""
        if change.user_id not in self.holders or self._is_sysadmin(change.after):
            return change
        if len(self.holders) > 1:
            self.holders.discard(change.user_id)
            return change
        step = "Kept: the last active user with the SYSADMIN role; a sync takes neither the role nor the account."
        return replace(
            change,
            outcome=Outcome.KEPT,
            after=change.before,
            actions=(),
            steps=(*change.steps, step),
            warnings=(*change.warnings, step),
        )

    def _is_sysadmin(self, account: Account) -> bool:
        return account.active and not account.blocked and bool(account.roles & self.admin_roles)
