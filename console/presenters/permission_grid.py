"""Presents a role's permissions as a grid: every key by area, held, implied or neither."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.elements.badges import Badge
from orgs.permissions import Permission, holds

GRANTED = Badge(_("held"), "check", "good")
IMPLIED = Badge(_("implied"), "corner-down-right", "info")
MISSING = Badge(_("no"), "minus", "quiet")

_AREAS: tuple[tuple[str | Promise, tuple[str, ...]], ...] = (
    (_("Everything"), ("admin",)),
    (_("Users"), ("admin.user", "admin.alluser", "admin.account")),
    (_("Devices"), ("admin.computer", "admin.allcomputer")),
    (_("Orgs"), ("admin.org", "admin.allorg")),
    (_("Plans"), ("admin.plan", "admin.allplan")),
    (_("Restoring"), ("admin.restore", "admin.pushrestore", "admin.select")),
    (_("Signing in"), ("admin.console", "admin.cpd", "admin.cpp", "admin.cps", "admin.cpw", "admin.spd")),
    (_("Server"), ("admin.system", "admin.viewlogs", "admin.functional")),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One permission key, and whether the role holds it."""

    key: str
    badge: Badge


@dataclass(frozen=True, slots=True)
class Area:
    """The keys of one area."""

    name: str | Promise
    cells: tuple[Cell, ...]


def grid(permissions: Collection[str]) -> list[Area]:
    """Return all permission keys by area."""
    return [Area(name, tuple(Cell(key, _badge(key, permissions)) for key in _keys(roots))) for name, roots in _AREAS]


def _keys(roots: tuple[str, ...]) -> list[str]:
    if roots == ("admin",):
        return ["admin"]
    return [key for key in Permission if any(key == root or key.startswith(f"{root}.") for root in roots)]


def _badge(key: str, permissions: Collection[str]) -> Badge:
    if key in permissions:
        return GRANTED
    return IMPLIED if holds(permissions, key) else MISSING
