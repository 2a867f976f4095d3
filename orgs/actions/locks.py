"""The one order in which actions lock: what roles allow, then rows of orgs, then rows of users, each by id.

The lock of a user covers the user's devices and archives. An action locks everything that it depends on before it
reads it. SQLite needs no such locks: it has one writer at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from orgs.actions.errors import Refused
from orgs.models import Archive, Device, Org, RoleGrant, User
from orgs.models.roles import all_roles
from orgs.rules.inheritance import effective_settings

# Users whose rows this transaction has locked through ``holding``. Locking many rows again costs as much as at first.
_locked: ContextVar[frozenset[int]] = ContextVar("users that are locked", default=frozenset())


# Number of the PostgreSQL advisory lock between actions that give roles and actions that change a role's permissions.
_ROLES = 7_420_037
# That of the lock between accounts that are made of entries of a directory.
_NEW_MATCHES = 7_420_038


def roles(*, changing: bool = False) -> None:
    """Keep the permissions of roles unchanged until the transaction ends; a shared lock.

    With ``changing`` the lock is exclusive: it waits for all actions that are giving roles. So the change of a role
    sees all its holders, and an action that gives a role compares the role's present permissions.
    """
    if connection.vendor == "postgresql":
        function = "pg_advisory_xact_lock" if changing else "pg_advisory_xact_lock_shared"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [_ROLES])


def new_matches() -> None:
    """Have one transaction at a time note which new user an entry of a directory is, until it ends.

    Take it after all others: an entry with two usernames is one person, and no row of theirs is there yet to be locked.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_NEW_MATCHES])


@contextmanager
def holding(user_ids: Collection[int]) -> Iterator[None]:
    """Skip locking these users again inside the block; this transaction must have locked them by ``users`` before."""
    token = _locked.set(_locked.get().union(user_ids))
    try:
        yield
    finally:
        _locked.reset(token)


def orgs(org_ids: Collection[int]) -> None:
    """Keep these orgs active or inactive, as they are, until the transaction ends; a shared lock.

    An action that takes an org out of use, or changes its directory service, locks the org exclusively.
    """
    ids = sorted(set(org_ids))
    if ids and connection.vendor == "postgresql":
        table = connection.ops.quote_name(Org._meta.db_table)
        with connection.cursor() as cursor:
            # Django has no API for FOR KEY SHARE. No deadlock: a transaction that locks an org exclusively holds no
            # users yet, and a transaction that holds users does not take this lock.
            statement = f"SELECT id FROM {table} WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"  # noqa: S608
            cursor.execute(statement, [ids])


def active_orgs(org_ids: Collection[int]) -> dict[int, str]:
    """Keep these orgs in use until the transaction ends; return their names by id.

    Raises:
        Refused: when one is not active.
    """
    orgs(org_ids)
    names = dict(Org.objects.active().filter(pk__in=org_ids).values_list("pk", "name"))
    if missing := set(org_ids) - names.keys():
        raise Refused(f"org {min(missing)} does not exist or is not active")
    return names


def settings_of_orgs(org_ids: Collection[int], *, moves_go_on: bool = False) -> None:
    """Lock orgs whose settings change, and the orgs below, which inherit them.

    No user is moved into these orgs until the transaction ends. ``moves_go_on`` allows moves: use it for changes that
    do not decide whether a local password counts. Lock orgs before users: some users lose their passwords by the
    change. An action that creates users takes the ``no_key`` lock of an org and then locks further orgs. So take the
    ``no_key`` lock of all orgs before the full lock of any.
    """
    changing = set(org_ids)

    def branch() -> set[int]:
        return {each.id for each in effective_settings().values() if changing.intersection(each.lineage)}

    _until_they_stay(branch, lambda ids: _org_rows(ids, full=set() if moves_go_on else ids))


def moving_org(org_id: int, parent_id: int) -> None:
    """Lock an org that moves, all orgs below it, and the orgs that are above it before and after.

    Grants of roles, other moves of orgs, and moves of users into these orgs wait until the transaction ends: nobody can
    gain by two of these acts together what no one has checked.
    """
    roles(changing=True)

    def branch() -> set[int]:
        path = Org.objects.values_list("path", flat=True).get(pk=org_id)
        return set(Org.objects.filter(path__startswith=path).values_list("pk", flat=True))

    def beside() -> set[int]:
        path = Org.objects.values_list("path", flat=True).get(pk=org_id)
        above = Org.objects.filter(path=path[: -Org.steplen]).values_list("pk", flat=True)
        return {*branch(), *above, parent_id}

    _until_they_stay(beside, lambda ids: _org_rows(ids, full=branch()))


def org_and_the_one_above(org_id: int) -> None:
    """Lock an org, and the org above it first, as every action does that locks both."""

    def both() -> set[int]:
        path = Org.objects.values_list("path", flat=True).get(pk=org_id)
        return {*Org.objects.filter(path=path[: -Org.steplen]).values_list("pk", flat=True), org_id}

    _until_they_stay(both, lambda ids: _org_rows(ids, full={org_id}))


def _org_rows(ids: Collection[int], *, full: Collection[int]) -> None:
    """Take the ``no_key`` lock of these orgs, each by id, then the full lock of some of them."""
    rows = Org.objects.order_by("pk").values_list("pk")
    list(rows.filter(pk__in=ids).select_for_update(no_key=True))
    if full:
        list(rows.filter(pk__in=full).select_for_update())


def _until_they_stay(find: Callable[[], set[int]], lock: Callable[[set[int]], None]) -> None:
    """Lock the rows with the ids that ``find`` returns; if others have come by then, release all and begin again."""
    ids = find()
    while True:
        savepoint = transaction.savepoint()
        lock(ids)
        present_ids = find()
        if present_ids <= ids:
            transaction.savepoint_commit(savepoint)
            return
        transaction.savepoint_rollback(savepoint)
        ids = present_ids


def users(user_ids: Collection[int]) -> None:
    """Lock the rows of these users until the transaction ends; if one holds ``admin``, lock all holders of ``admin``.

    One statement locks all rows in the order of their ids. Two statements, users first and SYSADMINs later, could
    deadlock.
    """
    ids = set(user_ids)
    if ids <= _locked.get():
        return
    granted = admin_grants()
    if granted.filter(user__among=ids).exists():
        ids.update(granted.values_list("user", flat=True))
    list(User.objects.select_for_update().filter(pk__among=ids).order_by("pk").values_list("pk"))


def orgs_of_users(user_ids: Collection[int]) -> None:
    """Lock these users, and keep their orgs active or inactive, as they are."""
    chosen = User.objects.filter(pk__among=user_ids)

    def lock(org_ids: set[int]) -> None:
        orgs(org_ids)
        users(user_ids)

    # If a user was moved to another org before the lock, locking that org now, after users, could deadlock with an action
    # that changes the org and then forgets passwords of users.
    _until_they_stay(lambda: set(chosen.values_list("org_id", flat=True)), lock)


def users_to_be_named(users: QuerySet[User], *, beside: Collection[int] = ()) -> None:
    """Take the lock that rows which name these users, and those ``beside``, need anyway: each by id; a shared lock.

    PostgreSQL takes it for each foreign key as the transaction ends, in the order in which the rows were stored. A row that
    names its author first would lock the author before users with smaller ids, and could deadlock with an act on both.
    """
    if connection.vendor == "postgresql":
        chosen = User.objects.filter(Q(pk__in=users.order_by().values("pk")) | Q(pk__in=beside))
        statement, parameters = chosen.order_by("pk").values("pk").query.sql_with_params()
        with connection.cursor() as cursor:
            # Django has no API for FOR KEY SHARE.
            cursor.execute(f"{statement} FOR KEY SHARE", parameters)


def owners_of_devices(device_ids: Collection[int]) -> None:
    """Lock the users of these devices, as every action does that changes a device or its archives."""
    users(list(Device.objects.filter(pk__among=device_ids).values_list("user_id", flat=True)))


def owners_of_archives(archive_ids: Collection[int]) -> None:
    """Lock the users whose devices these archives belong to."""
    users(list(Archive.objects.filter(pk__among=archive_ids).values_list("device__user_id", flat=True)))


def administrators(*, beside: Collection[int] = ()) -> None:
    """Lock the holders of ``admin``, and the users ``beside``: of two removals at once, the second sees the first."""
    ids = {*admin_grants().values_list("user", flat=True), *beside}
    list(User.objects.select_for_update().filter(pk__among=ids).order_by("pk").values_list("pk"))


def admin_grants() -> QuerySet[RoleGrant]:
    """Return the grants of roles that hold ``admin``."""
    return RoleGrant.objects.filter(role__in=[role.pk for role in all_roles() if role.holds_admin])
