"""Accounts, changes and identities as rows keep them, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from directory.models import RunChange
from directory.values.ldap import Identity
from directory.values.plan import Account, Action, Cause, Change, Outcome, StoredUser

# As rows keep them, in this order: what runs repeat is compared as text.
ACCOUNT = tuple(field.name for field in fields(Account))
FACTS = ("on_hold", "deactivated_by_sync", "blocked_by_sync", "pending_by_sync")


def account_to_json(account: Account) -> dict[str, Any]:
    """Return an account as a row keeps it."""
    return {**_named(account, ACCOUNT), "roles": sorted(account.roles)}


def facts_to_json(user: StoredUser) -> dict[str, bool]:
    """Return what a plan relied on beside the account: who set its states, and the legal hold."""
    return _named(user, FACTS)


def _named(value: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def account_from_json(stored: Mapping[str, Any]) -> Account:
    """Return an account as it was before it became a row."""
    return Account(**{**stored, "roles": frozenset(stored["roles"])})


def change_from_row(row: RunChange) -> Change:
    """Return as much of a change as it takes to make it, as it was before it became a row; its steps stay there.

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
        steps=(),
        actions=tuple(Action(action) for action in row.actions),
        cause=Cause(row.cause),
    )


def identity_to_json(identity: Identity) -> dict[str, Any]:
    """Return who an entry is as a row keeps it; the DN has a column of its own."""
    return {
        "unique_id": identity.unique_id,
        "usernames": identity.usernames,
        "emails": identity.emails,
        "first_name": identity.first_name,
        "last_name": identity.last_name,
        # Most entries have one id.
        **({"further_ids": identity.further_ids} if identity.further_ids else {}),
        **({"long_id": True} if identity.long_id else {}),
        **({"not_text": True} if identity.not_text else {}),
    }


def identity_from_json(dn: str, stored: Mapping[str, Any]) -> Identity:
    """Return who an entry is, as it was before it became a row."""
    return Identity(
        dn=dn,
        unique_id=stored["unique_id"],
        usernames=tuple(stored["usernames"]),
        emails=tuple(stored["emails"]),
        first_name=stored["first_name"],
        last_name=stored["last_name"],
        further_ids=tuple(stored.get("further_ids", ())),
        long_id=stored.get("long_id", False),
        not_text=stored.get("not_text", False),
    )
