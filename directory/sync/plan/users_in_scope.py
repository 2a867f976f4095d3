"""Loads the users in scope, and the orgs and roles that a plan needs, as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from django.db.models import Count

from directory.models import LdapServer, SyncSettings
from directory.scope import OrgScope
from directory.values.plan import Account, OrgFacts, PlanContext, StoredUser
from orgs.actions import locks
from orgs.actions.powers import depends_on_org
from orgs.models import Org, Role, RoleGrant, SetBy, User
from orgs.rules.inheritance import Effective, effective_settings
from orgs.text import fold

PAGE = 1000


class UserRow(NamedTuple):
    """The columns of a user that decisions depend on."""

    pk: int
    username: str
    email: str
    first_name: str
    last_name: str
    active: bool
    blocked: bool
    pending: bool
    org_id: int
    managed_locally: bool
    deactivated_by: str
    blocked_by: str
    pending_by: str
    session_epoch: int


def pages(user_ids: Sequence[int], org_ids: Collection[int]) -> Iterator[dict[int, StoredUser]]:
    """Yield these users by id, a page at a time, without those who have moved out of these orgs meanwhile."""
    for start in range(0, len(user_ids), PAGE):
        page = load(user_ids[start : start + PAGE])
        yield {pk: user for pk, user in page.items() if user.account.org_id in org_ids}


def load(user_ids: Collection[int], *, lock: bool = False) -> dict[int, StoredUser]:
    """Return these users as values, by id; ``lock`` holds their rows until the transaction ends."""
    if lock:
        # Lock before anything else is read, so that roles and legal holds are those of the locked users.
        locks.users(user_ids)
    rows = User.objects.filter(pk__among=user_ids).order_by("pk").values_list(*UserRow._fields)
    found = list(map(UserRow._make, rows))
    roles: dict[int, set[str]] = {}
    for pk, name in RoleGrant.objects.filter(user__among=user_ids).values_list("user_id", "role__name"):
        roles.setdefault(pk, set()).add(name)
    on_hold = set(User.objects.filter(pk__among=user_ids).on_legal_hold().values_list("pk", flat=True))
    orgs = dict(Org.objects.filter(pk__among={row.org_id for row in found}).values_list("pk", "name"))
    return {
        row.pk: _stored_user(row, orgs[row.org_id], frozenset(roles.get(row.pk, ())), on_hold=row.pk in on_hold)
        for row in found
    }


def _stored_user(row: UserRow, org: str, roles: frozenset[str], *, on_hold: bool) -> StoredUser:
    return StoredUser(
        id=row.pk,
        account=Account(
            username=row.username,
            email=row.email,
            first_name=row.first_name,
            last_name=row.last_name,
            active=row.active,
            blocked=row.blocked,
            pending=row.pending,
            org=org,
            org_id=row.org_id,
            roles=roles,
        ),
        on_hold=on_hold,
        managed_locally=row.managed_locally,
        deactivated_by_sync=row.deactivated_by == SetBy.SYNC,
        blocked_by_sync=row.blocked_by == SetBy.SYNC,
        pending_by_sync=row.pending_by == SetBy.SYNC,
        session_epoch=row.session_epoch,
    )


def usernames_of_others(usernames: Mapping[int, Collection[str]]) -> dict[int, dict[str, int]]:
    """Return by user id which of the user's folded ``usernames`` belong to other users, with the ids of these."""
    keys = {key for names in usernames.values() for key in names}
    owners = dict(User.objects.filter(username_key__among=keys).values_list("username_key", "pk"))
    return {pk: {key: owners[key] for key in names if owners.get(key, pk) != pk} for pk, names in usernames.items()}


def owner_of(user_id: int, key: str) -> int | None:
    """Return the id of another user who has this folded username, or None."""
    return usernames_of_others({user_id: [key]})[user_id].get(key)


def orgs(effective: Mapping[int, Effective], org_servers: Mapping[int, tuple[int, ...]]) -> dict[int, OrgFacts]:
    """Return the active orgs by id; ``org_servers`` are the servers of each org that follows LDAP."""
    return {
        org.id: OrgFacts(
            id=org.id,
            name=org.name,
            default_roles=org.default_roles,
            synchronized=bool(org_servers.get(org.id)),
            servers=org_servers.get(org.id, ()),
            path=org.path,
        )
        for org in effective.values()
        if org.active
    }


def plan_context(scope: Mapping[int, OrgScope]) -> PlanContext:
    """Return the orgs, roles and settings that a plan is decided against."""
    roles = list(Role.objects.all())
    org_servers = {pk: org.servers for pk, org in scope.items()}
    return PlanContext(
        orgs={fold(org.name): org for org in orgs(effective_settings(), org_servers).values()},
        roles={fold(role.name): role.name for role in roles},
        admin_roles=frozenset(role.name for role in roles if role.holds_admin),
        powerful_roles=frozenset(role.name for role in roles if role.reaches_every_org),
        org_roles=frozenset(role.name for role in roles if depends_on_org(role.permissions)),
        grantable={
            server.pk: frozenset(role.name for role in server.grantable_roles.all())
            for server in LdapServer.objects.prefetch_related("grantable_roles")
        },
        reactivate_set_by_person=SyncSettings.objects.filter(reactivate_set_by_person=True).exists(),
    )


def holders(org_ids: Collection[int]) -> Counter[tuple[str, int]]:
    """Return how many active users of these orgs hold each role, by its name and the server that they were matched to."""
    grants = RoleGrant.objects.filter(user__org__in=org_ids, user__active=True).order_by()
    counted = grants.values_list("role__name", "user__match__server").annotate(Count("pk"))
    return Counter({(name, server or 0): count for name, server, count in counted})


def sysadmins() -> set[int]:
    """Return the ids of all active SYSADMINs."""
    return set(User.objects.sysadmins().values_list("pk", flat=True))
