"""Locks users by state and writes their audit rows, for all actions on users."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from orgs.actions.audit import Fact, note
from orgs.models import SetBy, User
from orgs.rules.actors import Actor


def pick(user_ids: Collection[int], **state: bool) -> dict[int, str]:
    """Lock those of these users that are in this state; return their usernames by id."""
    users = User.objects.select_for_update().filter(pk__among=user_ids, **state).order_by("pk")
    return dict(users.values_list("pk", "username"))


def take_over(user_ids: Collection[int], state: str, *, by: Actor, at: datetime) -> None:
    """Store a person as the author of a state that a sync has set, so that no sync undoes it any more."""
    if by.set_by == SetBy.PERSON:
        User.objects.filter(pk__among=user_ids, **{f"{state}_by": SetBy.SYNC}).update(
            **{f"{state}_by": SetBy.PERSON, f"{state}_at": at}
        )


def note_all(
    users: Mapping[int, str],
    action: str,
    *,
    by: Actor,
    at: datetime,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Write an audit row for each of these users (usernames by id)."""
    was, becomes = before or {}, after or {}
    facts = [Fact("user", pk, name, before=was, after=becomes) for pk, name in users.items()]
    note(facts, action=action, by=by, at=at)
