"""Searches the directory of their org for new users, and runs the server's scripts for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from directory.ldap.entry_identity import identity
from directory.ldap.groups.people_reader import PeopleReader, PeopleSource
from directory.ldap.search.reading_request import ReadingRequest
from directory.ldap.validation.dn_and_attribute_syntax import escape_filter
from directory.models import LdapServer
from directory.org_scope import OrgScope
from directory.scripts import server_sandbox
from directory.values.ldap import Connection, Entry, GroupSearch, Identity
from directory.values.scripts import Verdict
from orgs.text import fold

# Usernames in one search.
AT_ONCE = 50
# Returns what reads people from a server, by its connection and its search for groups.
ReaderOf = Callable[[Connection, GroupSearch | None], PeopleSource]


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """The entry of one username, its verdict, and the DN of a second entry with the same username."""

    server: LdapServer
    entry: Entry
    identity: Identity
    verdict: Verdict
    competitor: str = ""


def look_up(
    people: Iterable[tuple[str, int]],
    scope: Mapping[int, OrgScope],
    *,
    at: datetime,
    reader_of: ReaderOf = PeopleReader,
) -> dict[str, FoundPerson]:
    """Return by folded username each person's entry and verdict, from the first server of their org that has an entry.

    ``people`` are pairs of a username and the id of the org whose servers are searched; orgs outside the scope are left out.
    ``reader_of`` may read in a process of its own, whose time is limited.

    Raises:
        DirectoryUnavailable: when a directory that has to be searched can't be.
        SandboxBroken: when the scripts can't be run.
    """
    servers = {server.pk: server for server in LdapServer.objects.enabled().prefetch_related("grantable_roles")}
    by_servers: dict[tuple[int, ...], dict[str, str]] = {}
    for username, org_id in people:
        if org_id in scope:
            by_servers.setdefault(scope[org_id].servers, {})[fold(username)] = username
    found: dict[str, FoundPerson] = {}
    for server_ids, names in by_servers.items():
        for server in (servers[pk] for pk in server_ids if pk in servers):
            if missing := [name for key, name in names.items() if key not in found]:
                found |= _look_up_on(server, missing, at, reader_of)
    return found


def _look_up_on(
    server: LdapServer, usernames: Sequence[str], at: datetime, reader_of: ReaderOf
) -> dict[str, FoundPerson]:
    found: dict[str, FoundPerson] = {}
    keys, connection = {fold(name) for name in usernames}, server.connection_at(at)
    reader = reader_of(connection, server.group_search)
    with server_sandbox.sandbox(server) as sandbox:
        for start in range(0, len(usernames), AT_ONCE):
            entries = reader.read(_request(server, connection, usernames[start : start + AT_ONCE]))
            for entry, verdict in zip(entries, sandbox.evaluate(entries), strict=True):
                who = identity(entry, server.mapping)
                for key in {fold(name) for name in who.usernames} & keys:
                    if (first := found.get(key)) is not None:
                        found[key] = replace(first, competitor=entry.dn)
                    else:
                        found[key] = FoundPerson(server, entry, who, verdict)
    return found


def _request(server: LdapServer, connection: Connection, usernames: Sequence[str]) -> ReadingRequest:
    matches = "".join(f"({server.username_attribute}={escape_filter(name)})" for name in usernames)
    narrowed = replace(connection, search_filter=f"(&{connection.search_filter}(|{matches}))")
    return ReadingRequest(narrowed, server.attributes, server.named_attributes)
