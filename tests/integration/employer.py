"""An employer with a real directory of its own, and the LDAP server's settings that read it."""

from __future__ import annotations

from directory.models import LdapServer
from tests.directories import Directory
from tests.worlds import ldap_server

ACTIVE = 'function (entry) { return entry.employeeType != "inactive" }'
ORG_NAME = "function (entry) { return entry.departmentNumber }"
ROLE_NAME = "function (entry) { return entry.title && entry.title.split(', ') }"
# In a directory of three people, one who moves is a third of them.
PLENTY = {
    "limit_moves_percent": 100,
    "limit_role_changes_percent": 100,
    "limit_role_losses_percent": 100,
    "limit_org_deactivations_percent": 100,
}


class Employer:
    """A directory, and the LDAP server that reads it."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory

    def hires(self, uid: str, **attributes: str) -> None:
        """Add a person."""
        person = {"objectClass": "inetOrgPerson", "uid": uid, "cn": uid, "sn": uid.title(), **attributes}
        self.directory.add(self.dn(uid), person)

    def dn(self, uid: str) -> str:
        return f"uid={uid},{self.directory.base}"

    def server(self, **values: object) -> LdapServer:
        scripts = {"active_script": ACTIVE, "org_name_script": ORG_NAME, "role_name_script": ROLE_NAME}
        return ldap_server(
            self.directory.url, **{"search_filter": "(objectClass=inetOrgPerson)", **scripts, **PLENTY, **values}
        )
