"""What happens to users: created, blocked, deactivated, reactivated, moved, re-roled, renamed; many at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.db.models import F

from orgs.actions import archives, devices, guard, locks, ways_in
from orgs.actions.archives import Restored
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.bulk import insert_rows, update_rows
from orgs.models import CreatedBy, Device, Org, Role, RoleGrant, SetBy, User
from orgs.rules.actors import Actor
from orgs.rules.local_sign_in import follows_directory, password_counts
from orgs.text import fold, misleading

# What is written of a grant.
GRANT = ("user", "role", "granted_at", "granted_by")
# So many names are looked up with one question: databases take no end of them.
AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Profile:
    """The names of a user."""

    username: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""


@dataclass(frozen=True, slots=True)
class Deactivated:
    """Who was deactivated, and who was blocked instead, because they are on legal hold."""

    users: frozenset[int]
    on_hold: frozenset[int]


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to be made; ``roles`` are ids, the password is given plainly or hashed already."""

    profile: Profile
    org_id: int
    roles: frozenset[int] = frozenset()
    notes: str = ""
    managed_locally: bool = False
    password: str = field(default="", repr=False)
    hashed_password: str = field(default="", repr=False)


@transaction.atomic
def create(*, users: Iterable[NewUser], created_by: CreatedBy, by: Actor, at: datetime) -> list[User]:
    """Make users; without a password they sign in by LDAP or not at all.

    Raises:
        Refused: when a username is empty, misleading, or taken in any letter case; when an org is not active; when a role holds more than ``by`` does; for a
            password in an org that follows LDAP, unless the user is managed locally.
    """
    locks.roles()
    new_users = list(users)
    keys = [fold(new.profile.username) for new in new_users]
    _refuse_taken(keys)
    for new in new_users:
        if reason := misleading(new.profile.username):
            raise Refused(f"the username {new.profile.username} could be taken for another one: {reason}")
    _hold_active_orgs({new.org_id for new in new_users})
    orgs = Org.objects.in_bulk({new.org_id for new in new_users})
    all_roles = {role.pk: role for role in Role.objects.all()}
    for org_id, role_ids in _role_ids_by_org(new_users).items():
        roles = [all_roles[pk] for pk in sorted(role_ids)]
        guard.refuse_roles(roles=roles, org_path=orgs[org_id].path, where="Creating these users", by=by)
    for org_id in {new.org_id for new in new_users if _has_password(new) and not new.managed_locally}:
        if follows_directory(orgs[org_id]):
            raise Refused(f"{orgs[org_id].name} follows LDAP, so its users have no local password: leave it out")
    made = []
    for new, key in zip(new_users, keys, strict=True):
        user = User(
            username=new.profile.username.strip(),
            username_key=key,
            email=new.profile.email,
            first_name=new.profile.first_name,
            last_name=new.profile.last_name,
            org_id=new.org_id,
            notes=new.notes,
            managed_locally=new.managed_locally,
            created_by=created_by,
        )
        user.password = new.hashed_password or _stored(new.password)
        made.append(user)
    User.objects.bulk_create(made, batch_size=500)
    granted_at = connection.ops.adapt_datetimefield_value(at)
    grants = [
        (user.pk, role, granted_at, by.label[:255])
        for user, new in zip(made, new_users, strict=True)
        for role in new.roles
    ]
    insert_rows(RoleGrant, GRANT, grants)
    facts = [
        Fact(
            "user",
            user.pk,
            user.username,
            after={
                "org": orgs[new.org_id].name,
                "roles": sorted(all_roles[role].name for role in new.roles),
                "managed_locally": new.managed_locally,
                "password": "set" if _has_password(new) else "none",
            },
        )
        for user, new in zip(made, new_users, strict=True)
    ]
    note(facts, action="user created", by=by, at=at)
    return made


def _role_ids_by_org(new_users: Iterable[NewUser]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for new in new_users:
        found.setdefault(new.org_id, set()).update(new.roles)
    return found


def _has_password(new: NewUser) -> bool:
    return bool(new.password or new.hashed_password)


def _stored(password: str) -> str:
    """Return a password as it is stored, or one that nobody can have: Django's own takes long to make thousands of."""
    return make_password(password) if password else ways_in.no_password()


def _refuse_taken(keys: list[str]) -> None:
    if "" in keys:
        raise Refused("a username is empty")
    names_so_far: set[str] = set()
    for key in keys:
        if key in names_so_far:
            raise Refused(f"the username {key} stands there twice (letter case does not count)")
        names_so_far.add(key)
    for name in taken(keys).values():
        raise Refused(f"the username {name} is taken (letter case does not count)")


def taken(keys: Sequence[str]) -> dict[str, str]:
    """Return those of the folded usernames that users have already, as they are spelled."""
    found: dict[str, str] = {}
    for start in range(0, len(keys), AT_ONCE):
        theirs = User.objects.filter(username_key__in=keys[start : start + AT_ONCE])
        found |= dict(theirs.values_list("username_key", "username"))
    return found


@transaction.atomic
def block(*, user_ids: Collection[int], by: Actor, at: datetime) -> frozenset[int]:
    """Sign these users out everywhere and keep them out; archives stay as they are. Return who was not blocked yet.

    Raises:
        Refused: when no active SYSADMIN would be left.
    """
    lock(user_ids=user_ids)
    _take_over(user_ids, "blocked", by=by, at=at)
    changed = _pick(user_ids, blocked=False)
    _keep_a_sysadmin(losing=changed)
    with ways_in.a_sysadmin_stays(by=by):
        User.objects.filter(pk__among=changed).update(
            blocked=True, blocked_by=by.set_by, blocked_at=at, session_epoch=F("session_epoch") + 1
        )
    _note(changed, "user blocked", by=by, at=at, before={"blocked": False}, after={"blocked": True})
    return frozenset(changed)


@transaction.atomic
def unblock(*, user_ids: Collection[int], by: Actor, at: datetime) -> frozenset[int]:
    """Let these users sign in again; a deactivation that was pending is off. Return who was blocked.

    Raises:
        Refused: when one of them holds more than ``by``.
    """
    lock(user_ids=user_ids)
    changed = _pick(user_ids, blocked=True)
    guard.refuse_above(user_ids=changed, doing="unblock them", by=by)
    User.objects.filter(pk__among=changed).update(blocked=False, blocked_by=SetBy.NOBODY, blocked_at=None)
    _note(changed, "user unblocked", by=by, at=at, before={"blocked": True}, after={"blocked": False})
    with locks.holding(changed):
        clear_pending(user_ids=changed, by=by, at=at)
    return frozenset(changed)


@transaction.atomic
def set_pending(*, user_ids: Collection[int], by: Actor, at: datetime) -> frozenset[int]:
    """Deactivate these users on hold as soon as they are released. Return for whom that is new."""
    lock(user_ids=user_ids)
    _take_over(user_ids, "pending", by=by, at=at)
    changed = _pick(user_ids, pending=False, active=True)
    User.objects.filter(pk__among=changed).update(pending=True, pending_by=by.set_by, pending_at=at)
    _note(changed, "deactivation pending", by=by, at=at, before={"pending": False}, after={"pending": True})
    return frozenset(changed)


@transaction.atomic
def clear_pending(*, user_ids: Collection[int], by: Actor, at: datetime) -> frozenset[int]:
    """Forget the pending deactivation of these users. Return who had one."""
    lock(user_ids=user_ids)
    changed = _pick(user_ids, pending=True)
    User.objects.filter(pk__among=changed).update(pending=False, pending_by=SetBy.NOBODY, pending_at=None)
    _note(changed, "pending deactivation cleared", by=by, at=at, before={"pending": True}, after={"pending": False})
    return frozenset(changed)


@transaction.atomic
def deactivate(*, user_ids: Collection[int], by: Actor, at: datetime) -> Deactivated:
    """End these users' backups: devices deactivated, archives to cold storage; on legal hold they are blocked instead.

    Raises:
        Refused: when no active SYSADMIN would be left.
    """
    lock(user_ids=user_ids)
    names = _pick(user_ids, active=True)
    _keep_a_sysadmin(losing=names)
    on_hold = frozenset(User.objects.filter(pk__among=names).on_legal_hold().values_list("pk", flat=True))
    with locks.holding(names):
        block(user_ids=on_hold, by=by, at=at)
        set_pending(user_ids=on_hold, by=by, at=at)
    leaving = {pk: name for pk, name in names.items() if pk not in on_hold}
    with ways_in.a_sysadmin_stays(by=by):
        User.objects.filter(pk__among=leaving).update(
            active=False,
            deactivated_by=by.set_by,
            deactivated_at=at,
            pending=False,
            pending_by=SetBy.NOBODY,
            pending_at=None,
            session_epoch=F("session_epoch") + 1,
        )
    theirs = Device.objects.filter(user__in=leaving, active=True).values_list("pk", flat=True)
    with locks.holding(names):
        devices.deactivate(device_ids=list(theirs), by=by, at=at, with_user=True)
    # A device may have been off already, with its archive still live.
    others = Device.objects.filter(user__among=leaving, active=False).values_list("pk", flat=True)
    archives.to_cold_storage(device_ids=list(others), at=at)
    _note(leaving, "user deactivated", by=by, at=at, before={"active": True}, after={"active": False})
    return Deactivated(users=frozenset(leaving), on_hold=on_hold)


@transaction.atomic
def reactivate(
    *, user_ids: Collection[int], by: Actor, at: datetime, with_devices: bool = True
) -> tuple[frozenset[int], Restored]:
    """Let these users back up again, with the devices that were deactivated with them and their unexpired archives.

    Returns who was deactivated, and what came back out of cold storage or was lost.

    Raises:
        Refused: when one of them holds more than ``by``, or is in an org that is not active.
    """
    locks.orgs_of_users(user_ids)
    changed = _pick(user_ids, active=False)
    _refuse_in_orgs_out_of_use(changed)
    guard.refuse_above(user_ids=changed, doing="reactivate them", by=by)
    User.objects.filter(pk__among=changed).update(active=True, deactivated_by=SetBy.NOBODY, deactivated_at=None)
    theirs = Device.objects.filter(user__in=changed, deactivated_with_user=True).values_list("pk", flat=True)
    restored = Restored(0, 0)
    if with_devices:
        with locks.holding(changed):
            restored = devices.reactivate(device_ids=list(theirs), by=by, at=at)
    else:
        restored = archives.out_of_cold_storage(device_ids=list(theirs), at=at)
    _note(changed, "user reactivated", by=by, at=at, before={"active": False}, after={"active": True})
    return frozenset(changed), restored


def _refuse_in_orgs_out_of_use(user_ids: Collection[int]) -> None:
    """No sync decides about active users of an org that is not active."""
    stray = User.objects.filter(pk__among=user_ids, org__active=False).select_related("org").order_by("pk").first()
    if stray is not None:
        raise Refused(
            f"{stray.username} is in {stray.org.name}, which is not active: activate the org, or move the user"
        )


@transaction.atomic
def move(
    *,
    moves: Mapping[int, int],
    strangers: Collection[int] = (),
    ending_sessions_of: Collection[int] = (),
    by: Actor,
    at: datetime,
) -> frozenset[int]:
    """Put users (keys) into orgs (values); devices of ``strangers`` are deauthorized.

    Strangers are those whom the new org's directory does not know. The sessions of those whose roles are about to
    change can end with it, so that their rows need not be written twice.

    Raises:
        Refused: when an org is not active; when a user would reach further than ``by`` does, or the org's default
            roles hold more than ``by``; when the acting person or the last SYSADMIN could not sign in any more.
    """
    names = _hold_active_orgs(set(moves.values()))
    lock(user_ids=moves)
    current = {
        pk: (name, org_id, org_name)
        for pk, name, org_id, org_name in User.objects.filter(pk__among=moves).values_list(
            "pk", "username", "org_id", "org__name"
        )
        if moves[pk] != org_id
    }
    guard.refuse_moves({pk: moves[pk] for pk in current}, by=by)
    having = ways_in.having_passwords(current)
    with (
        ways_in.watched(user_ids=having, by=by, at=at),
        # From another org the same roles may reach further.
        ways_in.promotions_watched(user_ids=having, by=by, at=at),
    ):
        _put_into_orgs({pk: moves[pk] for pk in current}, ending_sessions_of)
    with locks.holding(moves):
        devices.deauthorize(user_ids=[pk for pk in strangers if pk in current], by=by, at=at)
    facts = [
        Fact("user", pk, name, before={"org": old}, after={"org": names[moves[pk]]})
        for pk, (name, _, old) in current.items()
    ]
    note(facts, action="user moved", by=by, at=at)
    return frozenset(current)


def _put_into_orgs(moves: Mapping[int, int], ending_sessions_of: Collection[int]) -> None:
    for org_id, ends in sorted({(org_id, pk in ending_sessions_of) for pk, org_id in moves.items()}):
        moved = [pk for pk in moves if moves[pk] == org_id and (pk in ending_sessions_of) == ends]
        User.objects.filter(pk__among=moved).update(org_id=org_id, session_epoch=F("session_epoch") + int(ends))


@transaction.atomic
def set_roles(
    *, roles: Mapping[int, frozenset[int]], sessions_ended_of: Collection[int] = (), by: Actor, at: datetime
) -> frozenset[int]:
    """Give users (keys) exactly these roles (values, ids); their sessions end, if they have not. Return whose roles changed.

    Raises:
        Refused: when no active SYSADMIN would be left; when a user would gain more than ``by`` holds.
    """
    locks.roles()
    lock(user_ids=roles)
    all_roles = {role.pk: role for role in Role.objects.all()}
    grants: dict[int, dict[int, int]] = {pk: {} for pk in roles}
    for grant, user, role in RoleGrant.objects.filter(user__among=roles).values_list("pk", "user_id", "role_id"):
        grants[user][role] = grant
    names = dict(User.objects.filter(pk__among=roles).values_list("pk", "username"))
    changed = [pk for pk in names if frozenset(grants[pk]) != roles[pk]]
    _keep_a_sysadmin(
        losing=[pk for pk in changed if _holds_admin(grants[pk], all_roles) and not _holds_admin(roles[pk], all_roles)],
        gaining=[pk for pk in changed if _holds_admin(roles[pk], all_roles)],
    )
    guard.refuse_role_sets({pk: roles[pk] for pk in changed}, all_roles, by=by)
    lost = [grant for pk in changed for role, grant in grants[pk].items() if role not in roles[pk]]
    granted_at, label = connection.ops.adapt_datetimefield_value(at), by.label[:255]
    gained = [(pk, role, granted_at, label) for pk in changed for role in sorted(roles[pk]) if role not in grants[pk]]
    with (
        ways_in.a_sysadmin_stays(by=by),
        ways_in.promotions_watched(user_ids={pk for pk, *_ in gained}, by=by, at=at),
    ):
        RoleGrant.objects.filter(pk__among=lost).delete()
        insert_rows(RoleGrant, GRANT, gained)
    signed_in = [pk for pk in changed if pk not in sessions_ended_of]
    User.objects.filter(pk__among=signed_in).update(session_epoch=F("session_epoch") + 1)
    facts = [
        Fact(
            "user",
            pk,
            names[pk],
            before={"roles": sorted(all_roles[role].name for role in grants[pk])},
            after={"roles": sorted(all_roles[role].name for role in roles[pk])},
        )
        for pk in changed
    ]
    note(facts, action="roles set", by=by, at=at)
    return frozenset(changed)


def _holds_admin(role_ids: Iterable[int], all_roles: Mapping[int, Role]) -> bool:
    return any(all_roles[role].holds_admin for role in role_ids)


@transaction.atomic
def update_profiles(*, profiles: Mapping[int, Profile], by: Actor, at: datetime) -> frozenset[int]:
    """Set users' names and email. Return whose changed.

    Usernames may pass from one of these users to another.

    Raises:
        Refused: when a username is empty or another user's; when ``by`` gives another name or address, by which a
            directory may know somebody else, to a user who holds more.
    """
    lock(user_ids=profiles)
    users = [user for user in User.objects.filter(pk__among=profiles) if _profile(user) != profiles[user.pk]]
    _refuse_names_of_others(users, profiles)
    guard.refuse_above(user_ids=[user.pk for user in users], doing="change their names and address", by=by)
    facts = []
    for user in users:
        before, after = _profile(user), profiles[user.pk]
        names = [field for field in Profile.__slots__ if getattr(before, field) != getattr(after, field)]
        facts.append(
            Fact(
                "user",
                user.pk,
                after.username,
                before={field: getattr(before, field) for field in names},
                after={field: getattr(after, field) for field in names},
            )
        )
    new = {user.pk: {**asdict(profiles[user.pk]), "username_key": fold(profiles[user.pk].username)} for user in users}
    _free_names_passed_on(users, {pk: str(row["username_key"]) for pk, row in new.items()})
    update_rows(User, new, columns=["username", "username_key", "email", "first_name", "last_name"])
    note(facts, action="profile updated", by=by, at=at)
    return frozenset(user.pk for user in users)


def _profile(user: User) -> Profile:
    return Profile(user.username, user.email, user.first_name, user.last_name)


def _refuse_names_of_others(users: list[User], profiles: Mapping[int, Profile]) -> None:
    keys: dict[str, int] = {}
    for user in users:
        key = fold(profiles[user.pk].username)
        if not key:
            raise Refused("a username is empty")
        if key in keys:
            raise Refused(f"the username {profiles[user.pk].username} would be two users' (letter case does not count)")
        keys[key] = user.pk
    renamed = {user.pk for user in users if fold(profiles[user.pk].username) != user.username_key}
    for pk, key, name in User.objects.filter(username_key__among=keys).values_list("pk", "username_key", "username"):
        if keys[key] != pk and pk not in renamed:
            raise Refused(f"the username {name} is taken (letter case does not count)")


def _free_names_passed_on(users: list[User], keys: Mapping[int, str]) -> None:
    """Free the usernames that pass from one user to another: the unique index allows no two of one name, not for a moment."""
    new_keys = set(keys.values())
    passing = [user.pk for user in users if user.username_key != keys[user.pk] and user.username_key in new_keys]
    # No username's key begins with a space.
    update_rows(User, {pk: {"username_key": f" {pk}"} for pk in passing}, columns=["username_key"])


@transaction.atomic
def set_managed_locally(*, user_ids: Collection[int], managed_locally: bool, by: Actor, at: datetime) -> frozenset[int]:
    """Put users out of a sync's reach, or back into it. Return for whom that is new.

    In an org that follows LDAP it decides whether a local password opens the account: whoever is managed locally from
    now on and may do more than handle themselves gets a new password, as the old one is forgotten (``ways_in``).

    Raises:
        Refused: when one of them holds more than ``by``; when the acting person or the last SYSADMIN with a local
            password could not sign in any more.
    """
    lock(user_ids=user_ids)
    changed = _pick(user_ids, managed_locally=not managed_locally)
    guard.refuse_above(user_ids=changed, doing="mark them as managed locally, or not", by=by)
    with ways_in.watched(user_ids=changed, by=by, at=at):
        User.objects.filter(pk__among=changed).update(managed_locally=managed_locally)
    _note(
        changed,
        "managed locally" if managed_locally else "managed by the directory",
        by=by,
        at=at,
        before={"managed_locally": not managed_locally},
        after={"managed_locally": managed_locally},
    )
    return frozenset(changed)


@transaction.atomic
def set_password(*, user: User, password: str, by: Actor, at: datetime) -> None:
    """Set a local password and end the user's other sessions.

    Raises:
        Refused: when the user holds more than ``by``; when a local password opens nothing, as the org follows LDAP.
    """
    lock(user_ids=[user.pk])
    stored = User.objects.select_related("org").get(pk=user.pk)
    guard.refuse_above(user_ids=[stored.pk], doing="set their password", by=by)
    if not password_counts(stored):
        raise Refused(
            f"{stored.org.name} follows LDAP, so a local password would not open {stored.username}'s account: "
            "mark the user as managed locally first"
        )
    stored.set_password(password)
    User.objects.filter(pk=stored.pk).update(password=stored.password, session_epoch=F("session_epoch") + 1)
    user.password = stored.password
    user.session_epoch = stored.session_epoch + 1
    _note({stored.pk: stored.username}, "password set", by=by, at=at)


def lock(*, user_ids: Collection[int]) -> None:
    """Hold the rows of these users until the transaction ends and, where one holds ``admin``, of all who do."""
    locks.users(user_ids)


def _hold_active_orgs(org_ids: Collection[int]) -> dict[int, str]:
    """Keep these orgs in use until the transaction ends; return their names.

    Raises:
        Refused: when one is not active.
    """
    locks.orgs(org_ids)
    names = dict(Org.objects.active().filter(pk__in=org_ids).values_list("pk", "name"))
    if gone := set(org_ids) - names.keys():
        raise Refused(f"org {min(gone)} does not exist or is not active")
    return names


def _pick(user_ids: Collection[int], **state: bool) -> dict[int, str]:
    """Lock the users that are in this state; return their names by id."""
    found = User.objects.select_for_update().filter(pk__among=user_ids, **state).order_by("pk")
    return dict(found.values_list("pk", "username"))


def _take_over(user_ids: Collection[int], state: str, *, by: Actor, at: datetime) -> None:
    """A person who wants what a sync has set already makes it theirs: no sync undoes it any more."""
    if by.set_by == SetBy.PERSON:
        User.objects.filter(pk__among=user_ids, **{f"{state}_by": SetBy.SYNC}).update(
            **{f"{state}_by": SetBy.PERSON, f"{state}_at": at}
        )


def _keep_a_sysadmin(*, losing: Collection[int], gaining: Collection[int] = ()) -> None:
    """Refuse to take the last active SYSADMIN's role or account, unless one of ``gaining`` becomes one at once.

    ``lock`` comes before: of two losses at once, the second sees what the first has done.
    """
    if not losing or not locks.admin_grants().filter(user__among=losing).exists():
        return
    holders = set(User.objects.sysadmins().values_list("pk", flat=True))
    leaving = holders & set(losing)
    heirs = User.objects.filter(pk__among=gaining, active=True, blocked=False).exclude(pk__among=losing)
    if leaving and not holders - leaving and not heirs.exists():
        name = User.objects.get(pk=min(leaving)).username
        raise Refused(f"{name} is the last active user with the SYSADMIN role, and someone has to hold it")


def _note(
    users: Mapping[int, str],
    action: str,
    *,
    by: Actor,
    at: datetime,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    facts = [Fact("user", pk, name, before=before or {}, after=after or {}) for pk, name in users.items()]
    note(facts, action=action, by=by, at=at)
