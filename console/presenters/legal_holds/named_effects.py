"""The effects of an act on users, each with the names of whom it concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import Exists, OuterRef
from django.utils.functional import Promise

from orgs.models import Archive, ArchiveState, Custodian, Matter
from orgs.models.users import UserQuerySet

# A page names so many users at once; the others are in a fold below them.
FIRST_NAMES = 10


class HeldUser(NamedTuple):
    """A user as an act on holds sees them: state, holds, and whether an archive is left that could be kept."""

    pk: int
    username: str
    active: bool
    blocked: bool
    pending: bool
    in_matter: bool
    in_others: bool
    has_archives: bool


@dataclass(frozen=True, slots=True)
class NamedEffect:
    """One kind of change, its sentence, and whom it concerns; without users only ``number`` says how many."""

    what: str | Promise
    text: str | Promise
    icon: str = "circle"
    tone: str = "plain"
    users: Sequence[HeldUser] = ()
    number: int | None = None

    @property
    def count(self) -> int:
        """How many the effect concerns."""
        return len(self.users) if self.number is None else self.number

    @property
    def first(self) -> Sequence[HeldUser]:
        """The users who are named at once."""
        return self.users[:FIRST_NAMES]

    @property
    def others(self) -> Sequence[HeldUser]:
        """The users who are named in the fold."""
        return self.users[FIRST_NAMES:]


@dataclass(frozen=True, slots=True)
class HoldPreview:
    """What an act would do; ``refusals`` are why it can't be done, and ``users`` the ids that it is about."""

    effects: list[NamedEffect]
    users: Sequence[int] = ()
    refusals: list[str] = field(default_factory=list)


def held_users(users: UserQuerySet, matter: Matter) -> list[HeldUser]:
    """Return these users in the order of their names, read by one query."""
    unreleased = Custodian.objects.unreleased().filter(user=OuterRef("pk"))
    archives = Archive.objects.filter(device__user=OuterRef("pk")).exclude(state=ArchiveState.EXPIRED)
    rows = users.annotate(
        in_matter=Exists(unreleased.filter(matter=matter)),
        in_others=Exists(unreleased.filter(matter__closed_at=None).exclude(matter=matter)),
        has_archives=Exists(archives),
    )
    return [HeldUser(*row) for row in rows.order_by("username_key").values_list(*HeldUser._fields)]


def those(users: Iterable[HeldUser], condition: Callable[[HeldUser], bool]) -> list[HeldUser]:
    """Return the users for whom the condition is true."""
    return [user for user in users if condition(user)]


def concerning(effects: Iterable[NamedEffect]) -> list[NamedEffect]:
    """Return the effects that concern anything."""
    return [effect for effect in effects if effect.count]
