"""Values of LDAP: connections, requests, entries, identities, readings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Encoded(str):
    """A binary value in base64: scripts may read it, but it can't be a name or address."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One LDAP entry as text.

    ``attributes`` maps each attribute's name, as the server spelled it, to its values in the server's order;
    binary values are already text (a GUID or SID in its usual form, else base64, as ``Encoded``). ``digest`` is a hash
    of all that the server sent of the entry, empty if none was computed.
    """

    dn: str
    attributes: Mapping[str, tuple[str, ...]]
    digest: bytes = field(default=b"", compare=False)

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of one attribute, under any letter case; empty when it is absent (RFC 4512, 2.5)."""
        lowered = name.lower()
        for spelled, values in self.attributes.items():
            if spelled.lower() == lowered:
                return values
        return ()


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one LDAP server and what to read there; times are in seconds.

    ``urls`` are tried in order until one answers. An empty ``bind_dn`` binds anonymously. ``search_scope`` is one of
    ``base``, ``onelevel`` and ``subtree``. ``ca_certificate`` is PEM text, empty for the system's authorities.
    ``client_certificate`` and ``client_key`` are PEM text, shown to servers that ask for them; with ``sasl_external`` they
    also authenticate us, instead of a bind DN. Referrals into ``left_out_contexts`` (DNs) are not followed, and do not make
    a reading incomplete. With ``cannot_page`` everything is read without pages, and a second search has to confirm it.
    """

    name: str
    urls: tuple[str, ...]
    search_base: str
    search_filter: str = "(objectClass=person)"
    search_scope: str = "subtree"
    start_tls: bool = False
    verify_certificates: bool = True
    ca_certificate: str = ""
    bind_dn: str = ""
    bind_password: str = field(default="", repr=False)
    page_size: int = 1000
    connect_timeout: int = 10
    operation_timeout: int = 60
    follow_referrals: bool = False
    cannot_page: bool = False
    client_certificate: str = ""
    client_key: str = field(default="", repr=False)
    sasl_external: bool = False
    left_out_contexts: tuple[str, ...] = ()
    dereference_aliases: bool = False
    # Whether changes may be read by syncrepl (RFC 4533).
    sync_searches: bool = True
    # The time of use, by our clock, at which the client certificate has to be valid. With None only the server checks this.
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GroupSearch:
    """Which groups of a directory to resolve.

    An empty ``base`` stands for all trees that may hold people. An empty ``search_filter`` stands for all entries with
    members or of a known class of groups. ``depth`` is the number of levels of groups in groups to follow.
    """

    base: str = ""
    search_filter: str = ""
    depth: int = 10


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """The attributes that hold a person's identity; for an empty ``unique_id`` the known id attributes are tried."""

    username: str = "uid"
    email: str = "mail"
    first_name: str = "givenName"
    last_name: str = "sn"
    unique_id: str = ""


# An immutable id, and the id of the server on which it is valid; 0 for every server.
IdKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of an entry by the server's attribute mapping; several values are in the server's order.

    ``unique_id`` is the id of the chosen attribute, or the entry's first id. ``further_ids`` are the ids of other
    attributes. ``long_id``: a value was too long for an id. ``not_text``: a name or address was binary.
    """

    dn: str
    unique_id: str
    usernames: tuple[str, ...]
    emails: tuple[str, ...] = ()
    first_name: str = ""
    last_name: str = ""
    further_ids: tuple[str, ...] = ()
    long_id: bool = False
    not_text: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        """All immutable ids that the entry has."""
        return (self.unique_id, *self.further_ids) if self.unique_id else ()


class CursorKind(StrEnum):
    """What a directory counts its changes by: a number, a cookie or a time."""

    NUMBER = "uSNChanged"
    COOKIE = "syncrepl"
    TIME = "modifyTimestamp"


@dataclass(frozen=True, slots=True)
class SyncCursor:
    """A position in the history of a directory: the value ``at`` of kind ``by``, as counted by the server or database ``of``."""

    by: CursorKind
    of: str
    at: str


@dataclass(frozen=True, slots=True)
class MemberList:
    """A group as it is now: the DNs of its members, and the usernames of members that it lists by name only."""

    dn: str
    members: tuple[str, ...] = ()
    usernames: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Changes in a directory besides those of people's entries, which may concern people with unchanged entries.

    ``groups`` have changed. ``filter_groups`` are the groups that the filter names. ``nested`` are unchanged groups: those
    that the filter names, and those in these or in changed groups, directly or not. ``gone`` are groups that entries name,
    but that do not exist or can't be read. ``branches`` may have people below them, each with whether it has certainly
    changed since the last reading.
    """

    groups: tuple[MemberList, ...] = ()
    nested: tuple[MemberList, ...] = ()
    filter_groups: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    branches: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class ReadScope:
    """Which part of a directory a reading reads: changes since ``since``, or everything when it is None.

    ``position`` is the directory's position before the reading; None when it was not requested or is not available.
    ``around`` are other changes since then. ``computed`` are the named attributes that the server's schema describes as
    computed, if it was read. ``why_full`` is the reason to read everything although there was a cursor.
    """

    since: SyncCursor | None = None
    position: SyncCursor | None = None
    around: Surroundings = field(default_factory=Surroundings)
    why_full: str = ""
    computed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedUrl:
    """One URL that failed before another one answered, and the reason."""

    url: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReadingProof:
    """Why one reading counts as complete; it exists only when every page ended in success and nothing contradicted it.

    ``bound_as`` is the bind DN or ``anonymous``. ``authorization`` is our identity on the server (RFC 4532), empty if the
    server does not return it. ``paged``: pages were requested. ``controls_missing`` is the number of answers to such
    requests without the paging control. ``last_cookie_empty``: the server confirmed that nothing follows. ``results``
    counts the answers by result code. ``estimate`` is the largest number of entries that the server announced (RFC 2696),
    0 for none. ``counted`` is the number of entries that a second search found, None when no second search was needed.
    """

    url: str
    failed_urls: tuple[FailedUrl, ...]
    bound_as: str
    authorization: str
    product: str
    encrypted: bool
    pages: int
    entries: int
    paged: bool
    controls_missing: int
    last_cookie_empty: bool
    results: Mapping[str, int]
    estimate: int
    counted: int | None
    referrals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MissingUser:
    """A user whom a reading did not find, to be searched for directly: by immutable ids if known, else by username.

    ``dn`` is their last DN in this directory, empty if they were never in it. ``never_found``: they were never found in any
    directory. ``namesakes`` are the DNs of other people with the same username.
    """

    user_id: int
    username: str
    unique_ids: tuple[str, ...] = ()
    dn: str = ""
    never_found: bool = False
    namesakes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AbsenceCheckResult:
    """The result of a search of the whole directory for a user whom a reading did not find.

    ``absent``: they are certainly not where the connection searches; if False, nothing is proven.
    ``dns``: where they were found. ``sentence``: the result in words for the history, without a full stop.
    ``conflict``: the directory's own matching finds entries with another username for this user.
    ``overlooked``: they are where the connection searches, so the reading should have found them.
    """

    absent: bool
    sentence: str
    dns: tuple[str, ...] = ()
    conflict: bool = False
    overlooked: bool = False
