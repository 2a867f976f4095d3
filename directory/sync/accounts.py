"""Orgs → accounts: the users in scope as values, a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from directory.models import LdapServer, SyncSettings
from directory.scope import OrgScope
from directory.sync.values import Account, House, Known, OrgFacts
from orgs.inheritance import effective_settings
from orgs.models import Role, RoleGrant, SetBy, User
from orgs.text import fold

PAGE = 1000


def pages(org_ids: Collection[int], *, size: int = PAGE) -> Iterator[dict[int, Known]]:
    """Yield the users of these orgs by id, in pages of ``size``, each read when it is its turn."""
    last = 0
    while True:
        # Keyset paging: an offset would skip or repeat users when rows change between pages.
        ids = list(User.objects.filter(org__in=org_ids, pk__gt=last).order_by("pk").values_list("pk", flat=True)[:size])
        if not ids:
            return
        yield load(ids)
        last = ids[-1]


def load(user_ids: Collection[int], *, lock: bool = False) -> dict[int, Known]:
    """Return these users as values, by id; ``lock`` holds their rows until the transaction ends."""
    roles: dict[int, set[str]] = {}
    for pk, name in RoleGrant.objects.filter(user__in=user_ids).values_list("user_id", "role__name"):
        roles.setdefault(pk, set()).add(name)
    users = User.objects.filter(pk__in=user_ids).select_related("org").order_by("pk")
    if lock:
        users = users.select_for_update(of=("self",))
    held = set(User.objects.filter(pk__in=user_ids).held().values_list("pk", flat=True))
    return {user.pk: _known(user, frozenset(roles.get(user.pk, ())), on_hold=user.pk in held) for user in users}


def _known(user: User, roles: frozenset[str], *, on_hold: bool) -> Known:
    return Known(
        id=user.pk,
        account=Account(
            username=user.username,
            email=user.email,
            first_name=user.first_name,
            last_name=user.last_name,
            active=user.active,
            blocked=user.blocked,
            pending=user.pending,
            org=user.org.name,
            org_id=user.org_id,
            roles=roles,
        ),
        on_hold=on_hold,
        managed_locally=user.managed_locally,
        deactivated_by_sync=user.deactivated_by == SetBy.SYNC,
        blocked_by_sync=user.blocked_by == SetBy.SYNC,
    )


def usernames_of_others(wanted: Mapping[int, Collection[str]]) -> dict[int, frozenset[str]]:
    """Return which of the folded usernames wanted for each user belong to someone else."""
    keys = {key for names in wanted.values() for key in names}
    owners = dict(User.objects.filter(username_key__in=keys).values_list("username_key", "pk"))
    return {pk: frozenset(key for key in names if owners.get(key, pk) != pk) for pk, names in wanted.items()}


def house(scope: Mapping[int, OrgScope]) -> House:
    """Return the orgs, roles and settings that a plan is made against."""
    roles = list(Role.objects.all())
    return House(
        orgs={
            fold(org.name): OrgFacts(
                id=org.id,
                name=org.name,
                default_roles=org.default_roles,
                synchronized=org.id in scope,
                servers=scope[org.id].servers if org.id in scope else (),
            )
            for org in effective_settings().values()
            if org.active
        },
        roles={fold(role.name): role.name for role in roles},
        admin_roles=frozenset(role.name for role in roles if role.holds_admin),
        grantable={
            server.name: frozenset(role.name for role in server.grantable_roles.all())
            for server in LdapServer.objects.prefetch_related("grantable_roles")
        },
        reactivate_set_by_person=SyncSettings.load().reactivate_set_by_person,
    )


def sysadmins() -> set[int]:
    """Return the ids of everyone who is an active SYSADMIN now."""
    return set(User.objects.sysadmins().values_list("pk", flat=True))
