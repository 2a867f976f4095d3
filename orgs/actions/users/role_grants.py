"""Gives users roles and takes roles away."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F

from orgs.actions import escalation_guard, local_password_guard, locks
from orgs.actions.audit import Fact, note
from orgs.actions.users.last_sysadmin import refuse_to_lose
from orgs.bulk_writes import insert_rows
from orgs.models import RoleGrant, User
from orgs.models.roles import all_roles
from orgs.rules.actors import Actor


@transaction.atomic
def set_roles(
    *, roles: Mapping[int, frozenset[int]], sessions_ended_of: Collection[int] = (), by: Actor, at: datetime
) -> frozenset[int]:
    """Give users (keys) exactly these roles (values, ids). Return the users whose roles changed.

    The sessions of these users end, except those in ``sessions_ended_of``, which have ended already.

    Raises:
        Refused: when no active SYSADMIN would be left; when a user would gain more than ``by`` holds.
    """
    locks.roles()
    locks.users(roles)
    return _store(roles, _grants_of(roles), sessions_ended_of, by=by, at=at)


def _store(
    roles: Mapping[int, frozenset[int]],
    grants: Mapping[int, Mapping[int, int]],
    sessions_ended_of: Collection[int] = (),
    *,
    by: Actor,
    at: datetime,
) -> frozenset[int]:
    """Give users, whom the caller has locked, these roles instead of those that their ``grants`` give."""
    roles_by_id = {role.pk: role for role in all_roles()}
    names = dict(User.objects.filter(pk__among=roles).order_by("pk").values_list("pk", "username"))
    changed = {pk: roles[pk] for pk in names if grants[pk].keys() != roles[pk]}
    if not changed:
        return frozenset()
    admin = {pk for pk, role in roles_by_id.items() if role.holds_admin}
    gaining = [pk for pk, role_ids in changed.items() if not admin.isdisjoint(role_ids)]
    refuse_to_lose(
        losing=[pk for pk in changed if not admin.isdisjoint(grants[pk]) and admin.isdisjoint(roles[pk])],
        gaining=gaining,
    )
    escalation_guard.refuse_role_sets(changed, roles_by_id, by=by)
    lost = [grant for pk in changed for role, grant in grants[pk].items() if role not in roles[pk]]
    gained = [(pk, role) for pk in changed for role in sorted(roles[pk]) if role not in grants[pk]]
    with (
        local_password_guard.a_sysadmin_stays(by=by),
        local_password_guard.promotions_watched(user_ids={pk for pk, _ in gained}, by=by, at=at),
    ):
        RoleGrant.objects.filter(pk__among=lost).delete()
        insert_grants(gained, by=by, at=at)
    signed_in = [pk for pk in changed if pk not in sessions_ended_of]
    User.objects.filter(pk__among=signed_in).update(session_epoch=F("session_epoch") + 1)
    named: dict[frozenset[int], dict[str, list[str]]] = {}

    def in_words(role_ids: frozenset[int]) -> dict[str, list[str]]:
        if role_ids not in named:
            named[role_ids] = {"roles": sorted(roles_by_id[role].name for role in role_ids)}
        return named[role_ids]

    facts = [
        Fact("user", pk, names[pk], before=in_words(frozenset(grants[pk])), after=in_words(roles[pk])) for pk in changed
    ]
    note(facts, action="roles set", by=by, at=at)
    return frozenset(changed)


@transaction.atomic
def change_roles(
    *, user_ids: Collection[int], added: Collection[int] = (), removed: Collection[int] = (), by: Actor, at: datetime
) -> frozenset[int]:
    """Add roles (ids) to these users, and remove others; their further roles stay. Return the users whose roles changed.

    Raises:
        Refused: when no active SYSADMIN would be left; when a user would gain more than ``by`` holds; when a removed role
            holds more than ``by`` does.
    """
    locks.roles()
    locks.users(user_ids)
    grants = _grants_of(user_ids)
    escalation_guard.refuse_to_take(role_ids=removed, user_ids=user_ids, by=by)
    wanted = {pk: frozenset(present).difference(removed).union(added) for pk, present in grants.items()}
    changing = {pk: role_ids for pk, role_ids in wanted.items() if role_ids != grants[pk].keys()}
    return _store(changing, grants, by=by, at=at)


def insert_grants(granted: Iterable[tuple[int, int]], *, by: Actor, at: datetime) -> None:
    """Store grants, pairs of user id and role id. The caller has locked and checked, and writes the audit rows."""
    granted_at, label = connection.ops.adapt_datetimefield_value(at), by.label[:255]
    rows = [(user, role, granted_at, label) for user, role in granted]
    insert_rows(RoleGrant, ("user", "role", "granted_at", "granted_by"), rows)


def _grants_of(user_ids: Collection[int]) -> dict[int, dict[int, int]]:
    """Return the ids of these users' grants, by user and role."""
    grants: dict[int, dict[int, int]] = {pk: {} for pk in user_ids}
    for grant, user, role in (
        RoleGrant.objects.filter(user__among=user_ids).order_by().values_list("pk", "user_id", "role_id")
    ):
        grants[user][role] = grant
    return grants
