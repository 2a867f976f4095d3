"""Writes the people of Kestrel College as LDIF (RFC 2849), for slapadd."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

from directory.demo.people import SUFFIX, DemoPerson, OrgUnit

NORMAL_ACCOUNT, DISABLED = 512, 2


def lines(people: Iterable[DemoPerson], *, password: str) -> Iterator[str]:
    """Yield the whole directory, line by line; all people have the same password."""
    present = [person for person in people if person.in_directory]
    yield from _entry(
        SUFFIX, {"objectClass": ["dcObject", "organization"], "dc": ["kestrel"], "o": ["Kestrel College"]}
    )
    for unit in (*OrgUnit, "Groups"):
        yield from _entry(f"ou={unit},{SUFFIX}", {"objectClass": ["organizationalUnit"], "ou": [str(unit)]})
    for person in present:
        yield from _person(person, password)
    for group in sorted({group for person in present for group in person.groups}):
        members = [person.dn for person in present if group in person.groups]
        yield from _entry(_group_dn(group), {"objectClass": ["groupOfNames"], "cn": [group], "member": members})


def _person(person: DemoPerson, password: str) -> Iterator[str]:
    full_name = f"{person.first_name} {person.last_name}"
    yield from _entry(
        person.dn,
        {
            "objectClass": ["inetOrgPerson", "directoryAccount"],
            "uid": [person.uid],
            "sAMAccountName": [person.uid[:20]],
            "cn": [full_name],
            "displayName": [full_name],
            "givenName": [person.first_name],
            "sn": [person.last_name],
            "mail": person.emails,
            "userPassword": [password],
            "employeeType": ["inactive" if person.disabled else person.unit.value.lower().rstrip("s")],
            "userAccountControl": [str(NORMAL_ACCOUNT + DISABLED * person.disabled)],
            "o": [f"{person.agency} (payroll {len(person.uid)})"] if person.agency else [],
            # slapadd runs no overlays, so write here what the overlay memberof would add.
            "memberOf": [_group_dn(group) for group in person.groups],
        },
    )


def _group_dn(group: str) -> str:
    return f"cn={group},ou=Groups,{SUFFIX}"


def _entry(dn: str, attributes: dict[str, list[str]]) -> Iterator[str]:
    yield _line("dn", dn)
    for name, values in attributes.items():
        for value in values:
            yield _line(name, value)
    yield ""


def _line(name: str, value: str) -> str:
    safe = value.isascii() and value.isprintable() and not value.startswith((" ", ":", "<")) and value == value.strip()
    return f"{name}: {value}" if safe else f"{name}:: {base64.b64encode(value.encode()).decode()}"
