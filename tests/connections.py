"""Connections as Rollcall's settings would have them, to the directories of tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from directory.values.ldap import Connection
from tests.directories import Directory
from tests.fake_ldap import FakeDirectory


def connection_to(directory: Directory, **settings: Any) -> Connection:
    """Return how its reader reaches a directory; ``settings`` are set otherwise."""
    plain = Connection(
        name="Test",
        urls=(directory.url,),
        search_base=directory.base,
        bind_dn=directory.reader_dn,
        bind_password=directory.reader_password,
        ca_certificate=directory.ca_certificate,
        operation_timeout=10,
    )
    return replace(plain, **settings)


def connection_to_fake(server: FakeDirectory, **settings: Any) -> Connection:
    """Return how a directory that is made up is reached, in small pages; ``settings`` are set otherwise."""
    plain = Connection(name="Fake", urls=(server.url,), search_base=server.base, page_size=10)
    return replace(plain, **settings)
