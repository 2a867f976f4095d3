"""Who is to become a user."""

from __future__ import annotations

from dataclasses import dataclass, field

from orgs.actions.users.user_profiles import Profile
from orgs.models import Org


@dataclass(frozen=True, slots=True)
class Applicant:
    """Somebody who is to become a user, and the org, unless the org name script names another one.

    ``way`` are names of orgs that lead there from ``org``, each made below the one before where it is missing.
    ``roles`` are ids of roles that were chosen by hand; they count where no script names any, None for the org's
    default roles. Whoever is to be managed locally is not looked for in the directory.
    """

    profile: Profile
    org: Org
    notes: str = ""
    way: tuple[str, ...] = ()
    roles: frozenset[int] | None = None
    managed_locally: bool = False
    password: str = field(default="", repr=False)
    line: int = 0
