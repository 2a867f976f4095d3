"""Hostile scripts: what one does for one entry, and what has to come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from directory.values.scripts import SCRIPTS, Script

ACTIVE, ORG_NAME, ROLE_NAME = SCRIPTS[:3]
EVERY_SLOT = SCRIPTS
# Any of the limits; which one is met first depends on the machine.
STOPPED = r"used more than|the script engine crashed|out of memory|Maximum call stack"


@dataclass(frozen=True, slots=True)
class Hostile:
    """``body`` runs first, for one entry of sixty, in the honest script of each slot.

    ``error`` is a pattern that the entry's error must match; without one the verdict must be as ever, but for ``gives``.
    """

    name: str
    body: str
    error: str = ""
    slots: tuple[Script[Any], ...] = (ACTIVE,)
    gives: Mapping[str, Any] = field(default_factory=dict)
    quick: bool = False


def returns(name: str, value: str, error: str, *slots: Script[Any], quick: bool = False) -> Hostile:
    """Return a script whose answer for one entry is this value, and refused."""
    return Hostile(f"returns {name}", f"return {value}", f"^returned {error}", slots, quick=quick)


def throws(name: str, value: str, error: str, *, quick: bool = False) -> Hostile:
    """Return a script that throws this for one entry."""
    return Hostile(f"throws {name}", f"throw {value}", error, (ORG_NAME,), quick=quick)
