"""Accounts and changes as rows keep them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from directory.models import RunChange
from directory.sync.values import Account, Action, Cause, Change, Known, Outcome


def account_to_json(account: Account) -> dict[str, Any]:
    """Return an account as a row keeps it."""
    return {
        "username": account.username,
        "email": account.email,
        "first_name": account.first_name,
        "last_name": account.last_name,
        "active": account.active,
        "blocked": account.blocked,
        "pending": account.pending,
        "org": account.org,
        "org_id": account.org_id,
        "roles": sorted(account.roles),
    }


def facts_to_json(known: Known) -> dict[str, bool]:
    """Return what a plan relied on beside the account: who set its states, and the legal hold."""
    return {
        "on_hold": known.on_hold,
        "deactivated_by_sync": known.deactivated_by_sync,
        "blocked_by_sync": known.blocked_by_sync,
        "pending_by_sync": known.pending_by_sync,
    }


def account_from_json(stored: Mapping[str, Any]) -> Account:
    """Return an account as it was before it became a row."""
    return Account(**{**stored, "roles": frozenset(stored["roles"])})


def change_from_row(row: RunChange) -> Change:
    """Return a change as it was before it became a row.

    Raises:
        ValueError: when the user has been deleted since.
    """
    if row.user_id is None:
        raise ValueError(f"{row.username} has been deleted")
    return Change(
        user_id=row.user_id,
        outcome=Outcome(row.outcome),
        before=account_from_json(row.before),
        after=account_from_json(row.after),
        steps=tuple(row.steps),
        actions=tuple(Action(action) for action in row.actions),
        cause=Cause(row.cause),
        warnings=tuple(row.warnings),
        unknown_org=row.unknown_org,
    )
