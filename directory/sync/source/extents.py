"""Decides before a reading whether what has changed since the last one is enough, by what the server tells of it."""

from __future__ import annotations

from collections.abc import Sequence

from directory.sync import dns
from directory.sync.computed import names_in_filter
from directory.sync.source import around, history, schema
from directory.sync.source.connecting import connect
from directory.sync.source.failures import DirectoryUnavailable
from directory.sync.source.requests import ReadingRequest
from directory.sync.source.session import Session
from directory.sync.values import Connection, Extent


def extent(session: Session, wanted: ReadingRequest) -> Extent:
    """Find out where the directory is, before anything is read, and whether what has changed since then will do."""
    if wanted.now is None:
        return Extent()
    connection, since = wanted.connection, wanted.since
    named = (*wanted.named, *names_in_filter(connection.search_filter))
    try:
        position = history.position(session, connection, wanted.now)
        if since is None and position is not None:
            # Else a branch that has changed after everybody would have everything read again the next time.
            position = history.not_before(position, around.newest(session, connection, position))
    except DirectoryUnavailable as refused:
        if refused.result_code is None:
            raise
        return Extent(why_full=f"the server does not tell where it is in its history ({refused})")
    if since is None:
        return Extent(position=position, computed=schema.computed(session, named))
    why_full = history.comparable(since, position) or _never_by_changes(connection)
    if why_full or (why_full := history.doubt(session, connection, since)):
        return Extent(position=position, why_full=why_full)
    groups = {dns.key(dn): dn for dn in wanted.groups_named}
    changed, newest, why_full = around.look(session, connection, since, groups)
    position = history.not_before(position, newest)
    why_full = why_full or history.gone_back(since, position)
    if why_full:
        return Extent(position=position, why_full=why_full)
    # What administrators have made since: a server's schema is as it was at the last full reading.
    return Extent(since, position, changed, computed=schema.computed_by_service(session, named))


def _never_by_changes(connection: Connection) -> str:
    """Return why the settings of a server ask for everything each time, empty where they do not."""
    reasons = {
        # Each of those servers has a history of its own.
        "referrals are followed": connection.follow_referrals,
        # Whom a new alias points to has not changed.
        "aliases are dereferenced": connection.dereference_aliases,
        # Such a proxy puts servers together, each with a clock of its own, and hides those that are down.
        "the server can't page, and may be several servers in one": connection.cannot_page,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def branches_with_people(connection: Connection, entries: Sequence[str]) -> list[str]:
    """Return below which of these entries the connection's filter finds anybody.

    Raises:
        DirectoryUnavailable: the server can't tell.
    """
    session = connect(connection)
    try:
        return [dn for dn in entries if around.people_below(session, connection, dn)]
    finally:
        session.close()
