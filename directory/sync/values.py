"""The frozen values that travel through a sync: what was read, what the scripts said, what an account is, what changes."""

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
        wanted = name.lower()
        for spelled, values in self.attributes.items():
            if spelled.lower() == wanted:
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
    # Whether it may be asked by a cookie for what has changed (RFC 4533).
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


class ScriptName(StrEnum):
    """The three scripts of an LDAP server, by the names that administrators see."""

    ACTIVE = "active"
    ORG_NAME = "org name"
    ROLE_NAME = "role name"


@dataclass(frozen=True, slots=True)
class Scripts:
    """The sources of one server's scripts; an empty one has no say (an empty active script means active)."""

    active: str = ""
    org_name: str = ""
    role_name: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a server was asked for, where that is not everything: names of attributes, which come with all their options.

    Of another attribute nobody knows whether an entry has it; ``advice`` goes on from "attribute x was not asked for,".
    """

    names: tuple[str, ...]
    advice: str


@dataclass(frozen=True, slots=True)
class ScriptError:
    """Why a script gave no answer for an entry; ``line`` counts from 1 in the script's own source."""

    script: ScriptName
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = f", line {self.line}" if self.line else ""
        return f"{self.script} script{where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the scripts said about one entry.

    ``org_name`` and ``roles`` are None where the script leaves them alone; ``roles == ()`` asks for the org's
    default roles. When ``active`` is false the other two scripts were not asked. When ``error`` is set, nothing
    else counts. ``varies`` says that a script looked at the time, so that the same entry may get another verdict later.
    """

    active: bool = True
    org_name: str | None = None
    roles: tuple[str, ...] | None = None
    error: ScriptError | None = None
    varies: bool = field(default=False, compare=False)


# What the button is called with which an administrator says that a username has passed to somebody else.
ANOTHER_PERSON = '"Another person"'
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


class History(StrEnum):
    """By what a directory tells what has changed since a moment of its history."""

    NUMBER = "uSNChanged"
    COOKIE = "syncrepl"
    TIME = "modifyTimestamp"


@dataclass(frozen=True, slots=True)
class Position:
    """A moment in the history of a directory, as the directory itself calls it: ``at``, by the count of ``of``."""

    by: History
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

    ``groups`` have changed, ``nested`` are members of these, directly or not, or of the groups that the filter asks for,
    which are ``asked_for``. ``gone`` are groups that entries name and that are not there, or can't be seen. ``branches``
    may have people below them, and whether they have changed for certain since the last reading.
    """

    groups: tuple[MemberList, ...] = ()
    nested: tuple[MemberList, ...] = ()
    asked_for: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    branches: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Extent:
    """Which part of a directory a reading reads: what has changed since ``since``, or everything where that is None.

    ``position`` is where the directory was before anything was read; None where nobody asked, or it can't tell.
    ``around`` is what else has changed since, ``computed`` are those of the named attributes of which the server says that it
    computes them, where it was asked. ``why_full`` says why everything is read although there was something to
    begin from.
    """

    since: Position | None = None
    position: Position | None = None
    around: Surroundings = field(default_factory=Surroundings)
    why_full: str = ""
    computed: tuple[str, ...] = ()


class MatchedBy(StrEnum):
    """By what an entry was taken for a user."""

    ID = "immutable id"
    USERNAME = "username"


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
class Sought:
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
class Whereabouts:
    """What a search of the whole directory says about somebody whom a reading did not find.

    ``absent`` says that they are not where the connection searches, beyond doubt; otherwise nothing may be concluded.
    ``dns`` are where they were found, and ``told`` is the sentence for the history, without a full stop.
    ``conflict`` says that the directory takes entries for theirs that have another username for us.
    """

    absent: bool
    told: str
    dns: tuple[str, ...] = ()
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who an entry may be; ``rivals`` are other users with a claim to the same entry."""

    user_id: int
    by: MatchedBy
    rivals: tuple[int, ...] = ()


class Presence(StrEnum):
    """What the directory says about one user."""

    FOUND = "found"
    ABSENT = "absent"
    NOT_LOOKED_FOR = "not looked for"
    NOT_CHECKED = "not checked"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One user as the run saw them in the directory, with the verdict of the scripts where an entry was found.

    ``known_id`` is an immutable id that is known of the user. ``entry_id`` is the stored entry, 0 for none, and
    ``newly_matched`` whether it is another one than is noted, or has ids that are not.
    ``waits`` says why it is too early to act on an absence, ``proofs`` what was found when a grave change was asked
    about again. ``unchecked`` are LDAP server and reason that many users share who could not be checked, where
    ``reason`` speaks of this one. ``elsewhere`` says where somebody who is not found was last, if their org does not ask
    there. ``namesakes`` are entries of other people who have the username of somebody absent. ``ways`` says by which groups
    somebody is in others.
    """

    presence: Presence
    server: str = ""
    server_id: int = 0
    identity: Identity | None = None
    verdict: Verdict | None = None
    matched_by: str = ""
    known_id: str = ""
    reason: str = ""
    entry_id: int = 0
    newly_matched: bool = False
    waits: str = ""
    proofs: tuple[str, ...] = ()
    unchecked: tuple[str, str] | None = None
    elsewhere: str = ""
    namesakes: tuple[Identity, ...] = ()
    ways: str = ""

    @property
    def lost_id(self) -> bool:
        """Whether the username stands for another immutable id than is known of the user, or for none."""
        if not self.known_id:
            return False
        by_name = self.presence is Presence.FOUND and self.matched_by != MatchedBy.ID
        return by_name or bool(self.namesakes)


@dataclass(frozen=True, slots=True)
class Account:
    """The state of one user that a sync can change; wanted and stored accounts have this same shape."""

    username: str
    email: str
    first_name: str
    last_name: str
    active: bool
    blocked: bool
    pending: bool
    org: str
    org_id: int
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Known:
    """One user as Rollcall knows them: the account, and the facts that decide what a sync may do with it.

    ``session_epoch`` grows with every change of roles and with whatever else ends the user's sessions.
    """

    id: int
    account: Account
    on_hold: bool = False
    managed_locally: bool = False
    deactivated_by_sync: bool = False
    blocked_by_sync: bool = False
    pending_by_sync: bool = False
    session_epoch: int = 0


class Action(StrEnum):
    """What a sync may do to a user; the order is the order in which the actions are applied."""

    REACTIVATE = "reactivate"
    UNBLOCK = "unblock"
    CLEAR_PENDING = "clear pending"
    RENAME = "rename"
    PROFILE = "update profile"
    MOVE = "move"
    SET_ROLES = "set roles"
    BLOCK = "block"
    DEACTIVATE = "deactivate"
    SET_PENDING = "deactivation pending"


class Outcome(StrEnum):
    """How a user fared: what was decided, and for a planned change how applying it ended."""

    PLANNED = "planned"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    SCRIPT_ERROR = "script error"
    CONFLICT = "conflict"
    NOT_CHECKED = "not checked"
    WAITING = "waiting"
    APPLIED = "applied"
    CHANGED_MEANWHILE = "changed meanwhile"
    REFUSED = "refused"


# Of whoever fares so nobody knows which entry is theirs: the match that is noted stays.
DOUBTFUL = Outcome.CONFLICT.value


class Cause(StrEnum):
    """Why a user is deactivated or blocked; limits count them apart."""

    NONE = ""
    ABSENT = "absent"
    SCRIPT = "script"


@dataclass(frozen=True, slots=True)
class Change:
    """What one run wants for one user: before, after and the steps that led there."""

    user_id: int
    outcome: Outcome
    before: Account
    after: Account
    steps: tuple[str, ...]
    actions: tuple[Action, ...] = ()
    cause: Cause = Cause.NONE
    warnings: tuple[str, ...] = ()
    unknown_org: str = ""


@dataclass(frozen=True, slots=True)
class OrgFacts:
    """What a plan needs to know about one org; ``servers`` are ids in the order in which they are asked.

    ``path`` is the org's place in the tree: it begins with that of each org above.
    """

    id: int
    name: str
    default_roles: frozenset[str] = frozenset()
    synchronized: bool = True
    servers: tuple[int, ...] = ()
    path: str = ""


@dataclass(frozen=True, slots=True)
class House:
    """What verdicts are read against: active orgs and roles by folded name, and the setting that spares people's work.

    ``grantable`` holds the role names that each LDAP server, by id, may grant; ``powerful_roles`` hold ``admin`` or an
    ``admin.all…`` permission, so that a grant by mistake would open every org. What ``org_roles`` allow reaches the org of
    whoever holds them, and those below it. ``by_id`` has the same orgs by id.
    """

    orgs: Mapping[str, OrgFacts]
    roles: Mapping[str, str]
    admin_roles: frozenset[str] = frozenset()
    powerful_roles: frozenset[str] = frozenset()
    org_roles: frozenset[str] = frozenset()
    grantable: Mapping[int, frozenset[str]] = field(default_factory=dict)
    reactivate_set_by_person: bool = False
    by_id: Mapping[int, OrgFacts] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {org.id: org for org in self.orgs.values()})
