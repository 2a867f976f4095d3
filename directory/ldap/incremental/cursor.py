"""Finds a directory's present cursor, and the filters and cookies that return the changes since an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.search.search import Search
from directory.ldap.search.search_locations import SearchLocation
from directory.ldap.transport.ber import Malformed, attributes_of
from directory.ldap.transport.session import Session
from directory.values import distinguished_names
from directory.values.ldap import Connection, CursorKind, Entry, SyncCursor

# RFC 4533, 2.2.
SYNC_REQUEST = "1.3.6.1.4.1.4203.1.9.1.1"
# A change of one replica may reach another one late, with a stamp before those of the other's own changes.
LATE = timedelta(hours=1)
# The days in which the newest time stamp is searched, one window after the other; None is without limit.
WINDOWS = (1, 60, 3650, None)
STAMPS = ("modifyTimestamp", "createTimestamp")
NUMBER = "uSNChanged"
# A time that no entry can reach, and one that all entries have passed: a server that filters by its stamps finds no
# entry with the first, and some with the second.
NEVER, EVER = "20990101000000Z", "19700101000000Z"
NEVER_USED = 10**15


def position(session: Session, connection: Connection, now: datetime) -> SyncCursor | None:
    """Return the directory's present cursor, or None if it offers none; ``now`` is the time by our clock.

    Active Directory counts the writes of each domain controller (MS-ADTS, 3.1.1.1.9: highestCommittedUSN). OpenLDAP
    keeps the newest change of each replica (contextCSN) and accepts it as a cookie (RFC 4533). Nearly every server
    stamps entries with the time of their last change (RFC 4512, 3.4).
    """
    if session.root.is_active_directory and (found := _by_number(session)):
        return found
    may_sync = connection.sync_searches and SYNC_REQUEST in (session.root.controls or ())
    if may_sync and (found := _by_cookie(session, connection)):
        return found
    return _by_time(session, connection, now)


def comparable(since: SyncCursor, now: SyncCursor | None) -> str:
    """Return why changes since this cursor can't be read any more; empty if they can."""
    if now is None or now.by != since.by:
        return "the server tells changes otherwise than at the last reading"
    if now.of != since.of:
        return "it is another server than the one that was read last, and each counts its changes itself"
    if now.by == CursorKind.NUMBER and int(now.at) < int(since.at):
        return "the server's count of changes has gone back, as after a restore"
    return ""


def gone_back(since: SyncCursor, now: SyncCursor | None) -> str:
    """Return why changes since this cursor can't be read by time stamps; empty if they can.

    ``now`` is not before the newest stamp of all changed entries. After a backup was restored, that newest stamp is
    older again. The deletion of the entry with the newest stamp has the same effect, once.
    """
    if now is None or now.by != CursorKind.TIME or since.by != CursorKind.TIME or time_of(now) >= time_of(since):
        return ""
    return "the server's newest time stamp has gone back, as after a restore"


def changed(since: SyncCursor, search_filter: str, *, late: bool = True) -> str:
    """Return the filter for matching entries that have changed since, by number or by time.

    An empty ``search_filter`` matches all entries. With ``late``, the filter also matches changes that may have come
    late from other replicas.
    """
    # Each change gets a higher number than all changes before it.
    by_number = since.by == CursorKind.NUMBER
    stamped = (
        f"({NUMBER}>={int(since.at) + 1})"
        if by_number
        else _stamped(_stamp(changes_from(since) if late else time_of(since)))
    )
    return f"(&{search_filter.strip()}{stamped})" if search_filter else stamped


def cookie(since: SyncCursor) -> str | None:
    """Return the cookie with which the server itself finds changes (RFC 4533); None if a filter finds them."""
    return f"rid=000,csn={since.at}" if since.by == CursorKind.COOKIE else None


def nothing_since(since: SyncCursor | None, now: SyncCursor | None) -> bool:
    """Return whether the server's cookie is the same as before, so that nothing has changed.

    Then no search is made: some versions of slapd die of such a search (2.5.13 with syncprov before dynlist).
    """
    return since is not None and since.by == CursorKind.COOKIE and since == now


def changes_from(since: SyncCursor) -> datetime:
    """Return the time from which on changes are requested, for a cursor that is not a number."""
    return time_of(since) - LATE


def doubt(session: Session, connection: Connection, since: SyncCursor) -> str:
    """Return why a server does not filter by its own stamps, so that changes can't be read; empty if it does.

    This holds for cookies, too: changed people are found by the cookie, but changed groups by their stamps.
    """
    search_filter, by = connection.search_filter.strip(), NUMBER if since.by == CursorKind.NUMBER else "modifyTimestamp"
    if since.by == CursorKind.NUMBER:
        nobody, somebody = f"({NUMBER}>={int(since.at) + NEVER_USED})", f"({NUMBER}>=1)"
    else:
        nobody, somebody = _stamped(NEVER), _stamped(EVER)
    try:
        if _finds(session, connection, f"(&{search_filter}{nobody})"):
            return f"the server finds entries by a {by} that no entry can have"
        if not _finds(session, connection, f"(&{search_filter}{somebody})"):
            return f"the server finds nobody by {by}, which the bind DN may not be allowed to search"
    except DirectoryUnavailable as refused:
        if refused.result_code is None:
            raise
        return f"the server does not search by {by} ({refused})"
    return ""


def _finds(session: Session, connection: Connection, search_filter: str) -> bool:
    target = SearchLocation(connection.search_base, connection.search_scope, search_filter)
    return bool(Search(session, target, ("1.1",), 1).first(1))


def _stamped(stamp: str) -> str:
    return f"(|(modifyTimestamp>={stamp})(createTimestamp>={stamp}))"


def stamps(entry: Entry) -> list[datetime]:
    """Return the time stamps of an entry."""
    times = (_time(value) for name in STAMPS for value in entry.values(name))
    return [stamp for stamp in times if stamp is not None]


def not_before(position: SyncCursor | None, stamp: datetime | None) -> SyncCursor | None:
    """Return a cursor by time, moved to the stamp of another entry if that is later; other cursors stay as they are."""
    if position is None or position.by != CursorKind.TIME or stamp is None or stamp <= time_of(position):
        return position
    return SyncCursor(CursorKind.TIME, "", _stamp(stamp))


def _by_number(session: Session) -> SyncCursor | None:
    root = first_values(session, "", ("highestCommittedUSN", "dsServiceName"))
    number, service = root.get("highestcommittedusn", ""), root.get("dsservicename", "")
    if not (number.isascii() and number.isdecimal()) or not service:
        return None
    # A restored domain controller gets a new invocationId, so that its numbers are not compared with the old ones.
    invocation = first_values(session, service, ("invocationId",)).get("invocationid", "")
    return SyncCursor(CursorKind.NUMBER, f"{service} {invocation}".strip(), number)


def _by_cookie(session: Session, connection: Connection) -> SyncCursor | None:
    base = distinguished_names.key(connection.search_base)
    around_base = [
        dn for dn in session.root.contexts if distinguished_names.key_is_within(base, distinguished_names.key(dn))
    ]
    suffix = max(around_base, key=len, default="")
    if not suffix:
        return None
    search = Search(session, SearchLocation(suffix, "base", "(objectClass=*)"), ("contextCSN",), 1)
    try:
        numbers = [value for entry in search.first(1) for value in entry.values("contextCSN")]
    except DirectoryUnavailable as refused:
        if refused.result_code is None:
            raise
        return None
    return SyncCursor(CursorKind.COOKIE, suffix, ";".join(sorted(numbers))) if any(map(_time, numbers)) else None


def _by_time(session: Session, connection: Connection, now: datetime) -> SyncCursor | None:
    """Return the newest time stamp of the searched entries; our clock only decides which window is searched first."""
    for days in WINDOWS:
        search_filter = connection.search_filter
        if days is not None:
            guessed = SyncCursor(CursorKind.TIME, "", _stamp(now - timedelta(days=days)))
            search_filter = changed(guessed, search_filter)
        target = SearchLocation(connection.search_base, connection.search_scope, search_filter)
        search = Search(session, target, STAMPS, connection.page_size)
        found = [stamp for page in search.pages() for entry in page for stamp in stamps(entry)]
        if found:
            return SyncCursor(CursorKind.TIME, "", _stamp(max(found)))
    return None


def first_values(session: Session, dn: str, names: Sequence[str]) -> dict[str, str]:
    """Return the first value of each of these attributes of one entry, by lowered names; empty if it is hidden."""
    found: list[bytes] = []
    try:
        message = session.search(dn, "base", "(objectClass=*)", names)
        session.receive(message, found.extend, _ignore)
        attributes = attributes_of(found[0]) if found else {}
    except Malformed:
        return {}
    except DirectoryUnavailable as refused:
        if refused.result_code is None:
            raise
        return {}
    return {name.lower(): _text(values[0]) for name, values in attributes.items() if values}


def _text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    return text if text.isprintable() else value.hex()


def time_of(since: SyncCursor) -> datetime:
    """Return the time of a cursor; for a cookie, that of its newest change."""
    found = [stamp for text in since.at.split(";") if (stamp := _time(text)) is not None]
    if not found:
        raise ValueError(f"a position without a time: {since.at}")
    return max(found)


def _time(text: str) -> datetime | None:
    """Return the generalized time in UTC (RFC 4517, 3.3.13) at the beginning of a text, to the second, or None."""
    try:
        return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%d%H%M%S}Z"


def _ignore(_urls: Sequence[str]) -> None:
    return None
