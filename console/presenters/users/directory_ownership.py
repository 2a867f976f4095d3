"""Says whether LDAP owns the profile of a user, so that no person edits it."""

from __future__ import annotations

from directory.models import Match
from orgs.models import User
from orgs.rules.local_sign_in import follows_directory

# The parts of a profile that come from an entry.
OWNED = ("username", "email", "first_name", "last_name")


def is_owned(user: User) -> bool:
    """Return whether the profile comes from LDAP: the org follows LDAP, an entry was found, and no mark excludes the user."""
    return not user.managed_locally and follows_directory(user.org) and Match.objects.filter(user=user).exists()
