"""Invents the people of Kestrel College, the same every time: names, groups, and recent changes."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

SUFFIX = "dc=kestrel,dc=example"
SEED = 20141007

FIRST_NAMES = (  # noqa: SIM905  # names are read more easily in running text
    "Aino Amara Andrzej Anaïs Beatriz Björn Bronagh Carlos Chiara Chloë Dag Dmitri Eilidh Elif Émile Fatima Femke "
    "Gareth Giulia Hamza Hanna Håkon Ines Ingrid Ioana Jiří Joana Kacper Kateřina Kofi Lars Leïla Liam Lucía Łukasz "
    "Mairead Małgorzata Marek Mateus Mei Milan Miloš Nadia Naoki Niamh Nils Noor Olamide Oskar Paloma Pedro Priya "
    "Quentin Rafael Ravi Rosa Saoirse Sean Siân Søren Soledad Tariq Thandiwe Tomás Ulrike Valentina Vikram Wanjiru "
    "Xavier Yara Yusuf Zoë Zsófia"
).split()
LAST_NAMES = (  # noqa: SIM905
    "Ahlgren Almeida Andersson Baker Bakir Bergström Boateng Brennan Çelik Chen Cohen Costa Davies Dąbrowski Dubois "
    "Ekström Evans Fernández Fischer García Grünwald Hansen Horváth Hughes Ibrahim Ivanova Jansen Jørgensen Kaya "
    "Kim Kovács Kowalska Lefèvre Lindqvist MacLeod Marchetti Mbeki Müller Muñoz Nakamura Nguyen Nowak Núñez O'Brien "
    "O'Connor Okafor Olsen Öztürk Papadopoulos Patel Peña Petrov Popescu Quinn Rossi Ryan Şahin Sato Schäfer Silva "
    "Smith Sørensen Suárez Szabó Takahashi Taylor Tóth Urquhart Van-den-Berg Walsh Weiß Williams Yamamoto Young Žižka"
).split()
AGENCIES = ("Harbour Agency", "Tideway Technical")
UNKNOWN_AGENCY = "Ridgeway Interim"
BASE_ROLES = ("PROe User", "Desktop User")
# The role that the role name script gives for each group, if the demo's server may grant it.
ROLES_BY_GROUP = {"Support": "All Org Admin", "Managers": "All Org Manager"}


class OrgUnit(StrEnum):
    """The organizational units of the directory."""

    STAFF = "Staff"
    STUDENTS = "Students"
    CONTRACTORS = "Contractors"


class Story(StrEnum):
    """What has changed about a person, for the first simulation to find."""

    NONE = ""
    LEFT = "left: the account is disabled"
    GONE = "left: the entry is gone"
    LEFT_ON_HOLD = "left, and is on legal hold"
    MOVED = "moved to another unit"
    JOINED_SUPPORT = "joined the help desk"
    LEFT_MANAGEMENT = "is no manager any more"
    MARRIED = "has a new name"
    BACK = "is back after a year"
    LOCKED_OUT = "was deactivated by hand"
    NEW = "is new, and no user yet"
    UNKNOWN_AGENCY = "works for an agency without an org"
    NO_AGENCY = "has no agency in the directory"


@dataclass(slots=True)
class DemoPerson:
    """One person: ``groups`` are those in the directory today, ``story`` is the difference from Rollcall's data."""

    uid: str
    first_name: str
    last_name: str
    unit: OrgUnit
    emails: list[str]
    groups: list[str] = field(default_factory=list)
    agency: str = ""
    story: Story = Story.NONE

    @property
    def dn(self) -> str:
        """The DN of the entry."""
        return f"uid={self.uid},ou={self.unit},{SUFFIX}"

    @property
    def disabled(self) -> bool:
        """Whether userAccountControl has the bit for a disabled account."""
        return self.story in {Story.LEFT, Story.LEFT_ON_HOLD}

    @property
    def in_directory(self) -> bool:
        """Whether the directory has an entry."""
        return self.story is not Story.GONE

    @property
    def org(self) -> str:
        """The org by the org name script."""
        return self.agency if self.unit is OrgUnit.CONTRACTORS else self.unit.value

    @property
    def roles(self) -> set[str]:
        """The roles by the role name script that the demo's server may grant."""
        return {*BASE_ROLES, *(ROLES_BY_GROUP[group] for group in self.groups if group in ROLES_BY_GROUP)}


_UNITS = {OrgUnit.STAFF: 250, OrgUnit.STUDENTS: 120, OrgUnit.CONTRACTORS: 30}
# How many people of each unit have each story; all others are as in Rollcall.
_STORIES = {
    OrgUnit.STAFF: {
        Story.LEFT: 5,
        Story.GONE: 3,
        Story.LEFT_ON_HOLD: 1,
        Story.MOVED: 4,
        Story.JOINED_SUPPORT: 4,
        Story.LEFT_MANAGEMENT: 3,
        Story.MARRIED: 5,
        Story.BACK: 2,
        Story.LOCKED_OUT: 1,
        Story.NEW: 6,
    },
    OrgUnit.STUDENTS: {Story.LEFT: 2, Story.GONE: 2, Story.MOVED: 4, Story.MARRIED: 2, Story.NEW: 8},
    OrgUnit.CONTRACTORS: {Story.UNKNOWN_AGENCY: 3, Story.NO_AGENCY: 1, Story.LEFT: 1},
}


def invent() -> list[DemoPerson]:
    """Return the 400 people of the college."""
    chance = random.Random(SEED)  # noqa: S311  # the same people every time is the point
    names = _names(chance, sum(_UNITS.values()))
    people: list[DemoPerson] = []
    for unit, count in _UNITS.items():
        stories = [story for story, number in _STORIES[unit].items() for _ in range(number)]
        chance.shuffle(plain := [Story.NONE] * (count - len(stories)))
        for number, story in enumerate([*stories, *plain]):
            people.append(_person(chance, names.pop(), unit, story, number))
    return people


def _names(chance: random.Random, count: int) -> list[tuple[str, str]]:
    pairs = [(first, last) for first in FIRST_NAMES for last in LAST_NAMES]
    return chance.sample(pairs, count)


def _person(chance: random.Random, name: tuple[str, str], unit: OrgUnit, story: Story, number: int) -> DemoPerson:
    first, last = name
    plain = f"{_ascii(first)}.{_ascii(last)}"
    uid = f"{_ascii(first)[0]}{_ascii(last)[:10]}{number + 1:03}" if unit is OrgUnit.STUDENTS else plain
    person = DemoPerson(uid=uid, first_name=first, last_name=last, unit=unit, emails=_emails(chance, plain, unit))
    person.story = story
    if unit is OrgUnit.STAFF:
        person.groups = _groups(story, number)
    if unit is OrgUnit.CONTRACTORS:
        person.agency = {Story.UNKNOWN_AGENCY: UNKNOWN_AGENCY, Story.NO_AGENCY: ""}.get(
            story, AGENCIES[number % len(AGENCIES)]
        )
    return person


_PLAIN = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "ß": "ss", "'": ""})


def _ascii(name: str) -> str:
    """Return a name as a login: ``Łukasz`` is ``lukasz``, ``O'Brien`` is ``obrien``."""
    spelled = name.translate(_PLAIN)
    return unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode().lower()


def _emails(chance: random.Random, plain: str, unit: OrgUnit) -> list[str]:
    domain = "students.kestrel.example" if unit is OrgUnit.STUDENTS else "kestrel.example"
    match chance.randrange(20):
        case 0:
            return []
        case 1:
            return [f"{plain}@{domain}", f"{plain}@alumni.kestrel.example"]
        case _:
            return [f"{plain}@{domain}"]


def _groups(story: Story, number: int) -> list[str]:
    groups = ["All Staff"]
    if story is Story.JOINED_SUPPORT or 100 <= number < 108:
        groups.append("Support")
    if 110 <= number < 125:
        groups.append("Managers")
    # The script gives roles for both groups that the demo's server may not grant: the simulation shows a warning.
    if number == 126:
        groups.append("Admins")
    if number in {127, 128}:
        groups.append("WorkstationAdmins")
    return groups
