"""Sums up the users whom a run could not check, by LDAP server and reason. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

# The most reasons that are listed; further ones are only counted, because each user may have a reason of their own.
MOST = 20
OTHERS = "other reasons: see their steps"


class Unchecked(NamedTuple):
    """How many users could not be checked for one reason; ``server`` is the LDAP server's name, or empty."""

    server: str
    reason: str
    users: int

    @property
    def sentence(self) -> str:
        """The sentence for administrators, without a full stop."""
        count = f"{self.users} {'user' if self.users == 1 else 'users'}"
        where = f"{self.server}: " if self.server else ""
        return f"{where}{count} could not be checked: {self.reason}"


def summed(counted: Mapping[tuple[str, str], int], failed: Iterable[tuple[str, str]]) -> list[Unchecked]:
    """Return the users who could not be checked, the largest number first.

    ``counted`` are numbers of users by (server, reason). ``failed`` are servers that were not read to their end, each
    with the error: they are listed even without users.
    """
    found: dict[tuple[str, str], int] = {(name, failure(name, error)): 0 for name, error in failed}
    for key, users in sorted(counted.items(), key=lambda item: (-item[1], item[0])):
        named = key if key in found or len(found) < MOST else ("", OTHERS)
        found[named] = found.get(named, 0) + users
    unchecked = [Unchecked(server, _short(server, reason), users) for (server, reason), users in found.items()]
    return sorted(unchecked, key=lambda each: (-each.users, each))


def failure(server: str, error: str) -> str:
    """Return the reason for the users of a server that was not read to its end."""
    return f"{server} was not read to its end: {error}".rstrip(".")


def _short(server: str, reason: str) -> str:
    """Return the reason, with “it” in place of the server's name at its beginning."""
    own = f"{server} "
    return f"it {reason.removeprefix(own)}" if server and reason.startswith(own) else reason


def to_json(unchecked: Iterable[Unchecked]) -> list[dict[str, Any]]:
    """Return the JSON for a run's row."""
    return [each._asdict() for each in unchecked]


def from_json(stored: Iterable[Mapping[str, Any]]) -> list[Unchecked]:
    """Return the users of a run's JSON."""
    return [Unchecked(**each) for each in stored]
