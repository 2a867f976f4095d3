"""Tries out an LDAP server's settings before they are saved; few tests run at once, and each ends soon."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from directory import trial_slots
from directory.ldap.connection_test.connection_test import ConnectionStep
from directory.ldap.entry_identity import identity
from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.groups.people_reader import PeopleSource
from directory.ldap.process.isolated_connection_trial import (
    Deadline,
    IsolatedPeopleReader,
    try_connection,
    try_search,
    try_sign_in,
)
from directory.ldap.url import parse_url
from directory.models import LdapServer
from directory.servers import presets
from directory.servers.presets import Preset
from directory.values.ldap import AttributeMapping, Connection, Entry, GroupSearch, Identity
from orgs.actions.audit import Fact, note
from orgs.rules.actors import Actor

__all__ = [
    "ConnectionStep",
    "DirectoryUnavailable",
    "first_entries",
    "people_reader",
    "suggested",
    "test_connection",
    "test_sign_in",
]

# The seconds in which a page may read people from all servers of an org.
SECONDS = 20


def test_connection(
    *, connection: Connection, groups: GroupSearch | None, owner: str, waits: Callable[[], bool], at: datetime
) -> list[ConnectionStep]:
    """Return the result of each step of using the server, up to the first failure or the end of 10 seconds.

    ``groups`` is the search for groups that scripts use, None for none. ``owner`` identifies the person, who may run one test at a time; ``waits`` returns whether they still wait for the result.

    Raises:
        Refused: when the owner's test or too many tests are running.
        DirectoryUnavailable: when nobody waits for the result any more.
    """
    with trial_slots.taken(owner):
        return try_connection(replace(connection, at=at), waits, groups)


def suggested(steps: Iterable[ConnectionStep]) -> Preset | None:
    """Return the preset for the tested server, chosen by its root DSE; None when none fits."""
    for step in steps:
        if step.product or step.is_domain:
            url = parse_url(step.url)
            return presets.suggested(step.product, is_domain=step.is_domain, host=url.host, port=url.port)
    return None


def test_sign_in(  # noqa: PLR0913  # each is a value of the test
    *,
    connection: Connection,
    mapping: AttributeMapping,
    username: str,
    password: str,
    server: LdapServer | None,
    owner: str,
    waits: Callable[[], bool],
    by: Actor,
    at: datetime,
) -> list[ConnectionStep]:
    """Return the result of each step of one person's sign-in; ``owner`` and ``waits`` as for a connection.

    The audit trail keeps who tested whose sign-in, and how it ended. The password is kept nowhere. ``server`` is the stored
    server whose settings are tested, None for a new one.

    Raises:
        Refused: when the owner's test or too many tests are running.
        DirectoryUnavailable: when nobody waits for the result any more.
    """
    with trial_slots.taken(owner):
        steps = try_sign_in(replace(connection, at=at), mapping, username=username, password=password, waits=waits)
    last = steps[-1] if steps else None
    outcome = "signed in" if was_right(steps) else f"not signed in, at the step “{last.stage}”" if last else "no answer"
    after = {"username": username, "result": outcome}
    fact = Fact("LDAP server", server.pk if server else 0, server.name if server else connection.name, after=after)
    with transaction.atomic():
        note([fact], action="sign-in tested", by=by, at=at)
    return steps


def was_sent(steps: Iterable[ConnectionStep]) -> bool:
    """Return whether the directory may have got the person's password."""
    return any(
        step.stage in {Stage.PERSON, Stage.PASSWORD} and (step.ok or step.stage is Stage.PASSWORD) for step in steps
    )


def was_right(steps: Iterable[ConnectionStep]) -> bool:
    """Return whether the directory took the person's password."""
    return any(step.stage is Stage.PASSWORD and step.ok for step in steps)


def first_entries(
    *, connection: Connection, mapping: AttributeMapping, owner: str, waits: Callable[[], bool], at: datetime
) -> list[tuple[Entry, Identity]]:
    """Return the first ten entries that the search finds, each with its identity by the mapping; ``owner`` as for a test.

    Raises:
        Refused: when the owner's test or too many tests are running.
        DirectoryUnavailable: with the server's own message, or after 10 seconds.
    """
    with trial_slots.taken(owner):
        found = try_search(replace(connection, at=at), limit=10, waits=waits)
    return [(entry, identity(entry, mapping)) for entry in found]


@contextmanager
def people_reader(
    *, owner: str, waits: Callable[[], bool]
) -> Iterator[Callable[[Connection, GroupSearch | None], PeopleSource]]:
    """Take the slot of a test, and yield what makes readers of people, which end together after ``SECONDS``.

    ``owner`` and ``waits`` are as for a test.

    Raises:
        Refused: when the owner's test or too many tests are running.
    """
    with trial_slots.taken(owner):
        deadline = Deadline(SECONDS)
        yield lambda connection, groups: IsolatedPeopleReader(connection, groups, deadline=deadline, waits=waits)
