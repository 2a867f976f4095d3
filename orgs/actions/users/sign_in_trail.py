"""Writes the audit rows of signing in and out; each has the address that it came from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from orgs.actions.audit import Fact, note
from orgs.models import User
from orgs.rules.actors import Actor, person

# The kind of object of these rows: no plan depends on them, and they are too many for the history of a user.
KIND = "sign-in"


def note_sign_in(
    user: User, action: str, *, origin: Mapping[str, str], at: datetime, by: Actor | None = None, **facts: str
) -> None:
    """Write that a user did ``action``, such as "signed in"; ``origin`` has the address and the browser."""
    fact = Fact(KIND, user.pk, user.username, after={**origin, **facts})
    note([fact], action=action, by=by or person(user), at=at)
