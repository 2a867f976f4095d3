"""Companies on 389 Directory Server, with or without its memberOf plugin; FreeIPA is built on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.netscape import BASE, Instance
from tests.servers.company import LOCKED_SECONDS, Company


class Netscape(Company):
    """A company as 389 Directory Server keeps it: a lock-out ends at ``accountUnlockTime``."""

    lock_script = """
        function (entry) {
            var until = entry.accountUnlockTime;
            if (until && Date.now() < Date.UTC(until.substr(0, 4), until.substr(4, 2) - 1, until.substr(6, 2),
                until.substr(8, 2), until.substr(10, 2), until.substr(12, 2))) return false;
            return !ldap.has(entry.nsAccountLock, 'TRUE');
        }"""
    nests = True
    member_of_classes = ("nsMemberOf",)


@contextmanager
def instance(**plugins: bool) -> Iterator[Netscape]:
    """A company with a server of its own, none of whose entries has changed for long."""
    company = Netscape(Instance(), BASE, nests=True)
    directory = Instance(ldif=company.ldif(member_of=True), locked_seconds=LOCKED_SECONDS, **plugins)
    with directory:
        company.directory = directory
        yield company
