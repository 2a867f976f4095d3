"""The author of a write: a person, a sync, or Rollcall itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orgs.models.users import SetBy, User


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of a write; ``run_id`` is set when a sync does it, ``bulk_act_id`` when a person's act on many users does."""

    label: str
    user_id: int | None = None
    org_id: int = 1
    run_id: int | None = None
    remembered_as: SetBy | None = None
    bulk_act_id: int | None = None

    @property
    def set_by(self) -> SetBy:
        """The value that a state stores for this author."""
        if self.remembered_as is not None:
            return self.remembered_as
        return SetBy.PERSON if self.run_id is None else SetBy.SYNC

    def carrying_out(self, wish: SetBy) -> Actor:
        """Return this author as one who carries out the wish of another (a pending deactivation)."""
        return replace(self, remembered_as=wish)


SYSTEM = Actor(label="system")
COMMAND_LINE = Actor(label="command line")


def person(user: User) -> Actor:
    """Return the actor for a signed-in user."""
    return Actor(label=user.username, user_id=user.pk, org_id=user.org_id)
