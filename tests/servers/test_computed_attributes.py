"""Attributes that real servers compute are found out, and their changes seen, though no stamp moves at the entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import ldap
import pytest

from directory.models import LdapServer
from tests import overlays
from tests.directories import Directory, Values
from tests.netscape import BASE, Instance
from tests.servers import netscape
from tests.servers.company import Company
from tests.servers.netscape import Netscape
from tests.servers.openldap import BASE as OPENLDAP_BASE
from tests.servers.rollcall import Rollcall, planned_changes

pytestmark = [pytest.mark.django_db, pytest.mark.once]

SUB_ENTRY = ("top", "ldapSubEntry")
TEMPLATE = (*SUB_ENTRY, "extensibleObject", "cosTemplate")
EVERYBODY = f"cn=everybody,{BASE}"
CLERKS = f"cn=Clerk,cn=templates,{BASE}"
POINTER = {
    EVERYBODY: {"objectClass": TEMPLATE, "cn": "everybody", "departmentNumber": "open"},
    f"cn=pointer,{BASE}": {
        "objectClass": (*SUB_ENTRY, "cosSuperDefinition", "cosPointerDefinition"),
        "cn": "pointer",
        "cosTemplateDn": EVERYBODY,
        "cosAttribute": "departmentNumber",
    },
}
# Whose template it is, says the employeeType of each entry.
CLASSIC = {
    f"cn=templates,{BASE}": {"objectClass": ("top", "nsContainer"), "cn": "templates"},
    CLERKS: {"objectClass": TEMPLATE, "cn": "Clerk", "departmentNumber": "open"},
    f"cn=classic,{BASE}": {
        "objectClass": (*SUB_ENTRY, "cosSuperDefinition", "cosClassicDefinition"),
        "cn": "classic",
        "cosTemplateDn": f"cn=templates,{BASE}",
        "cosSpecifier": "employeeType",
        "cosAttribute": "departmentNumber override",
    },
}
OPEN = "function (entry) { return entry.departmentNumber != 'closed' }"
# What locks roles (lib389, idm/role.py): nsAccountLock comes from the template that is named like a role.
DISABLED = f"cn=nsDisabledRole,{BASE}"
CLEANERS = f"cn=cleaners,{BASE}"
INACTIVATION = f"cn=nsAccountInactivationTmp,{BASE}"
ROLE = (*SUB_ENTRY, "nsRoleDefinition")
LOCKS = {
    CLEANERS: {
        "objectClass": (*ROLE, "nsComplexRoleDefinition", "nsFilteredRoleDefinition"),
        "cn": "cleaners",
        "nsRoleFilter": "(|(uid=ada)(uid=eve))",
    },
    DISABLED: {
        "objectClass": (*ROLE, "nsComplexRoleDefinition", "nsNestedRoleDefinition"),
        "cn": "nsDisabledRole",
        "nsRoleDN": f"cn=nobody,{BASE}",
    },
    INACTIVATION: {"objectClass": ("top", "nsContainer"), "cn": "nsAccountInactivationTmp"},
    f'cn="{DISABLED}",{INACTIVATION}': {
        "objectClass": ("top", "extensibleObject", "cosTemplate", "ldapSubEntry"),
        "cn": DISABLED,
        "cosPriority": "1",
        "nsAccountLock": "true",
    },
    f"cn=nsAccountInactivation_cos,{BASE}": {
        "objectClass": (*SUB_ENTRY, "cosSuperDefinition", "cosClassicDefinition"),
        "cn": "nsAccountInactivation_cos",
        "cosTemplateDn": INACTIVATION,
        "cosSpecifier": "nsRole",
        "cosAttribute": "nsAccountLock operational",
    },
}
UNLOCKED = "function (entry) { return !ldap.has(entry.nsAccountLock, 'TRUE') }"
NO_SUB_ENTRIES = (
    '(targetfilter = "(objectClass=ldapSubEntry)")(targetattr = "*")'
    f'(version 3.0; acl "none of them"; deny (all) userdn = "ldap:///{Instance.reader_dn}";)'
)


@pytest.fixture(scope="module")
def company() -> Iterator[Netscape]:
    """A company that all tests share: they take back what they make there."""
    with netscape.instance() as company:
        yield company


@contextmanager
def made(company: Company, entries: Mapping[str, Mapping[str, Values]]) -> Iterator[None]:
    """Have these entries for a while."""
    with company.directory.administrator() as connection:
        try:
            for dn, attributes in entries.items():
                company.directory.add(dn, attributes)
            yield
        finally:
            for dn in reversed(list(entries)):
                with suppress(ldap.NO_SUCH_OBJECT):
                    connection.delete_s(dn)


def active(rollcall: Rollcall) -> set[str]:
    return {name for name, facts in rollcall.facts().items() if facts["active"]}


@pytest.mark.parametrize(
    ("definition", "template"), [(POINTER, EVERYBODY), (CLASSIC, CLERKS)], ids=["pointer", "classic"]
)
def test_a_template_of_a_class_of_service_changes_everybody(
    company: Netscape, definition: Mapping[str, Mapping[str, Values]], template: str
) -> None:
    clerks = {"ada", "bo"} if definition is CLASSIC else set(company.dns)
    if definition is CLASSIC:
        for name in clerks:
            company.directory.modify(company.dns[name], {"employeeType": "Clerk"})
    with made(company, definition):
        rollcall = Rollcall(company, active_script=OPEN)
        rollcall.begins()
        assert active(rollcall) == set(company.dns)
        company.directory.modify(template, {"departmentNumber": "closed"})

        reading = rollcall.reads(incremental=True)

        assert active(rollcall) == set(company.dns) - clerks
        assert not planned_changes()
        assert "names departmentNumber, which changes without marking the entry" in reading.read_scope
        assert "the server's schema says that it is computed" in reading.read_scope


def test_a_class_of_service_that_is_made_between_two_readings_is_found_by_the_next_one(company: Netscape) -> None:
    rollcall = Rollcall(company, active_script=OPEN)
    rollcall.begins()
    assert rollcall.reads(incremental=True).since
    with made(company, POINTER):
        company.directory.modify(EVERYBODY, {"departmentNumber": "closed"})

        reading = rollcall.reads(incremental=True)

        assert not active(rollcall)
        assert not planned_changes()
        assert "names departmentNumber, which changes without marking the entry" in reading.read_scope


def test_a_class_of_service_that_the_bind_dn_may_not_see_has_to_be_set(company: Netscape) -> None:
    with company.directory.administrator() as connection, made(company, POINTER):
        connection.modify_s(BASE, [(ldap.MOD_ADD, "aci", [NO_SUB_ENTRIES.encode()])])
        try:
            rollcall = Rollcall(company, active_script=OPEN)
            rollcall.begins()
            company.directory.modify(EVERYBODY, {"departmentNumber": "closed"})
            assert rollcall.reads(incremental=True).since
            LdapServer.objects.update(unmarked_attributes=["departmentNumber"])

            reading = rollcall.reads(incremental=True)

            assert not active(rollcall)
            assert not planned_changes()
            assert "the server's settings say so" in reading.read_scope
        finally:
            connection.modify_s(BASE, [(ldap.MOD_DELETE, "aci", [NO_SUB_ENTRIES.encode()])])


def test_a_role_that_is_locked_locks_its_people(company: Netscape) -> None:
    with made(company, LOCKS):
        rollcall = Rollcall(company, active_script=UNLOCKED)
        rollcall.begins()
        assert active(rollcall) == set(company.dns)
        company.directory.modify(DISABLED, {"nsRoleDN": CLEANERS})

        reading = rollcall.reads(incremental=True)

        assert active(rollcall) == set(company.dns) - {"ada", "eve"}
        assert "names nsAccountLock, which changes without marking the entry" in reading.read_scope
        company.directory.modify(CLEANERS, {"nsRoleFilter": "(uid=bo)"})
        rollcall.reads(incremental=True)
        assert active(rollcall) == set(company.dns) - {"bo"}
        assert not planned_changes()


def test_a_filter_that_names_a_computed_attribute_has_everything_read(company: Netscape) -> None:
    unlocked = "(&(objectClass=inetOrgPerson)(!(nsAccountLock=true)))"
    with made(company, LOCKS):
        company.directory.modify(DISABLED, {"nsRoleDN": CLEANERS})
        rollcall = Rollcall(company, active_script="function (entry) { return true }", search_filter=unlocked)
        rollcall.begins()
        assert active(rollcall) == set(company.dns) - {"ada", "eve"}
        company.directory.modify(DISABLED, {"nsRoleDN": f"cn=nobody,{BASE}"})

        reading = rollcall.reads(incremental=True)

        assert "names nsAccountLock, which changes without marking the entry" in reading.read_scope
        assert active(rollcall) == set(company.dns)
        assert not planned_changes()


def test_openldap_says_of_an_attribute_that_it_is_of_one_server() -> None:
    company = Company(Directory(base=OPENLDAP_BASE), OPENLDAP_BASE)
    ldif = company.ldif(member_of=False)
    extra = f"moduleload lastbind\noverlay lastbind\n{overlays.SYNCPROV}"
    with Directory(base=OPENLDAP_BASE, ldif=ldif, extra=extra, aged=True) as directory:
        company.directory = directory
        never_here = "function (entry) { return !entry.authTimestamp }"
        rollcall = Rollcall(company, active_script=never_here)
        rollcall.begins()
        connection = ldap.initialize(directory.url)
        connection.simple_bind_s(company.dns["ada"], "Passw0rd! of all")

        reading = rollcall.reads(incremental=True)

        assert active(rollcall) == set(company.dns) - {"ada"}
        assert reading.computed == ["authtimestamp"]
        assert "names authTimestamp, which changes without marking the entry" in reading.read_scope
        assert not planned_changes()
