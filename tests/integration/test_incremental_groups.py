"""A reading of changes sees what groups and branches of any class say of people whose own entries have not changed."""

from __future__ import annotations

import time

import pytest

from directory.models import LdapServer, NamedGroup, RunState, StoredEntry
from orgs.models import User
from tests.integration.changes import (
    SETTINGS,
    SYNCPROV,
    accounts,
    changes,
    controlled,
    employed,
    helpdesk,
    incremental_as_full,
    reading_of,
    roles_of,
    was_incremental,
)
from tests.overlays import DYNAMIC_SCHEMAS, DYNLIST
from tests.worlds import simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db

TEAM = (
    "objectclass ( 1.3.6.1.4.1.4203.666.9.1 NAME 'acmeTeam' SUP top STRUCTURAL MUST cn MAY ( member $ description ) )"
)
# A class whose name says nothing, in a directory where it is by the overlay alone that people name it.
TEAMS = f"{TEAM}\noverlay memberof\nmemberof-group-oc acmeTeam\nmemberof-member-ad member"
BY_TIME, BY_COOKIE = "", SYNCPROV
either = pytest.mark.parametrize("kind_of_cursor", [BY_TIME, BY_COOKIE], ids=["modifyTimestamp", "syncrepl"])


@either
def test_a_group_of_an_own_class_is_one(kind_of_cursor: str) -> None:
    with employed(extra=f"{kind_of_cursor}\n{TEAMS}") as employer:
        team = helpdesk(employer, "p1", "p2", kind="acmeTeam")
        incremental_as_full()
        assert "Org Admin" in roles_of("p1")

        employer.directory.modify(team, {"member": [employer.dn("p2"), employer.dn("p3")]})

        incremental_as_full()
        assert [name for name in ("p1", "p2", "p3") if "Org Admin" in roles_of(name)] == ["p2", "p3"]


@either
def test_a_group_of_an_own_class_that_loses_its_last_member_is_found(kind_of_cursor: str) -> None:
    with employed(extra=f"{kind_of_cursor}\n{TEAMS}") as employer:
        team = helpdesk(employer, "p1", kind="acmeTeam")
        incremental_as_full()
        assert "Org Admin" in roles_of("p1")

        employer.directory.modify(team, {"member": None})

        incremental_as_full(expected=False)
        assert "Org Admin" not in roles_of("p1")


@either
def test_a_deleted_group_gives_no_roles_any_more(kind_of_cursor: str) -> None:
    with employed(extra=kind_of_cursor) as employer:
        group = helpdesk(employer, "p1", "p2")
        incremental_as_full()
        assert "Org Admin" in roles_of("p1")

        employer.directory.delete(group)
        # Else the newest stamp of all would be gone with it.
        employer.directory.modify(employer.dn("p8"), {"description": "changed later"})

        incremental_as_full()
        assert "Org Admin" not in roles_of("p1")
        assert "Org Admin" not in roles_of("p2")
        changes()
        assert not NamedGroup.objects.exists()


@either
def test_a_group_that_another_version_has_noted_is_found_deleted_and_forgotten(kind_of_cursor: str) -> None:
    with employed(extra=kind_of_cursor) as employer:
        group = helpdesk(employer, "p1")
        incremental_as_full()
        NamedGroup.objects.update(key="as another version makes it")
        employer.directory.modify(employer.dn("p2"), {"title": "Nurse"})
        changes()

        employer.directory.delete(group)

        incremental_as_full()
        assert "Org Admin" not in roles_of("p1")
        changes()
        assert not NamedGroup.objects.exists()


def test_a_deleted_group_of_many_gives_no_roles_any_more() -> None:
    with employed(extra=f"{SYNCPROV}\n{DYNLIST}", memberof=False, schemas=DYNAMIC_SCHEMAS) as employer:
        group = helpdesk(employer, *(f"p{number}" for number in range(8)))
        incremental_as_full()
        assert "Org Admin" in roles_of("p7")

        employer.directory.delete(group)

        incremental_as_full()
        assert not any("Org Admin" in roles_of(f"p{number}") for number in range(8))


def test_a_renamed_group_is_another_one() -> None:
    with employed() as employer:
        group = helpdesk(employer, "p1", name="others")
        incremental_as_full()
        assert "Org Admin" not in roles_of("p1")

        employer.directory.rename(group, "cn=helpdesk")
        incremental_as_full()
        assert "Org Admin" in roles_of("p1")

        employer.directory.rename(f"cn=helpdesk,{employer.directory.base}", "cn=others")
        incremental_as_full()
        assert "Org Admin" not in roles_of("p1")


def test_a_group_that_the_bind_dn_may_not_see_is_no_trouble() -> None:
    with employed() as employer:
        group = helpdesk(employer, "p1", "p2", "p3", "p4", "p5", "p6")
        incremental_as_full()
        employer.directory.allow(f'to dn.base="{group}" by * none', "to * by * read")

        incremental_as_full()

        assert "Org Admin" in roles_of("p1")
        # Nobody is read again each time for it.
        assert "entries whose groups have changed" not in reading_of(changes()).read_scope


@pytest.mark.parametrize("depth", [1, 3])
def test_who_is_in_a_group_by_other_groups_is_looked_at_when_that_changes(depth: int) -> None:
    with employed(extra=f"{SYNCPROV}\n{DYNLIST}", memberof=False, schemas=DYNAMIC_SCHEMAS) as employer:
        inner = helpdesk(employer, "p1", "p2", name="inner")
        for level in range(1, depth):
            inner = helpdesk(employer, inner, name=f"inner{level}")
        outer = helpdesk(employer, "p3")
        incremental_as_full()
        assert "Org Admin" in roles_of("p3")
        assert "Org Admin" not in roles_of("p1")

        employer.directory.modify(outer, {"member": [employer.dn("p3"), inner]})
        incremental_as_full()
        assert "Org Admin" in roles_of("p1")

        employer.directory.modify(outer, {"member": [employer.dn("p3")]})
        incremental_as_full()
        assert "Org Admin" not in roles_of("p1")


def test_groups_in_a_circle_are_no_trouble() -> None:
    with employed(extra=f"{SYNCPROV}\n{DYNLIST}", memberof=False, schemas=DYNAMIC_SCHEMAS) as employer:
        one = helpdesk(employer, "p1", name="one")
        two = helpdesk(employer, one, "p2")
        employer.directory.modify(one, {"member": [two, employer.dn("p1"), employer.dn("p3")]})

        incremental_as_full()

        assert "Org Admin" in roles_of("p1")


def test_a_group_that_goes_by_a_search_has_everything_read() -> None:
    with employed(extra=f"{SYNCPROV}\n{DYNLIST}", memberof=False, schemas=DYNAMIC_SCHEMAS) as employer:
        group = f"cn=helpdesk,{employer.directory.base}"
        url = f"ldap:///{employer.directory.base}??sub?(uid=p1)"
        employer.directory.add(group, {"objectClass": "groupOfURLs", "cn": "helpdesk", "memberURL": url})
        incremental_as_full(expected=False)
        assert "Org Admin" in roles_of("p1")

        employer.directory.modify(group, {"memberURL": url.replace("p1", "p2")})

        incremental_as_full(expected=False)
        assert [name for name in ("p1", "p2") if "Org Admin" in roles_of(name)] == ["p2"]


def test_the_first_group_of_a_directory_is_found() -> None:
    with employed() as employer:
        assert not NamedGroup.objects.exists()
        helpdesk(employer, *(f"p{number}" for number in range(9)))

        incremental_as_full()

        assert "Org Admin" in roles_of("p8")


def test_where_nobody_names_such_a_group_its_members_are_not_read_each_time() -> None:
    with employed(memberof=False) as employer:
        group = helpdesk(employer, *(f"p{number}" for number in range(8)))

        run = changes()

        assert was_incremental(run)
        assert "entries whose groups" not in reading_of(run).read_scope
        employer.directory.delete(group)


MEMBER_UIDS = {"p1": [b"CN=helpdesk,DC=example"], "p2": [b"CN=helpdesk,DC=example"]}


def posix_group(usn: int, *names: str) -> tuple[str, dict[str, list[bytes]]]:
    """Return a group that lists usernames only."""
    attributes = {
        "objectClass": [b"posixGroup"],
        "memberUid": [name.encode() for name in names],
        "uSNChanged": [b"%d" % usn],
    }
    return "CN=helpdesk,DC=example", attributes


def test_a_group_that_lists_usernames_only_is_compared_by_them() -> None:
    named = {name: {"memberOf": groups} for name, groups in MEMBER_UIDS.items()}
    script = "function (entry) { return entry.memberOf ? 'Org Admin' : [] }"
    with controlled([*accounts(**named), posix_group(1500, "p1", "p2")], role_name_script=script) as server:
        assert "Org Admin" in roles_of("p1")
        # The overlay fills in what people name, and stamps nothing.
        now = {"p2": named["p2"], "p3": named["p2"]}
        server.entries = [*accounts(**now), posix_group(2001, "p2", "P3"), SETTINGS]

        run = changes()

        assert was_incremental(run)
        assert [name for name in ("p1", "p2", "p3") if "Org Admin" in roles_of(name)] == ["p2", "p3"]


def test_whoever_joins_the_group_of_the_filter_is_found() -> None:
    with employed() as employer:
        everybody = helpdesk(employer, *(f"p{number}" for number in range(9)), name="staff")
        helpdesk(employer, "p1")
        LdapServer.objects.update(search_filter=f"(&(objectClass=inetOrgPerson)(memberOf={everybody}))")
        employer.hires("stranger")
        simulate_and_sync()
        assert not StoredEntry.objects.filter(dn=employer.dn("stranger")).exists()
        user("stranger", last_name="Elsewhere")
        members = [employer.dn(f"p{number}") for number in range(9)]

        employer.directory.modify(everybody, {"member": [*members, employer.dn("stranger")]})

        incremental_as_full()
        assert StoredEntry.objects.filter(dn=employer.dn("stranger")).exists()
        assert User.objects.get(username="stranger").last_name == "Stranger"


def test_a_filter_for_who_is_not_in_a_group_has_everything_read_when_groups_change() -> None:
    with employed() as employer:
        externals = helpdesk(employer, "p8", "p7", name="externals")
        LdapServer.objects.update(search_filter=f"(&(objectClass=inetOrgPerson)(!(memberOf={externals})))")
        simulate_and_sync()
        assert not StoredEntry.objects.filter(dn=employer.dn("p8")).exists()

        employer.directory.modify(externals, {"member": [employer.dn("p7")]})

        incremental_as_full(expected=False)
        assert StoredEntry.objects.filter(dn=employer.dn("p8")).exists()


@either
@pytest.mark.parametrize("kind", ["organizationalUnit", "domain", "organization", "locality", "acmeTeam"])
def test_a_branch_of_any_class_has_everything_read_when_it_gets_another_name(kind_of_cursor: str, kind: str) -> None:
    name = {"organizationalUnit": "ou", "domain": "dc", "organization": "o", "locality": "l", "acmeTeam": "cn"}[kind]
    with employed(extra=f"{kind_of_cursor}\n{TEAM}") as employer:
        branch = f"{name}=helpdesk,{employer.directory.base}"
        employer.directory.add(branch, {"objectClass": kind, name: "helpdesk"})
        person = {"objectClass": "inetOrgPerson", "uid": "deep", "cn": "deep", "sn": "Deep"}
        employer.directory.add(f"uid=deep,{branch}", person)
        user("deep", last_name="Deep")
        LdapServer.objects.update(role_name_script="function (e) { return /helpdesk/.test(e.dn) ? 'Org Admin' : [] }")
        simulate_and_sync()
        assert "Org Admin" in roles_of("deep")
        # Time stamps of entries tell seconds.
        time.sleep(1.1)

        employer.directory.rename(branch, f"{name}=others")

        incremental_as_full(expected=False)
        assert "Org Admin" not in roles_of("deep")
        assert was_incremental(changes())


def test_a_branch_that_is_moved_to_where_people_are_searched_for_has_everything_read() -> None:
    with employed(extra=SYNCPROV) as employer:
        base = employer.directory.base
        for name in ("People", "Archive"):
            employer.directory.add(f"ou={name},{base}", {"objectClass": "organizationalUnit", "ou": name})
        employer.directory.add(f"ou=sales,ou=Archive,{base}", {"objectClass": "organizationalUnit", "ou": "sales"})
        person = {"objectClass": "inetOrgPerson", "uid": "deep", "cn": "deep", "sn": "Deep"}
        employer.directory.add(f"uid=deep,ou=sales,ou=Archive,{base}", person)
        employer.directory.add(f"uid=first,ou=People,{base}", {**person, "uid": "first"})
        LdapServer.objects.update(
            search_base=f"ou=People,{base}", limit_deactivations_count=100, limit_entries_percent=1
        )
        simulate_and_sync()
        assert StoredEntry.objects.count() == 1
        time.sleep(1.1)

        employer.directory.rename(f"ou=sales,ou=Archive,{base}", "ou=sales", parent=f"ou=People,{base}")

        run = changes()
        assert not was_incremental(run)
        assert f"the branch ou=sales,ou=People,{base} has changed" in reading_of(run).read_scope
        assert StoredEntry.objects.count() == 2


@either
def test_an_empty_branch_is_no_reason_to_read_everything(kind_of_cursor: str) -> None:
    with employed(extra=kind_of_cursor) as employer:
        branch = f"ou=new,{employer.directory.base}"
        employer.directory.add(branch, {"objectClass": "organizationalUnit", "ou": "new"})
        time.sleep(1.1)
        employer.directory.rename(branch, "ou=newer")

        incremental_as_full()


def test_a_branch_that_has_changed_has_everything_read_once() -> None:
    with employed(extra=BY_TIME) as employer:
        branch = f"ou=new,{employer.directory.base}"
        employer.directory.add(branch, {"objectClass": "organizationalUnit", "ou": "new"})
        person = {"objectClass": "inetOrgPerson", "uid": "deep", "cn": "deep", "sn": "Deep"}
        employer.directory.add(f"uid=deep,{branch}", person)
        sync()
        time.sleep(1.1)
        employer.directory.modify(branch, {"description": "of a branch, after everybody's"})

        assert not was_incremental(changes())

        assert was_incremental(changes())


def test_many_computers_that_change_all_the_time_are_no_trouble() -> None:
    computers = [
        (
            f"CN=pc{number},DC=example",
            {"objectClass": [b"person", b"computer"], "uSNChanged": [b"%d" % (3000 + number)]},
        )
        for number in range(2000)
    ]
    with controlled() as server:
        server.entries = [*accounts(), *computers, SETTINGS]

        run = changes()

        assert was_incremental(run)
        assert run.state == RunState.APPLIED
