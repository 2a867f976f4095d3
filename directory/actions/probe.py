"""Tries an LDAP server's settings out before they are saved: a few at once, and none for long."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from directory import trial_slots
from directory.ldap.connection_test.connection_test import ConnectionStep
from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.identity import identity
from directory.ldap.process.isolated_test import try_connection, try_search
from directory.ldap.url import parse_url
from directory.servers import presets
from directory.servers.presets import Preset
from directory.values.ldap import AttributeMapping, Connection, Entry, GroupSearch, Identity

__all__ = ["ConnectionStep", "DirectoryUnavailable", "first_entries", "suggested", "test_connection"]


def test_connection(
    *, connection: Connection, groups: GroupSearch | None, owner: str, waits: Callable[[], bool], at: datetime
) -> list[ConnectionStep]:
    """Return what each step of using the server came to, up to the first that failed, or the end of 10 seconds.

    ``groups`` are those that are resolved for scripts, None where none are. ``owner`` is whose test it is, who may have one at a time; ``waits`` tells whether they still wait for it.

    Raises:
        Refused: when a test of the owner, or too many tests, are under way.
        DirectoryUnavailable: when nobody waits any more.
    """
    with trial_slots.taken(owner):
        return try_connection(replace(connection, at=at), waits, groups)


def suggested(steps: Iterable[ConnectionStep]) -> Preset | None:
    """Return the preset that fits the server of a test by its root DSE, None where none fits."""
    for step in steps:
        if step.product or step.is_domain:
            url = parse_url(step.url)
            return presets.suggested(step.product, is_domain=step.is_domain, host=url.host, port=url.port)
    return None


def first_entries(
    *, connection: Connection, mapping: AttributeMapping, owner: str, waits: Callable[[], bool], at: datetime
) -> list[tuple[Entry, Identity]]:
    """Return the first ten entries that the search finds, with who they are by the mapping; ``owner`` as for a test.

    Raises:
        Refused: when a test of the owner, or too many tests, are under way.
        DirectoryUnavailable: with the server's own words, or when 10 seconds have passed.
    """
    with trial_slots.taken(owner):
        found = try_search(replace(connection, at=at), limit=10, waits=waits)
    return [(entry, identity(entry, mapping)) for entry in found]
