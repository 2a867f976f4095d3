"""Presents a role's permissions as a grid: every key by area with what it allows, held, implied or neither."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.elements.badges import Badge
from console.elements.permission_words import SENTENCES, areas
from orgs.permissions import Permission, holds

GRANTED = Badge(_("held"), "check", "good")
IMPLIED = Badge(_("implied"), "corner-down-right", "info")
MISSING = Badge(_("no"), "minus", "quiet")


@dataclass(frozen=True, slots=True)
class Cell:
    """One permission key, what it allows, and whether the role holds it, itself or as a part of ``through``."""

    key: str
    sentence: str | Promise
    badge: Badge
    through: str = ""

    @property
    def granted(self) -> bool:
        """Whether the role holds this very key."""
        return self.badge is GRANTED

    @property
    def missing(self) -> bool:
        """Whether the role does not hold it in any way."""
        return self.badge is MISSING


@dataclass(frozen=True, slots=True)
class Area:
    """The keys of one area."""

    name: str | Promise
    cells: tuple[Cell, ...]


def grid(permissions: Collection[str]) -> list[Area]:
    """Return all permission keys by area."""
    return [Area(name, tuple(_cell(key, permissions) for key in keys)) for name, keys in areas()]


def _cell(key: str, permissions: Collection[str]) -> Cell:
    sentence = SENTENCES[Permission(key)]
    if key in permissions:
        return Cell(key, sentence, GRANTED)
    implying = [own for own in permissions if holds((own,), key)]
    return Cell(key, sentence, IMPLIED, min(implying, key=len)) if implying else Cell(key, sentence, MISSING)
