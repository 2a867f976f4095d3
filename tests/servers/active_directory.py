"""Companies on a Samba domain controller: each has a branch of its own, as starting a controller takes a while."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, ClassVar

import ldap
from ldap.controls import RequestControl

from tests.directories import Values
from tests.samba import BASE, Controller, remove_template
from tests.servers.company import LOCKED_SECONDS, ORG_NAME, PASSWORD, ROLE_NAME, Company

ACCOUNT_DISABLED = 0x2
NORMAL_ACCOUNT = 0x200
# "Domain Users", by the last part of its SID.
EVERYBODYS_GROUP = 513
# What a sAMAccountName may not have in it (MS-ADTS, 3.1.1.6).
REFUSED = re.compile(r'["/\\\\\[\]:;|=,+*?<>]')
# MS-ADTS, 3.1.1.3.4.1.11.
TREE_DELETE = "1.2.840.113556.1.4.805"
_running: list[Controller] = []
_stack = ExitStack()
_numbers = itertools.count(1)


class Domain(Company):
    """A company as Active Directory keeps it."""

    settings: ClassVar[dict[str, Any]] = {
        "search_filter": "(&(objectCategory=person)(objectClass=user))",
        "username_attribute": "sAMAccountName",
        "active_script": "function (entry) { return !(entry.userAccountControl & 2) }",
        "org_name_script": ORG_NAME,
        "role_name_script": ROLE_NAME,
    }
    lock_script = """
        function (entry) {
            return !(entry.userAccountControl & 2) && !(entry['msDS-User-Account-Control-Computed'] & 16);
        }"""
    username = "sAMAccountName"
    classes = ("user",)
    group_class = "group"
    has_primary_groups = True

    def account(self) -> dict[str, Values]:
        return {"userAccountControl": str(NORMAL_ACCOUNT), "unicodePwd": f'"{PASSWORD}"'.encode("utf-16-le")}

    def group(self, members: list[str], name: str) -> dict[str, Values]:
        return {
            **super().group(members, name),
            "sAMAccountName": f"{REFUSED.sub('', name)}-{self.base.partition(',')[0][3:]}",
        }

    def takes_as_primary(self, name: str, group: str) -> None:
        number = EVERYBODYS_GROUP
        if group:
            with self.directory.administrator() as connection:
                [sid] = connection.read_s(self.groups[group], attrlist=["objectSid"])["objectSid"]
            number = int.from_bytes(sid[-4:], "little")
        self.directory.modify(self.dns[name], {"primaryGroupID": str(number)})

    def disables(self, name: str) -> None:
        self.directory.modify(self.dns[name], {"userAccountControl": str(NORMAL_ACCOUNT | ACCOUNT_DISABLED)})

    def enables(self, name: str) -> None:
        self.directory.modify(self.dns[name], {"userAccountControl": str(NORMAL_ACCOUNT)})


def controller() -> Controller:
    """Return this test process's controller."""
    if not _running:
        started = _stack.enter_context(Controller())
        ticks = str(-LOCKED_SECONDS * 10_000_000)
        policy = {"lockoutThreshold": "3", "lockoutDuration": ticks, "lockOutObservationWindow": ticks}
        started.modify(BASE, policy)
        _running.append(started)
    return _running[0]


def stop() -> None:
    """Stop the controller, if there is one."""
    _stack.close()
    _running.clear()
    remove_template()


@contextmanager
def domain(*, resolved: bool = False) -> Iterator[Domain]:
    """A company in a branch of its own, which is gone afterwards; ``resolved`` has Rollcall read the groups itself."""
    directory = controller()
    branch = f"OU=Company{next(_numbers)},{BASE}"
    directory.add(branch, {"objectClass": "organizationalUnit"})
    company = Domain(directory, branch, nests=resolved)
    company.read_with = {"resolve_groups": resolved, "groups_base": branch if resolved else ""}
    company.found()
    try:
        yield company
    finally:
        with directory.administrator() as connection, suppress(ldap.NO_SUCH_OBJECT):
            connection.delete_ext_s(branch, serverctrls=[RequestControl(TREE_DELETE, criticality=True)])
