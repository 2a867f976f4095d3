"""Changes the usernames, names and email addresses of users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction

from orgs.actions import escalation_guard, locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.bulk_writes import update_rows
from orgs.models import User
from orgs.rules.actors import Actor
from orgs.text import fold


@dataclass(frozen=True, slots=True)
class Profile:
    """The username, names and email address of a user."""

    username: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""


@transaction.atomic
def update_profiles(*, profiles: Mapping[int, Profile], by: Actor, at: datetime) -> frozenset[int]:
    """Set usernames, names and email addresses, by user id. Return the users whose profile changed.

    Usernames may pass from one of these users to another.

    Raises:
        Refused: when a username is empty or belongs to another user; when a user holds more than ``by``: a new name or
            address may match another person's entry in a directory.
    """
    locks.users(profiles)
    users = [user for user in User.objects.filter(pk__among=profiles) if _profile(user) != profiles[user.pk]]
    _refuse_names_of_others(users, profiles)
    escalation_guard.refuse_above(user_ids=[user.pk for user in users], doing="change their names and address", by=by)
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
    """Free the usernames that pass from one user to another: the unique index never allows the same name twice."""
    new_keys = set(keys.values())
    passing = [user.pk for user in users if user.username_key != keys[user.pk] and user.username_key in new_keys]
    # The key of a username never begins with a space.
    update_rows(User, {pk: {"username_key": f" {pk}"} for pk in passing}, columns=["username_key"])
