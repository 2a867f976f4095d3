"""Frees usernames that now belong to other people, so that these people can become users."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from directory.input_errors import Refused
from directory.models import RunChange, RunRepeat, StoredEntry
from directory.sync.identify import known_ids
from directory.sync.identify.entry_claims import COLUMNS, ClaimingEntry
from directory.sync.identify.known_ids import NOTHING
from directory.sync.stored import decision_cache
from directory.values.scripts import ANOTHER_PERSON
from orgs.actions import locks
from orgs.actions.audit import Fact, note
from orgs.actions.users import user_creation, user_profiles
from orgs.actions.users.user_profiles import Profile
from orgs.models import User
from orgs.rules.actors import Actor
from orgs.text import fold

LONGEST = 255


@dataclass(frozen=True, slots=True)
class Namesake:
    """An entry with a user's username, but with none of the user's known ids; ``name`` is empty for an entry without one."""

    dn: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class NamesakeDoubt:
    """Why a username may belong to another person: entries with this username, and steps of the last run about the user."""

    namesakes: tuple[Namesake, ...] = ()
    steps: tuple[str, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether there is a doubt; entries alone are no reason, because another run may have read them."""
        return bool(self.steps)


def doubt(user: User) -> NamesakeDoubt:
    """Return why the username of a user may now belong to another person."""
    last = _last_steps(user)
    steps = [step for step in last[1] if ANOTHER_PERSON in step] if last and last[0] == user.username else []
    noted = known_ids.of([user.pk]).get(user.pk, NOTHING)
    entries = [
        ClaimingEntry(*row) for row in StoredEntry.objects.filter(user=user).order_by("pk").values_list(*COLUMNS)
    ]
    if not steps or any(each.is_of(noted) for each in entries):
        return NamesakeDoubt()
    named = [each.who for each in entries if noted.ids and fold(user.username) in each.usernames]
    return NamesakeDoubt(
        tuple(Namesake(who.dn, f"{who.first_name} {who.last_name}".strip()) for who in named), tuple(steps)
    )


def _last_steps(user: User) -> tuple[str, list[str]] | None:
    """Return the username and the steps of the last change of a user that a run has stored or repeated."""
    stored = {
        pk: (run, username, steps)
        for pk, run, username, steps in RunChange.objects.about(user).values_list("pk", "run", "username", "steps")
    }
    mentions = [(run, pk) for pk, (run, _, _) in stored.items()]
    mentions += [(run, pk) for pk, run in RunRepeat.objects.about(user) if pk in stored]
    if not mentions:
        return None
    _, username, steps = stored[max(mentions)[1]]
    return username, steps


@transaction.atomic
def free_username(*, user_id: int, by: Actor, at: datetime) -> str:
    """Give an account a new username, because the old one now belongs to another person; return the new one.

    Ids, devices and archives stay with the account. The next sync looks for the user by these ids, and deactivates the
    user when no server has them. The other person becomes a new user.

    Raises:
        Refused: when the user is deleted, or holds more than ``by``.
    """
    locks.users([user_id])
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise Refused("the user has been deleted")
    before, name = user.username, _free_name(user)
    user_profiles.update_profiles(
        profiles={user.pk: Profile(name, user.email, user.first_name, user.last_name)}, by=by, at=at
    )
    decision_cache.drop([user.pk])
    note([Fact("user", user.pk, name, after={"freed username": before})], action="username freed", by=by, at=at)
    return name


def _free_name(user: User) -> str:
    """Return a free username made of the old one and the account's number: ``jo#7``, or ``jo#7.1`` when that is taken."""
    number = 0
    while True:
        mark = f"#{user.pk}" if not number else f"#{user.pk}.{number}"
        name = user.username[: LONGEST - len(mark)] + mark
        while len(fold(name)) > LONGEST:
            name = name[: len(name) - len(mark) - 1] + mark
        if not user_creation.taken([fold(name)]):
            return name
        number += 1
