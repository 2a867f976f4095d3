"""Creates many users at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import transaction

from orgs.actions import escalation_guard, local_password_guard, locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused, if_taken_meanwhile
from orgs.actions.users import role_grants
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Org, Role, User
from orgs.rules.actors import Actor
from orgs.rules.local_sign_in import follows_directory
from orgs.text import fold, misleading

# How many names one query looks up: databases limit the parameters of a statement.
AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to create; ``roles`` are ids, the password is plain text or already hashed."""

    profile: Profile
    org_id: int
    roles: frozenset[int] = frozenset()
    notes: str = ""
    managed_locally: bool = False
    password: str = field(default="", repr=False)
    hashed_password: str = field(default="", repr=False)


@transaction.atomic
def create(*, users: Iterable[NewUser], created_by: CreatedBy, by: Actor, at: datetime) -> list[User]:
    """Create users; a user without a password signs in by LDAP or not at all.

    Raises:
        Refused: when a username is empty, misleading, or taken in any letter case; when an org is not active; when a
            role holds more than ``by`` does; when a user gets a password in an org that follows LDAP, and is not
            managed locally.
    """
    locks.roles()
    new_users = list(users)
    keys = [fold(new.profile.username) for new in new_users]
    _refuse_usernames(new_users, keys)
    locks.active_orgs({new.org_id for new in new_users})
    orgs = Org.objects.in_bulk({new.org_id for new in new_users})
    all_roles = {role.pk: role for role in Role.objects.all()}
    _refuse_roles(new_users, orgs, all_roles, by=by)
    _refuse_passwords(new_users, orgs)
    made = [_user(new, key, created_by) for new, key in zip(new_users, keys, strict=True)]
    with if_taken_meanwhile(lambda: _refuse_taken(keys)):
        User.objects.bulk_create(made, batch_size=500)
    each = list(zip(made, new_users, strict=True))
    role_grants.insert_grants(((user.pk, role) for user, new in each for role in new.roles), by=by, at=at)
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
        for user, new in each
    ]
    note(facts, action="user created", by=by, at=at)
    return made


def _user(new: NewUser, key: str, created_by: CreatedBy) -> User:
    """Return the row of a new user, without its id."""
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
    return user


def _refuse_usernames(new_users: Collection[NewUser], keys: list[str]) -> None:
    _refuse_taken(keys)
    for new in new_users:
        if reason := misleading(new.profile.username):
            raise Refused(f"the username {new.profile.username} could be taken for another one: {reason}")


def _refuse_roles(
    new_users: Collection[NewUser], orgs: Mapping[int, Org], all_roles: Mapping[int, Role], *, by: Actor
) -> None:
    for org_id, role_ids in _role_ids_by_org(new_users).items():
        roles = [all_roles[pk] for pk in sorted(role_ids)]
        escalation_guard.refuse_roles(roles=roles, org_path=orgs[org_id].path, where="Creating these users", by=by)


def _refuse_passwords(new_users: Collection[NewUser], orgs: Mapping[int, Org]) -> None:
    for org_id in {new.org_id for new in new_users if _has_password(new) and not new.managed_locally}:
        if follows_directory(orgs[org_id]):
            raise Refused(f"{orgs[org_id].name} follows LDAP, so its users have no local password: leave it out")


def _role_ids_by_org(new_users: Iterable[NewUser]) -> dict[int, set[int]]:
    role_ids: dict[int, set[int]] = {}
    for new in new_users:
        role_ids.setdefault(new.org_id, set()).update(new.roles)
    return role_ids


def _has_password(new: NewUser) -> bool:
    return bool(new.password or new.hashed_password)


def _stored(password: str) -> str:
    """Return the hash of a password, or an unusable one: Django's function for these is slow for thousands of users."""
    return make_password(password) if password else local_password_guard.no_password()


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
    """Return the folded usernames that are taken, each with the stored spelling."""
    spellings: dict[str, str] = {}
    for start in range(0, len(keys), AT_ONCE):
        users = User.objects.filter(username_key__in=keys[start : start + AT_ONCE])
        spellings |= dict(users.values_list("username_key", "username"))
    return spellings
