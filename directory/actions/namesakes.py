"""Frees usernames that have passed to other people, so that these can become users of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from directory.actions.errors import Refused
from directory.models import RunChange, StoredEntry
from directory.sync import known_ids, standing
from directory.sync.claims import COLUMNS, Found
from directory.sync.known_ids import NOTHING
from directory.sync.values import MatchedBy, Outcome
from orgs.actions import users
from orgs.actions.audit import Fact, note
from orgs.actions.users import Profile
from orgs.actors import Actor
from orgs.models import User
from orgs.text import fold

LONGEST = 255


@dataclass(frozen=True, slots=True)
class Namesake:
    """An entry with a user's username and without the ids that are known of the user; ``name`` is empty where it has none."""

    dn: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a username may be another person's: entries that carry it, or a conflict that the last run of the user found."""

    namesakes: tuple[Namesake, ...] = ()
    conflict: bool = False

    @property
    def exists(self) -> bool:
        """Whether there is any."""
        return bool(self.namesakes) or self.conflict


def doubt(user: User) -> Doubt:
    """Return why the username of a user may be another person's by now."""
    noted = known_ids.of([user.pk]).get(user.pk, NOTHING)
    stored = StoredEntry.objects.filter(user=user).exclude(matched_by=MatchedBy.ID).order_by("pk")
    entries = [Found(*row) for row in stored.values_list(*COLUMNS)] if noted.ids else []
    others = [each for each in entries if not each.is_of(noted) and fold(user.username) in each.usernames]
    last = RunChange.objects.about(user).order_by("-pk").values_list("outcome", "username").first()
    names = [(each.dn, f"{each.who.first_name} {each.who.last_name}".strip()) for each in others]
    return Doubt(tuple(Namesake(*each) for each in names), last == (Outcome.CONFLICT, user.username))


@transaction.atomic
def free_username(*, user_id: int, by: Actor, at: datetime) -> str:
    """Give an account another username, as its old one is another person's by now; return the new one.

    Ids, devices and archives stay with the account. The next sync looks for it by the ids, and deactivates it where no
    server has them; the other person becomes a user like anybody who joins.

    Raises:
        Refused: when the user is deleted, or holds more than ``by``.
    """
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if user is None:
        raise Refused("the user has been deleted")
    before, name = user.username, _free_name(user)
    users.update_profiles(profiles={user.pk: Profile(name, user.email, user.first_name, user.last_name)}, by=by, at=at)
    standing.drop([user.pk])
    note([Fact("user", user.pk, name, after={"freed username": before})], action="username freed", by=by, at=at)
    return name


def _free_name(user: User) -> str:
    """Return the username with the account's number, which nobody else has by it; with one more where somebody does."""
    number = 0
    while True:
        mark = f"#{user.pk}" if not number else f"#{user.pk}.{number}"
        name = user.username[: LONGEST - len(mark)] + mark
        while len(fold(name)) > LONGEST:
            name = name[: len(name) - len(mark) - 1] + mark
        if not users.taken([fold(name)]):
            return name
        number += 1
