"""The one order in which actions lock rows: orgs, then users, each by id; devices and archives belong to their user's lock.

An action locks all that it depends on first, and only then reads it. SQLite has one writer at a time anyhow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection
from django.db.models import QuerySet

from orgs.models import Archive, Device, Org, Role, RoleGrant, User

# Users whose rows this transaction holds already, as far as it says so: locking many again takes as long as the first time.
_held: ContextVar[frozenset[int]] = ContextVar("users that are held", default=frozenset())


@contextmanager
def holding(user_ids: Collection[int]) -> Iterator[None]:
    """Have no action in the block lock these users once more: this transaction has locked them by ``users`` before."""
    token = _held.set(_held.get().union(user_ids))
    try:
        yield
    finally:
        _held.reset(token)


def orgs(org_ids: Collection[int]) -> None:
    """Keep these orgs as active as they are until the transaction ends; others may do the same meanwhile.

    An org is locked against this when it is taken out of use. Its settings may change meanwhile.
    """
    ids = sorted(set(org_ids))
    if ids and connection.vendor == "postgresql":
        table = connection.ops.quote_name(Org._meta.db_table)
        with connection.cursor() as cursor:
            # Django has no name for this lock. Nobody who takes an org out of use holds users, so it can't be waited
            # for in a circle.
            statement = f"SELECT id FROM {table} WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"  # noqa: S608
            cursor.execute(statement, [ids])


def users(user_ids: Collection[int]) -> None:
    """Hold the rows of these users until the transaction ends and, where one holds ``admin``, of all who do.

    Everybody takes them at once and in one order: whoever took the users first and the SYSADMINs later could wait for
    somebody who waits for them.
    """
    ids = set(user_ids)
    if ids <= _held.get():
        return
    granted = admin_grants()
    if granted.filter(user__among=ids).exists():
        ids.update(granted.values_list("user", flat=True))
    list(User.objects.select_for_update().filter(pk__among=ids).order_by("pk").values_list("pk"))


def orgs_of_users(user_ids: Collection[int]) -> None:
    """Hold these users, and keep the orgs that they are in as active as they are."""
    theirs = User.objects.filter(pk__among=user_ids)
    before = set(theirs.values_list("org_id", flat=True))
    orgs(before)
    users(user_ids)
    # Somebody may have been moved before they were held.
    orgs(set(theirs.values_list("org_id", flat=True)) - before)


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
