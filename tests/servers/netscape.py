"""Companies on 389 Directory Server, with or without its memberOf plugin; FreeIPA is built on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from tests.directories import Values
from tests.netscape import BASE, Instance
from tests.servers.company import LOCKED_SECONDS, ORG_NAME, PASSWORD, ROLE_NAME, Company


class Netscape(Company):
    """A company as 389 Directory Server keeps it: accounts are locked by ``nsAccountLock``."""

    settings: ClassVar[dict[str, Any]] = {
        "search_filter": "(objectClass=inetOrgPerson)",
        "active_script": """
            function (entry) {
                var until = entry.accountUnlockTime;
                if (until && Date.now() < Date.UTC(until.substr(0, 4), until.substr(4, 2) - 1, until.substr(6, 2),
                    until.substr(8, 2), until.substr(10, 2), until.substr(12, 2))) return false;
                return String(entry.nsAccountLock).toLowerCase() != 'true';
            }""",
        "org_name_script": ORG_NAME,
        "role_name_script": ROLE_NAME,
    }
    nests = True
    member_of_classes = ("nsMemberOf",)

    def account(self) -> dict[str, Values]:
        return {"userPassword": PASSWORD}

    def disables(self, name: str) -> None:
        self.directory.modify(self.dns[name], {"nsAccountLock": "true"})

    def enables(self, name: str) -> None:
        self.directory.modify(self.dns[name], {"nsAccountLock": None})


@contextmanager
def instance(**plugins: bool) -> Iterator[Netscape]:
    """A company with a server of its own, none of whose entries has changed for long."""
    company = Netscape(Instance(), BASE, nests=True)
    directory = Instance(ldif=company.ldif(member_of=True), locked_seconds=LOCKED_SECONDS, **plugins)
    with directory:
        company.directory = directory
        yield company
