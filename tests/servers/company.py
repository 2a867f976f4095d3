"""A company in a directory of any make: its people, branches and groups, and what its administrators do to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, ClassVar

import ldap
import ldap.dn

from tests.directories import Administered, Values, escape_rdn, to_ldif

PEOPLE = {
    "ada": "Staff",
    "bo": "Staff",
    "cyd": "Staff",
    "dee": "Staff",
    "eve": "Sales",
    "fay": "Sales",
    "gus": "Sales",
    "hal": "Sales",
}
BRANCHES = ("Staff", "Sales", "Groups")
# The name of a group, and who is in it at first.
GROUPS = {"helpdesk": ("ada", "gus"), "night": ("bo", "hal"), "idle": ("cyd",)}
PASSWORD = "Passw0rd! of all"
LOCKED_SECONDS = 5

# The branch is the org; whoever is in the help desk is an administrator of it.
ORG_NAME = "function (entry) { return /,\\s*ou=([^,]+)/i.exec(entry.dn)[1] }"
ROLE_NAME = (
    "function (entry) { var inside = (entry.groups || entry.memberOf || []).some(function (dn) { return /^cn=helpdesk,/i.test(dn) });"
    " return inside ? ['Org Admin'] : ['PROe User'] }"
)


class Company:
    """A company whose people, by their first usernames, are kept as OpenLDAP's administrators keep them.

    ``nests`` says whether the server names, in ``memberOf``, groups of groups, too.
    """

    settings: ClassVar[dict[str, Any]] = {
        "search_filter": "(objectClass=inetOrgPerson)",
        "active_script": "function (entry) { return entry.employeeType != 'inactive' }",
        "org_name_script": ORG_NAME,
        "role_name_script": ROLE_NAME,
    }
    # For acts that lock passwords: an attribute that changes without marking the entry as changed has everything read each time.
    lock_script = """
        function (entry) {
            var at = entry.pwdAccountLockedTime;
            if (at && Date.now() < Date.UTC(at.substr(0, 4), at.substr(4, 2) - 1, at.substr(6, 2), at.substr(8, 2),
                                            at.substr(10, 2), at.substr(12, 2)) + 5000) return false;
            return entry.employeeType != 'inactive';
        }"""
    username = "uid"
    classes: ClassVar[tuple[str, ...]] = ("inetOrgPerson",)
    # What an entry with memberOf has to be besides.
    member_of_classes: ClassVar[tuple[str, ...]] = ()
    group_class = "groupOfNames"
    branch_rdn = "ou"
    nests = False
    # Whether one of a person's groups is their primary group, which does not list them.
    has_primary_groups = False

    def __init__(self, directory: Administered, base: str, *, nests: bool = False) -> None:
        self.directory = directory
        self.base = base
        self.nests = nests
        # Where it is read, if that is not where it is changed, and what the LDAP server's settings need there.
        self.read_at = ""
        self.read_with: dict[str, Any] = {}
        # Where everybody is, by the username that they began with, and which username and branch they have by now.
        self.dns: dict[str, str] = {}
        self.groups: dict[str, str] = {}

    def names_groups_of_groups(self, _name: str) -> bool:
        """Return whether the server names, of this person, the groups that hold their groups as well."""
        return self.nests

    # What there is at first.

    def entries(self) -> Iterator[tuple[str, dict[str, Values]]]:
        """Yield everything that there is at first, parents before children."""
        for branch in BRANCHES:
            yield self.branch_dn(branch), {"objectClass": "organizationalUnit", "ou": branch}
        for name, branch in PEOPLE.items():
            yield self._placed(name, branch), self.person(name)
        for name, members in GROUPS.items():
            yield self._grouped(name), self.group([self.dns[each] for each in members], name)

    def found(self) -> None:
        """Make everything over LDAP."""
        for dn, attributes in self.entries():
            self.directory.add(dn, attributes)

    def ldif(self, *, member_of: bool) -> str:
        """Return everything as LDIF, with what an overlay or plugin would have added where ``member_of`` says so."""
        entries = dict(self.entries())
        if member_of:
            for name, members in GROUPS.items():
                for each in members:
                    entry = entries[self.dns[each]]
                    entry["memberOf"] = [*entry.get("memberOf", ()), self.groups[name]]
                    entry["objectClass"] = [*self.classes, *self.member_of_classes]
        return "".join(to_ldif(dn, attributes) for dn, attributes in entries.items())

    def person(self, name: str) -> dict[str, Values]:
        """Return a person's attributes; all have a comma in the name of their entry, as Active Directory's tools make it."""
        first, last = name.title(), f"{name.title()}son"
        return {
            "objectClass": self.classes,
            "cn": f"{last}, {first}",
            "givenName": first,
            "sn": last,
            self.username: name,
            "mail": f"{name}@example.com",
            **self.account(),
        }

    def account(self) -> dict[str, Values]:
        """Return what an enabled account has besides."""
        return {"employeeType": "staff", "userPassword": PASSWORD}

    def group(self, members: list[str], name: str) -> dict[str, Values]:
        return {"objectClass": self.group_class, "cn": name, "member": members}

    def branch_dn(self, branch: str) -> str:
        return f"ou={branch},{self.base}"

    def _placed(self, name: str, branch: str) -> str:
        common = f"{name.title()}son, {name.title()}"
        self.dns[name] = f"cn={escape_rdn(common)},{self.branch_dn(branch)}"
        return self.dns[name]

    def _grouped(self, name: str) -> str:
        self.groups[name] = f"cn={escape_rdn(name)},{self.branch_dn('Groups')}"
        return self.groups[name]

    # What is done to people.

    def hires(self, name: str, branch: str = "Sales") -> None:
        self.directory.add(self._placed(name, branch), self.person(name))

    def leaves(self, name: str) -> None:
        self.directory.delete(self.dns.pop(name))

    def disables(self, name: str) -> None:
        self.directory.modify(self.dns[name], {"employeeType": "inactive"})

    def enables(self, name: str) -> None:
        self.directory.modify(self.dns[name], {"employeeType": "staff"})

    def renames_entry(self, name: str, common: str) -> None:
        """Give an entry another RDN; nothing else of the person changes."""
        old = self.dns[name]
        rdn = f"cn={escape_rdn(common)}"
        self.directory.rename(old, rdn)
        self.dns[name] = f"{rdn},{parent_of(old)}"

    def names(self, name: str, username: str) -> None:
        """Give a person another username."""
        self.directory.modify(self.dns[name], {self.username: username})

    def swaps(self, one: str, other: str) -> None:
        """Have two people swap the usernames that they began with."""
        self.names(one, f"{one}.{other}")
        self.names(other, one)
        self.names(one, other)

    def moves(self, name: str, branch: str) -> None:
        """Move a person to another branch."""
        old = self.dns[name]
        rdn = old.removesuffix(f",{parent_of(old)}")
        self.directory.rename(old, rdn, parent=self.branch_dn(branch))
        self.dns[name] = f"{rdn},{self.branch_dn(branch)}"

    def makes_anew(self, name: str, branch: str, *, username: str = "") -> None:
        """Delete a person's entry, and make one of the same names elsewhere; it has another immutable id.

        ``username`` is the one that it has from the beginning, as somebody else may have the first one by now.
        """
        self.leaves(name)
        self.directory.add(self._placed(name, branch), {**self.person(name), self.username: username or name})

    # What is done to groups and branches.

    def joins(self, name: str, group: str) -> None:
        self._change(group, ldap.MOD_ADD, self.dns[name])

    def quits(self, name: str, group: str) -> None:
        self._change(group, ldap.MOD_DELETE, self.dns[name])

    def nests_group(self, inner: str, outer: str) -> None:
        """Make a group a member of another one."""
        self._change(outer, ldap.MOD_ADD, self.groups[inner])

    def takes_as_primary(self, name: str, group: str) -> None:
        """Make a group that a person is in their primary group, or none of ours where it is empty."""
        raise NotImplementedError

    def makes_group(self, name: str, members: list[str]) -> None:
        self.directory.add(self._grouped(name), self.group([self.dns[each] for each in members], name))

    def deletes_group(self, name: str) -> None:
        self.directory.delete(self.groups.pop(name))

    def renames_group(self, name: str, new: str) -> None:
        self.directory.rename(self.groups.pop(name), f"cn={new}")
        self._grouped(new)

    def renames_branch(self, name: str, new: str) -> None:
        old = self.branch_dn(name)
        self.directory.rename(old, f"ou={new}")
        for person, dn in self.dns.items():
            if dn.endswith(f",{old}"):
                self.dns[person] = dn.removesuffix(old) + self.branch_dn(new)

    def _change(self, group: str, how: int, member: str) -> None:
        with self.directory.administrator() as connection:
            connection.modify_s(self.groups[group], [(how, "member", [member.encode()])])

    # What happens to passwords.

    def locks(self, name: str) -> None:
        """Mistype a password until the server locks the account, for as long as ``LOCKED_SECONDS``."""
        for _ in range(4):
            with suppress(ldap.INVALID_CREDENTIALS, ldap.CONSTRAINT_VIOLATION):
                connection = ldap.initialize(self.directory.url)
                connection.simple_bind_s(self.dns[name], "not the password")


def parent_of(dn: str) -> str:
    """Return the DN of an entry's parent."""
    rdns = ldap.dn.str2dn(dn)
    parent: str = ldap.dn.dn2str(rdns[1:])
    return parent


Happening = Callable[[Company], None]
