"""The same histories over real LDAP servers and the real sandbox: the people in memory are published before each run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import ldap
from ldap.controls.simple import RelaxRulesControl

from directory.sync.read import read_stage
from directory.sync.read.read_result import ReadResult
from directory.sync.run_context import RunContext
from orgs.text import fold
from tests.directories import Directory
from tests.histories.directories import Fault, MemoryDirectories, MemoryServer, Person
from tests.histories.machine import Histories


class SlapdServer(MemoryServer):
    """A slapd with the people in memory; it does nothing wrong, which tests of its own see to."""

    def __init__(self, slapd: Directory) -> None:
        super().__init__(slapd.url)
        self._slapd = slapd

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, Fault.NONE if name == "fault" else value)

    def publish(self) -> None:
        """Make the directory as it is in memory."""
        connection = ldap.initialize(self.url)
        connection.simple_bind_s(self._slapd.admin_dn, self._slapd.admin_password)
        for dn, _ in connection.search_s(self._slapd.base, ldap.SCOPE_ONELEVEL, "(objectClass=device)", ["cn"]):
            connection.delete_s(dn)
        for person in self.people.values():
            # Without the rules' being relaxed a server gives the immutable ids itself.
            connection.add_ext_s(*_published(person), serverctrls=[RelaxRulesControl()])
        connection.unbind_s()


def _published(person: Person) -> tuple[str, list[tuple[str, list[bytes]]]]:
    """Return an entry as a server takes it: two spellings of one name are one value to it."""
    # Without an id the server would give one of its own.
    entry = replace(person, id_hidden=False).entry()
    names = list({fold(name): name for name in reversed(person.usernames)}.values())
    attributes = {**entry.attributes, "uid": names, "objectClass": ("device", "extensibleObject")}
    return entry.dn, [(name, [value.encode() for value in values]) for name, values in attributes.items()]


class SlapdDirectories(MemoryDirectories):
    """Real servers, which are the same in every history."""

    def __init__(self, slapds: list[Directory]) -> None:
        super().__init__(settings={"search_filter": "(objectClass=device)"})
        self._free = list(slapds)

    def add(self) -> MemoryServer:
        server = SlapdServer(self._free.pop(0))
        self.servers[server.url] = server
        return server

    @contextmanager
    def patched(self) -> Iterator[None]:
        """Publish what is in memory before a run reads."""
        read_published = read_stage.read_servers

        def read_servers(work: RunContext) -> ReadResult:
            for server in self.servers.values():
                assert isinstance(server, SlapdServer)
                server.publish()
            return read_published(work)

        with mock.patch("directory.sync.read.read_stage.read_servers", read_servers):
            yield


def on(slapds: list[Directory]) -> type[Histories]:
    """Return histories that read these servers."""

    class HistoriesOnSlapd(Histories):
        def read_from(self) -> MemoryDirectories:
            return SlapdDirectories(slapds)

    return HistoriesOnSlapd
