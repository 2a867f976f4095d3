"""Values of LDAP: connections, requests, entries, identities, readings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Encoded(str):
    """A value that is no text, in base64: scripts may look at it, but it is nobody's name."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One LDAP entry as text.

    ``attributes`` maps each attribute's name, as the server spelled it, to its values in the server's order;
    binary values are already text (a GUID or SID in its usual form, else base64, as ``Encoded``). ``digest`` is a hash
    of all that the server sent of the entry, empty where nobody has taken one.
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
    are also what the server knows us by, instead of a bind DN. Referrals to
    what is in ``left_out_contexts``, DNs, are neither followed nor missed. ``cannot_page`` asks for everything at once, which a second search has to confirm.
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
    # Whether changes may be read by a cookie (RFC 4533).
    sync_searches: bool = True
    # When it is used, by our clock: the client certificate has to be valid then. Where that is not known, the server finds out.
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GroupSearch:
    """Which groups of a directory are resolved.

    An empty ``base`` stands for all trees that may hold people, an empty ``search_filter`` for whatever has members or is of
    a known class of groups. ``depth`` is how many levels of groups in groups are followed.
    """

    base: str = ""
    search_filter: str = ""
    depth: int = 10


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """Which attributes hold a person's identity; an empty ``unique_id`` is found by itself."""

    username: str = "uid"
    email: str = "mail"
    first_name: str = "givenName"
    last_name: str = "sn"
    unique_id: str = ""


# An immutable id, and the server where it counts; 0 where that is everywhere.
IdKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an entry is, by the server's attribute mapping; several values are kept in the server's order.

    ``unique_id`` is the id of the chosen attribute, or the first that the entry has, ``further_ids`` are those of other
    attributes. ``long_id`` says that a value was too long to be an id, ``not_text`` that a name or address was no text.
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
    """The kind of mark from which on a directory returns changes."""

    NUMBER = "uSNChanged"
    COOKIE = "syncrepl"
    TIME = "modifyTimestamp"


@dataclass(frozen=True, slots=True)
class SyncCursor:
    """A moment in the history of a directory, as the directory itself calls it: ``at``, by the count of ``of``."""

    by: CursorKind
    of: str
    at: str


@dataclass(frozen=True, slots=True)
class MemberList:
    """A group as it is now: the DNs of its members, and the usernames of those whom it lists by name only."""

    dn: str
    members: tuple[str, ...] = ()
    usernames: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What has changed beside the people of a directory, and what that may mean for those who have not.

    ``groups`` have changed. ``filter_groups`` are the groups that the filter names. ``nested`` are members of both,
    directly or not. ``gone`` are groups that entries name and that are not there, or can't be seen. ``branches`` may have
    people below them, each with whether it has changed for certain since the last reading.
    """

    groups: tuple[MemberList, ...] = ()
    nested: tuple[MemberList, ...] = ()
    filter_groups: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    branches: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class ReadScope:
    """Which part of a directory a reading reads: what has changed since ``since``, or everything where that is None.

    ``position`` is where the directory was before anything was read; None where nobody asked, or it can't tell.
    ``around`` is what else has changed since, ``computed`` are those of the named attributes of which the server says that it
    computes them, where it was asked. ``why_full`` says why everything is read although there was something to
    begin from.
    """

    since: SyncCursor | None = None
    position: SyncCursor | None = None
    around: Surroundings = field(default_factory=Surroundings)
    why_full: str = ""
    computed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedUrl:
    """One URL that was tried in vain before another one answered, and why."""

    url: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReadingProof:
    """Why one reading counts as complete; it exists only where every page ended in success and nothing spoke against it.

    ``bound_as`` is the bind DN or ``anonymous``, ``authorization`` what the server itself calls us (RFC 4532), empty
    where it does not say. ``paged`` is whether pages were asked for, ``controls_missing`` how many answers to those
    came without the paging control, ``last_cookie_empty`` that the server has said that nothing follows.
    ``results`` counts the answers by result code. ``estimate`` is the most that the server expected to send
    (RFC 2696), 0 where it does not say, and ``counted`` what a second search of the same found, None where there was no
    need of one.
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
    """Somebody whom a reading did not find, to be asked for directly: by immutable ids where known, else by username.

    ``dn`` is where this directory had them last, empty where it never had. ``never_found`` says that none ever had.
    ``namesakes`` are the DNs of other people with the same username.
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

    ``absent``: beyond doubt, they are not where the connection searches; if False, nothing may be concluded.
    ``dns``: where they were found. ``sentence``: the result in words for the history, without a full stop.
    ``conflict``: by the directory's own matching, entries with another username are theirs.
    """

    absent: bool
    sentence: str
    dns: tuple[str, ...] = ()
    conflict: bool = False
