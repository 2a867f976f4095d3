"""Compares a user with an entry that has the username but no known id: is it the same person? Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from directory.values.ldap import Identity
from orgs.text import fold


class KnownPerson(NamedTuple):
    """A user's names, and whether the user is active."""

    first_name: str
    last_name: str
    active: bool


class Likeness(StrEnum):
    """The result of comparing names; UNSURE where names are missing, or equal but the user is deactivated."""

    SAME = "same"
    OTHER = "other"
    UNSURE = "unsure"


def likeness(person: KnownPerson, who: Identity) -> Likeness:
    """Compare a user with an entry that has the user's username.

    A username can pass to another person, together with the address; that person must not get the archives of the
    first. But a directory that was restored or moved gives everybody a new id. So the name decides, whatever the
    address. A deactivated user of the same name may have been hired again, or may be a namesake: that is UNSURE.
    """
    first = _compared(person.first_name, who.first_name)
    last = _compared(person.last_name, who.last_name)
    if Likeness.OTHER in (first, last):
        return Likeness.OTHER
    no_first_names = not person.first_name.strip() and not who.first_name.strip()
    alike = last is Likeness.SAME and (first is Likeness.SAME or no_first_names)
    return Likeness.SAME if alike and person.active else Likeness.UNSURE


def _compared(one: str, other: str) -> Likeness:
    one, other = fold(one), fold(other)
    if not one or not other:
        return Likeness.UNSURE
    return Likeness.SAME if one == other else Likeness.OTHER
