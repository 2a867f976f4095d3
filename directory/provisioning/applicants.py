"""An applicant: a person who is to become a user."""

from __future__ import annotations

from dataclasses import dataclass, field

from orgs.actions.users.user_profiles import Profile
from orgs.models import Org


@dataclass(frozen=True, slots=True)
class Applicant:
    """A person who is to become a user of ``org``, unless the org name script returns another org.

    ``way`` are names of orgs that lead from ``org`` to the user's org; a missing one is made below the one before it.
    ``roles`` are ids of roles chosen by hand, for when no script returns roles; None for the org's default roles. A person
    to be managed locally is not searched for in the directory. A password is plain text or already hashed.
    """

    profile: Profile
    org: Org
    notes: str = ""
    way: tuple[str, ...] = ()
    roles: frozenset[int] | None = None
    managed_locally: bool = False
    password: str = field(default="", repr=False)
    hashed_password: str = field(default="", repr=False)
    line: int = 0

    @property
    def has_password(self) -> bool:
        """Whether a password is given."""
        return bool(self.password or self.hashed_password)
