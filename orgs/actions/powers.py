"""Compares what two accounts may do: nobody gives another account more than they hold. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from orgs.permissions import PERSONAL, Permission, holds

# A reach is the beginning of a tree path: the org's own path for the org and all below it, empty for every org.
EVERYWHERE = ""
# About the console as a whole: no org limits them.
_OF_THE_CONSOLE = frozenset({Permission.ACCOUNT_UPDATE, Permission.FUNCTIONAL, Permission.SYSTEM, Permission.VIEW_LOGS})
# The tree has one top, and from it a permission reaches every org.
_TOP_PATH_LENGTH = 4
# An org below the top, whichever.
_SOMEWHERE = "00010001"


@dataclass(frozen=True, slots=True)
class Holding:
    """The permission keys of one account, and the tree path of the org from which they reach down."""

    permissions: frozenset[str] = frozenset()
    org_path: str = EVERYWHERE


NOTHING = Holding()


def beyond(actor: Holding, after: Holding, *, before: Holding = NOTHING) -> tuple[str, ...]:
    """Return the permissions that an account gains on its way from ``before`` to ``after`` and the actor does not hold.

    ``admin.x`` reaches the account's org and those below it, ``admin.allx`` every org; what is about the console as a
    whole (``admin.system``) has no org. Personal permissions, with which one handles only oneself, are left out:
    whoever makes users may give them.
    """
    gained = (key for key in after.permissions - PERSONAL if not _covers(before, key, _reach(after, key)))
    return tuple(sorted(key for key in gained if not _covers(actor, key, _reach(after, key))))


def within(actor: Holding, roles: Collection[tuple[str, frozenset[str]]], *, org_path: str) -> dict[str, str]:
    """Return those of the roles (name and permissions) that the actor may not give to somebody in this org, with why."""
    refused = {}
    for name, permissions in roles:
        if missing := beyond(actor, Holding(permissions, org_path)):
            refused[name] = ", ".join(missing)
    return refused


def depends_on_org(permissions: Iterable[str]) -> bool:
    """Return whether these permissions reach further where their holder's org is another one."""
    keys = frozenset(permissions)
    return bool(beyond(Holding(keys, _SOMEWHERE), Holding(keys, EVERYWHERE)))


def _covers(holding: Holding, key: str, reach: str) -> bool:
    if holds(holding.permissions, f"admin.all{key.removeprefix('admin.')}"):
        return True
    mine = (own for own in holding.permissions if holds((own,), key))
    return any(reach.startswith(_reach(holding, own)) for own in mine)


def _reach(holding: Holding, key: str) -> str:
    unlimited = key == Permission.ADMIN or key.startswith("admin.all") or holds(_OF_THE_CONSOLE, key)
    return EVERYWHERE if unlimited or len(holding.org_path) <= _TOP_PATH_LENGTH else holding.org_path
