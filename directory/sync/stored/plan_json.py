"""Converts accounts, changes and identities to the JSON of rows, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from directory.models import RunChange
from directory.values.ldap import Identity
from directory.values.plan import Account, Action, Cause, Change, Outcome, StoredUser

# The order of the fields in rows: changes that runs repeat are compared as text.
ACCOUNT = tuple(field.name for field in fields(Account))
FACTS = ("on_hold", "deactivated_by_sync", "blocked_by_sync", "pending_by_sync")


def account_to_json(account: Account) -> dict[str, Any]:
    """Return an account as JSON for a row."""
    return {**_named(account, ACCOUNT), "roles": sorted(account.roles)}


def facts_to_json(user: StoredUser) -> dict[str, bool]:
    """Return what a plan relies on beside the account: who set its states, and the legal hold."""
    return _named(user, FACTS)


def _named(value: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def account_from_json(stored: Mapping[str, Any]) -> Account:
    """Return the account of a row's JSON."""
    return Account(**{**stored, "roles": frozenset(stored["roles"])})


def change_from_row(row: RunChange) -> Change:
    """Return the change of a row, with all that is needed to apply it; the steps are left out.

    Raises:
        ValueError: the user has been deleted since.
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
    """Return an identity as JSON for a row; the DN has a column of its own."""
    return {
        "unique_id": identity.unique_id,
        "usernames": identity.usernames,
        "emails": identity.emails,
        "first_name": identity.first_name,
        "last_name": identity.last_name,
        # Left out where empty, to keep rows small: most entries have one id.
        **({"further_ids": identity.further_ids} if identity.further_ids else {}),
        **({"long_id": True} if identity.long_id else {}),
        **({"not_text": True} if identity.not_text else {}),
    }


def identity_from_json(dn: str, stored: Mapping[str, Any]) -> Identity:
    """Return the identity of a row's DN and JSON."""
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
