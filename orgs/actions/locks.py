"""The one order in which actions lock: what roles allow, then the rows of orgs, then of users, each by id.

Devices and archives belong to their user's lock. An action locks all that it depends on first, and only then reads it.
SQLite has one writer at a time anyhow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection, transaction
from django.db.models import QuerySet

from orgs.actions.errors import Refused
from orgs.models import Archive, Device, Org, Role, RoleGrant, User
from orgs.rules.inheritance import effective_settings

# Users whose rows this transaction has locked already, as far as it says so: locking many again takes as long as the first time.
_locked: ContextVar[frozenset[int]] = ContextVar("users that are locked", default=frozenset())


# PostgreSQL's number of the lock between who gives roles and who changes what a role allows.
_ROLES = 7_420_037


def roles(*, changing: bool = False) -> None:
    """Keep what roles allow as it is until the transaction ends; others may do the same meanwhile.

    ``changing`` waits until nobody gives a role that was looked at before the change: whoever is given one then is among
    its holders, and what the giver holds is compared with what the role allows.
    """
    if connection.vendor == "postgresql":
        function = "pg_advisory_xact_lock" if changing else "pg_advisory_xact_lock_shared"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [_ROLES])


@contextmanager
def holding(user_ids: Collection[int]) -> Iterator[None]:
    """Have no action in the block lock these users once more: this transaction has locked them by ``users`` before."""
    token = _locked.set(_locked.get().union(user_ids))
    try:
        yield
    finally:
        _locked.reset(token)


def orgs(org_ids: Collection[int]) -> None:
    """Keep these orgs as active as they are until the transaction ends; others may do the same meanwhile.

    An org is locked against this when it is taken out of use, and when its directory service changes.
    """
    ids = sorted(set(org_ids))
    if ids and connection.vendor == "postgresql":
        table = connection.ops.quote_name(Org._meta.db_table)
        with connection.cursor() as cursor:
            # Django has no name for this lock. Nobody who locks an org against it holds users yet, and nobody who
            # holds users takes it, so it can't be waited for in a circle.
            statement = f"SELECT id FROM {table} WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"  # noqa: S608
            cursor.execute(statement, [ids])


def active_orgs(org_ids: Collection[int]) -> dict[int, str]:
    """Keep these orgs in use until the transaction ends; return their names.

    Raises:
        Refused: when one is not active.
    """
    orgs(org_ids)
    names = dict(Org.objects.active().filter(pk__in=org_ids).values_list("pk", "name"))
    if gone := set(org_ids) - names.keys():
        raise Refused(f"org {min(gone)} does not exist or is not active")
    return names


def settings_of_orgs(org_ids: Collection[int], *, moves_go_on: bool = False) -> None:
    """Lock orgs whose settings change, and those below, which inherit them.

    Nobody is moved into any of them meanwhile, unless ``moves_go_on``: that is for changes by which no local password
    begins or ends to count. They come before users, some of whom lose their passwords by it. Those who make users hold
    orgs as is done first here, and take further ones then; so all are held that way before any is closed to them.
    """
    changing = set(org_ids)
    ids = [each.id for each in effective_settings().values() if changing.intersection(each.lineage)]
    found = Org.objects.filter(pk__in=ids).order_by("pk").values_list("pk")
    list(found.select_for_update(no_key=True))
    if not moves_go_on:
        list(found.select_for_update())


def users(user_ids: Collection[int]) -> None:
    """Lock the rows of these users until the transaction ends and, where one holds ``admin``, of all who do.

    Everybody takes them at once and in one order: whoever took the users first and the SYSADMINs later could wait for
    somebody who waits for them.
    """
    ids = set(user_ids)
    if ids <= _locked.get():
        return
    granted = admin_grants()
    if granted.filter(user__among=ids).exists():
        ids.update(granted.values_list("user", flat=True))
    list(User.objects.select_for_update().filter(pk__among=ids).order_by("pk").values_list("pk"))


def orgs_of_users(user_ids: Collection[int]) -> None:
    """Lock these users, and keep the orgs that they are in as active as they are."""
    theirs = User.objects.filter(pk__among=user_ids)
    org_ids = set(theirs.values_list("org_id", flat=True))
    while True:
        savepoint = transaction.savepoint()
        orgs(org_ids)
        users(user_ids)
        now = set(theirs.values_list("org_id", flat=True))
        if now <= org_ids:
            transaction.savepoint_commit(savepoint)
            return
        # Somebody was moved before they were locked. Whoever locks an org after users could wait in a circle for somebody
        # who changes that org and forgets a password of theirs: all locks are released, and taken again.
        transaction.savepoint_rollback(savepoint)
        org_ids = now


def owners_of_devices(device_ids: Collection[int]) -> None:
    """Hold the users of these devices, as everybody does who changes a device or its archives."""
    users(list(Device.objects.filter(pk__among=device_ids).values_list("user_id", flat=True)))


def owners_of_archives(archive_ids: Collection[int]) -> None:
    """Hold the users whose devices these archives belong to."""
    users(list(Archive.objects.filter(pk__among=archive_ids).values_list("device__user_id", flat=True)))


def administrators(*, beside: Collection[int] = ()) -> None:
    """Hold all users who hold ``admin``, and these: of two who take it away at once, the second sees what the first has done."""
    ids = {*admin_grants().values_list("user", flat=True), *beside}
    list(User.objects.select_for_update().filter(pk__among=ids).order_by("pk").values_list("pk"))


def admin_grants() -> QuerySet[RoleGrant]:
    """Return the grants of roles that hold ``admin``."""
    return RoleGrant.objects.filter(role__in=[role.pk for role in Role.objects.all() if role.holds_admin])
