"""Loads given users as values, a page at a time; finds who owns a username and who holds a role."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from django.db.models import Count

from directory.values.plan import Account, StoredUser
from orgs.actions import locks
from orgs.models import Org, RoleGrant, SetBy, User

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


def holders(org_ids: Collection[int]) -> Counter[tuple[str, int]]:
    """Return how many active users of these orgs hold each role, by its name and the server that they were matched to."""
    grants = RoleGrant.objects.filter(user__org__in=org_ids, user__active=True).order_by()
    counted = grants.values_list("role__name", "user__match__server").annotate(Count("pk"))
    return Counter({(name, server or 0): count for name, server, count in counted})


def sysadmins() -> set[int]:
    """Return the ids of all active SYSADMINs."""
    return set(User.objects.sysadmins().values_list("pk", flat=True))
