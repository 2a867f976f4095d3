"""Where a directory is in its own history, and what has changed since: by whatever the server offers for that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from directory.sync.source.failures import DirectoryUnavailable
from directory.sync.source.messages import Malformed, attributes_of
from directory.sync.source.referrals import trees_with_people
from directory.sync.source.root import ACTIVE_DIRECTORY_NAME
from directory.sync.source.search import Search
from directory.sync.source.session import UNSEEN, Session
from directory.sync.source.targets import Target
from directory.sync.values import Connection, Entry, History, Position

# RFC 4533, 2.2.
SYNC_REQUEST = "1.3.6.1.4.1.4203.1.9.1.1"
# What one replica stamped may reach another one after what that one has stamped itself in the meantime.
LATE = timedelta(hours=1)
# How far back the newest time stamp is looked for, in days, one after the other; None is for ever.
WINDOWS = (1, 60, 3650, None)
# An entry tells who its members are, and theirs tell where they are, without a change of their own.
GROUPS = ("group", "groupOfNames", "groupOfUniqueNames", "groupOfEntries", "groupOfURLs")
BRANCHES = ("organizationalUnit", "organization", "locality", "country", "container")
MEMBERS = ("member", "uniqueMember")
STAMPS = ("modifyTimestamp", "createTimestamp")
MOST_GROUPS = 500


@dataclass(frozen=True, slots=True)
class Around:
    """What has changed beside the entries themselves: groups by DN, with the DNs of their members.

    ``why_full`` says why nothing but a reading of everything will do; empty where the changes are enough.
    """

    groups: dict[str, tuple[str, ...]]
    why_full: str = ""


def position(session: Session, connection: Connection, now: datetime) -> Position | None:
    """Return where the directory is, ``now`` by our clock; None where it offers nothing to tell that by.

    Active Directory counts what each domain controller has written (MS-ADTS, 3.1.1.1.9: highestCommittedUSN), OpenLDAP
    keeps the newest change of each replica (contextCSN) and takes it for a cookie (RFC 4533), and nearly every server
    stamps entries with the time of their last change (RFC 4512, 3.4).
    """
    if session.root.product == ACTIVE_DIRECTORY_NAME and (found := _by_number(session)):
        return found
    if SYNC_REQUEST in (session.root.controls or ()) and (found := _by_cookie(session, connection)):
        return found
    return _by_time(session, connection, now)


def comparable(since: Position, now: Position | None) -> str:
    """Return why changes since then can't be told by now; empty where they can."""
    if now is None or now.by != since.by:
        return "the server tells changes otherwise than at the last reading"
    if now.of != since.of:
        return "it is another server than the one that was read last, and each counts its changes itself"
    if now.by == History.NUMBER and int(now.at) < int(since.at):
        return "the server's count of changes has gone back, as after a restore"
    return ""


def changed(since: Position, search_filter: str) -> str:
    """Return the filter for what matches and has changed since, by number or by time."""
    if since.by == History.NUMBER:
        # A change has a number above all that were given before it.
        return f"(&{search_filter.strip()}(uSNChanged>={int(since.at) + 1}))"
    stamp = _stamp(_time_of(since) - LATE)
    return f"(&{search_filter.strip()}(|(modifyTimestamp>={stamp})(createTimestamp>={stamp})))"


def cookie(since: Position) -> str | None:
    """Return the cookie that has the server itself say what has changed (RFC 4533); None where a filter says it."""
    return f"rid=000,csn={since.at}" if since.by == History.COOKIE else None


def around(session: Session, connection: Connection, since: Position) -> Around:
    """Return which groups have changed since, or why everything has to be read: a branch has, or too many groups.

    Whose group has got another member, or whose branch another name, is changed without a sign at their own entry.
    """
    kinds = "".join(f"(objectClass={name})" for name in (*GROUPS, *BRANCHES))
    wanted, groups = changed(since, f"(|{kinds})"), dict[str, tuple[str, ...]]()
    for entry in _everywhere(session, connection, wanted, ("objectClass", *MEMBERS, *STAMPS)):
        if not _is_a(entry, BRANCHES):
            groups[entry.dn] = tuple(dn for name in MEMBERS for dn in entry.values(name))
        elif _is_after(entry, since):
            return Around({}, f"the branch {entry.dn} has changed")
        if len(groups) > MOST_GROUPS:
            return Around({}, f"more than {MOST_GROUPS} groups have changed")
    return Around(groups)


def _everywhere(session: Session, connection: Connection, wanted: str, attributes: Sequence[str]) -> Iterator[Entry]:
    """Yield what matches anywhere in the directory, as far as we may see it."""
    for tree in trees_with_people(session.root.contexts, connection.search_base):
        search = Search(session, Target(tree, "subtree", wanted), attributes, connection.page_size)
        try:
            for page in search.pages():
                yield from page
        except DirectoryUnavailable as refused:
            if refused.result_code not in UNSEEN:
                raise


def _is_a(entry: Entry, kinds: Sequence[str]) -> bool:
    wanted = {kind.lower() for kind in kinds}
    return any(value.lower() in wanted for value in entry.values("objectClass"))


def _is_after(entry: Entry, since: Position) -> bool:
    """Tell whether a branch has changed since then, without regard to what comes late: that would go on for an hour."""
    stamps = _stamps(entry)
    return since.by == History.NUMBER or not stamps or max(stamps) > _time_of(since)


def _stamps(entry: Entry) -> list[datetime]:
    told = (_time(value) for name in STAMPS for value in entry.values(name))
    return [stamp for stamp in told if stamp is not None]


def _by_number(session: Session) -> Position | None:
    root = _one(session, "", ("highestCommittedUSN", "dsServiceName"))
    number, service = root.get("highestcommittedusn", ""), root.get("dsservicename", "")
    if not (number.isascii() and number.isdecimal()) or not service:
        return None
    # A domain controller that was restored has another one from then on.
    invocation = _one(session, service, ("invocationId",)).get("invocationid", "")
    return Position(History.NUMBER, f"{service} {invocation}".strip(), number)


def _by_cookie(session: Session, connection: Connection) -> Position | None:
    base = _plain(connection.search_base)
    around_base = [dn for dn in session.root.contexts if f",{base}".endswith(f",{_plain(dn)}")]
    suffix = max(around_base, key=len, default="")
    if not suffix:
        return None
    search = Search(session, Target(suffix, "base", "(objectClass=*)"), ("contextCSN",), 1)
    try:
        numbers = [value for entry in search.first(1) for value in entry.values("contextCSN")]
    except DirectoryUnavailable as refused:
        if refused.result_code is None:
            raise
        return None
    return Position(History.COOKIE, suffix, ";".join(sorted(numbers))) if any(map(_time, numbers)) else None


def _by_time(session: Session, connection: Connection, now: datetime) -> Position | None:
    """Return the newest time stamp of all that is read; what our clock says only decides where it is looked for first."""
    for days in WINDOWS:
        wanted = connection.search_filter
        if days is not None:
            guessed = Position(History.TIME, "", _stamp(now - timedelta(days=days)))
            wanted = changed(guessed, wanted)
        target = Target(connection.search_base, connection.search_scope, wanted)
        search = Search(session, target, STAMPS, connection.page_size)
        stamps = [stamp for page in search.pages() for entry in page for stamp in _stamps(entry)]
        if stamps:
            return Position(History.TIME, "", _stamp(max(stamps)))
    return None


def _one(session: Session, dn: str, names: Sequence[str]) -> dict[str, str]:
    """Return the first value of attributes of one entry, by lowered names; empty where we may not see it."""
    found: list[bytes] = []
    try:
        message = session.search(dn, "base", "(objectClass=*)", names)
        session.receive(message, found.extend, _ignore)
        told = attributes_of(found[0]) if found else {}
    except Malformed:
        return {}
    except DirectoryUnavailable as refused:
        if refused.result_code is None:
            raise
        return {}
    return {name.lower(): _text(values[0]) for name, values in told.items() if values}


def _text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    return text if text.isprintable() else value.hex()


def _time_of(since: Position) -> datetime:
    """Return the time of a position; that of a cookie is the newest of its changes."""
    found = [stamp for text in since.at.split(";") if (stamp := _time(text)) is not None]
    if not found:
        raise ValueError(f"a position without a time: {since.at}")
    return max(found)


def _time(text: str) -> datetime | None:
    """Return a generalized time in UTC (RFC 4517, 3.3.13) to the second, also at the beginning of a longer text."""
    try:
        return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%d%H%M%S}Z"


def _plain(dn: str) -> str:
    return ",".join(part.strip() for part in dn.lower().split(","))


def _ignore(_urls: Sequence[str]) -> None:
    return None
