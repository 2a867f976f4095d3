"""Keeps the last active SYSADMIN: no plan takes the role or the account from that user. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from directory.values.plan import Account, Cause, Change, Outcome


@dataclass(slots=True)
class LastSysadmin:
    """Tracks, over a whole plan, the users who will still be an active SYSADMIN; ``holders`` are user ids."""

    holders: set[int]
    admin_roles: frozenset[str]

    def passes(self, change: Change) -> bool:
        """Count the change and return True; return False without counting it when no SYSADMIN would be left."""
        if self._is_sysadmin(change.after):
            self.holders.add(change.user_id)
        elif change.user_id in self.holders:
            if len(self.holders) == 1:
                return False
            self.holders.discard(change.user_id)
        return True

    def keep(self, change: Change) -> Change:
        """Return a change that keeps the user as they are, with the step that says why."""
        step = "Kept: the last active user with the SYSADMIN role; a sync takes neither the role nor the account."
        return replace(
            change,
            outcome=Outcome.KEPT,
            after=change.before,
            actions=(),
            cause=Cause.NONE,
            steps=(*change.steps, step),
            warnings=(*change.warnings, step),
        )

    def _is_sysadmin(self, account: Account) -> bool:
        return account.active and not account.blocked and bool(account.roles & self.admin_roles)
