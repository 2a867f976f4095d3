"""Decides, before a reading, whether the server allows an incremental one."""

from __future__ import annotations

from collections.abc import Sequence

from directory.ldap.attributes.computed_attributes import names_in_filter
from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.incremental import attributes_computed_by_server, cursor, surrounding_changes
from directory.ldap.search.reading_request import ReadingRequest
from directory.ldap.transport.connect import connect
from directory.ldap.transport.session import Session
from directory.values import distinguished_names
from directory.values.ldap import Connection, ReadScope


def extent(session: Session, request: ReadingRequest) -> ReadScope:
    """Return the scope of a reading, with the directory's cursor before anything is read.

    Raises:
        DirectoryUnavailable: the connection is lost.
    """
    if request.now is None:
        return ReadScope()
    connection, since = request.connection, request.since
    named = (*request.named, *names_in_filter(connection.search_filter))
    try:
        position = cursor.position(session, connection, request.now)
        if since is None and position is not None:
            # Otherwise a branch that has changed after all people would cause a full reading the next time.
            position = cursor.not_before(position, surrounding_changes.newest(session, connection, position))
    except DirectoryUnavailable as refused:
        if refused.result_code is None:
            raise
        return ReadScope(why_full=f"the server does not show where it is in its history ({refused})")
    if since is None:
        return ReadScope(position=position, computed=attributes_computed_by_server.computed(session, named))
    why_full = cursor.comparable(since, position) or _never_by_changes(connection)
    if why_full or (why_full := cursor.doubt(session, connection, since)):
        return ReadScope(position=position, why_full=why_full)
    groups = {distinguished_names.key(dn): dn for dn in request.groups_named}
    changed, newest, why_full = surrounding_changes.look(session, connection, since, groups)
    position = cursor.not_before(position, newest)
    why_full = why_full or cursor.gone_back(since, position)
    if why_full:
        return ReadScope(position=position, why_full=why_full)
    # Administrators may have added a class of service since; the schema is taken from the last full reading.
    return ReadScope(
        since, position, changed, computed=attributes_computed_by_server.computed_by_service(session, named)
    )


def _never_by_changes(connection: Connection) -> str:
    """Return why the settings of a server need a full reading each time; empty if they do not."""
    reasons = {
        # Each server that a referral leads to has a history of its own.
        "referrals are followed": connection.follow_referrals,
        # A new alias does not mark the entry that it points to as changed.
        "aliases are dereferenced": connection.dereference_aliases,
        # A proxy joins several servers, each with a clock of its own, and hides those that are down.
        "the server can't page, and may be several servers in one": connection.cannot_page,
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def branches_with_people(connection: Connection, entries: Sequence[str]) -> list[str]:
    """Return the DNs of those entries below which the connection's filter finds people.

    Raises:
        DirectoryUnavailable: the server could not be read.
    """
    session = connect(connection)
    try:
        return [dn for dn in entries if surrounding_changes.people_below(session, connection, dn)]
    finally:
        session.close()
