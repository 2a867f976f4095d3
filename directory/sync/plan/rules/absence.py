"""Decides whether a user whom no server has is absent, was not looked for, or is not checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from directory.values.ldap import Identity
from directory.values.plan import LookupResult, Presence
from orgs.text import counted


@dataclass(frozen=True, slots=True)
class ServerReading:
    """What one run has read from one server.

    ``error`` is why the reading is not complete. ``unread`` are URLs of referrals that were not followed, as text.
    ``extent`` describes an incremental reading in words; it is empty if everything was read.
    """

    server_id: int
    name: str
    pages: int = 0
    entries: int = 0
    complete: bool = False
    error: str = ""
    unread: str = ""
    extent: str = ""


@dataclass(frozen=True, slots=True)
class KnownBefore:
    """What earlier runs noted of the user: an immutable id as text, the id of the server, and whether there are ids."""

    known_id: str = ""
    server: int | None = None
    has_ids: bool = False


class UnidentifiedEntries(Protocol):
    """A server's entries that anybody could be."""

    def without_username(self) -> str:
        """Return the DN of an entry without a username; empty where there is none."""

    def without_id(self) -> str:
        """Return the DN of an entry without an immutable id on a server that gives ids; empty where there is none."""


def unread(server_id: int, reading: ServerReading | None, *, known_id: str) -> LookupResult:
    """Return that a user is not checked, as one of their servers was not read to its end; ``reading`` is what there is."""
    if reading is None:
        reason = "an LDAP server of this org is disabled or took no part in this run"
        return LookupResult(Presence.NOT_CHECKED, server_id=server_id, reason=reason, known_id=known_id)
    reason = f"{reading.name} was not read to its end: {reading.error}".rstrip(".")
    return LookupResult(Presence.NOT_CHECKED, reading.name, server_id, reason=reason, known_id=known_id)


def of_nobody_found(
    searched: Sequence[ServerReading],
    known: KnownBefore,
    namesakes: Sequence[Identity],
    *,
    unidentified: Callable[[int], UnidentifiedEntries],
) -> LookupResult:
    """Return what follows for a user who is in none of these complete readings, which are those of all their servers.

    ``namesakes`` are entries with the user's username that belong to other people. ``unidentified`` returns the entries
    of a server that anybody could be. The result names the server that had the user last: its limits are for what it
    loses.
    """
    last = next((reading for reading in searched if reading.server_id == known.server), searched[-1])
    where = ", ".join(f"{reading.name} ({_amount(reading)})" for reading in searched)
    whom = "nobody with a known immutable id of this user" if namesakes else "nobody matches"
    presence, reason = Presence.ABSENT, f"{whom} in {where}, searched to the last page"
    if changes := next((reading for reading in searched if reading.extent), None):
        presence = Presence.NOT_LOOKED_FOR
        reason = f"{changes.name} was asked for {changes.extent}, and a full reading tells who is absent"
    elif doubt := next(filter(None, (_doubt(reading, known, unidentified) for reading in searched)), ""):
        presence, reason = Presence.NOT_CHECKED, doubt
    return LookupResult(
        presence,
        last.name,
        last.server_id,
        known_id=known.known_id,
        reason=reason,
        namesakes=tuple(namesakes) if presence is Presence.ABSENT else (),
    )


def not_looked_for(lookup: LookupResult) -> LookupResult:
    """Return that a user is not checked who came into scope, or got another name, after the run had begun to read."""
    reason = "came into the scope of the sync, or was renamed, while the directory was being read"
    return LookupResult(Presence.NOT_CHECKED, lookup.server, lookup.server_id, reason=reason)


def _doubt(reading: ServerReading, known: KnownBefore, unidentified: Callable[[int], UnidentifiedEntries]) -> str:
    """Return why a reading proves nobody absent; empty where it does."""
    if reading.unread:
        return f"{reading.name} refers to {reading.unread}, which was not read, so nobody is proven absent"
    entries = unidentified(reading.server_id)
    if not known.has_ids and (dn := entries.without_username()):
        return (
            f"{reading.name} has entries without a username, such as {dn}, and no immutable id of this user is known "
            "by which they could be told apart"
        )
    # Where a server gives ids, an entry without one is a person whose id the bind DN may not see.
    if known.has_ids and known.server == reading.server_id and (dn := entries.without_id()):
        return f"{reading.name} has entries without an immutable id, such as {dn}, and this user may be one of them"
    return ""


def _amount(reading: ServerReading) -> str:
    return f"{counted(reading.entries, 'entry', 'entries')} in {counted(reading.pages, 'page', 'pages')}"
