"""Invents a directory of people in 6 to 8 groups each, the same for the same seed, and writes it as LDIF."""

from __future__ import annotations

import csv
import random
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from directory.values.ldap import Entry
from tests.directories import FIRST_NAMES, LAST_NAMES, Values, to_ldif

BASE = "dc=example,dc=com"
UNITS = ("Staff", "Students", "Guests")
# Those of them that have an org of their own.
ORGS = ("Staff", "Students")
PLACES = tuple(f"{city} {floor}" for city in ("Berlin", "Lyon", "Oslo", "Porto", "Turku") for floor in range(1, 17))
USUAL = tuple(f"{kind} {place}" for kind in ("VPN", "Printers", "Mail", "Wiki", "Building") for place in PLACES)
# The groups that the role name script looks for; few are in one of them, as in earnest.
GRANTING = tuple(f"{kind} {place}" for kind in ("Support", "Managers") for place in PLACES)
ONE_IN = 200
# As many as one department holds; the peers' samples are departments.
DEPARTMENT = 2000
# So many groups are in each of the first ones.
FIRST_TEAMS = 10


@dataclass(frozen=True, slots=True)
class Person:
    """One entry of the directory; ``groups`` are DNs."""

    uid: str
    unit: str
    attributes: dict[str, Values]
    groups: tuple[str, ...]

    @property
    def dn(self) -> str:
        """Where the entry is."""
        return f"uid={self.uid},ou={self.unit},{BASE}"

    def ldif(self) -> str:
        """Return the entry as slapadd reads it."""
        return to_ldif(self.dn, {**self.attributes, "memberOf": self.groups})

    def entry(self) -> Entry:
        """Return the entry as a sync reads it."""
        shown = {**self.attributes, "memberOf": self.groups}
        return Entry(self.dn, {name: _texts(values) for name, values in shown.items()})


def people(count: int, seed: int = 1) -> Iterator[Person]:
    """Yield so many persons, whose usernames are ``username(1)``, ``username(2)``, ..."""
    chance = random.Random(seed)
    for number in range(1, count + 1):
        yield _person(number, chance, departments(count))


def username(number: int) -> str:
    """Return the username of one person."""
    return f"u{number:07}"


def departments(count: int) -> int:
    """Return in how many departments so many people are, numbered from 0."""
    return max(1, count // DEPARTMENT)


def write_ldif(path: Path, count: int, seed: int = 1) -> None:
    """Write the units and all people to a file, one after the other."""
    with path.open("w", encoding="utf-8") as file:
        for unit in UNITS:
            file.write(to_ldif(f"ou={unit},{BASE}", {"objectClass": "organizationalUnit", "ou": unit}))
        for person in people(count, seed):
            file.write(person.ldif())


def add_groups(path: Path, count: int, groups: int, members: int, seed: int = 1) -> None:
    """Add groups to a file of so many people; each but the first few is in one that came long before it."""
    chance, top = random.Random(seed), f"ou=Teams,{BASE}"
    above: dict[int, list[int]] = {}
    for number in range(FIRST_TEAMS, groups):
        above.setdefault(number // FIRST_TEAMS, []).append(number)
    with path.open("a", encoding="utf-8") as file:
        file.write(to_ldif(top, {"objectClass": "organizationalUnit", "ou": "Teams"}))
        for number in range(groups):
            nested = [f"cn=Team {below},{top}" for below in above.get(number, ())][: members - 1]
            numbers = chance.sample(range(1, count + 1), members - len(nested))
            persons = [f"uid={username(each)},ou={UNITS[each % len(UNITS)]},{BASE}" for each in numbers]
            shown = {"objectClass": "groupOfNames", "cn": f"Team {number}", "member": [*nested, *persons]}
            file.write(to_ldif(f"cn=Team {number},{top}", shown))


def write_csv(path: Path, persons: Iterable[Person]) -> None:
    """Write these people as the file of an import, as the seed's scripts will have them but for the roles of a few."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("username", "email", "first_name", "last_name", "org"))
        for person in persons:
            named = [person.attributes[name] for name in ("uid", "mail", "givenName", "sn")]
            writer.writerow((*named, person.unit if person.unit in ORGS else "Default"))


def _person(number: int, chance: random.Random, departments: int) -> Person:
    first, last, uid = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES), username(number)
    attributes: dict[str, Values] = {
        "objectClass": ("top", "person", "organizationalPerson", "inetOrgPerson"),
        "uid": uid,
        "cn": f"{first} {last}",
        "givenName": first,
        "sn": last,
        "mail": f"{uid}@example.com",
        "employeeNumber": str(number),
        "employeeType": chance.choice(("staff", "contractor", "student")),
        "departmentNumber": str(number % departments),
        "telephoneNumber": f"+49 30 {chance.randrange(10**6, 10**7)}",
        "title": chance.choice(("Engineer", "Nurse", "Clerk", "Head of Something")),
        "entryUUID": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
    }
    return Person(uid, UNITS[number % len(UNITS)], attributes, _groups(chance))


def _groups(chance: random.Random) -> tuple[str, ...]:
    names = chance.sample(USUAL, chance.randint(6, 8))
    if chance.randrange(ONE_IN) == 0:
        names[-1] = chance.choice(GRANTING)
    return tuple(f"cn={name},ou=Groups,{BASE}" for name in names)


def _texts(values: Values) -> tuple[str, ...]:
    several = [values] if isinstance(values, str | bytes) else values
    return tuple(value.decode() if isinstance(value, bytes) else value for value in several)
