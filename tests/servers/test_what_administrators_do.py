"""What administrators do to directories besides: after each, reading changes says what reading everything would."""

from __future__ import annotations

import time
from collections.abc import Iterator

import ldap
import pytest
from ldap.controls import RequestControl

from directory.models import RunServer, RunState
from directory.values.plan import Cause
from tests.directories import Directory
from tests.faults.proxy import Proxy
from tests.netscape import BASE as NETSCAPE_BASE
from tests.netscape import Instance
from tests.samba import BASE as DOMAIN
from tests.servers import active_directory, netscape, openldap
from tests.servers.active_directory import Domain
from tests.servers.company import Company
from tests.servers.netscape import Netscape
from tests.servers.rollcall import Rollcall, planned_changes
from tests.worlds import sync

pytestmark = [pytest.mark.django_db, pytest.mark.once]

# One of both goes with every push.
either = pytest.mark.parametrize(
    "syncprov",
    [
        pytest.param(True, id="syncrepl"),
        pytest.param(False, id="modifyTimestamp", marks=pytest.mark.directories),
    ],
)
# MS-ADTS, 3.1.1.3.4.1.14.
SHOW_DELETED = RequestControl("1.2.840.113556.1.4.417", criticality=True)


def reads_changes(rollcall: Rollcall) -> RunServer:
    """Carry out a run of changes, after which a reading of everything finds nobody but those who have gone."""
    reading = rollcall.reads(incremental=True)
    left = planned_changes()
    assert [each for each in left if each[1] != Cause.ABSENT] == [], (left, reading.read_scope)
    assert reading.since or not left, left
    return reading


@pytest.fixture
def domain() -> Iterator[Domain]:
    with active_directory.domain() as company:
        yield company


@pytest.fixture
def resolved_domain() -> Iterator[Domain]:
    with active_directory.domain(resolved=True) as company:
        yield company


def active(rollcall: Rollcall, name: str) -> bool:
    return bool(rollcall.facts()[name]["active"])


def administrator(rollcall: Rollcall, name: str) -> bool:
    return bool(rollcall.facts()[name]["administrator"])


def moves(company: Company, dn: str, parent: str) -> str:
    rdn = ldap.dn.dn2str(ldap.dn.str2dn(dn)[:1])
    company.directory.rename(dn, rdn, parent=parent)
    return f"{rdn},{parent}"


class TestOnADomainController:
    @pytest.mark.directories
    def test_somebody_moves_out_of_the_search_base_and_back(self, domain: Domain) -> None:
        rollcall = Rollcall(domain)
        rollcall.begins()
        home = domain.branch_dn("Sales")
        out = moves(domain, domain.dns["fay"], f"CN=Users,{DOMAIN}")
        try:
            reads_changes(rollcall)
            assert active(rollcall, "fay")
            rollcall.reads(incremental=False)
            assert not active(rollcall, "fay")
        finally:
            domain.dns["fay"] = moves(domain, out, home)
        reads_changes(rollcall)
        assert active(rollcall, "fay")

    def test_a_branch_moves_out_of_the_search_base_and_back(self, domain: Domain) -> None:
        rollcall = Rollcall(domain)
        rollcall.begins()
        out = moves(domain, domain.branch_dn("Sales"), DOMAIN)
        try:
            reads_changes(rollcall)
            rollcall.reads(incremental=False)
            assert not active(rollcall, "fay")
        finally:
            moves(domain, out, domain.base)
        reads_changes(rollcall)
        assert active(rollcall, "fay")

    @pytest.mark.directories
    def test_a_branch_moves_below_another_one(self, domain: Domain) -> None:
        script = "function (entry) { return ldap.values(entry.dn, 'ou').indexOf('Staff') >= 0 ? 'Staff' : 'Sales' }"
        rollcall = Rollcall(domain, org_name_script=script)
        rollcall.begins()
        moves(domain, domain.branch_dn("Sales"), domain.branch_dn("Staff"))
        reads_changes(rollcall)
        assert rollcall.facts()["fay"]["org"] == "Staff"

    @pytest.mark.parametrize("noticed", [False, True])
    def test_a_deleted_account_is_brought_back(self, domain: Domain, noticed: bool) -> None:
        rollcall = Rollcall(domain)
        rollcall.begins()
        with domain.directory.administrator() as connection:
            [guid] = connection.read_s(domain.dns["ada"], attrlist=["objectGUID"])["objectGUID"]
            domain.directory.delete(domain.dns["ada"])
            rollcall.reads(incremental=not noticed)
            assert active(rollcall, "ada") is not noticed
            text = "".join(f"\\{byte:02x}" for byte in guid)
            [(dead, _)] = [
                row
                for row in connection.search_ext_s(
                    DOMAIN, ldap.SCOPE_SUBTREE, f"(objectGUID={text})", ["1.1"], serverctrls=[SHOW_DELETED]
                )
                if row[0]
            ]
            connection.modify_ext_s(
                dead,
                [
                    (ldap.MOD_DELETE, "isDeleted", None),
                    (ldap.MOD_REPLACE, "distinguishedName", [domain.dns["ada"].encode()]),
                ],
                serverctrls=[SHOW_DELETED],
            )
            domain.enables("ada")

        reads_changes(rollcall)

        assert active(rollcall, "ada")
        # Links do not come back with it.
        assert not administrator(rollcall, "ada")

    def test_a_primary_group_is_another_one(self, resolved_domain: Domain) -> None:
        company = resolved_domain
        rollcall = Rollcall(company)
        rollcall.begins()
        company.takes_as_primary("ada", "helpdesk")
        reads_changes(rollcall)
        assert administrator(rollcall, "ada")
        company.renames_group("helpdesk", "frontline")
        reads_changes(rollcall)
        assert not administrator(rollcall, "ada")
        company.renames_group("frontline", "helpdesk")
        reads_changes(rollcall)
        assert administrator(rollcall, "ada")
        company.takes_as_primary("ada", "")
        company.quits("ada", "helpdesk")
        reads_changes(rollcall)
        assert not administrator(rollcall, "ada")

    @pytest.mark.directories
    def test_a_primary_group_without_groups_resolved(self, domain: Domain) -> None:
        rollcall = Rollcall(domain)
        rollcall.begins()
        domain.takes_as_primary("ada", "helpdesk")
        reads_changes(rollcall)
        assert not administrator(rollcall, "ada")
        domain.takes_as_primary("ada", "")
        reads_changes(rollcall)
        assert administrator(rollcall, "ada")

    def test_a_group_moves_out_of_the_base_of_groups(self, resolved_domain: Domain) -> None:
        company = resolved_domain
        company.nests_group("night", "helpdesk")
        rollcall = Rollcall(company)
        rollcall.begins()
        assert administrator(rollcall, "bo")
        out = moves(company, company.groups["night"], f"CN=Users,{DOMAIN}")
        try:
            reads_changes(rollcall)
            assert not administrator(rollcall, "bo")
        finally:
            moves(company, out, company.branch_dn("Groups"))
        reads_changes(rollcall)
        assert administrator(rollcall, "bo")

    @pytest.mark.directories
    def test_a_group_moves_and_nothing_else(self, domain: Domain) -> None:
        inside = "/OU=Groups/i.test(String(entry.memberOf))"
        rollcall = Rollcall(
            domain, role_name_script=f"function (entry) {{ return {inside} ? ['Org Admin'] : ['PROe User'] }}"
        )
        rollcall.begins()
        assert administrator(rollcall, "ada")
        out = moves(domain, domain.groups["helpdesk"], f"CN=Users,{DOMAIN}")
        try:
            reads_changes(rollcall)
            assert not administrator(rollcall, "ada")
        finally:
            moves(domain, out, domain.branch_dn("Groups"))

    @pytest.mark.directories
    @pytest.mark.parametrize("resolved", [False, True])
    def test_the_branch_of_groups_has_another_name(self, resolved: bool) -> None:
        with active_directory.domain(resolved=resolved) as company:
            groups = "entry.groups" if resolved else "entry.memberOf"
            script = (
                f"function (entry) {{ return /OU=Groups/i.test(String({groups})) ? ['Org Admin'] : ['PROe User'] }}"
            )
            rollcall = Rollcall(company, role_name_script=script)
            rollcall.begins()
            assert administrator(rollcall, "ada")

            company.directory.rename(company.branch_dn("Groups"), "OU=Teams")

            reads_changes(rollcall)
            assert not administrator(rollcall, "ada")

    @pytest.mark.directories
    def test_an_account_is_disabled_and_moved_at_once(self, domain: Domain) -> None:
        rollcall = Rollcall(domain)
        rollcall.begins()
        domain.quits("gus", "helpdesk")
        domain.disables("gus")
        domain.moves("gus", "Staff")
        reads_changes(rollcall)
        assert not active(rollcall, "gus")
        domain.directory.add(f"OU=Leavers,{domain.base}", {"objectClass": "organizationalUnit"})
        moves(domain, domain.dns["gus"], f"OU=Leavers,{domain.base}")
        reads_changes(rollcall)

    @pytest.mark.directories
    def test_names_with_everything_in_them(self, domain: Domain) -> None:
        odd_names(domain)


ODD = ("R&D, Labs + München", '# "quoted" <x>; a=b', " spaces at both ends ", "Ω 日本 \\ backslash")


def odd_names(company: Company) -> None:
    inside = "ldap.has(entry.memberOf, 'R&D, Labs + München')"
    rollcall = Rollcall(
        company, role_name_script=f"function (entry) {{ return {inside} ? ['Org Admin'] : ['PROe User'] }}"
    )
    for name, odd in zip(("ada", "bo", "cyd", "dee"), ODD, strict=True):
        company.renames_entry(name, odd)
    rollcall.begins()
    company.makes_group(ODD[0], ["ada", "eve"])
    reads_changes(rollcall)
    assert administrator(rollcall, "ada")
    company.joins("bo", ODD[0])
    company.joins("cyd", ODD[0])
    company.joins("dee", ODD[0])
    reads_changes(rollcall)
    assert all(administrator(rollcall, name) for name in ("ada", "bo", "cyd", "dee", "eve"))
    for name in ("ada", "bo", "cyd", "dee"):
        company.quits(name, ODD[0])
    reads_changes(rollcall)
    assert not any(administrator(rollcall, name) for name in ("ada", "bo", "cyd", "dee"))
    company.deletes_group(ODD[0])
    reads_changes(rollcall)
    assert not administrator(rollcall, "eve")


@pytest.mark.directories
class TestOn389DirectoryServer:
    @pytest.fixture
    def company(self) -> Iterator[Netscape]:
        with netscape.instance() as company:
            yield company

    def test_people_and_branches_move(self, company: Netscape) -> None:
        rollcall = Rollcall(company)
        rollcall.begins()
        company.moves("fay", "Staff")
        reads_changes(rollcall)
        assert rollcall.facts()["fay"]["org"] == "Staff"
        company.directory.add(f"ou=Vertrieb,{NETSCAPE_BASE}", {"objectClass": "organizationalUnit"})
        company.directory.rename(company.branch_dn("Sales"), "ou=Sales", parent=f"ou=Vertrieb,{NETSCAPE_BASE}")
        reads_changes(rollcall)
        assert administrator(rollcall, "gus")

    def test_names_with_everything_in_them(self, company: Netscape) -> None:
        odd_names(company)


class Imported(Netscape):
    """Its people may have memberOf from the beginning."""

    classes = ("inetOrgPerson", "nsMemberOf")


@pytest.mark.directories
def test_memberships_are_repaired_by_a_task_of_389_directory_server() -> None:
    company = Imported(Instance(), NETSCAPE_BASE, nests=True)
    # As after an import: the groups list their members, who do not name them.
    with Instance(ldif=company.ldif(member_of=False)) as directory:
        company.directory = directory
        rollcall = Rollcall(company)
        rollcall.begins()
        assert not administrator(rollcall, "ada")
        names = {"cn": "repair", "basedn": NETSCAPE_BASE, "filter": "(objectClass=*)"}
        task = "cn=repair,cn=memberOf task,cn=tasks,cn=config"
        directory.add(task, {"objectClass": ("top", "extensibleObject"), **names})
        with directory.administrator() as connection:
            for _ in range(100):
                if connection.read_s(company.dns["hal"], attrlist=["memberOf"]):
                    break
                time.sleep(0.1)

        reads_changes(rollcall)

        assert administrator(rollcall, "ada")


class TestOnOpenldap:
    @either
    def test_names_with_everything_in_them(self, syncprov: bool) -> None:
        with openldap.memberof(syncprov=syncprov) as company:
            odd_names(company)

    @either
    def test_groups_that_list_usernames(self, syncprov: bool) -> None:
        with openldap.memberof(syncprov=syncprov, resolved=True) as company:
            company.deletes_group("helpdesk")
            dn = f"cn=helpdesk,{company.branch_dn('Groups')}"
            group = {"objectClass": "posixGroup", "cn": "helpdesk", "gidNumber": "5"}
            company.directory.add(dn, {**group, "memberUid": ["bo", "nobody"]})
            rollcall = Rollcall(company)
            rollcall.begins()
            assert administrator(rollcall, "bo")
            company.names("bo", "robert")
            reads_changes(rollcall)
            assert not administrator(rollcall, "bo")
            company.names("hal", "bo")
            reads_changes(rollcall)
            assert administrator(rollcall, "hal")
            company.directory.modify(dn, {"memberUid": ["cyd"]})
            reads_changes(rollcall)
            assert administrator(rollcall, "cyd")
            assert not administrator(rollcall, "hal")
            company.directory.rename(dn, "cn=frontline")
            reads_changes(rollcall)
            assert not administrator(rollcall, "cyd")

    @either
    def test_a_filter_by_group_beside_a_role_by_group(self, syncprov: bool) -> None:
        with openldap.memberof(syncprov=syncprov) as company:
            staff = ["ada", "bo", "gus", "hal", "dee"]
            company.makes_group("staff", staff)
            rollcall = Rollcall(
                company, search_filter=f"(&(objectClass=inetOrgPerson)(memberOf={company.groups['staff']}))"
            )
            rollcall.begins()
            company.quits("ada", "helpdesk")
            company.quits("ada", "staff")
            reads_changes(rollcall)
            company.joins("ada", "staff")
            reads_changes(rollcall)
            assert not administrator(rollcall, "ada")
            company.renames_group("staff", "everybody")
            run = sync(incremental=True)
            assert (run.state, run.held_back) == (RunState.HELD_BACK, ["Corp: the search found no entries at all."])
            assert all(active(rollcall, name) for name in staff)

    @pytest.mark.parametrize(
        ("syncprov", "words"),
        [(True, "consumer state is newer than provider"), (False, "newest time stamp has gone back")],
        ids=["syncrepl", "modifyTimestamp"],
    )
    def test_a_backup_is_restored(self, syncprov: bool, words: str) -> None:
        with openldap.memberof(syncprov=syncprov) as company:
            directory = company.directory
            assert isinstance(directory, Directory)
            backup = directory.backed_up()
            with Proxy(directory.port) as address:
                company.read_at = address.url
                rollcall = Rollcall(company)
                company.joins("bo", "helpdesk")
                company.disables("fay")
                company.names("dee", "delia")
                rollcall.begins()
                assert administrator(rollcall, "bo")
                directory.restore(backup)
                address.target = directory.port

                reading = rollcall.reads(incremental=True)

                assert not reading.since
                assert words in reading.read_scope
                assert not administrator(rollcall, "bo")
                assert active(rollcall, "fay")
                assert not planned_changes()
