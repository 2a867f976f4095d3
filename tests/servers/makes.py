"""The directories that a company may have, by the names that the table gives them, with what readings go by there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.servers import active_directory, netscape, openldap
from tests.servers.company import Company


@dataclass(frozen=True)
class Make:
    """A make of directory, as it is set up; ``reading`` is what tells changes there.

    ``lacks`` are what acts need and it can't do.
    """

    name: str
    reading: str
    company: Callable[[], AbstractContextManager[Company]]
    lacks: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.name}-{self.reading}".replace(" ", "-")


MAKES = (
    Make("Samba AD", "uSNChanged", active_directory.domain),
    Make("Samba AD, groups resolved", "uSNChanged", lambda: active_directory.domain(resolved=True)),
    Make("389-ds", "modifyTimestamp", netscape.instance),
    Make("389-ds with its changelog", "modifyTimestamp", lambda: netscape.instance(changelog=True)),
    Make("OpenLDAP memberof", "syncrepl", lambda: openldap.memberof(syncprov=True)),
    Make("OpenLDAP memberof", "modifyTimestamp", lambda: openldap.memberof(syncprov=False)),
    Make("OpenLDAP memberof, groups resolved", "syncrepl", lambda: openldap.memberof(syncprov=True, resolved=True)),
    Make("OpenLDAP dynlist", "syncrepl", lambda: openldap.dynlist(syncprov=True)),
    Make("OpenLDAP dynlist", "modifyTimestamp", lambda: openldap.dynlist(syncprov=False)),
    Make("OpenLDAP glue", "modifyTimestamp", openldap.glue, frozenset({"lock", "rename branches"})),
    Make("OpenLDAP behind back-ldap", "modifyTimestamp", lambda: openldap.proxied("ldap")),
    Make("OpenLDAP behind back-meta", "modifyTimestamp", lambda: openldap.proxied("meta")),
)
