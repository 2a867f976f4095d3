"""Sums up whom a run could not check: by LDAP server and reason, with how many users. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

# Beyond these, reasons are only counted: each user may have one of their own.
MOST = 20
OTHERS = "other reasons: see their steps"


class Unchecked(NamedTuple):
    """So many users could not be checked, because of this LDAP server; its name is empty where it is none."""

    server: str
    reason: str
    users: int

    @property
    def sentence(self) -> str:
        """The words for administrators, without a full stop."""
        count = f"{self.users} {'user' if self.users == 1 else 'users'}"
        where = f"{self.server}: " if self.server else ""
        return f"{where}{count} could not be checked: {self.reason}"


def summed(counted: Mapping[tuple[str, str], int], failed: Iterable[tuple[str, str]]) -> list[Unchecked]:
    """Return who could not be checked, the most first.

    ``counted`` are users by server and reason, ``failed`` servers that were not read to their end, with the error: these
    are named even where no user was missed by it.
    """
    found: dict[tuple[str, str], int] = {(name, failure(name, error)): 0 for name, error in failed}
    for key, users in sorted(counted.items(), key=lambda item: (-item[1], item[0])):
        named = key if key in found or len(found) < MOST else ("", OTHERS)
        found[named] = found.get(named, 0) + users
    unchecked = [Unchecked(server, _short(server, reason), users) for (server, reason), users in found.items()]
    return sorted(unchecked, key=lambda each: (-each.users, each))


def failure(server: str, error: str) -> str:
    """Return why nobody of a server that was not read to its end is checked."""
    return f"{server} was not read to its end: {error}".rstrip(".")


def _short(server: str, reason: str) -> str:
    """Return a reason that need not name the server once more."""
    own = f"{server} "
    return f"it {reason.removeprefix(own)}" if server and reason.startswith(own) else reason


def to_json(unchecked: Iterable[Unchecked]) -> list[dict[str, Any]]:
    """Return it as a run's row keeps it."""
    return [each._asdict() for each in unchecked]


def from_json(stored: Iterable[Mapping[str, Any]]) -> list[Unchecked]:
    """Return it as it was before it became a row."""
    return [Unchecked(**each) for each in stored]
