"""Runs that may read only what has changed, and directories that tell it one way or another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from directory.models import Run, RunServer, RunState
from directory.values.plan import Outcome
from orgs.models import User
from tests.directories import COMMON_SCHEMAS, Directory
from tests.fake_ldap import PAGED_RESULTS, FakeDirectory
from tests.integration.employer import Employer
from tests.worlds import ldap_server, simulate_and_sync, sync, user

SYNCPROV = "moduleload syncprov\noverlay syncprov\nsyncprov-checkpoint 1 1"
NAMES = [f"p{number}" for number in range(9)]
IN_HELPDESK = "function (entry) { return /helpdesk/i.test(String(entry.memberOf)) ? 'Org Admin' : [] }"
ACTIVE_DIRECTORY = b"1.2.840.113556.1.4.800"
SETTINGS = ("CN=NTDS Settings,CN=DC1,DC=example", {"objectClass": [b"nTDSDSA"], "invocationId": [b"\x01" * 16]})

Entries = list[tuple[str, dict[str, list[bytes]]]]


def changes(*, simulated: bool = False) -> Run:
    """Carry out a run that may read only what has changed."""
    return sync(simulated=simulated, incremental=True)


def reading_of(run: Run) -> RunServer:
    """Return the reading of a run that reads one server."""
    return run.readings.get()


def was_incremental(run: Run) -> bool:
    """Return whether a run read only what has changed."""
    return bool(reading_of(run).since)


def roles_of(username: str) -> set[str]:
    """Return the names of a user's roles."""
    return set(User.objects.get(username=username).roles.values_list("name", flat=True))


def planned(run: Run) -> list[tuple[Any, ...]]:
    """Return what a run wants."""
    return list(run.changes.order_by("username").values_list("username", "actions", "before", "after", "outcome"))


@contextmanager
def employed(
    *,
    extra: str = SYNCPROV,
    memberof: bool = True,
    schemas: Sequence[str] = COMMON_SCHEMAS,
    names: Sequence[str] = NAMES,
    **values: Any,
) -> Iterator[Employer]:
    """Yield an employer whose people are users, in a directory that was read in full and applied."""
    with Directory(memberof=memberof, extra=extra, schemas=schemas) as directory:
        employer = Employer(directory)
        for name in names:
            employer.hires(name)
            user(name, last_name=name.title())
        employer.server(**{"full_reading_every": 9, "page_size": 4, "role_name_script": IN_HELPDESK, **values})
        assert simulate_and_sync().state == RunState.APPLIED
        yield employer


def accounts(**changed: Mapping[str, list[bytes]]) -> Entries:
    """Return the accounts ``p0`` to ``p3`` as a domain controller has them, each with what ``changed`` says of it."""
    people = {
        f"p{number}": {
            "objectClass": [b"top", b"person", b"user"],
            "uid": [b"p%d" % number],
            "sn": [b"P%d" % number],
            "objectGUID": [bytes([number + 1]) * 16],
            "uSNChanged": [b"%d" % (1000 + number)],
        }
        for number in range(4)
    }
    return [(f"CN={name},DC=example", {**attributes, **changed.get(name, {})}) for name, attributes in people.items()]


def root_of_a_controller(usn: int = 2000, **more: list[bytes]) -> dict[str, list[bytes]]:
    """Return what the root DSE of a domain controller says."""
    return {
        "supportedControl": [PAGED_RESULTS],
        "supportedCapabilities": [ACTIVE_DIRECTORY],
        "dsServiceName": [SETTINGS[0].encode()],
        "highestCommittedUSN": [b"%d" % usn],
        "namingContexts": [b"DC=example"],
        **more,
    }


@contextmanager
def controlled(entries: Entries | None = None, **server: Any) -> Iterator[FakeDirectory]:
    """Yield a domain controller that counts changes, whose four people are users, read in full and applied."""
    settings = {name: server.pop(name) for name in list(server) if name not in FakeDirectory.__dataclass_fields__}
    behaviour = {"filters": True, "root": root_of_a_controller(), **server}
    with FakeDirectory(entries=[*(entries or accounts()), SETTINGS], **behaviour) as fake:
        for number in range(4):
            user(f"p{number}", last_name=f"P{number}")
        ldap_server(
            fake.url,
            **{
                "search_base": "DC=example",
                "bind_dn": "",
                "bind_password": "",
                "full_reading_every": 9,
                "search_filter": "(objectClass=user)",
                "limit_org_deactivations_percent": 100,
                **settings,
            },
        )
        assert simulate_and_sync().state == RunState.APPLIED
        yield fake


def helpdesk(employer: Employer, *members: str, kind: str = "groupOfNames", name: str = "helpdesk") -> str:
    """Make a group of these people, or of whatever has these DNs."""
    dn = f"cn={name},{employer.directory.base}"
    listed = [member if "=" in member else employer.dn(member) for member in members]
    employer.directory.add(dn, {"objectClass": kind, "cn": name, **({"member": listed} if listed else {})})
    return dn


def incremental_as_full(*, expected: bool = True) -> None:
    """Carry out a run of changes; a full one then has nothing to do."""
    run = changes()
    assert run.state == RunState.APPLIED, reading_of(run).error
    assert was_incremental(run) == expected, reading_of(run).read_scope
    assert [row for row in planned(sync()) if row[-1] != Outcome.UNCHANGED] == []
