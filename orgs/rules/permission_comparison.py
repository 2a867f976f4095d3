"""Compares the permissions of two accounts, so that no person gives another account more than they hold. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from orgs.permissions import PERSONAL, Permission, holds

# A reach is the beginning of a tree path: an org's own path reaches the org and the orgs below it, "" every org.
EVERYWHERE = ""
# Permissions for the console as a whole, which no org limits.
_OF_THE_CONSOLE = frozenset({Permission.ACCOUNT_UPDATE, Permission.FUNCTIONAL, Permission.SYSTEM, Permission.VIEW_LOGS})
# Length of the path of the top org. From there a permission reaches every org.
_TOP_PATH_LENGTH = 4
# The path of any org below the top.
_SOMEWHERE = "00010001"


@dataclass(frozen=True, slots=True)
class Holding:
    """The permission keys of one account, and the tree path of the org from which they reach down."""

    permissions: frozenset[str] = frozenset()
    org_path: str = EVERYWHERE


NOTHING = Holding()


def beyond(actor: Holding, after: Holding, *, before: Holding = NOTHING) -> tuple[str, ...]:
    """Return the permissions that ``after`` has, ``before`` does not have, and the actor does not hold; sorted.

    ``admin.x`` reaches the account's org and the orgs below it, ``admin.allx`` reaches every org. Permissions for the
    console as a whole (``admin.system``) have no org. Personal permissions are left out: they allow nothing beyond
    one's own account, and everybody who creates users may give them.
    """
    return _beyond(actor, after, before)


# Thousands of users of an act hold the same few sets of roles.
@lru_cache(maxsize=512)
def _beyond(actor: Holding, after: Holding, before: Holding) -> tuple[str, ...]:
    gained = (key for key in after.permissions - PERSONAL if not _covers(before, key, _reach(after, key)))
    return tuple(sorted(key for key in gained if not _covers(actor, key, _reach(after, key))))


def within(actor: Holding, roles: Collection[tuple[str, frozenset[str]]], *, org_path: str) -> dict[str, str]:
    """Return the roles that the actor may not give to a user of this org: names with the missing permissions as text.

    ``roles`` are pairs of name and permissions.
    """
    refused = {}
    for name, permissions in roles:
        if missing := beyond(actor, Holding(permissions, org_path)):
            refused[name] = ", ".join(missing)
    return refused


def of_the_console(permission: str) -> bool:
    """Return whether a permission is for the console as a whole, which no org limits."""
    return holds(_OF_THE_CONSOLE, permission)


def depends_on_org(permissions: Iterable[str]) -> bool:
    """Return whether the reach of these permissions depends on the org of their holder."""
    keys = frozenset(permissions)
    return bool(beyond(Holding(keys, _SOMEWHERE), Holding(keys, EVERYWHERE)))


def _covers(holding: Holding, key: str, reach: str) -> bool:
    if holds(holding.permissions, f"admin.all{key.removeprefix('admin.')}"):
        return True
    granting = (own for own in holding.permissions if holds((own,), key))
    return any(reach.startswith(_reach(holding, own)) for own in granting)


def _reach(holding: Holding, key: str) -> str:
    unlimited = key == Permission.ADMIN or key.startswith("admin.all") or of_the_console(key)
    return EVERYWHERE if unlimited or len(holding.org_path) <= _TOP_PATH_LENGTH else holding.org_path
