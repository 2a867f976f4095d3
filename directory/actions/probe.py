"""Tries an LDAP server's settings out before they are saved."""

from __future__ import annotations

from directory.sync import source
from directory.sync.identity import identity
from directory.sync.source import ConnectionStep, DirectoryUnavailable
from directory.sync.values import AttributeMapping, Connection, Entry, Identity

__all__ = ["ConnectionStep", "DirectoryUnavailable", "first_entries", "test_connection"]


def test_connection(*, connection: Connection) -> list[ConnectionStep]:
    """Return what each step of using the server came to, up to the first that failed."""
    return source.test_connection(connection)


def first_entries(*, connection: Connection, mapping: AttributeMapping) -> list[tuple[Entry, Identity]]:
    """Return the first ten entries that the search finds, with who they are by the mapping.

    Raises:
        DirectoryUnavailable: with the server's own words.
    """
    return [(entry, identity(entry, mapping)) for entry in source.first_entries(connection, limit=10)]
